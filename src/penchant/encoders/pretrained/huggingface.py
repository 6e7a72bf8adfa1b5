"""Any text encoder of transformers or sentence-transformers, by folder or hub name: BERT-, GPT- and T5-type models.

Texts are tokenised once, sorted by length and packed into batches of about equal numbers of tokens, so that little
padding is computed; products run in bfloat16 where the processor has it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

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
    """Options of an encoder of transformers."""

    source: str
    """Folder or hub name of the model."""
    revision: str | None = None
    """Commit or branch of the model on the hub. none takes the default branch."""
    download: bool = False
    """Whether the model may be downloaded from the hub."""
    pooling: str = "auto"
    """How token vectors become one vector: auto or one of `pooling.POOLINGS`. auto reads the model's folder; otherwise
    causal models take the last token, others the mean."""
    normalize: bool | None = None
    """Whether vectors are scaled to length 1. none does what the model's folder says."""
    max_length: int | None = None
    """Tokens of a text that are read. 1 or more; none takes what the model allows, 512 at most."""
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
    """A pretrained transformer as an encoder of sentences; loaded at the first use.

    With `pooling="idf"` call `fit(texts)` first: the weights of the tokens come from the corpus.
    """

    name = "huggingface"

    def __init__(self, options: HuggingFaceOptions) -> None:
        self.options = options
        self._folder: Path | None = None
        self._loaded: _Loaded | None = None
        self._idf: npt.NDArray[np.float32] | None = None
        self._identity: str | None = None
        self._expected: dict[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and settings, and the options that change a vector."""
        if self._identity is None:
            o = self.options
            device = resolve_device(o.device)
            told = {
                "pooling": o.pooling,
                "normalize": o.normalize,
                "max_length": o.max_length,
                "precision": resolve_precision(o.precision, device),
                "prefix": o.prefix,
            }
            if o.pooling == "idf":
                told["idf"] = hashlib.sha256(self._fitted_idf().tobytes()).hexdigest()[:16]
            name = Path(o.source).name if Path(o.source).is_dir() else o.source
            digest = hub.digest_folder(self._find())[:16]
            self._identity = f"{name}@{digest} {json.dumps(told, sort_keys=True)}"
        return self._identity

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._expected["dim"]) if "dim" in self._expected else self._load().dim

    def fit(self, texts: Sequence[str | None]) -> HuggingFaceEncoder:
        """Count in how many texts each token stands, for `pooling="idf"`; returns itself."""
        loaded = self._load()
        kept = list(dict.fromkeys(t for t in texts if t and t.strip()))
        if not kept:
            raise EncoderError("No text to learn idf weights from.", remedy="Choose another pooling, such as mean.")
        ids = self._token_ids(loaded, kept)
        self._idf = pooling.compute_idf(ids, len(loaded.tokenizer))
        self._identity = None
        return self

    def encode(self, texts: Sequence[str | None]) -> Modality:
        """Vectors `[N, D]` float32; None and blank texts are absent. Equal texts are computed once."""
        import torch

        loaded = self._load()
        rows = {text: row for row, text in enumerate(dict.fromkeys(t for t in texts if t and t.strip()))}
        ids = self._token_ids(loaded, list(rows)) if rows else []
        vectors = torch.zeros((len(ids), loaded.dim), dtype=torch.float32)
        lengths = np.fromiter((len(row) for row in ids), dtype=np.int64, count=len(ids))
        with torch.inference_mode(), autocast(loaded.precision, loaded.device):
            for batch in split_token_batches(lengths, self.options.batch_tokens):
                vectors[torch.from_numpy(batch)] = self._forward(loaded, [ids[row] for row in batch]).float().cpu()
        table = vectors.numpy()
        if not np.isfinite(table).all():
            raise EncoderError(
                f"{self.options.source} gave vectors that are not finite.", remedy="Use precision='fp32'."
            )
        index = np.fromiter((rows.get(t, -1) if t else -1 for t in texts), dtype=np.int64, count=len(texts))
        present = (index >= 0) & (np.append(lengths, 0)[index] > 0)
        out = np.zeros((len(texts), loaded.dim), dtype=np.float32)
        out[present] = table[index[present]]
        return Modality(out, present, self.fingerprint)

    def state(self) -> EncoderState:
        """Options, fingerprint and idf weights; the model itself stays where it is."""
        metadata = {
            "name": self.name,
            "options": asdict(self.options),
            "fingerprint": self.fingerprint,
            "dim": self.dim,
        }
        return EncoderState({} if self._idf is None else {"idf": self._idf}, metadata)

    @classmethod
    def from_state(cls, state: EncoderState) -> HuggingFaceEncoder:
        """The encoder that gave `state`; at its first use the weights are looked up and compared."""
        encoder = cls(HuggingFaceOptions(**state.metadata["options"]))
        encoder._idf = state.tensors.get("idf")
        encoder._expected = {key: state.metadata[key] for key in ("fingerprint", "dim")}
        return encoder

    def _find(self) -> Path:
        if self._folder is None:
            o = self.options
            kept = bool(self._expected)
            self._folder = hub.find_model_folder(
                o.source, revision=o.revision, download=o.download, near=hub.TEXT_ENCODERS, kept=kept
            )
        return self._folder

    def _fitted_idf(self) -> npt.NDArray[np.float32]:
        if self._idf is None:
            raise EncoderError("pooling='idf' needs weights from a corpus.", remedy="Call fit(texts) first.")
        return self._idf

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _load(self._find(), self.options)
            expected = self._expected.get("fingerprint")
            if expected is not None and _weights(expected) != _weights(self.fingerprint):
                self._loaded = None
                raise EncoderError(
                    f"{self.options.source} is not the encoder that made these vectors: {self.fingerprint}.",
                    remedy=f"Put back {expected}, or train again with this one.",
                )
        return self._loaded

    def _token_ids(self, loaded: _Loaded, texts: list[str]) -> list[list[int]]:
        told = [self.options.prefix + text for text in texts]
        ids: list[list[int]] = loaded.tokenizer(told, truncation=True, max_length=loaded.max_length)["input_ids"]
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
        asked = {"output_attentions": True} if loaded.pooling == "attention" else {}
        result = loaded.model(input_ids=tokens, attention_mask=mask, **asked)
        weights = None
        if loaded.pooling == "attention":
            weights = pooling.compute_attention_weights(result.attentions[-1].float(), mask)
        elif loaded.pooling == "idf":
            weights = torch.from_numpy(self._fitted_idf()).to(loaded.device)[tokens]
        with torch.autocast(loaded.device.split(":")[0], enabled=False):
            vectors = pooling.pool(loaded.pooling, result.last_hidden_state.float(), mask, weights)
            for layer in loaded.dense:
                vectors = layer(vectors)
            return torch.nn.functional.normalize(vectors, dim=1) if loaded.normalize else vectors


def split_token_batches(lengths: npt.NDArray[np.int64], budget: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of like length together: batches whose padded size is at most `budget` tokens (or one row).

    Rows without a token are in no batch.

    >>> [batch.tolist() for batch in split_token_batches(np.array([5, 1, 2, 0, 2]), budget=6)]
    [[1, 2, 4], [0]]
    """
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        sizes = lengths[order[start:]] * np.arange(1, len(order) - start + 1)
        count = max(int(np.searchsorted(sizes, budget, side="right")), 1)
        yield order[start : start + count]
        start += count


def _weights(fingerprint: str) -> str:
    """The part of a fingerprint that must be the same for a saved encoder to be used (not the number format)."""
    told = json.loads(fingerprint[fingerprint.index(" {") :])
    return json.dumps([fingerprint.split(" {")[0].rsplit("@", 1)[-1], {**told, "precision": ""}], sort_keys=True)


def _load(folder: Path, options: HuggingFaceOptions) -> _Loaded:
    """Tokenizer, model and everything around it; raises `EncoderError` where the folder is no such model."""
    from penchant.encoders.pretrained.loading import load_dense_layer, load_text_model

    asked = None if options.pooling == "auto" else options.pooling
    recipe: Recipe = read_recipe(folder, pooling=asked)
    device = resolve_device(options.device)
    eager = options.pooling == "attention"
    model, tokenizer = load_text_model(recipe.transformer, lower_case=recipe.lower_case, eager=eager)
    model = model.to(device)
    config = model.config
    causal = bool(getattr(config, "is_decoder", False)) or _is_causal(config)
    dense = [load_dense_layer(place) for place in recipe.dense]
    positions = getattr(config, "max_position_embeddings", None) or _LENGTH_CAP
    if getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2  # their position numbers start behind the padding
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
    """True for decoder-only models: their architecture names say so."""
    names = getattr(config, "architectures", None) or []
    return any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names) or config.model_type.startswith("gpt")


def load_minilm(**options: Any) -> HuggingFaceEncoder:
    """The packaged MiniLM (Wang et al. 2020; Reimers and Gurevych 2019), mean of tokens, length 1.

    `options` are those of `HuggingFaceOptions`. Raises `EncoderError` where the weights are not the published ones.
    """
    return HuggingFaceEncoder(HuggingFaceOptions(source=hub.MINILM, **options))
