"""Converts raw columns to ids, numbers, lists and text."""

from __future__ import annotations

import polars as pl

_INTEGRAL = r"^-?\d+\.0+$"
DECIDING = 100
"""Number of ids that decide whether a column may hold integers written as decimals."""


def is_decimal(column: pl.Series) -> bool:
    """Whether the first ids of a column of text are all integers written as decimals (`7.0`)."""
    first = column.drop_nulls().head(DECIDING) if column.dtype == pl.String else pl.Series([], dtype=pl.String)
    return bool(len(first)) and bool(first.str.contains(_INTEGRAL).all())


def parse_ids(column: pl.Series, *, decimals: bool = True) -> pl.Series:
    """External ids as text: trimmed, empty ones null; decimals such as 1.0 (from columns with nulls) lose the ".0".

    `decimals` False leaves text as it is, for pieces of a table whose ids are not decimals.
    """
    kind = column.dtype
    if kind.is_float():
        integral = (column.round() == column) & (column.abs() < 2**53)
        text = column.cast(pl.String)
        if integral.any():
            plain = column.cast(pl.Int64, strict=False).cast(pl.String)
            text = pl.select(pl.when(integral).then(plain).otherwise(text)).to_series()
        return text.set(column.is_nan().fill_null(False), None)
    if kind == pl.Binary:
        return column.cast(pl.String, strict=False)
    if kind.is_nested() or kind == pl.Object:
        return as_text(column)
    text = column.cast(pl.String)
    if kind != pl.String:
        return text
    edge = text.str.contains(r"^\s|\s$")
    if edge.any() or (text == "").any():
        text = text.str.strip_chars()
        text = text.set(text == "", None)
    if decimals and is_decimal(text) and text.drop_nulls().str.contains(_INTEGRAL).all():
        text = text.str.replace(r"\.0+$", "")
    return text


def as_text(column: pl.Series) -> pl.Series:
    """Any column as text; empty text is null."""
    kind = column.dtype
    if isinstance(kind, pl.List) and kind.inner == pl.String:
        text = column.list.join(", ")
    elif kind.is_nested():
        text = column.to_frame("x").select(pl.struct("x").struct.json_encode()).to_series()
        text = text.set(column.is_null(), None)
    elif kind == pl.Object:
        text = column.map_elements(str, return_dtype=pl.String)
    else:
        text = column.cast(pl.String, strict=False)
    blank = text.str.strip_chars() == ""
    return text.set(blank, None) if blank.any() else text


def parse_numbers(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A column as Float64, and a mask of the cells that are not numbers."""
    kind = column.dtype
    if kind.is_numeric() or kind == pl.Boolean:
        return column.cast(pl.Float64), pl.repeat(False, len(column), dtype=pl.Boolean, eager=True)
    text = as_text(column).str.strip_chars()
    out = text.cast(pl.Float64, strict=False)
    return out, out.is_null() & text.is_not_null()


def parse_lists(column: pl.Series) -> pl.Series:
    """A list of text: from lists, `a|b`, JSON or Python lists as text (`['a', 'b']`); trimmed, empty ones null."""
    kind = column.dtype
    if isinstance(kind, (pl.List, pl.Array)):
        column = column.cast(pl.List(kind.inner))
        out = column if kind.inner == pl.String else column.cast(pl.List(pl.String), strict=False)
    else:
        text = as_text(column)
        bracketed = text.str.strip_chars().str.contains(r"^\[.*\]$").fill_null(False)
        out = text.str.split("|")
        if bracketed.any():
            inner = text.str.strip_chars().str.strip_chars("[]")
            quoted = inner.str.extract_all(r"'([^']*)'|\"([^\"]*)\"")
            quoted = quoted.list.eval(pl.element().str.slice(1, pl.element().str.len_chars() - 2))
            bare = inner.str.split(",")
            has_quotes = inner.str.contains("['\"]")
            listed = pl.select(pl.when(has_quotes).then(quoted).otherwise(bare)).to_series()
            out = pl.select(pl.when(bracketed).then(listed).otherwise(out)).to_series()
    trimmed = pl.element().str.strip_chars()
    out = out.list.eval(trimmed.filter(trimmed.is_not_null() & (trimmed != "")))
    return out.set(out.list.len() == 0, None) if (out.list.len() == 0).any() else out


def infer_numbers(column: pl.Series) -> pl.Series:
    """A text column as numbers if every cell is a number without a leading zero or plus, else unchanged."""
    if column.dtype != pl.String:
        return column
    present = column.drop_nulls()
    if not len(present) or present.str.contains(r"^[+\s]|^-?0\d|\s$").any():
        return column
    for kind in (pl.Int64, pl.Float64):
        if present.head(100).cast(kind, strict=False).null_count():
            continue
        numbers = column.cast(kind, strict=False)
        if numbers.null_count() == column.null_count():
            return numbers
    return column


def convert_like(column: pl.Series, known: pl.Series) -> pl.Series:
    """A column converted to the type of `known`; null where a cell cannot be converted.

    Fractions beside known integers are kept: the result is then Float64, if all known values fit into it.

    >>> convert_like(pl.Series(["1.5", "cheap"]), pl.Series([3, 4])).to_list()
    [1.5, None]
    """
    kind = known.dtype
    if column.dtype == kind:
        return column
    if kind == pl.String:
        return as_text(column)
    if kind == pl.List(pl.String):
        return parse_lists(column)
    if kind == pl.Boolean and column.dtype == pl.String:
        word = column.str.strip_chars().str.to_lowercase()
        return (word == "true").set(~word.is_in(["true", "false"]), None)
    try:
        converted = column.cast(kind, strict=kind.is_nested())
        exact = column.cast(pl.Float64, strict=False) if kind.is_integer() else converted
    except pl.exceptions.PolarsError:
        return pl.Series(column.name, [None] * len(column), dtype=kind)
    if not kind.is_integer():
        return converted
    other = exact.is_not_null() & (converted.cast(pl.Float64) != exact).fill_null(True)
    if not other.any():
        return converted
    fits = known.cast(pl.Float64).cast(kind, strict=False).equals(known)
    return exact if fits else converted.set(other, None)


def replace_non_finite(column: pl.Series) -> tuple[pl.Series, int]:
    """A column of numbers with NaN and infinities replaced by null, and their count."""
    if not column.dtype.is_float():
        return column, 0
    bad = ~column.is_finite().fill_null(True)
    count = int(bad.sum())
    return (column.set(bad, None), count) if count else (column, 0)


def fold_name(name: str) -> str:
    """A name in lower case without spaces, `_` and `-`, for comparisons."""
    return "".join(c for c in name.lower() if c not in " _-")
