"""Options of the model `llm`."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.data.options import require_range
from penchant.encoders.pooling import POOLINGS
from penchant.errors import OptionError, UsageError
from penchant.llm.adapters import TUNINGS
from penchant.llm.language_model import KINDS
from penchant.llm.pretraining import FITTING, OBJECTIVES
from penchant.llm.verbalise import LANGUAGES

CHOICES: dict[str, tuple[str, ...]] = {
    "architecture": ("auto", *KINDS),
    "language": ("auto", *LANGUAGES),
    "items": ("auto", "view", "lm"),
    "tuning": ("auto", *TUNINGS),
    "pretrain": ("auto", *OBJECTIVES),
    "pooling": ("auto", *(name for name in POOLINGS if name not in ("idf", "attention"))),
}


@dataclass(frozen=True)
class LLMOptions:
    """Options of `LLM`.

    `source`: folder or hub name of a language model (fetched only with `download`); empty: a small one is made here
    and learns its tokens and words from the data. `architecture` of that one: `gpt` (the default), `bert`, `t5`;
    `vocabulary`, `width`, `layers`, `heads` its size. `levels` 1: histories are read as text; 2: item vectors in the
    place of words (HLLM). `language` of the telling; auto: that of the titles. `items`: vectors from the text view,
    or from the language model itself (`lm`); with `train_items` that is trained too, at many times the cost. `ids`:
    an item's vector also learns what its text does not say. `tuning`: `full`, `lora` (adapters of `rank`), `frozen`;
    auto: full for a small one made here, lora for a given one. `pretrain` on the data's own texts: auto is the
    objective of its type for a small one and none for a given one; `pretrain_tokens` an epoch. `max_length`: tokens
    (level 2: events) read at once. `title_length`: characters of a title that are told. With full tuning of a given
    model take a `learning_rate` of about 5e-5.
    """

    source: str = ""
    revision: str | None = None
    download: bool = False
    architecture: str = "auto"
    levels: int = 1
    language: str = "auto"
    items: str = "auto"
    train_items: bool = False
    ids: bool = True
    tuning: str = "auto"
    rank: int = 8
    pretrain: str = "auto"
    pretrain_epochs: int = 1
    pretrain_tokens: int = 300_000
    pooling: str = "auto"
    vocabulary: int = 4000
    width: int = 128
    layers: int = 2
    heads: int = 2
    dim: int = 64
    max_length: int = 256
    title_length: int = 40
    dropout: float = 0.2
    temperature: float = 0.1
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    epochs: int = 8
    batch_tokens: int = 4096
    negatives: int = 1024

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise OptionError(name, getattr(self, name), allowed=allowed)
        if self.levels not in (1, 2):
            raise OptionError("levels", self.levels, allowed=("1", "2"))
        require_range(self, "heads", least=1)
        if self.width % self.heads:
            raise UsageError(
                f"width={self.width} is not a multiple of heads={self.heads}.", remedy="Change one of them."
            )
        small = {"max_length": 8, "title_length": 2, "vocabulary": 64, "batch_tokens": 8}
        names = (
            *("rank", "pretrain_epochs", "pretrain_tokens", "width", "layers", "heads", "dim", "epochs", "negatives"),
            *small,
        )
        for name in names:
            require_range(self, name, least=small.get(name, 1))
        require_range(self, "dropout", least=0, below=1)
        require_range(self, "temperature", "learning_rate", above=0)
        require_range(self, "weight_decay", least=0)
        if self.source and self.architecture != "auto":
            raise UsageError("A given source has its own architecture.", remedy="Set one of source and architecture.")
        if self.levels == 2 and self.architecture in ("bert", "t5"):
            raise UsageError(
                f"levels=2 needs a causal model, not {self.architecture}.", remedy="Take gpt, or levels=1."
            )
        self._refuse_what_does_not_go_together()

    def _refuse_what_does_not_go_together(self) -> None:
        """What the options alone decide; of a given `source` the architecture is not known yet."""
        if self.train_items and self.tuning == "frozen":
            raise UsageError(
                "train_items=True trains what reads the items, and tuning='frozen' trains nothing of it.",
                remedy="Set tuning to full or lora, or train_items=false.",
            )
        if self.train_items and self.items == "view":
            raise UsageError(
                "items='view' takes item vectors from the text view, which train_items=True cannot train.",
                remedy="Set items=lm, or train_items=false.",
            )
        made = "" if self.source else {"auto": "gpt"}.get(self.architecture, self.architecture)
        kind = "gpt" if self.levels == 2 else made
        wanted = FITTING.get(self.pretrain)
        if kind and wanted and wanted != kind:
            fitting = [name for name, each in FITTING.items() if each == kind]
            why = "levels=2, which needs" if self.levels == 2 else "architecture"
            raise UsageError(
                f"pretrain={self.pretrain!r} is for a {wanted} model, not for {why} {kind}.",
                remedy=f"Set pretrain to {' or '.join([*fitting, 'auto', 'none'])}"
                + ("." if self.levels == 2 else f", or architecture={wanted}."),
            )
