"""Traditional and simplified Chinese, converted on request (OpenCC, the extra `lang`)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import polars as pl

from penchant.cleaning.finding import Repair, count_changes, repair_texts
from penchant.data.dataset import Dataset
from penchant.errors import OptionError, require_extra

_CONFIGURATIONS: Final = {"simplified": "t2s", "traditional": "s2t"}
SCRIPTS: Final = tuple(_CONFIGURATIONS)


def convert_script(dataset: Dataset, script: str) -> Repair:
    """Convert Chinese in the text columns of items, users and events to one script; raises `MissingExtraError`."""

    other = next(name for name in SCRIPTS if name != script)

    def change(text: pl.Series) -> tuple[pl.Series, dict[str, int]]:
        after = convert_text(text, script)
        count = count_changes(text, after)
        return after, {f"{other} characters": count} if count else {}

    return repair_texts(dataset, change)


def convert_text(text: pl.Series, script: str = "simplified") -> pl.Series:
    """A column in one Chinese script; other text and nulls stay. Raises `MissingExtraError` without OpenCC."""
    if script not in SCRIPTS:
        raise OptionError("script", script, allowed=SCRIPTS)
    convert = _load_converter(_CONFIGURATIONS[script])
    chinese = text.str.contains(r"\p{Han}").fill_null(False)
    values = text.filter(chinese).unique(maintain_order=True)
    changed = pl.Series([convert(value) for value in values], dtype=pl.String)
    new = text.replace_strict(values, changed, default=None) if len(values) else text
    return pl.select(pl.when(chinese).then(new).otherwise(text)).to_series().alias(text.name)


@functools.cache
def _load_converter(configuration: str) -> Callable[[str], str]:
    with require_extra("opencc", "lang"):
        import opencc
    converter: Any = opencc.OpenCC(configuration)

    def convert(text: str) -> str:
        return str(converter.convert(text))

    return convert
