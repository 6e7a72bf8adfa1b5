"""Traditional and simplified Chinese, converted where asked (OpenCC, the extra `lang`)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, get_args

import polars as pl

from penchant.errors import MissingExtraError, OptionError

Script = Literal["simplified", "traditional"]

_CONFIG = {"simplified": "t2s", "traditional": "s2t"}


def converted(text: pl.Series, to: Script = "simplified") -> pl.Series:
    """A column in one Chinese script; other text and nulls stay. Raises `MissingExtraError` without OpenCC."""
    if to not in get_args(Script):
        raise OptionError("script", to, allowed=get_args(Script))
    convert = _converter(_CONFIG[to])
    chinese = text.str.contains(r"\p{Han}").fill_null(False)
    values = text.filter(chinese).unique(maintain_order=True)
    changed = pl.Series([convert(value) for value in values], dtype=pl.String)
    new = text.replace_strict(values, changed, default=None) if len(values) else text
    return pl.select(pl.when(chinese).then(new).otherwise(text)).to_series().alias(text.name)


@functools.cache
def _converter(config: str) -> Callable[[str], str]:
    try:
        import opencc
    except ImportError:
        raise MissingExtraError("opencc", "lang") from None
    converter: Any = opencc.OpenCC(config)

    def convert(text: str) -> str:
        return str(converter.convert(text))

    return convert
