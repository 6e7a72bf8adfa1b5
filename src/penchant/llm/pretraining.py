"""Pre-training of a language model on a corpus's own texts, before it learns what people want."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from penchant.errors import ModelError, UsageError
from penchant.llm.corruption import IGNORED, Codes, corrupt_spans, mask_tokens, sentence_pairs
from penchant.llm.language_model import LanguageModel
from penchant.llm.tokenizer import SENTINELS

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES: Final = ("none", "mlm", "causal", "nsp", "spans")
FITTING: Final = {"mlm": "bert", "nsp": "bert", "causal": "gpt", "spans": "t5"}
"""Which type of model an objective is for."""

Batch = dict[str, Any]


@dataclass(frozen=True)
class PretrainingOptions:
    """How a language model is pre-trained."""

    objective: str = "causal"
    """Objective: mlm (masked tokens), nsp (that and next-sentence prediction), causal (next token) or spans (T5)."""
    epochs: int = 1
    """Epochs. 1 or more."""
    tokens: int = 300_000
    """Tokens of an epoch at most, drawn anew. 1 or more."""
    batch_tokens: int = 2048
    """Tokens in a batch, padding included. 1 or more."""
    learning_rate: float = 1e-3
    """Highest learning rate. Above 0."""
    max_length: int = 128
    """Tokens of a text that are read. 1 or more."""

    def __post_init__(self) -> None:
        for name in ("epochs", "tokens", "batch_tokens", "max_length"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)} is out of range.", remedy="Give 1 or more.")
        if not self.learning_rate > 0:
            raise UsageError(f"learning_rate={self.learning_rate} is out of range.", remedy="Give a number above 0.")


@dataclass(frozen=True)
class PretrainingLog:
    """Mean loss of every epoch; perplexity (exp of the mean loss a token) on held-out texts before and after.

    `nsp_accuracy_*`: share of right answers about held-out pairs, where sentences are paired.
    """

    objective: str
    losses: list[float] = field(default_factory=list)
    perplexity_before: float = float("nan")
    perplexity_after: float = float("nan")
    nsp_accuracy_before: float | None = None
    nsp_accuracy_after: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def pretrain(
    model: LanguageModel,
    texts: Sequence[str],
    options: PretrainingOptions,
    *,
    seed: int,
    device: Any = "cpu",
    progress: Callable[[str, float], None] | None = None,
) -> PretrainingLog:
    """Teach the model the texts, every tenth (at most 500) left out for the perplexity. Alters `model.network`.

    Raises `ModelError` where the objective is not of the model's type, or where there are no texts or sentence pairs.
    """
    import torch

    if FITTING[options.objective] != model.kind:
        fitting = [name for name, kind in FITTING.items() if kind == model.kind]
        raise ModelError(
            f"The objective {options.objective!r} is not for a {model.kind} model.",
            remedy=f"Take {' or '.join(fitting)}, or none.",
        )
    rng = np.random.default_rng(seed)
    rows, follows = _rows(model, texts, options, rng)
    if len(rows) < 2:
        raise ModelError("There are no texts to pre-train on.", remedy="Give items a title or description, or none.")
    held = np.zeros(len(rows), dtype=bool)
    held[:: max(min(10, len(rows)), len(rows) // 500)] = True
    task = _Task(model, rows, follows, options, device)
    network = model.network.to(device)
    before = task.evaluate(np.flatnonzero(held))
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    losses, learnt = [], np.flatnonzero(~held)
    expected = max(1, options.epochs * len(task.batches(learnt, np.random.default_rng(seed))))
    step = 0
    for epoch in range(options.epochs):
        network.train()
        found = []
        for batch in task.batches(learnt, rng):
            step += 1
            rate = min(1.0, step / (0.1 * expected + 1)) * (1 - 0.9 * min(1.0, step / expected))
            optimizer.param_groups[0]["lr"] = options.learning_rate * rate
            optimizer.zero_grad(set_to_none=True)
            tokens, pairs, _, _ = task.losses(task.inputs(batch, rng))
            loss = tokens + pairs
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            found.append(float(loss.detach()))
        losses.append(float(np.mean(found)))
        if progress:
            progress(f"pre-training ({options.objective}), loss {losses[-1]:.3f}", (epoch + 1) / options.epochs)
    after = task.evaluate(np.flatnonzero(held))
    network.eval()
    return PretrainingLog(options.objective, losses, before[0], after[0], before[1], after[1])


def _rows(
    model: LanguageModel, texts: Sequence[str], options: PretrainingOptions, rng: np.random.Generator
) -> tuple[list[list[int]], npt.NDArray[np.int64] | None]:
    """Token codes of every text (or pair), and for pairs whether the second is from elsewhere."""
    if options.objective == "nsp":
        pairs, other = sentence_pairs(texts, rng)
        if not pairs:
            raise ModelError(
                "Next-sentence prediction needs texts of two sentences or more.", remedy="Take mlm, or none."
            )
        first, second = zip(*pairs, strict=True)
        told = model.tokenizer.inner(
            list(first), list(second), truncation="longest_first", max_length=options.max_length
        )
        return told["input_ids"], other
    room = options.max_length - len(model.tokenizer.before) - len(model.tokenizer.after)
    cut = [codes[at : at + room] for codes in model.tokenizer.codes(texts) for at in range(0, len(codes), room)]
    return [[*model.tokenizer.before, *codes, *model.tokenizer.after] for codes in cut if codes], None


@dataclass
class _Task:
    """Batches of one objective."""

    model: LanguageModel
    rows: list[list[int]]
    follows: npt.NDArray[np.int64] | None
    options: PretrainingOptions
    device: Any

    def batches(self, chosen: npt.NDArray[np.int64], rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """Rows of like length together, at most `tokens` of them, in random order."""
        lengths = np.fromiter((len(self.rows[n]) for n in chosen), dtype=np.int64, count=len(chosen))
        order = rng.permutation(len(chosen))
        within = np.cumsum(lengths[order]) <= self.options.tokens
        within[0] = True
        order = order[within]
        order = order[np.argsort(lengths[order], kind="stable")[::-1]]
        out, start = [], 0
        while start < len(order):
            stop = start + max(1, self.options.batch_tokens // int(lengths[order[start]]))
            out.append(chosen[order[start:stop]])
            start = stop
        return [out[n] for n in rng.permutation(len(out))]

    def inputs(self, batch: npt.NDArray[np.int64], rng: np.random.Generator) -> Batch:
        """What the network is given: tokens with something hidden, and the labels."""
        import torch

        tokenizer = self.model.tokenizer
        tokens, real = _padded([self.rows[n] for n in batch], tokenizer.pad)
        special = np.isin(tokens, np.asarray(tokenizer.inner.all_special_ids, dtype=np.int64))
        arrays: Batch
        if self.options.objective == "causal":
            arrays = {"input_ids": tokens, "attention_mask": real, "labels": np.where(real > 0, tokens, IGNORED)}
        elif self.options.objective == "spans":
            marks = tokenizer.inner.convert_tokens_to_ids(list(SENTINELS))
            maskable = (real > 0) & ~special
            inputs, mask, labels = corrupt_spans(tokens, maskable, marks, rng, pad=tokenizer.pad)
            arrays = {"input_ids": inputs, "attention_mask": mask, "labels": labels}
        else:
            code = int(tokenizer.inner.mask_token_id)
            inputs, labels = mask_tokens(tokens, (real > 0) & ~special, code, tokenizer.size, rng)
            arrays = {"input_ids": inputs, "attention_mask": real, "labels": labels}
            if self.follows is not None:
                arrays["other"] = self.follows[batch]
                arrays["token_type_ids"] = _second(tokens, int(tokenizer.inner.sep_token_id)) * real
        return {name: torch.from_numpy(np.ascontiguousarray(array)).to(self.device) for name, array in arrays.items()}

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor, int, int]:
        """Mean cross-entropy of the hidden tokens and of the pairs (0 without), tokens counted, right answers."""
        from torch.nn.functional import cross_entropy

        labels, other = batch["labels"], batch.get("other")
        told = {name: value for name, value in batch.items() if name not in ("labels", "other")}
        if self.options.objective == "spans":
            told["labels"] = labels  # T5 makes what its decoder reads from them
        found = self.model.network(**told)
        logits = found.prediction_logits if hasattr(found, "prediction_logits") else found.logits
        if self.options.objective == "causal":
            logits, labels = logits[:, :-1], labels[:, 1:]
        loss = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        count = int((labels != IGNORED).sum())
        if other is None:
            return loss, loss.new_zeros(()), count, 0
        answers = found.seq_relationship_logits
        return loss, cross_entropy(answers, other), count, int((answers.argmax(dim=1) == other).sum())

    def evaluate(self, chosen: npt.NDArray[np.int64]) -> tuple[float, float | None]:
        """Perplexity, and the share of right answers about pairs; the same tokens are hidden every time."""
        import torch

        self.model.network.eval()
        rng = np.random.default_rng(0)
        total, count, right = 0.0, 0, 0
        with torch.inference_mode():
            for start in range(0, len(chosen), 32):
                loss, _, tokens, answers = self.losses(self.inputs(chosen[start : start + 32], rng))
                total, count, right = total + float(loss) * tokens, count + tokens, right + answers
        accuracy = right / len(chosen) if self.follows is not None else None
        return math.exp(min(50.0, total / max(1, count))), accuracy


def _padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Codes, Codes]:
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    real = np.arange(int(lengths.max(initial=1)))[None, :] < lengths[:, None]
    out = np.full(real.shape, pad, dtype=np.int64)
    out[real] = np.fromiter((code for row in rows for code in row), dtype=np.int64, count=int(lengths.sum()))
    return out, real.astype(np.int64)


def _second(tokens: Codes, separator: int) -> Codes:
    """1 behind the first separator: the second sentence of a pair."""
    behind = np.cumsum(tokens == separator, axis=1) - (tokens == separator)
    return np.asarray(np.minimum(behind, 1), dtype=np.int64)
