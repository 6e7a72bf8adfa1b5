"""One configuration for everything that `Recommender.fit` does: nests the options of each part.

```toml
model = "transformer"
seed = 0

[modalities.text]            # options of the item modalities, by modality
encoder = "auto"

[training]              # options of the loop that trains networks
patience = 3

[probes]                # options of the linear probes on interest vectors
fit = ["interest"]

[transformer]           # options of a model, by its name
dim = 32
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penchant.embeddings.fitted import ModalityOptions
from penchant.errors import OptionError, UsageError
from penchant.models.base import experts_of
from penchant.models.probes.options import ProbeOptions
from penchant.models.registry import ALIASES, DEFAULT_MODEL, MODELS, REMOVED, entry, resolve_name
from penchant.options import (
    Json,
    JsonMapping,
    convert,
    from_dict,
    option_types,
    read_toml,
    refuse_renamed,
    replace_option,
    replace_options,
    to_dict,
)
from penchant.training.options import TrainingOptions

DEVICES = ("auto", "cpu", "cuda")
_PLAIN = ("model", "seed", "device", "modalities", "training", "probes")
_MODEL_KEYS = frozenset({*MODELS, *ALIASES, *REMOVED})


@dataclass(frozen=True)
class Config:
    """The configuration of a fit. Unknown names raise `OptionError`.

    >>> Config(model="popularity").with_settings({"days": "7", "seed": "1"}).options().days
    7.0
    """

    model: str = DEFAULT_MODEL
    """Name of the model to fit. The page on models describes each."""
    seed: int = 0
    """Seed of every random draw. 0 to 2**32 - 1; the same seed gives the same result."""
    device: str = "auto"
    """Device that networks are trained on: auto, cpu or cuda."""
    modalities: ModalityOptions = field(default_factory=ModalityOptions)
    """Options of the item modalities, one table per modality."""
    training: TrainingOptions = field(default_factory=TrainingOptions)
    """Options of the training loop, the same for every network."""
    probes: ProbeOptions = field(default_factory=ProbeOptions)
    """Options of the linear probes on interest vectors."""
    models: JsonMapping = field(default_factory=dict)
    """Options of models, by model name. A model that is not named keeps its defaults."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", resolve_name(self.model))
        object.__setattr__(self, "models", {resolve_name(name): options for name, options in self.models.items()})
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise UsageError(f"seed={self.seed!r} is out of range.", remedy="Give an integer from 0 to 2**32 - 1.")
        if self.device not in DEVICES:
            raise OptionError("device", self.device, allowed=DEVICES)
        for name, options in self.models.items():
            if type(options).__name__ != entry(name).options:
                raise UsageError(
                    f"Options of {name!r} are a {type(options).__name__}.", remedy=f"Give a {entry(name).options}."
                )

    def options(self, model: str | None = None) -> Any:
        """The options of a model (of the chosen one): those given, or its defaults."""
        name = resolve_name(model or self.model)
        return self.models[name] if name in self.models else entry(name).default_options()

    @classmethod
    def from_toml(cls, path: str | Path) -> Config:
        """Read a file; raises `DataError` where it is no TOML, `OptionError` for unknown names."""
        return cls.from_dict(read_toml(path))

    @classmethod
    def from_dict(cls, values: JsonMapping) -> Config:
        """The opposite of `to_dict`; what is left out has its default."""
        config = cls()
        for key, value in values.items():
            if key in _MODEL_KEYS:
                config = config._with_model_options(resolve_name(key), value)
            elif key in _PLAIN:
                config = replace_option(config, key, value)
            else:
                refuse_renamed(key, section=True)
                raise OptionError("option", key, allowed=[*_PLAIN, *MODELS])
        return config

    def to_dict(self) -> Json:
        """Plain values for JSON or TOML: every option of the chosen model, of its experts, and of what was set."""
        names = {self.model, *self.models, *experts_of(self.options())}
        out: Json = {
            "model": self.model,
            "seed": self.seed,
            "device": self.device,
            "modalities": to_dict(self.modalities),
            "training": to_dict(self.training),
            "probes": to_dict(self.probes),
        }
        return out | {name: to_dict(self.options(name)) for name in MODELS if name in names}

    def changes(self) -> Json:
        """`model`, `seed`, and of the rest only what is not the default: what a user would write in a file.

        >>> Config(model="ease").with_settings({"decay": 0.5}).changes()
        {'model': 'ease', 'seed': 0, 'ease': {'decay': 0.5}}
        """
        out: Json = {"model": self.model, "seed": self.seed}
        if self.device != "auto":
            out["device"] = self.device
        parts = {"modalities": (self.modalities, ModalityOptions()), "training": (self.training, TrainingOptions())}
        parts |= {"probes": (self.probes, ProbeOptions())}
        parts |= {name: (options, entry(name).default_options()) for name, options in self.models.items()}
        for name, (options, default) in parts.items():
            changed = _changed(to_dict(options), to_dict(default))
            out |= {name: changed} if changed else {}
        return out

    def with_settings(self, settings: Mapping[str, object]) -> Config:
        """Set options by name: `model`, `seed`, `device`, `modalities.NAME`, `training.NAME`, `probes.NAME`,
        `MODEL.NAME`, or NAME of the chosen model.

        Values may be text; they become the type of the option. `model` is set first, then `experts`, then all the
        others at once, so that their order does not matter.
        """
        config = self
        early = [key for key in settings if key == "model"]
        early += [key for key in settings if key.rpartition(".")[2] == "experts"]
        for key in early:
            config = config._with_settings({key: settings[key]})
        return config._with_settings({key: value for key, value in settings.items() if key not in early})

    def _with_settings(self, settings: Mapping[str, object]) -> Config:
        owned: dict[str | None, dict[str, object]] = {}
        dotted: set[str | None] = set()
        for key, value in settings.items():
            model, path = self._owner(key, value)
            owned.setdefault(model, {})[path] = value
            dotted |= {model} if path != key else set()
        config = replace_options(self, owned.pop(None, {}))
        for model, values in owned.items():
            assert model is not None
            prefix = f"{model}." if model in dotted else ""
            config = config._with(model, replace_options(config.options(model), values, prefix=prefix))
        return config

    def _owner(self, key: str, value: object) -> tuple[str | None, str]:
        """The model that a setting belongs to (None: it is one of the configuration itself), and its path there."""
        head, _, rest = key.partition(".")
        if head in _MODEL_KEYS and rest:
            return resolve_name(head), rest
        of_model = option_types(type(self.options()))
        if head in _PLAIN:
            return None, key
        if rest or isinstance(value, Mapping):
            refuse_renamed(key, section=not rest)
        if head in of_model:
            return self.model, key
        experts = experts_of(self.options())
        for expert in experts:
            if head in option_types(type(self.options(expert))):
                return expert, key
        for name in (self.model, *experts):
            refuse_renamed(f"{name}.{key}", known=[f"{name}.{each}" for each in option_types(type(self.options(name)))])
        modalities = [f"modalities.{name}" for name in option_types(ModalityOptions)]
        modalities += [f"training.{name}" for name in option_types(TrainingOptions)]
        modalities += [f"probes.{name}" for name in option_types(ProbeOptions)]
        raise OptionError(
            "option",
            key,
            allowed=[*of_model, "model", "seed", "device", *modalities],
            remedy=f"Those without a dot belong to the model {self.model!r}; other models: MODEL.OPTION. "
            "penchant settings lists all.",
            brief=True,
        )

    def _with_model_options(self, name: str, values: object) -> Config:
        kind = entry(name).options_class()
        table = convert(Json, values, name)
        return self._with(name, from_dict(kind, to_dict(entry(name).default_options()) | table, prefix=f"{name}."))

    def _with(self, name: str, options: Any) -> Config:
        return replace(self, models={**self.models, name: options})


def _changed(values: JsonMapping, defaults: JsonMapping) -> Json:
    """The values that are not the default, tables gone through (a table of free names is kept as it is)."""
    out: Json = {}
    for key, value in values.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping) and set(value) == set(default):
            inner = _changed(value, default)
            out |= {key: inner} if inner else {}
        elif value != default:
            out[key] = value
    return out
