"""All settings of a configuration: key, type, default and meaning, for the command `settings` and the documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from penchant.errors import OptionError, find_nearest
from penchant.models.base import experts_of
from penchant.models.registry import MODELS, entry
from penchant.options import JsonMapping, option_meanings, refuse_renamed, to_dict
from penchant.recommender.config import Config


@dataclass(frozen=True)
class Setting:
    """One option that `--set` and a configuration file can set."""

    key: str
    """Dotted path."""
    type: str
    """Type of its values."""
    default: Any
    """Value where nothing else is set, as JSON writes it."""
    meaning: str
    """Description: what it is, unit, range."""
    models: JsonMapping = field(default_factory=dict)
    """Defaults by model, of an option that several models share. Its key then names the first of them."""

    @property
    def default_in_words(self) -> str:
        """The default, and the models that have another one."""
        others = [f"{name}: {_shown(value)}" for name, value in self.models.items() if value != self.default]
        return _shown(self.default) + (f" ({', '.join(others)})" if others else "")


def describe_options(options: object, prefix: str = "") -> Iterator[Setting]:
    """The options of a dataclass, then those of the dataclasses inside it, with the values in `options` as defaults.

    >>> from penchant.training.options import TrainingOptions
    >>> next(describe_options(TrainingOptions(), "training."))
    Setting(key='training.clip', type='float', default=5.0, meaning="Largest norm of a step's gradient. Above 0.", \
models={})
    """
    assert is_dataclass(options) and not isinstance(options, type)
    meanings, values = option_meanings(type(options)), to_dict(options)
    inside = [option.name for option in fields(options) if is_dataclass(getattr(options, option.name))]
    for option in fields(options):
        if option.name in meanings and option.name not in inside:
            yield Setting(prefix + option.name, str(option.type), values[option.name], meanings[option.name])
    for name in inside:
        yield from describe_options(getattr(options, name), f"{prefix}{name}.")


def list_settings(model: str | None = None) -> list[Setting]:
    """All settings, or those that concern one model: its own, those of its experts, and those that all models share.

    Options that several models share are listed once, under the model that has the defaults of their class.
    """
    config = Config()
    common = [one for one in describe_options(config) if one.key != "models"]
    if model is not None:
        names = [model, *experts_of(entry(model).default_options())]
        return common + [one for name in names for one in describe_options(config.options(name), f"{name}.")]
    shared: dict[type, list[str]] = {}
    for name, known in MODELS.items():
        shared.setdefault(known.options_class(), []).append(name)
    for names in shared.values():
        names.sort(key=lambda name: bool(MODELS[name].defaults))
        first = describe_options(config.options(names[0]), f"{names[0]}.")
        defaults = {name: to_dict(config.options(name)) for name in names}
        for one in first:
            by_model = {name: values[one.key.partition(".")[2]] for name, values in defaults.items()}
            common.append(replace(one, models=by_model if len(names) > 1 else {}))
    return common


def find_settings(pattern: str = "", model: str | None = None) -> list[Setting]:
    """The settings whose key matches a pattern with `*`, or contains it; else those whose meaning contains it.

    Raises `OptionError` if there is none, with the new name if the pattern is an old one.

    >>> [one.key for one in find_settings("gru.*heads")]
    ['gru.n_heads']
    """
    head = pattern.partition(".")[0]
    known = list_settings(model or (head if head in MODELS and head != pattern else None))
    if any(sign in pattern for sign in "*?["):
        found = [one for one in known if fnmatchcase(one.key, pattern)]
    else:
        found = [one for one in known if pattern in one.key]
        found = found or [one for one in known if pattern.lower() in one.meaning.lower()]
    if not found:
        refuse_renamed(pattern)
        near = find_nearest(pattern, [one.key for one in known])
        hint = f"Nearest: {', '.join(near)}. " if near else ""
        raise OptionError("pattern", pattern, remedy=f"{hint}penchant settings lists all of them.")
    return found


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{_shown(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))
