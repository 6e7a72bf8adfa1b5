"""Noise in text: markup, control characters, full-width forms, wrong encodings, long runs of one character."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.cleaning.finding import Mended, noted, with_table
from penchant.cleaning.similar_texts import codepoints
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.text import squeezed

COLUMNS = (schema.TITLE, schema.DESCRIPTION, schema.TEXT)

_TAG = r"(?is)<(script|style)\b.*?</(script|style)\s*>|</?[a-z][^<>]*>|<!--.*?-->"
_ENTITY = r"&(#\d+|#[xX][0-9a-fA-F]+|[A-Za-z]{2,8}\d?);"
_CONT = r"[\x{80}-\x{BF}ŒœŠšŽžŸƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]"
_MOJIBAKE = rf"[ÂÃ]{_CONT}|â{_CONT}{{2}}|([ÎÏÐÑ]{_CONT}){{2}}|([ãäåæçèé]{_CONT}{{2}}){{2}}"
"""Two or three bytes of UTF-8 as Windows-1252 shows them; twice in a row where right text could look like it."""
_CODES = [*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B)]
_WIDE = [chr(code + 0xFEE0) for code in _CODES]
_PLAIN = [chr(code) for code in _CODES]
_MOST = 3
"""Characters of a run that stay: nobody's word has four of one letter in a row."""


@dataclass(frozen=True)
class NoiseOptions:
    """Which kinds of noise are removed from text. Each is counted separately."""

    markup: bool = True
    """Whether HTML tags and entities are removed."""
    encoding: bool = True
    """Whether text that was decoded with the wrong encoding is repaired."""
    forms: bool = True
    """Whether full-width letters and digits become plain ones, and invisible characters are removed."""
    runs: bool = True
    """Whether runs of four or more of one character become three; digits stay."""


def clean_texts(dataset: Dataset, options: NoiseOptions = NoiseOptions(), columns: Sequence[str] = COLUMNS) -> Mended:
    """Take noise out of the text columns of items, users and events; cells left empty become missing."""
    cells: dict[str, int] = {}
    notes: list[str] = []
    for table in (schema.ITEMS, schema.USERS, schema.EVENTS):
        frame: pl.DataFrame = getattr(dataset, table)
        for name in columns:
            if frame.schema.get(name) != pl.String:
                continue
            text, counts = without_noise(frame[name], options)
            if not counts:
                continue
            frame = frame.with_columns(text.alias(name))
            cells |= {f"{table}.{name}.{kind}": count for kind, count in counts.items()}
            notes.append(f"{name}: " + ", ".join(f"{count:,} cells with {kind}" for kind, count in counts.items()))
            dataset = noted(dataset, table, notes[-1] + " mended")
        dataset = with_table(dataset, table, frame)
    return Mended(dataset, cells, notes)


def without_noise(text: pl.Series, options: NoiseOptions = NoiseOptions()) -> tuple[pl.Series, dict[str, int]]:
    """A column without noise, and how many cells each kind of noise was in.

    >>> text, counts = without_noise(pl.Series(["<b>Tea</b> &amp; cake", "CafÃ©", "sooooo good", "fine", None]))
    >>> text.to_list(), counts
    (['Tea & cake', 'Café', 'sooo good', 'fine', None], {'markup': 1, 'wrong encoding': 1, 'long runs': 1})
    """
    steps: tuple[tuple[str, bool, Callable[[pl.Series], pl.Series]], ...] = (
        ("markup", options.markup, without_markup),
        ("wrong encoding", options.encoding, right_encoding),
        ("odd forms", options.forms, plain_forms),
        ("long runs", options.runs, short_runs),
    )
    counts: dict[str, int] = {}
    for kind, wanted, step in steps:
        if not wanted:
            continue
        after = step(text)
        changed = int((after.fill_null("") != text.fill_null("")).sum())
        if changed:
            counts[kind] = changed
            text = after
    return text, counts


def without_markup(text: pl.Series) -> pl.Series:
    """Tags become spaces, entities (`&amp;`, `&#233;`) the characters they stand for."""
    tagged = text.str.contains(_TAG).fill_null(False)
    out = text.str.replace_all(_TAG, " ")
    named = out.str.contains(_ENTITY).fill_null(False)
    out = _by_value(out, named, html.unescape) if named.any() else out
    tidy = squeezed(out)
    return pl.select(pl.when(tagged | named).then(tidy).otherwise(text)).to_series()


def plain_forms(text: pl.Series) -> pl.Series:
    """Full-width letters and digits become plain, invisible characters go, spaces are single; punctuation stays.

    >>> plain_forms(pl.Series(["ＡＢＣ１２３，好！", "a\u200b  b"])).to_list()
    ['ABC123，好！', 'a b']
    """
    out = text.str.normalize("NFC").str.replace_many(_WIDE, _PLAIN)
    return squeezed(out)


def right_encoding(text: pl.Series) -> pl.Series:
    """Text that was UTF-8 and read as Windows-1252 ("CafÃ©") is read again; what does not fit stays as it is."""
    odd = text.str.contains(_MOJIBAKE).fill_null(False)
    return _by_value(text, odd, _read_again) if odd.any() else text


def short_runs(text: pl.Series) -> pl.Series:
    """Runs of four or more of one letter or mark become three ("sooooo" → "sooo"); digits stay.

    >>> short_runs(pl.Series(["哈哈哈哈哈", "!!!!!!", "10000000", "aab"])).to_list()
    ['哈哈哈', '!!!', '10000000', 'aab']
    """
    codes, offsets = codepoints(text)
    if not len(codes):
        return text
    new = np.ones(len(codes), dtype=bool)
    new[1:] = codes[1:] != codes[:-1]
    new[offsets[:-1][offsets[:-1] < len(codes)]] = True
    starts = np.flatnonzero(new)
    place = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    digit = (codes >= 48) & (codes <= 57)
    drop = (place >= _MOST) & ~digit
    rows = np.unique(np.searchsorted(offsets, np.flatnonzero(drop), side="right") - 1)
    if not len(rows):
        return text
    shorter = [
        codes[span][~drop[span]].tobytes().decode("utf-32-le")
        for span in (slice(offsets[row], offsets[row + 1]) for row in rows)
    ]
    return text.clone().scatter(rows, shorter)


def _by_value(text: pl.Series, rows: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """`change` applied to the distinct texts of some rows."""
    values = text.filter(rows).unique(maintain_order=True)
    changed = pl.Series([change(value) for value in values], dtype=pl.String)
    return pl.select(pl.when(rows).then(text.replace_strict(values, changed, default=None)).otherwise(text)).to_series()


def _read_again(text: str) -> str:
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text
