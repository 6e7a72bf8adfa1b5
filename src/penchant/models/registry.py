"""The registry of models, one row each. Importing this loads no model: its module is imported when it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from penchant.errors import OptionError
from penchant.models.search_space import (
    ATTENTION,
    FADING,
    RECURRENT,
    SCORING,
    Categorical,
    Float,
    Int,
    Space,
    reader_space,
    restrict_space,
)
from penchant.options import JsonMapping

if TYPE_CHECKING:
    from penchant.models.base import Model

Options = Callable[[str], Any]
"""Gives the options of any model by its name."""
Trait = Literal["baseline", "reference", "heavy_tailed", "content_only", "network"]
"""Traits that code may test instead of model names:

- `baseline`: a simple model, which a larger one must beat;
- `reference`: a baseline that is compared with the chosen model by default;
- `heavy_tailed`: its scores are counts or shares, so an ensemble standardises their logarithm;
- `content_only`: it reads nothing but the content of items;
- `network`: it is trained by gradient, so a search of its settings needs most of the time.
"""


def _load(module: str, name: str) -> Any:
    """A class or function of a module in `penchant.models`, imported now."""
    return getattr(import_module(f"penchant.models.{module}"), name)


@dataclass(frozen=True)
class Entry:
    """One model: its module in `penchant.models`, its class, and what is known of it.

    `english`, `chinese`: what it does in a few words. `space`: where `penchant tune` searches, or a function of the
    options that gives it; empty: there is nothing to search. `defaults`: option values that make it this model.
    `build(entry, name, options)` makes it, where that takes more than the class and the options.
    """

    module: str
    model: str
    english: str
    chinese: str
    traits: frozenset[Trait] = frozenset()
    space: Space | Callable[[Any], Space] = field(default_factory=dict)
    defaults: JsonMapping = field(default_factory=dict)
    builder: Callable[[Entry, str, Options], Model] | None = None

    @property
    def options(self) -> str:
        """The class of options by name: `EASEOptions` of `EASE`, `SequenceOptions` of `SequenceModel`."""
        return f"{self.model.removesuffix('Model')}Options"

    def model_class(self) -> Callable[..., Model]:
        """The class of the model."""
        cls: Callable[..., Model] = _load(self.module, self.model)
        return cls

    def options_class(self) -> type[Any]:
        """The frozen dataclass of options."""
        cls: type[Any] = _load(self.module, self.options)
        return cls

    def default_options(self) -> Any:
        """The options before a user sets any."""
        return self.options_class()(**self.defaults)

    def search_space(self, options: Any) -> Space:
        """The search space for a search that starts from these options, without choices that they do not allow."""
        return restrict_space(self.space(options) if callable(self.space) else self.space, options)

    def build(self, name: str, options: Options) -> Model:
        """Make the model. `options` gives those of any model: an ensemble makes its experts with theirs."""
        if self.builder is not None:
            return self.builder(self, name, options)
        return self.model_class()(options(name))


def _build_sequence(entry: Entry, name: str, options: Options) -> Model:
    """One network, or with `fusion=decision` one of every modality."""
    if options(name).fusion == "decision":
        build: Callable[..., Model] = _load("ensemble.modality_experts", "make_modality_experts")
        return build(options(name), name)
    return entry.model_class()(options(name), name)


def _build_ensemble(entry: Entry, name: str, options: Options) -> Model:
    """The experts first, then their sum."""
    experts = {expert: create(expert, options) for expert in options(name).experts}
    return entry.model_class()(
        options(name),
        experts,
        name,
        heavy_tailed=frozenset(names_with("heavy_tailed")),
        content_only=frozenset(names_with("content_only")),
    )


def _counting(*traits: Trait) -> frozenset[Trait]:
    return frozenset({"baseline", *traits})


def _sequence(english: str, chinese: str, space: Space, **defaults: Any) -> Entry:
    """A network over sequences of events; the defaults choose its encoder."""
    traits: frozenset[Trait] = frozenset({"network"})
    return Entry("sequence", "SequenceModel", english, chinese, traits, space, defaults, _build_sequence)


MODELS: Mapping[str, Entry] = {
    "popularity": Entry(
        "popularity",
        "Popularity",
        "what most users choose",
        "大家都在看的",
        _counting("reference", "heavy_tailed"),
        {"window": Categorical(("all", "recent", "decayed")), "days": Float(1.0, 365.0, log=True)},
    ),
    "cooccurrence": Entry(
        "cooccurrence",
        "Cooccurrence",
        "what tends to follow what",
        "什么常跟在什么后面",
        _counting("reference", "heavy_tailed"),
        {
            "window": Int(1, 30, log=True),
            "distance_power": Float(0.0, 2.0),
            "power": Float(0.3, 1.0),
            "row_power": Float(0.5, 1.0),
            "shrinkage": Float(1.0, 300.0, log=True),
            "column_power": Float(0.0, 0.6),
            **FADING,
        },
    ),
    "item_knn": Entry(
        "item_knn",
        "ItemKNN",
        "items liked by the same users",
        "被同一群人喜欢的物品",
        _counting("reference", "heavy_tailed"),
        {"neighbours": Int(20, 500, log=True), "shrinkage": Float(0.5, 200.0, log=True), **FADING},
    ),
    "user_knn": Entry(
        "user_knn",
        "UserKNN",
        "what similar users choose",
        "相似用户的选择",
        _counting(),
        {"neighbours": Int(30, 1000, log=True), **FADING},
    ),
    "content": Entry(
        "content",
        "Content",
        "items that look or read alike",
        "内容相近的物品",
        _counting("content_only"),
        FADING,
    ),
    "ease": Entry(
        "ease",
        "EASE",
        "one linear map between items",
        "物品间的线性映射",
        _counting("reference"),
        {
            "regularisation": Float(20.0, 5000.0, log=True),
            "content_weight": Categorical((0.0, 0.3, 1.0, 3.0)),
            **FADING,
        },
    ),
    "als": Entry(
        "als",
        "ALS",
        "factors of the user–item table",
        "用户–物品矩阵分解",
        _counting(),
        {
            "dim": Categorical((32, 64, 128, 256)),
            "epochs": Int(5, 30),
            "regularisation": Float(1e-3, 1.0, log=True),
            "alpha": Float(1.0, 100.0, log=True),
            **FADING,
        },
    ),
    "gru": _sequence("a recurrent network over events", "读行为序列的循环网络", RECURRENT, encoder="gru", layers=1),
    "cnn_rnn": _sequence(
        "convolution and recurrence joined", "卷积与循环的融合网络", RECURRENT, encoder="cnn_rnn", layers=1
    ),
    "transformer": _sequence(
        "attention over each one's events", "读行为序列的注意力网络", {**ATTENTION, "scoring": SCORING}
    ),
    "llm": Entry(
        "language.model",
        "LLM",
        "a language model over histories as text",
        "读文字化历史的语言模型",
        frozenset({"network"}),
        reader_space,
    ),
    "lite": Entry(
        "ensemble.ensemble",
        "Ensemble",
        "an ensemble: weighted sum of its experts' scores",
        "集成模型：各专家得分的加权和",
        builder=_build_ensemble,
    ),
}
DEFAULT_MODEL = "lite"
ALIASES: Mapping[str, str] = {"flagship": DEFAULT_MODEL}
"""Earlier names of models, accepted but not listed."""
REMOVED: Mapping[str, str] = {
    "content_transformer": "Take transformer with ids=false.",
    "recent_popularity": "Take popularity with window=decayed.",
}
"""Names that were models once, and what does the same."""


def names_with(trait: Trait) -> list[str]:
    """The models with a trait, in the order of the registry."""
    return [name for name, entry in MODELS.items() if trait in entry.traits]


def list_searchable() -> list[str]:
    """The models whose settings can be searched."""
    return [name for name, entry in MODELS.items() if entry.space]


def resolve_name(name: str) -> str:
    """The name of a model in the registry; raises `OptionError` with the nearest name or the replacement."""
    known = ALIASES.get(name, name)
    if known not in MODELS:
        raise OptionError("model", name, allowed=MODELS, remedy=REMOVED.get(name, ""))
    return known


def entry(name: str) -> Entry:
    """The entry of one model, by its name or an alias; raises as `resolve_name` does."""
    return MODELS[resolve_name(name)]


def describe(name: str, language: str) -> str:
    """What a model does, in a few words of `en` or `zh`; empty for a name that is not in the registry."""
    known = MODELS.get(ALIASES.get(name, name))
    return "" if known is None else known.chinese if language == "zh" else known.english


def require_kinds(names: Iterable[str], options: Options, kinds: Sequence[str]) -> None:
    """Reject `kind_weights` of models, and of an ensemble's experts, that name no kind of event, before they learn.

    Raises `UsageError` as `penchant.models.history.weigh_kinds` does. `options` as in `create`.
    """
    from penchant.models.base import EventOptions, experts_of
    from penchant.models.history import weigh_kinds

    for name in names:
        values = options(name)
        require_kinds(experts_of(values), options, kinds)
        weigh_kinds(kinds, values.kind_weights if isinstance(values, EventOptions) else None)


def create(name: str, options: Options) -> Model:
    """Make a model. `options(name)` gives the options of any model (an ensemble makes its experts with theirs)."""
    return entry(name).build(resolve_name(name), options)
