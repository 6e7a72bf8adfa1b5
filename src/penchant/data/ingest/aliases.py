"""Aliases of column names, and the mapping of a table's columns to the data contract."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from penchant.data import schema
from penchant.data.columns import fold_name
from penchant.errors import SchemaError
from penchant.options import read_package_toml

ALIASES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    table: {name: tuple(aliases) for name, aliases in columns.items()}
    for table, columns in read_package_toml(__package__, "aliases.toml").items()
}
"""Table → our column → names taken for it, compared without case, spaces, `_` and `-`."""

REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    schema.EVENTS: (schema.USER_ID, schema.ITEM_ID, schema.TIMESTAMP),
    schema.ITEMS: (schema.ITEM_ID,),
    schema.USERS: (schema.USER_ID,),
    schema.RELATIONS: (schema.SOURCE_ID, schema.TARGET_ID),
}

_INSTEAD: Final[Mapping[str, tuple[str, ...]]] = {
    schema.ITEM_ID: schema.CONTENT,
    schema.TIMESTAMP: (schema.SEQ,),
}
"""Columns that may replace a required column of events."""

_EXPLAINED: Final[Mapping[str, str]] = {
    schema.ITEM_ID: "Events that carry a text, an image or an audio file need no item.",
    schema.TIMESTAMP: "Without times, a column 'seq' of integers may give the order of each user's events.",
}
"""Explanations of `_INSTEAD` for messages."""

_CODES: Final = (schema.USER, schema.ITEM, schema.KIND, schema.TIME_S)
"""Reserved names: columns that `Dataset.events` adds."""

ATOMIC_TYPES: Final = ("token", "token_seq", "float", "float_seq")
"""RecBole's types, written after a colon in the head of an atomic file."""


@dataclass(frozen=True)
class RecognisedColumns:
    """The mapping of a table's columns.

    `names`: column in the file → column in the dataset, in the order of the file. `types`: RecBole's type of a
    column, by its name in the file. `left_out`: columns that dataset.toml leaves out. `notes`: oddities.
    """

    names: dict[str, str]
    types: dict[str, str]
    left_out: list[str]
    notes: list[str]

    @property
    def renamed(self) -> dict[str, str]:
        """The names that differ."""
        return {raw: name for raw, name in self.names.items() if raw != name}

    def raw(self, name: str) -> str:
        """The name in the file of one of our columns; empty where the file has none."""
        return next((raw for raw, ours in self.names.items() if ours == name), "")

    def has(self, name: str) -> bool:
        """Whether the file has one of our columns."""
        return name in self.names.values()

    def column(self, frame: pl.DataFrame, name: str) -> pl.Series:
        """One of our columns; all null where the file has none."""
        raw = self.raw(name)
        return frame[raw].alias(name) if raw else pl.repeat(None, frame.height, dtype=pl.String, eager=True).alias(name)


def recognise(
    table: str, columns: Sequence[str], mapping: Mapping[str, str], source: str, *, is_file: bool = True
) -> RecognisedColumns:
    """Map each column of a table.

    The names of the contract take precedence, then `mapping` (dataset.toml: file's name → ours, "" to leave out), then
    aliases. Where two columns claim one name, the first in that order gets it and the other stays an attribute.

    Raises `SchemaError` if a required column is missing, a column occurs twice, or `mapping` names a column that
    does not exist.
    """
    twice = sorted({name for name in columns if list(columns).count(name) > 1})
    if twice:
        raise SchemaError(
            f"{source}: the column {twice[0]!r} occurs twice.", remedy="Rename or remove one of them in the file."
        )
    _check_mapping(table, columns, mapping, source)
    plain = {raw: _strip_type(raw) for raw in columns}
    types = {raw: raw.rsplit(":", 1)[1] for raw in columns if raw.endswith(tuple(f":{kind}" for kind in ATOMIC_TYPES))}
    taken: dict[str, str] = {name: raw for raw, name in mapping.items() if name}
    free = [raw for raw in columns if raw not in mapping]
    for raw in free:
        if plain[raw] in ALIASES[table]:
            taken.setdefault(plain[raw], raw)
    for raw in free:
        name = _match_alias(table, plain[raw])
        if name and raw not in taken.values():
            taken.setdefault(name, raw)
    ours = {raw: name for name, raw in taken.items()}
    left_out = [raw for raw, name in mapping.items() if not name]
    names, notes = _name_attributes(table, [raw for raw in columns if raw not in left_out], ours, plain)
    _check_required(table, names, columns, source, is_file=is_file)
    return RecognisedColumns(names, types, left_out, notes)


def _name_attributes(
    table: str, columns: Sequence[str], ours: Mapping[str, str], plain: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Give every other column a unique name."""
    names: dict[str, str] = {}
    notes: list[str] = []
    used = set(ours.values()) | (set(_CODES) if table == schema.EVENTS else set())
    for raw in columns:
        if raw in ours:
            names[raw] = ours[raw]
            continue
        name = plain[raw]
        while name in used:
            name += "_in_file"
        if name != plain[raw]:
            notes.append(f"the column {raw!r} is kept as the attribute {name!r}: its name is already in use")
        used.add(name)
        names[raw] = name
    return names, notes


def _strip_type(raw: str) -> str:
    name, colon, kind = raw.rpartition(":")
    return name if colon and kind in ATOMIC_TYPES else raw.strip()


def _match_alias(table: str, name: str) -> str | None:
    key = fold_name(name)
    for ours, aliases in ALIASES[table].items():
        if key == fold_name(ours) or key in aliases:
            return ours
    return None


def _check_mapping(table: str, columns: Sequence[str], mapping: Mapping[str, str], source: str) -> None:
    missing = next((raw for raw in mapping if raw not in columns), None)
    if missing is not None:
        raise SchemaError(
            f"dataset.toml maps the column {missing!r} of {table}, but {source} has: {', '.join(columns)}.",
            remedy=f"Write the name exactly as in the file, under [{table}.columns].",
        )
    targets = [name for name in mapping.values() if name]
    double = next((name for name in targets if targets.count(name) > 1), None)
    if double is not None:
        raise SchemaError(f"dataset.toml maps two columns of {table} to {double!r}.", remedy="Keep one of them.")


def _check_required(
    table: str, names: Mapping[str, str], columns: Sequence[str], source: str, *, is_file: bool
) -> None:
    have = set(names.values())
    for needed in REQUIRED[table]:
        if needed in have or any(name in have for name in _INSTEAD.get(needed, ())):
            continue
        known = {needed, *ALIASES[table][needed]}
        near = next((raw for raw in columns if difflib.get_close_matches(fold_name(raw), known, n=1, cutoff=0.6)), None)
        hint = f" The nearest is {near!r}." if near else ""
        listed = ", ".join(columns) or "none"
        instead = f" {_EXPLAINED[needed]}" if table == schema.EVENTS and needed in _EXPLAINED else ""
        name = json.dumps(near or "your_name", ensure_ascii=False)
        line = f', or map it in dataset.toml: {table}.columns.{name} = "{needed}"'
        head = " The first line does not look like column names." if _looks_like_data(columns) else ""
        raise SchemaError(
            f"{source}: {table} has no column {needed!r}. Columns: {listed}.{hint}{head}{instead}",
            remedy=f"Rename the column{line if is_file else f' to {needed!r}.'}",
        )


def _looks_like_data(columns: Sequence[str]) -> bool:
    return bool(columns) and all(raw.replace(".", "").replace("-", "").isdigit() for raw in columns)
