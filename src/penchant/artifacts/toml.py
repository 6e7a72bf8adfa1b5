"""Settings as TOML text: the opposite of reading a configuration file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from penchant.errors import UsageError


def to_toml(values: Mapping[str, object], *, comment: str = "") -> str:
    """A table as TOML; None is written as "none", which optional options read as None.

    >>> print(to_toml({"model": "ease", "ease": {"decay": 0.5, "max_length": None}}), end="")
    model = "ease"
    <BLANKLINE>
    [ease]
    decay = 0.5
    max_length = "none"
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    return "\n".join([*lines, *_format_table(values, "")]) + "\n"


def _format_table(values: Mapping[str, object], path: str) -> list[str]:
    plain = [
        f"{_format_key(key)} = {_format_value(value)}"
        for key, value in values.items()
        if not isinstance(value, Mapping)
    ]
    lines = plain
    for key, value in values.items():
        if isinstance(value, Mapping):
            place = f"{path}.{_format_key(key)}" if path else _format_key(key)
            inner = _format_table(value, place)
            heading = [] if inner and inner[0].startswith("[") else [f"[{place}]"]
            lines = [*lines, *([""] if lines else []), *heading, *inner]
    return lines


def _format_key(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key) else _format_text(key)


def _format_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _format_value(value: object) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, str):
        return _format_text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_format_value(item) for item in value)}]"
    raise UsageError(f"{value!r} cannot be written as TOML.", remedy="Set it in Python.")
