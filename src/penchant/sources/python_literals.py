"""Values from lines with a Python dictionary as text (the products of the Amazon reviews of 2014).

They are not JSON: strings are in single quotes, or in double quotes where they contain a single one. Nothing is
evaluated: patterns match the keys, all lines at once.
"""

from __future__ import annotations

import polars as pl

from penchant.data.ingest.quarantine import LINE

_SINGLE = r"'(?:[^'\\]|\\.)*'"
_DOUBLE = r'"(?:[^"\\]|\\.)*"'
_STRING = f"(?:{_SINGLE}|{_DOUBLE})"
_KEY = r"[{{,]\s*['\"]{}['\"]\s*:\s*"


def literal(name: str) -> pl.Expr:
    """The string or number of a key, as text; null where the line has none.

    >>> lines = pl.DataFrame({"line": ["{'asin': 'B1', 'title': \\"Bob's\\", 'price': 4.5}", "{'asin': 'B2'}"]})
    >>> lines.select(literal("asin"), literal("title"), literal("price")).rows()
    [('B1', "Bob's", '4.5'), ('B2', None, None)]
    """
    key = _KEY.format(name)
    text = pl.col(LINE).str.extract(f"(?s){key}({_STRING})", 1)
    number = pl.col(LINE).str.extract(rf"{key}(-?\d+(?:\.\d+)?)\s*[,}}]", 1)
    value = pl.coalesce(_plain(text), number).str.strip_chars()
    return pl.when(value != "").then(value).alias(name)


def literal_strings(name: str) -> pl.Expr:
    """Every string in the list (or list of lists) of a key, in order.

    >>> pl.DataFrame({"line": ["{'categories': [['Beauty', \\"Men's\\"], ['Hair']], 'x': 'y'}"]}).select(
    ...     literal_strings("categories")
    ... ).item().to_list()
    ['Beauty', "Men's", 'Hair']
    """
    key = _KEY.format(name)
    body = pl.col(LINE).str.extract(rf"(?s){key}(\[(?:[^\[\]'\"]|{_STRING}|\[(?:[^\[\]'\"]|{_STRING})*\])*\])", 1)
    return body.str.extract_all(_STRING).list.eval(_plain(pl.element())).alias(name)


def _plain(text: pl.Expr) -> pl.Expr:
    """The value of a quoted Python string, by way of a JSON string."""
    inner = text.str.slice(1, text.str.len_chars() - 2)
    mark = "\ue000"  # stands for an escaped backslash while the other escapes are rewritten
    inner = inner.str.replace_all(r"\\", mark, literal=True).str.replace_all(r"\'", "'", literal=True)
    inner = inner.str.replace_all(r"\\x([0-9a-fA-F]{2})", r"\u00$1").str.replace_all(r"\"", '"', literal=True)
    inner = inner.str.replace_all('"', r"\"", literal=True).str.replace_all("\t", r"\t", literal=True)
    inner = inner.str.replace_all(mark, r"\\", literal=True)
    parsed = pl.concat_str(pl.lit('{"v":"'), inner, pl.lit('"}')).str.json_path_match("$.v")
    return pl.coalesce(parsed, text.str.slice(1, text.str.len_chars() - 2))
