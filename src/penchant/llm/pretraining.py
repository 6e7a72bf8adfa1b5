"""Pre-training of a language model on the texts of a corpus, before it learns users' histories."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import Int64s, Progress
from penchant.errors import ModelError
from penchant.llm.language_model import LanguageModel
from penchant.llm.objectives import IGNORED, build_sentence_pairs, mask_tokens
from penchant.options import Json, require_range

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES: Final = ("none", "mlm", "causal", "nsp")
KIND_OF_OBJECTIVE: Final = {"mlm": "bert", "nsp": "bert", "causal": "gpt"}
"""The type of model that each objective is for; T5-type models have none."""
DEFAULT_OBJECTIVE: Final = {"bert": "mlm", "gpt": "causal", "t5": "none"}

Batch = Json


@dataclass(frozen=True)
class PretrainingOptions:
    """Options of pre-training."""

    objective: str = "causal"
    """Objective: mlm (masked tokens), nsp (that and next-sentence prediction) or causal (next token)."""
    epochs: int = 1
    """Passes over the texts. 1 or more."""
    tokens: int = 300_000
    """Tokens of an epoch, drawn anew for each. 1 or more."""
    batch_tokens: int = 2048
    """Tokens in a batch with its padding. 1 or more."""
    learning_rate: float = 1e-3
    """Highest learning rate. Above 0."""
    max_length: int = 128
    """Tokens of an example. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "epochs", "tokens", "batch_tokens", "max_length", least=1)
        require_range(self, "learning_rate", above=0)


@dataclass(frozen=True)
class PretrainingLog:
    """Mean loss of every epoch; perplexity (exp of the mean loss a token) on held-out texts before and after.

    `nsp_accuracy_*` is the share of right answers about held-out sentence pairs.
    """

    objective: str
    losses: list[float] = field(default_factory=list)
    perplexity_before: float = float("nan")
    perplexity_after: float = float("nan")
    nsp_accuracy_before: float | None = None
    nsp_accuracy_after: float | None = None

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return asdict(self)


def pretrain(
    model: LanguageModel,
    texts: Sequence[str],
    options: PretrainingOptions,
    *,
    seed: int,
    device: Any = "cpu",
    progress: Progress | None = None,
) -> PretrainingLog:
    """Train `model.network` on the texts; every tenth (at most 500) is left out for the perplexity.

    Raises `ModelError` if the objective is not of the model's type, or if there are no texts or sentence pairs.
    """
    import torch

    if KIND_OF_OBJECTIVE[options.objective] != model.kind:
        fitting = [name for name, kind in KIND_OF_OBJECTIVE.items() if kind == model.kind]
        raise ModelError(
            f"The objective {options.objective!r} is not for a {model.kind} model.",
            remedy=f"Take {' or '.join([*fitting, 'none'])}.",
        )
    rng = np.random.default_rng(seed)
    examples = _examples(model, texts, options, rng, device)
    is_held_out = np.zeros(len(examples.rows), dtype=bool)
    is_held_out[:: max(min(10, len(is_held_out)), len(is_held_out) // 500)] = True
    held_out, learned = np.flatnonzero(is_held_out), np.flatnonzero(~is_held_out)
    network = model.network.to(device)
    before = examples.evaluate(held_out)
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    n_steps = max(1, options.epochs * len(examples.batches(learned, np.random.default_rng(seed))))
    losses, step = [], 0
    for epoch in range(options.epochs):
        network.train()
        epoch_losses = []
        for batch in examples.batches(learned, rng):
            step += 1
            warm_up, decay = min(1.0, step / (0.1 * n_steps + 1)), 1 - 0.9 * min(1.0, step / n_steps)
            optimizer.param_groups[0]["lr"] = options.learning_rate * (warm_up * decay)
            optimizer.zero_grad(set_to_none=True)
            of_tokens, of_pairs, _, _ = examples.losses(examples.inputs(batch, rng))
            loss = of_tokens + of_pairs
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            epoch_losses.append(float(loss.detach()))
        losses.append(float(np.mean(epoch_losses)))
        if progress:
            progress(f"pre-training ({options.objective}), loss {losses[-1]:.3f}", (epoch + 1) / options.epochs)
    after = examples.evaluate(held_out)
    network.eval()
    return PretrainingLog(options.objective, losses, before[0], after[0], before[1], after[1])


def _examples(
    model: LanguageModel, texts: Sequence[str], options: PretrainingOptions, rng: np.random.Generator, device: Any
) -> _Examples:
    """Token codes of every text, cut to the length of an example, or of every sentence pair. Raises `ModelError`."""
    tokenizer = model.tokenizer
    if options.objective == "nsp":
        pairs, is_other = build_sentence_pairs(texts, rng)
        if not pairs:
            raise ModelError(
                "Next-sentence prediction needs texts of two sentences or more.", remedy="Take mlm, or none."
            )
        firsts, seconds = (list(part) for part in zip(*pairs, strict=True))
        encoded = tokenizer.inner(firsts, seconds, truncation="longest_first", max_length=options.max_length)
        return _Examples(model, encoded["input_ids"], is_other, options, device)
    room = options.max_length - len(tokenizer.before) - len(tokenizer.after)
    cut = [codes[at : at + room] for codes in tokenizer.encode(texts) for at in range(0, len(codes), room)]
    rows = [[*tokenizer.before, *codes, *tokenizer.after] for codes in cut if codes]
    if len(rows) < 2:
        raise ModelError("There are no texts to pre-train on.", remedy="Give items a title or description, or none.")
    return _Examples(model, rows, None, options, device)


@dataclass
class _Examples:
    """Token codes of all examples; `is_other` says of sentence pairs whether the second is from elsewhere."""

    model: LanguageModel
    rows: list[list[int]]
    is_other: Int64s | None
    options: PretrainingOptions
    device: Any

    def batches(self, chosen: Int64s, rng: np.random.Generator) -> list[Int64s]:
        """Examples of similar length together, `options.tokens` at most, in random order."""
        lengths = np.fromiter((len(self.rows[n]) for n in chosen), dtype=np.int64, count=len(chosen))
        order = rng.permutation(len(chosen))
        fits = np.cumsum(lengths[order]) <= self.options.tokens
        fits[0] = True
        order = order[fits]
        order = order[np.argsort(lengths[order], kind="stable")[::-1]]
        batches, start = [], 0
        while start < len(order):
            stop = start + max(1, self.options.batch_tokens // int(lengths[order[start]]))
            batches.append(chosen[order[start:stop]])
            start = stop
        return [batches[n] for n in rng.permutation(len(batches))]

    def inputs(self, batch: Int64s, rng: np.random.Generator) -> Batch:
        """Inputs of the network with its labels: masked tokens, or for a causal model the tokens themselves."""
        import torch

        tokenizer = self.model.tokenizer
        tokens, mask = _pad([self.rows[n] for n in batch], tokenizer.pad)
        arrays: Batch = {"attention_mask": mask}
        if self.options.objective == "causal":
            arrays |= {"input_ids": tokens, "labels": np.where(mask > 0, tokens, IGNORED)}
        else:
            maskable = (mask > 0) & ~np.isin(tokens, np.asarray(tokenizer.inner.all_special_ids, dtype=np.int64))
            code = int(tokenizer.inner.mask_token_id)
            arrays["input_ids"], arrays["labels"] = mask_tokens(tokens, maskable, code, tokenizer.size, rng)
        if self.is_other is not None:
            is_separator = tokens == int(tokenizer.inner.sep_token_id)
            arrays["other"] = self.is_other[batch]
            arrays["token_type_ids"] = np.minimum(np.cumsum(is_separator, axis=1) - is_separator, 1) * mask
        return {name: torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for name, array in arrays.items()}

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, int, int]:
        """Mean cross-entropy of the tokens and of the pairs (0 without), tokens counted, right answers."""
        from torch.nn.functional import cross_entropy

        labels, other = batch.pop("labels"), batch.pop("other", None)
        output = self.model.network(**batch)
        logits = output.logits if "logits" in output else output.prediction_logits
        if self.options.objective == "causal":
            logits, labels = logits[:, :-1], labels[:, 1:]
        loss = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        count = int((labels != IGNORED).sum())
        if other is None:
            return loss, loss.new_zeros(()), count, 0
        answers = output.seq_relationship_logits
        return loss, cross_entropy(answers, other), count, int((answers.argmax(dim=1) == other).sum())

    def evaluate(self, chosen: Int64s) -> tuple[float, float | None]:
        """Perplexity, and the share of right answers about pairs; the same tokens are masked every time."""
        import torch

        self.model.network.eval()
        rng = np.random.default_rng(0)
        total, count, right = 0.0, 0, 0
        with torch.inference_mode():
            for start in range(0, len(chosen), 32):
                loss, _, tokens, answers = self.losses(self.inputs(chosen[start : start + 32], rng))
                total, count, right = total + float(loss) * tokens, count + tokens, right + answers
        accuracy = right / len(chosen) if self.is_other is not None else None
        return math.exp(min(50.0, total / max(1, count))), accuracy


def _pad(rows: Sequence[Sequence[int]], pad: int) -> tuple[Int64s, Int64s]:
    """Rows of equal length `[rows, width]` and their mask."""
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    is_token = np.arange(int(lengths.max(initial=1)))[None, :] < lengths[:, None]
    tokens = np.full(is_token.shape, pad, dtype=np.int64)
    tokens[is_token] = np.fromiter((code for row in rows for code in row), dtype=np.int64, count=int(lengths.sum()))
    return tokens, is_token.astype(np.int64)
