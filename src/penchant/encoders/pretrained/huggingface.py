"""Any text encoder of transformers or sentence-transformers, by folder or hub name: BERT-, GPT- and T5-type models.

Texts are tokenised once, sorted by length and packed into batches with about the same number of tokens, so that little
padding is computed. Matrix products use bfloat16 where the processor supports it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import Float32s, Int64s
from penchant.data.modalities import Modality
from penchant.encoders.precision import autocast, resolve_device, resolve_precision
from penchant.encoders.pretrained import hub, pooling
from penchant.encoders.pretrained.sentence_transformers import Recipe, read_recipe
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError
from penchant.options import require_range

if TYPE_CHECKING:
    from torch import Tensor

_ENCODER_ONLY: Final = ("t5", "mt5", "umt5", "t5gemma")
_CAUSAL: Final = "last"
_LENGTH_CAP: Final = 512


@dataclass(frozen=True)
class HuggingFaceOptions:
    """Options of a Hugging Face text encoder."""

    source: str
    """Folder or hub name of the model."""
    revision: str | None = None
    """Commit or branch of the model on the hub. none means the default branch."""
    download: bool = False
    """Whether the model may be downloaded from the hub."""
    pooling: str = "auto"
    """Pooling of token vectors: auto or one of `pooling.POOLINGS`. auto reads the folder of the
    model; without an entry there, causal models take the last token, others the mean."""
    normalize: bool | None = None
    """Whether vectors are scaled to length 1. none follows the folder of the model."""
    max_length: int | None = None
    """Maximum number of tokens read per text. 1 or more; none takes the limit of the model, 512 at most."""
    precision: str = "auto"
    """Number format: auto, fp32 or bf16."""
    device: str = "auto"
    """Device: auto, cpu or cuda."""
    prefix: str = ""
    """Text put before every text (`query: `)."""
    batch_tokens: int = 2048
    """Tokens computed at once, padding included. 1 or more."""

    def __post_init__(self) -> None:
        if self.pooling not in ("auto", *pooling.POOLINGS):
            raise OptionError("pooling", self.pooling, allowed=("auto", *pooling.POOLINGS))
        require_range(self, "batch_tokens", "max_length", least=1)


@dataclass(frozen=True)
class _Loaded:
    model: Any
    tokenizer: Any
    pooling: str
    normalize: bool
    max_length: int
    dense: tuple[Any, ...]
    device: str
    precision: str
    dim: int


class HuggingFaceEncoder:
    """A pretrained transformer as an encoder of sentences. The model is loaded at the first use.

    With `pooling="idf"` call `fit(texts)` first: the weights of the tokens come from the corpus.
    """

    name = "huggingface"

    def __init__(self, options: HuggingFaceOptions) -> None:
        self.options = options
        self._files = hub.ModelFiles(options.source, options.revision, options.download, hub.TEXT_ENCODERS)
        self._loaded: _Loaded | None = None
        self._idf: Float32s | None = None
        self._saved_dim: int | None = None

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and settings, and the options that change a vector."""
        o = self.options
        settings = {
            "pooling": o.pooling,
            "normalize": o.normalize,
            "max_length": o.max_length,
            "precision": resolve_precision(o.precision, resolve_device(o.device)),
            "prefix": o.prefix,
        }
        if o.pooling == "idf":
            settings["idf"] = hashlib.sha256(self._fitted_idf.tobytes()).hexdigest()[:16]
        return f"{self._files.name}@{self._files.digest} {json.dumps(settings, sort_keys=True)}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._load().dim if self._saved_dim is None else self._saved_dim

    def fit(self, texts: Sequence[str | None]) -> HuggingFaceEncoder:
        """Learn the idf weights of `pooling="idf"` from a corpus; returns itself."""
        loaded = self._load()
        kept = list(dict.fromkeys(t for t in texts if t and t.strip()))
        if not kept:
            raise EncoderError(
                "There are no texts to learn idf weights from.", remedy="Choose another pooling, such as mean."
            )
        ids = self._tokenise(loaded, kept)
        self._idf = pooling.compute_idf(ids, len(loaded.tokenizer))
        return self

    def encode(self, texts: Sequence[str | None]) -> Modality:
        """Vectors `[N, D]` float32; None and blank texts are absent. Equal texts are computed once."""
        import torch

        loaded = self._load()
        rows = {text: row for row, text in enumerate(dict.fromkeys(t for t in texts if t and t.strip()))}
        ids = self._tokenise(loaded, list(rows)) if rows else []
        vectors = torch.zeros((len(ids), loaded.dim), dtype=torch.float32)
        lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
        with torch.inference_mode(), autocast(loaded.precision, loaded.device):
            for batch in split_token_batches(lengths, self.options.batch_tokens):
                vectors[torch.from_numpy(batch)] = self._forward(loaded, [ids[row] for row in batch]).float().cpu()
        table = vectors.numpy()
        if not np.isfinite(table).all():
            raise EncoderError(
                f"{self.options.source} computed vectors that are not finite.", remedy="Use precision='fp32'."
            )
        index = np.fromiter((rows.get(t, -1) if t else -1 for t in texts), dtype=np.int64, count=len(texts))
        present = (index >= 0) & (np.append(lengths, 0)[index] > 0)
        out = np.zeros((len(texts), loaded.dim), dtype=np.float32)
        out[present] = table[index[present]]
        return Modality(out, present, self.fingerprint)

    def state(self) -> EncoderState:
        """Options, fingerprint and idf weights; the bundle does not hold the model."""
        known = {"fingerprint": self.fingerprint, "dim": self.dim}
        metadata = {"name": self.name, "options": asdict(self.options), **known}
        return EncoderState({} if self._idf is None else {"idf": self._idf}, metadata)

    @classmethod
    def from_state(cls, state: EncoderState) -> HuggingFaceEncoder:
        """The encoder of a `state`; its first use compares the weights with those of the bundle."""
        encoder = cls(HuggingFaceOptions(**state.metadata["options"]))
        encoder._idf = state.tensors.get("idf")
        encoder._saved_dim = int(state.metadata["dim"])
        # the digest alone: a bundle may be used with another precision than it was trained with
        digest = state.metadata["fingerprint"].split(" {")[0].rsplit("@", 1)[-1]
        encoder._files = replace(encoder._files, expected=digest)
        return encoder

    @property
    def _fitted_idf(self) -> Float32s:
        if self._idf is None:
            raise EncoderError("pooling='idf' needs weights from a corpus.", remedy="Call fit(texts) first.")
        return self._idf

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _load(self._files.verify(), self.options)
        return self._loaded

    def _tokenise(self, loaded: _Loaded, texts: list[str]) -> list[list[int]]:
        prefixed = [self.options.prefix + text for text in texts]
        ids: list[list[int]] = loaded.tokenizer(prefixed, truncation=True, max_length=loaded.max_length)["input_ids"]
        return ids

    def _forward(self, loaded: _Loaded, ids: list[list[int]]) -> Tensor:
        """Pooled vectors of one batch."""
        import torch

        width = max(map(len, ids))
        tokens = torch.full((len(ids), width), loaded.tokenizer.pad_token_id or 0, dtype=torch.int64)
        mask = torch.zeros((len(ids), width), dtype=torch.int64)
        for row, values in enumerate(ids):
            tokens[row, : len(values)] = torch.tensor(values)
            mask[row, : len(values)] = 1
        tokens, mask = tokens.to(loaded.device), mask.to(loaded.device)
        extra = {"output_attentions": True} if loaded.pooling == "attention" else {}
        result = loaded.model(input_ids=tokens, attention_mask=mask, **extra)
        weights = None
        if loaded.pooling == "attention":
            weights = pooling.compute_attention_weights(result.attentions[-1].float(), mask)
        elif loaded.pooling == "idf":
            weights = torch.from_numpy(self._fitted_idf).to(loaded.device)[tokens]
        # pooling, dense layers and norms in float32: sums of bfloat16 over many tokens lose digits
        with torch.autocast(loaded.device.split(":")[0], enabled=False):
            vectors = pooling.pool(loaded.pooling, result.last_hidden_state.float(), mask, weights)
            for layer in loaded.dense:
                vectors = layer(vectors)
            return torch.nn.functional.normalize(vectors, dim=1) if loaded.normalize else vectors


def split_token_batches(lengths: Int64s, budget: int) -> Iterator[Int64s]:
    """Batches of rows of similar length; the padded size of a batch is at most `budget` tokens, or it is one row.

    Rows without a token are in no batch.

    >>> [batch.tolist() for batch in split_token_batches(np.array([5, 1, 2, 0, 2]), budget=6)]
    [[1, 2, 4], [0]]
    """
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        # lengths ascend, so the padded size of the next n rows is n times the length of the n-th
        sizes = lengths[order[start:]] * np.arange(1, len(order) - start + 1)
        count = max(int(np.searchsorted(sizes, budget, side="right")), 1)
        yield order[start : start + count]
        start += count


def _load(folder: Path, options: HuggingFaceOptions) -> _Loaded:
    """The model with its tokenizer, pooling and dense layers. Raises `EncoderError` for another kind of folder."""
    from penchant.encoders.pretrained.loading import load_dense_layer, load_text_model

    recipe: Recipe = read_recipe(folder, pooling=None if options.pooling == "auto" else options.pooling)
    device = resolve_device(options.device)
    eager = options.pooling == "attention"
    model, tokenizer = load_text_model(recipe.transformer, lower_case=recipe.lower_case, eager=eager)
    model = model.to(device)
    config = model.config
    causal = bool(getattr(config, "is_decoder", False)) or _is_causal(config)
    dense = [load_dense_layer(place) for place in recipe.dense]
    positions = getattr(config, "max_position_embeddings", None) or _LENGTH_CAP
    if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # their positions start after the index of the padding token
    length = options.max_length or recipe.max_length or min(tokenizer.model_max_length, _LENGTH_CAP)
    return _Loaded(
        model=model,
        tokenizer=tokenizer,
        pooling=recipe.pooling or (_CAUSAL if causal else "mean"),
        normalize=recipe.normalize if options.normalize is None else options.normalize,
        max_length=int(min(length, positions)) if config.model_type not in _ENCODER_ONLY else int(length),
        dense=tuple(layer.to(device) for layer, _ in dense),
        device=device,
        precision=resolve_precision(options.precision, device),
        dim=dense[-1][1] if dense else int(config.hidden_size),
    )


def _is_causal(config: Any) -> bool:
    """Whether a model is decoder-only, by the names of its architectures."""
    names = getattr(config, "architectures", None) or []
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names) or config.model_type.startswith("gpt")


def load_minilm(**options: Any) -> HuggingFaceEncoder:
    """The packaged MiniLM (Wang et al. 2020; Reimers and Gurevych 2019), with mean pooling and vectors of length 1.

    `options` are those of `HuggingFaceOptions`. Raises `EncoderError` if the weights are not the published ones.
    """
    return HuggingFaceEncoder(HuggingFaceOptions(source=hub.MINILM, **options))
