"""Dataclasses of options from text: values are converted, unknown names rejected with the nearest valid name.

Each part declares its options in one frozen dataclass. These functions read them from TOML, from `key=value` settings
and from dictionaries, and write them back. This module imports nothing of penchant but `errors`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import sys
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, Union

from penchant.errors import DataError, OptionError, UsageError

Options = TypeVar("Options")
Json = dict[str, Any]
"""A table of plain values, as JSON and TOML hold it."""
JsonMapping = Mapping[str, Any]
"""The same for reading only."""

RENAMED: Final[dict[str, str]] = {
    "heads.": "probes.",
    "views.": "modalities.",
    "views": "modalities",
    "content_views": "content_modalities",
    "new_views": "cold_modalities",
    "view_norm": "modality_norm",
    "view_weights": "modality_weights",
    "view_balance": "modality_balance",
    "similarity_view": "similarity_modality",
    "heads": "n_heads",
    "interests": "n_interests",
    "calibration": "gbce_t",
    "smoothing": "label_smoothing",
    "clock": "calendar_features",
    "contrastive": "contrastive_weight",
    "half": "mixed_precision",
    "new_cost": "max_known_loss",
    "graph.back": "graph.p",
    "graph.far": "graph.q",
}
"""Renamed settings, old → new: a section (both end with a dot), or an option by its name or full path."""
REMOVED: Final[dict[str, str]] = {
    "trainable.text_versions": "changed texts as partners of images brought no gain",
    "probes.hidden": "a probe is linear",
    "probes.iterations": "the solver of a probe runs to the optimum",
    "view_dropout": "it brought no gain",
    "cooccurrence.backward": "it brought no gain",
}
"""Settings that are gone, under their newest name or its end, and why; docs/log.md has the figures."""

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_NONE = ("none", "null", "")


def option_types(options: type) -> dict[str, object]:
    """The names of a dataclass's options and their types, in order.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Small:
    ...     dim: int = 64
    ...     rate: float | None = None
    >>> list(option_types(Small))
    ['dim', 'rate']
    """
    hints = typing.get_type_hints(options)
    return {field.name: hints[field.name] for field in dataclasses.fields(options) if field.init}


@cache
def option_meanings(options: type) -> Mapping[str, str]:
    """The description of each option of a dataclass: the docstring under its field, or under the field of a base class.

    >>> from penchant.models.popularity import PopularityOptions
    >>> option_meanings(PopularityOptions)["days"]
    'Length of the window, or half-life, days. Above 0.'
    """
    meanings: dict[str, str] = {}
    for part in reversed(options.__mro__):
        if dataclasses.is_dataclass(part):
            meanings |= _field_docstrings(part)
    return {name: meanings.get(name, "") for name in option_types(options)}


def refuse_renamed(key: str, *, section: bool = False, known: Collection[str] | None = None) -> None:
    """Raise an `OptionError` with the new name if `key` (or the `section` of that name) is an old name.

    With `known`, only new names in it count.

    >>> refuse_renamed("heads.fit")
    Traceback (most recent call last):
    penchant.errors.OptionError: option='heads.fit' is not known. It has a new name: probes.fit.
    """
    renamed = key
    for old, new in RENAMED.items():
        start = old.removesuffix(".")
        if old.endswith("."):
            if section and key == start:
                renamed = new.removesuffix(".")
                break
            renamed = new + renamed.removeprefix(old) if renamed.startswith(old) and renamed != old else renamed
        elif f".{renamed}".endswith(f".{old}"):
            renamed = renamed.removesuffix(old) + new
    for old, reason in REMOVED.items():
        if f".{renamed}".endswith(f".{old}"):
            raise OptionError("option", key, remedy=f"It was removed: {reason}.")
    if renamed != key and (known is None or renamed in known):
        raise OptionError("option", key, remedy=f"It has a new name: {renamed}.")


def convert(kind: object, value: object, name: str) -> Any:
    """Convert a value, such as text from a command line, to the type of an option.

    Supports int, float, bool, str, Path, Literal, tuples, lists, mappings with text keys, dataclasses and unions with
    None. Raises `UsageError` (`OptionError` for a choice) that names the option, the value and what is allowed.

    >>> convert(tuple[int, ...], "1, 2", "sizes"), convert(float | None, "none", "rate"), convert(bool, "off", "time")
    ((1, 2), None, False)
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(inner, value, name)
    if origin is Literal:
        return _convert_choice(inner, value, name)
    if origin in (tuple, list):
        return _convert_sequence(origin, inner, value, name)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(key): convert(inner[1], item, f"{name}.{key}") for key, item in _parse_pairs(value, name)}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return value if isinstance(value, kind) else from_dict(kind, _require_table(value, name), prefix=f"{name}.")
    if kind in _PLAIN:
        words, parse = _PLAIN[kind]
        try:
            return parse(value)
        except (ValueError, TypeError, OverflowError):
            raise UsageError(f"{name}={value!r} is not {words}.", remedy=f"Give {words} for {name!r}.") from None
    raise UsageError(f"{name!r} cannot be set from text or a file.", remedy="Set it in Python.")


def from_dict(options: type[Options], values: Mapping[str, object], *, prefix: str = "") -> Options:
    """A dataclass of options from a dictionary; an unknown name raises an error with the nearest valid name."""
    kinds = option_types(options)
    for key in values:
        if key not in kinds:
            raise _unknown_option(prefix + key, [prefix + name for name in kinds])
    return options(**{key: convert(kinds[key], value, prefix + key) for key, value in values.items()})


def require_range(
    options: object,
    *names: str,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    part: str = "",
) -> None:
    """Raise a `UsageError` for the first numeric option that is not finite or out of range; None is allowed.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Small:
    ...     dim: int = 64
    ...     dropout: float | None = None
    >>> require_range(Small(), "dim", "dropout", least=0)
    >>> require_range(Small(dropout=1.5), "dropout", least=0, below=1, part="small.")
    Traceback (most recent call last):
    penchant.errors.UsageError: small.dropout=1.5 is out of range. Give 0 or more, below 1.
    """
    for name in names:
        value = getattr(options, name)
        if value is None:
            continue
        finite = abs(value) <= sys.float_info.max
        fits = finite and (least is None or value >= least) and (above is None or value > above)
        if not (fits and (most is None or value <= most) and (below is None or value < below)):
            limits = [f"{least:g} or more"] if least is not None else []
            limits += [f"a number above {above:g}"] if above is not None else []
            upper = [f"at most {most:g}"] if most is not None else [f"below {below:g}"] if below is not None else []
            upper = upper or ([] if finite else [f"at most {sys.float_info.max:.2g}"])
            raise UsageError(f"{part}{name}={value} is out of range.", remedy=f"Give {', '.join(limits + upper)}.")


def to_dict(options: object) -> Json:
    """Options as plain values for JSON or TOML: the opposite of `from_dict`."""
    if not dataclasses.is_dataclass(options) or isinstance(options, type):
        raise UsageError(f"{options!r} is no dataclass of options.")
    return {f.name: _to_plain(getattr(options, f.name)) for f in dataclasses.fields(options) if f.init}


def replace_option(options: Options, path: str, value: object, *, prefix: str = "") -> Options:
    """A copy with one option set; dots in `path` lead into nested options."""
    return replace_options(options, {path: value}, prefix=prefix)


def replace_options(options: Options, values: Mapping[str, object], *, prefix: str = "") -> Options:
    """A copy with several options set by path. They are checked together, so that their order does not matter.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Small:
    ...     dim: int = 64
    ...     heads: int = 2
    ...     def __post_init__(self):
    ...         assert self.dim % self.heads == 0
    >>> replace_options(Small(), {"dim": "63", "heads": "3"})
    Small(dim=63, heads=3)
    """
    kinds = option_types(type(options))
    changes: dict[str, object] = {}
    inside: dict[str, dict[str, object]] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if head not in kinds:
            raise _unknown_option(prefix + head, [prefix + name for name in kinds])
        old = changes.get(head, getattr(options, head))
        if not rest:
            changes[head] = convert(kinds[head], value, prefix + head)
        elif dataclasses.is_dataclass(old) and not isinstance(old, type):
            inside.setdefault(head, {})[rest] = value
        elif isinstance(old, Mapping):
            changes[head] = {**old, **convert(kinds[head], {rest: value}, prefix + head)}
        else:
            raise UsageError(f"{prefix}{head} has no option {rest!r} inside.", remedy=f"Set {prefix}{head} itself.")
    for head, parts in inside.items():
        changes[head] = replace_options(changes.get(head, getattr(options, head)), parts, prefix=f"{prefix}{head}.")
    return dataclasses.replace(options, **changes)  # type: ignore[type-var]


def read_toml(path: str | Path) -> Json:
    """The content of a TOML file. Raises `DataError` with the line that cannot be read."""
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"There is no configuration file {file}.", remedy="Give the name of a TOML file.")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file} is not valid TOML: {error}.", remedy="Correct that line.") from error


def read_package_toml(package: str, name: str) -> Json:
    """The content of a TOML file that is beside the modules of a package.

    >>> list(read_package_toml("penchant.data.ingest", "aliases.toml"))
    ['events', 'items', 'users', 'relations']
    """
    from importlib import resources

    return tomllib.loads((resources.files(package) / name).read_text(encoding="utf-8"))


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `["transformer.dim=64"]` into a dictionary; the last of two equal keys counts.

    >>> parse_settings(["dim=64", "text.encoder = auto"])
    {'dim': '64', 'text.encoder': 'auto'}
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"--set {pair!r} is not of the form key=value.", remedy="For example: --set dim=64")
        values[key.strip()] = value.strip()
    return values


def _field_docstrings(options: type) -> dict[str, str]:
    """The strings below the fields in the source of one class, each joined to one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(options))).body
    assert isinstance(definition, ast.ClassDef)
    docstrings: dict[str, str] = {}
    for statement, after in itertools.pairwise(definition.body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docstrings[statement.target.id] = " ".join(str(after.value.value).split())
    return docstrings


def _convert_union(inner: tuple[object, ...], value: object, name: str) -> object:
    kinds = [kind for kind in inner if kind is not types.NoneType]
    if types.NoneType in inner and (value is None or (isinstance(value, str) and value.strip().lower() in _NONE)):
        return None
    failure: UsageError | None = None
    for kind in kinds:
        if isinstance(kind, type) and type(value) is kind:
            return value
    for kind in kinds:
        try:
            return convert(kind, value, name)
        except UsageError as error:
            failure = error
    raise failure or UsageError(f"{name}={value!r} is not allowed.")


def _convert_choice(choices: tuple[object, ...], value: object, name: str) -> object:
    for choice in choices:
        if value == choice or (isinstance(value, str) and value.strip() == str(choice)):
            return choice
    raise OptionError(name, value, allowed=[str(choice) for choice in choices])


def _convert_sequence(origin: type, inner: tuple[object, ...], value: object, name: str) -> object:
    if isinstance(value, str):
        parts: list[object] = [part.strip().strip("\"'") for part in value.strip().strip("[]()").split(",")]
        parts = [part for part in parts if part]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        raise UsageError(f"{name}={value!r} is not a list.", remedy="Give values with commas between them.")
    if origin is tuple and len(inner) > 0 and inner[-1] is not Ellipsis:
        if len(parts) != len(inner):
            raise UsageError(f"{name}={value!r} has {len(parts)} values.", remedy=f"Give {len(inner)} of them.")
        return tuple(convert(kind, part, name) for kind, part in zip(inner, parts, strict=True))
    kind = inner[0] if inner else str
    return origin(convert(kind, part, name) for part in parts)


def _parse_pairs(value: object, name: str) -> list[tuple[str, object]]:
    if isinstance(value, str):
        cut = [part.partition(":") for part in value.strip().strip("{}").split(",") if part.strip()]
        if any(not sign for _, sign, _ in cut):
            raise UsageError(f"{name}={value!r} is not a table.", remedy="Write it as a:1,b:2.")
        return [(key.strip(), item.strip()) for key, _, item in cut]
    return list(_require_table(value, name).items())


def _require_table(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name}={value!r} is not a table of options.", remedy=f"Set one of them: {name}.NAME=VALUE")
    return value


def _parse_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError
    return int(value)


def _parse_float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not math.isfinite(float(value)):
        raise ValueError
    return float(value)


def _parse_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if text not in _TRUE + _FALSE:
        raise ValueError
    return text in _TRUE


def _parse_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def _parse_path(value: object) -> Path:
    return Path(value) if isinstance(value, str | Path) else Path(_parse_text(value))


_PLAIN: dict[object, tuple[str, Callable[[object], object]]] = {
    int: ("a whole number", _parse_int),
    float: ("a finite number", _parse_float),
    bool: ("true or false", _parse_bool),
    str: ("text", _parse_text),
    Path: ("a path", _parse_path),
}


def _to_plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _unknown_option(name: str, allowed: list[str]) -> OptionError:
    refuse_renamed(name, known=allowed)
    return OptionError("option", name, allowed=allowed, brief=True)
