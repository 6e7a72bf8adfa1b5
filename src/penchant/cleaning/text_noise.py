"""Noise in texts: markup, control characters, full-width forms, wrong encodings, long runs of one character."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.cleaning.finding import TEXT_COLUMNS, Repair, count_changes, repair_texts
from penchant.cleaning.similar_texts import split_codepoints
from penchant.data.dataset import Dataset
from penchant.data.text import squeeze

_TAG = r"(?is)<(script|style)\b.*?</(script|style)\s*>|</?[a-z][^<>]*>|<!--.*?-->"
_ENTITY = r"&(#\d+|#[xX][0-9a-fA-F]+|[A-Za-z]{2,8}\d?);"
_CONT = r"[\x{80}-\x{BF}ŒœŠšŽžŸƒˆ˜–—‘’‚“”„†‡•…‰‹›€™]"
_MOJIBAKE = rf"[ÂÃ]{_CONT}|â{_CONT}{{2}}|([ÎÏÐÑ]{_CONT}){{2}}|([ãäåæçèé]{_CONT}{{2}}){{2}}"
"""Two or three bytes of UTF-8 as Windows-1252 shows them; twice in a row where correct text could look the same."""
_CODES = [*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B)]
_WIDE = [chr(code + 0xFEE0) for code in _CODES]
_PLAIN = [chr(code) for code in _CODES]
_LONGEST_RUN = 3
"""Length to which a run of one character is cut: no correct word has four of one letter in a row."""


@dataclass(frozen=True)
class NoiseOptions:
    """Kinds of noise to remove from texts; the report counts each separately."""

    markup: bool = True
    """Whether HTML tags and entities are removed."""
    encoding: bool = True
    """Whether text that was decoded with the wrong encoding is repaired."""
    forms: bool = True
    """Whether full-width letters and digits become plain ones, and invisible characters are removed."""
    runs: bool = True
    """Whether runs of four or more of one character become three; digits stay."""


def remove_noise(
    dataset: Dataset, options: NoiseOptions = NoiseOptions(), columns: Sequence[str] = TEXT_COLUMNS
) -> Repair:
    """Remove noise from the text columns of items, users and events; a cell that becomes empty counts as missing."""
    return repair_texts(dataset, lambda text: remove_column_noise(text, options), columns)


def remove_column_noise(text: pl.Series, options: NoiseOptions = NoiseOptions()) -> tuple[pl.Series, dict[str, int]]:
    """A column without noise, and the number of cells with each kind of noise.

    >>> text, counts = remove_column_noise(pl.Series(["<b>Tea</b> &amp; cake", "CafÃ©", "sooooo good", "fine", None]))
    >>> text.to_list(), counts
    (['Tea & cake', 'Café', 'sooo good', 'fine', None], {'markup': 1, 'wrong encoding': 1, 'long runs': 1})
    """
    steps: tuple[tuple[str, bool, Callable[[pl.Series], pl.Series]], ...] = (
        ("markup", options.markup, remove_markup),
        ("wrong encoding", options.encoding, fix_encoding),
        ("odd forms", options.forms, normalise_forms),
        ("long runs", options.runs, shorten_runs),
    )
    counts: dict[str, int] = {}
    for kind, wanted, step in steps:
        if not wanted:
            continue
        after = step(text)
        changed = count_changes(text, after)
        if changed:
            counts[kind] = changed
            text = after
    return text, counts


def remove_markup(text: pl.Series) -> pl.Series:
    """Replace tags by spaces; entities (`&amp;`, `&#233;`) become the characters they stand for."""
    tagged = text.str.contains(_TAG).fill_null(False)
    out = text.str.replace_all(_TAG, " ")
    named = out.str.contains(_ENTITY).fill_null(False)
    out = _change_values(out, named, html.unescape) if named.any() else out
    tidy = squeeze(out)
    return pl.select(pl.when(tagged | named).then(tidy).otherwise(text)).to_series()


def normalise_forms(text: pl.Series) -> pl.Series:
    """Full-width letters and digits become ASCII, invisible characters are removed, spaces become single; punctuation
    stays.

    >>> normalise_forms(pl.Series(["ＡＢＣ１２３，好！", "a\u200b  b"])).to_list()
    ['ABC123，好！', 'a b']
    """
    out = text.str.normalize("NFC").str.replace_many(_WIDE, _PLAIN)
    return squeeze(out)


def fix_encoding(text: pl.Series) -> pl.Series:
    """Decode UTF-8 that was read as Windows-1252 ("CafÃ©"); text that does not decode stays as it is."""
    odd = text.str.contains(_MOJIBAKE).fill_null(False)
    return _change_values(text, odd, _redecode) if odd.any() else text


def shorten_runs(text: pl.Series) -> pl.Series:
    """Runs of four or more of one letter or mark become three ("sooooo" → "sooo"); digits stay.

    >>> shorten_runs(pl.Series(["哈哈哈哈哈", "!!!!!!", "10000000", "aab"])).to_list()
    ['哈哈哈', '!!!', '10000000', 'aab']
    """
    codes, offsets = split_codepoints(text)
    if not len(codes):
        return text
    new = np.ones(len(codes), dtype=bool)
    new[1:] = codes[1:] != codes[:-1]
    new[offsets[:-1][offsets[:-1] < len(codes)]] = True
    starts = np.flatnonzero(new)
    position = np.arange(len(codes)) - np.repeat(starts, np.diff(np.append(starts, len(codes))))
    digit = (codes >= 48) & (codes <= 57)
    drop = (position >= _LONGEST_RUN) & ~digit
    rows = np.unique(np.searchsorted(offsets, np.flatnonzero(drop), side="right") - 1)
    if not len(rows):
        return text
    shorter = [
        codes[span][~drop[span]].tobytes().decode("utf-32-le")
        for span in (slice(offsets[row], offsets[row + 1]) for row in rows)
    ]
    return text.clone().scatter(rows, shorter)


def _change_values(text: pl.Series, rows: pl.Series, change: Callable[[str], str]) -> pl.Series:
    """Apply `change` to the distinct texts of the given rows."""
    values = text.filter(rows).unique(maintain_order=True)
    changed = pl.Series([change(value) for value in values], dtype=pl.String)
    return pl.select(pl.when(rows).then(text.replace_strict(values, changed, default=None)).otherwise(text)).to_series()


def _redecode(text: str) -> str:
    for encoding in ("cp1252", "latin-1"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return text
