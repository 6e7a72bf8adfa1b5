"""Models by name. Importing this loads no model: classes are looked up when one is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from penchant.errors import OptionError
from penchant.models.base import EventOptions, Model, experts_of


@dataclass(frozen=True)
class Entry:
    """Where a model lives: module, class, options class, and option values that make it this model."""

    module: str
    model: str
    options: str
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def options_class(self) -> type[Any]:
        """The frozen dataclass of options."""
        found: type[Any] = getattr(import_module(f"penchant.models.{self.module}"), self.options)
        return found

    def default_options(self) -> Any:
        """Options as they stand before a user sets any."""
        return self.options_class()(**self.defaults)


CONTENT_EXPERT: Mapping[str, Any] = {"ids": False, "layers": 1, "max_length": 50, "epochs": 8}
FLAGSHIP = (
    "transformer",
    "content_transformer",
    "cooccurrence",
    "ease",
    "user_knn",
    "content",
    "recent_popularity",
    "popularity",
)

MODELS: Mapping[str, Entry] = {
    "popularity": Entry("popularity", "Popularity", "PopularityOptions"),
    "cooccurrence": Entry("cooccurrence", "Cooccurrence", "CooccurrenceOptions"),
    "item_knn": Entry("item_knn", "ItemKNN", "ItemKNNOptions"),
    "user_knn": Entry("user_knn", "UserKNN", "UserKNNOptions"),
    "content": Entry("content", "Content", "ContentOptions"),
    "ease": Entry("ease", "EASE", "EASEOptions"),
    "als": Entry("als", "ALS", "ALSOptions"),
    "gru": Entry("sequence", "SequenceModel", "SequenceOptions", {"encoder": "gru", "layers": 1}),
    "cnn_rnn": Entry("sequence", "SequenceModel", "SequenceOptions", {"encoder": "cnn_rnn", "layers": 1}),
    "content_transformer": Entry("sequence", "SequenceModel", "SequenceOptions", CONTENT_EXPERT),
    "transformer": Entry("sequence", "SequenceModel", "SequenceOptions"),
    "recent_popularity": Entry("popularity", "Popularity", "PopularityOptions", {"window": "decayed"}),
    "llm": Entry("language.model", "LLM", "LLMOptions"),
    "lite": Entry("ensemble.ensemble", "Ensemble", "EnsembleOptions"),
    "flagship": Entry("ensemble.ensemble", "Ensemble", "EnsembleOptions", {"experts": FLAGSHIP}),
}
DEFAULT_MODEL = "lite"


def entry(name: str) -> Entry:
    """The entry of one model; raises `OptionError` with the nearest name."""
    if name not in MODELS:
        raise OptionError("model", name, allowed=MODELS)
    return MODELS[name]


def require_kinds(names: Iterable[str], options: Callable[[str], Any], kinds: Sequence[str]) -> None:
    """Refuse `kind_weights` of models, and of an ensemble's experts, that name no kind of event, before they learn.

    Raises `UsageError` as `penchant.models.history.kind_weights` does. `options` as in `create`.
    """
    from penchant.models.history import kind_weights

    for name in names:
        own = options(name)
        require_kinds(experts_of(own), options, kinds)
        kind_weights(kinds, own.kind_weights if isinstance(own, EventOptions) else None)


def create(name: str, options: Callable[[str], Any]) -> Model:
    """Make a model. `options(name)` gives the options of any model (an ensemble makes its experts with theirs)."""
    found = entry(name)
    model_class = getattr(import_module(f"penchant.models.{found.module}"), found.model)
    own = options(name)
    if found.module == "ensemble.ensemble":
        made: Model = model_class(own, {expert: create(expert, options) for expert in own.experts}, name)
    elif found.module == "sequence":
        if own.fusion == "decision":
            made = import_module("penchant.models.ensemble.modality_experts").view_experts(own, name)
        else:
            made = model_class(own, name)
    elif found.module == "popularity":
        made = model_class(own, name)
    else:
        made = model_class(own)
    return made
