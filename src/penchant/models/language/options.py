"""Options of the model `llm`."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.encoders.pretrained.pooling import POOLINGS
from penchant.errors import OptionError, UsageError
from penchant.llm.adapters import TUNINGS
from penchant.llm.language_model import KINDS
from penchant.llm.pretraining import KIND_OF_OBJECTIVE, OBJECTIVES
from penchant.llm.verbalise import LANGUAGES
from penchant.options import require_range

CHOICES: dict[str, tuple[str, ...]] = {
    "architecture": ("auto", *KINDS),
    "language": ("auto", *LANGUAGES),
    "items": ("auto", "modality", "lm"),
    "tuning": ("auto", *TUNINGS),
    "pretrain": ("auto", *OBJECTIVES),
    "pooling": ("auto", *(name for name in POOLINGS if name not in ("idf", "attention"))),
}


@dataclass(frozen=True)
class LLMOptions:
    """Options of the language model as a user model."""

    source: str = ""
    """Folder or hub name of a language model. Empty creates a small one that learns its tokens from the data."""
    revision: str | None = None
    """Commit or branch of the model on the hub. none means the default branch."""
    download: bool = False
    """Whether the model may be downloaded from the hub."""
    architecture: str = "auto"
    """Type of the small model: auto, gpt, bert or t5. auto is gpt; a given source has its own."""
    levels: int = 1
    """What represents an event: 1 (its text) or 2 (its item vector, HLLM)."""
    language: str = "auto"
    """Language in which histories are verbalised: auto, zh or en. auto is that of the titles."""
    items: str = "auto"
    """Source of item vectors: auto, modality (the text modality) or lm (the language model)."""
    train_items: bool = False
    """Whether the language model that reads items is trained too. This multiplies the cost."""
    ids: bool = True
    """Whether items have id embeddings besides."""
    tuning: str = "auto"
    """Which weights are trained: auto, full, lora or frozen. auto is full for a small model and lora for a given
    one."""
    rank: int = 8
    """Rank of the LoRA adapters. 1 or more."""
    pretrain: str = "auto"
    """Pre-training objective on the data's texts: auto, none, mlm, causal or nsp. auto is mlm for a small bert, causal
    for a small gpt, and none otherwise."""
    pretrain_epochs: int = 1
    """Epochs of pre-training. 1 or more."""
    pretrain_tokens: int = 300_000
    """Tokens of an epoch of pre-training. 1 or more."""
    pooling: str = "auto"
    """Pooling of token vectors: auto, mean, cls, last or max."""
    vocabulary: int = 4000
    """Tokens of the small model. 64 or more."""
    width: int = 128
    """Width of the small model. 1 or more, a multiple of `n_heads`."""
    layers: int = 2
    """Layers of the small model. 1 or more."""
    n_heads: int = 2
    """Attention heads of the small model. 1 or more."""
    dim: int = 64
    """Length of the interest vectors. 1 or more."""
    max_length: int = 256
    """Tokens (levels=2: events) of a history that are read. 8 or more."""
    title_length: int = 40
    """Characters of a title that are verbalised. 2 or more."""
    dropout: float = 0.2
    """Share of activations dropped in training. 0 or more, below 1."""
    temperature: float = 0.1
    """Temperature of the softmax at the start. Above 0."""
    learning_rate: float = 1e-3
    """Highest learning rate. Above 0; full tuning of a given model takes about 5e-5."""
    weight_decay: float = 0.01
    """Weight decay of AdamW. 0 or more."""
    epochs: int = 8
    """Passes over the histories. 1 or more."""
    batch_tokens: int = 4096
    """Tokens in a batch. 8 or more."""
    negatives: int = 1024
    """Negatives of a batch. 1 or more."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise OptionError(name, getattr(self, name), allowed=allowed)
        if self.levels not in (1, 2):
            raise OptionError("levels", self.levels, allowed=("1", "2"))
        require_range(self, "rank", "pretrain_epochs", "pretrain_tokens", "width", "layers", "n_heads", least=1)
        require_range(self, "dim", "epochs", "negatives", least=1)
        require_range(self, "title_length", least=2)
        require_range(self, "max_length", "batch_tokens", least=8)
        require_range(self, "vocabulary", least=64)
        if self.width % self.n_heads:
            raise UsageError(
                f"width={self.width} is not a multiple of n_heads={self.n_heads}.", remedy="Change one of them."
            )
        require_range(self, "dropout", least=0, below=1)
        require_range(self, "temperature", "learning_rate", above=0)
        require_range(self, "weight_decay", least=0)
        if self.source and self.architecture != "auto":
            raise UsageError("A given source has its own architecture.", remedy="Set one of source and architecture.")
        if self.levels == 2 and self.architecture in ("bert", "t5"):
            raise UsageError(
                f"levels=2 needs a causal model, not {self.architecture}.", remedy="Take gpt, or levels=1."
            )
        self._check_combinations()

    def _check_combinations(self) -> None:
        """Check what the options alone decide; the architecture of a given `source` is not known yet."""
        if self.train_items and self.tuning == "frozen":
            raise UsageError(
                "train_items=True trains the item encoder, but tuning='frozen' trains no weights.",
                remedy="Set tuning to full or lora, or train_items=false.",
            )
        if self.train_items and self.items == "modality":
            raise UsageError(
                "items='modality' takes item vectors from the text modality, which train_items=True cannot train.",
                remedy="Set items=lm, or train_items=false.",
            )
        small = "" if self.source else {"auto": "gpt"}.get(self.architecture, self.architecture)
        kind = "gpt" if self.levels == 2 else small
        wanted = KIND_OF_OBJECTIVE.get(self.pretrain)
        if kind and wanted and wanted != kind:
            fitting = [name for name, each in KIND_OF_OBJECTIVE.items() if each == kind]
            why = "levels=2, which needs" if self.levels == 2 else "architecture"
            raise UsageError(
                f"pretrain={self.pretrain!r} is for a {wanted} model, not for {why} {kind}.",
                remedy=f"Set pretrain to {' or '.join([*fitting, 'auto', 'none'])}"
                + ("." if self.levels == 2 else f", or architecture={wanted}."),
            )
