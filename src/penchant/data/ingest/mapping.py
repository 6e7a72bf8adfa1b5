"""`dataset.toml`: names and formats of a folder's tables, where they are unusual.

```toml
[events]
file = "ratings.csv"              # where the file is not called events.*
delimiter = ";"                   # of text files; detected where left out
encoding = "gbk"                  # of text files; detected where left out
timestamp_unit = "ms"             # s, ms, us or ns: unit of numbers
timestamp_format = "%d/%m/%Y"     # of text that is not ISO 8601
timezone = "Asia/Shanghai"        # of times that carry no zone
kind = "purchase"                 # the kind of every event, where no column says it

[events.columns]                  # name in the file = our name; "" leaves the column out
KUNNR = "user_id"

[events.kinds]                    # value in the file = our kind
"3" = "purchase"

[items]                           # the same for items, users and relations
file = "films.parquet"
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from penchant.data import schema
from penchant.data.ingest.timestamps import TimeOptions
from penchant.errors import DataError, OptionError, SchemaError

FILE_NAME = "dataset.toml"


@dataclass(frozen=True)
class TableMapping:
    """One section of dataset.toml; every field may be left out."""

    file: str = ""
    delimiter: str = ""
    encoding: str = ""
    timestamp_unit: str = ""
    timestamp_format: str = ""
    timezone: str = ""
    kind: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def times(self) -> TimeOptions:
        """The options of times."""
        return TimeOptions(self.timestamp_unit, self.timestamp_format, self.timezone)


def read_mapping(folder: Path) -> dict[str, TableMapping]:
    """Read `dataset.toml` of a folder, if it has one; a section for every table, maybe empty.

    Raises `DataError` if it is not TOML, `OptionError` for a table or key that does not exist, `SchemaError` for
    a value of the wrong type.
    """
    path = folder / FILE_NAME
    sections: dict[str, object] = {}
    if path.is_file():
        try:
            sections = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(
                f"{path} is not valid TOML: {error}.", remedy="Correct the line, or remove the file."
            ) from None
    for name in sections:
        if name not in schema.TABLES:
            raise OptionError(f"{FILE_NAME}: section", name, allowed=schema.TABLES)
    return {table: _parse_section(table, sections.get(table, {})) for table in schema.TABLES}


def _parse_section(table: str, values: object) -> TableMapping:
    if not isinstance(values, dict):
        raise SchemaError(f"{FILE_NAME}: {table} must be a section.", remedy=f"Write [{table}] on a separate line.")
    known = {f.name: f for f in fields(TableMapping)}
    for key, value in values.items():
        if key not in known:
            raise OptionError(f"{FILE_NAME}: key of [{table}]", key, allowed=known)
        wants_section = key in ("columns", "kinds")
        if wants_section != isinstance(value, dict) or (not wants_section and not isinstance(value, str)):
            form = f"a section [{table}.{key}] of names" if wants_section else "text in quotes"
            raise SchemaError(f"{FILE_NAME}: {table}.{key} = {value!r} is not {form}.")
    plain = {key: value for key, value in values.items() if key not in ("columns", "kinds")}
    columns, kinds = (_parse_strings(f"{table}.{key}", values.get(key, {})) for key in ("columns", "kinds"))
    return TableMapping(**plain, columns=columns, kinds=kinds)


def _parse_strings(section: str, values: Mapping[str, object]) -> dict[str, str]:
    strings: dict[str, str] = {}
    for name, value in values.items():
        if not isinstance(value, str):
            raise SchemaError(f"{FILE_NAME}: {section}.{name} = {value!r} is not text in quotes.")
        strings[name] = value
    return strings
