"""Words and character n-grams of many texts as 64-bit hashes: vectorised, and equal on every machine.

The hash of any run of characters comes from two prefix sums of a polynomial hash modulo 2⁶⁴ (Karp and Rabin 1987),
so no text is split in Python. A vocabulary is a sorted array of numbers, not a list of strings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Int8s, Int64s, UInt64s

_BASE: Final = 0x9E3779B97F4A7C15
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_GAP, _LETTER, _DENSE = 0, 1, 2
_BOUNDARY: Final = 32

ALPHABETIC_SIZES: Final = (3, 4, 5)
"""Characters in an n-gram of scripts that put spaces between words; word boundaries count as a character."""
DENSE_SIZES: Final = (1, 2, 3)
"""The same for scripts without spaces (Han, kana, Hangul, Thai …) and for pictographs."""

_DENSE_RANGES: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x312F),  # radicals, kana, bopomofo
    (0x3130, 0x318F),  # Hangul jamo
    (0x31A0, 0x9FFF),  # Han
    (0xAC00, 0xD7AF),  # Hangul
    (0xF900, 0xFAFF),  # Han, compatibility
    (0x20000, 0x3FFFF),  # Han, extensions
)


@dataclass(frozen=True)
class Spans:
    """Occurrences of words and of character n-grams: the row of the text, and the hash."""

    word_rows: Int64s
    words: UInt64s
    gram_rows: Int64s
    grams: UInt64s


def to_series(texts: Sequence[str | None] | pl.Series) -> pl.Series:
    """Texts as a column."""
    return texts if isinstance(texts, pl.Series) else pl.Series("text", list(texts), dtype=pl.String)


def hash_spans(texts: Sequence[str | None] | pl.Series) -> Spans:
    """Every word and every character n-gram of N texts (NFKC, lower case), with its row."""
    folded = (
        to_series(texts).fill_null("").str.normalize("NFKC").str.to_lowercase().str.replace_all("\0", " ", literal=True)
    )
    joined = "\0" + "\0".join(folded.to_list()) + "\0"
    points = np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32)
    rows = np.cumsum(points == 0) - 1
    kinds = _classify(points)
    prefix, powers = _hash_prefixes(np.where(kinds == _GAP, np.uint32(_BOUNDARY), points))
    starts, stops = _find_words(kinds)
    words = _hash(prefix, powers, starts, stops, salt=1)
    grams = [_find_grams(kinds, size, dense=False) for size in ALPHABETIC_SIZES]
    grams += [_find_grams(kinds, size, dense=True) for size in DENSE_SIZES]
    sizes = np.repeat(np.array(ALPHABETIC_SIZES + DENSE_SIZES), [len(g) for g in grams])
    first = np.concatenate(grams)
    # the separator before a text has the row of that text, so an n-gram may start on it
    return Spans(rows[starts], words, rows[first], _hash(prefix, powers, first, first + sizes, salt=2))


def _classify(points: npt.NDArray[np.uint32]) -> Int8s:
    """Gap, letter or dense script, for each character."""
    distinct, inverse = np.unique(points, return_inverse=True)
    dense = np.zeros(len(distinct), dtype=bool)
    for low, high in _DENSE_RANGES:
        dense |= (distinct >= low) & (distinct <= high)
    groups = [unicodedata.category(chr(point)) for point in distinct.tolist()]
    letter = np.array([group[0] in "LNM" for group in groups], dtype=bool)
    picture = np.array([group == "So" for group in groups], dtype=bool)
    table = np.where(picture | (dense & letter), _DENSE, np.where(letter, _LETTER, _GAP)).astype(np.int8)
    return table[inverse]


def _mix(values: UInt64s) -> UInt64s:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014): close inputs get unrelated outputs."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _hash_prefixes(points: npt.NDArray[np.uint32]) -> tuple[UInt64s, UInt64s]:
    """Σ_{j<i} mix(c_j)·Bʲ for every i, and B⁻ⁱ, both modulo 2⁶⁴."""
    powers = np.full(len(points), _BASE, dtype=np.uint64)
    powers[0] = 1
    powers = np.cumprod(powers)
    prefix = np.zeros(len(points) + 1, dtype=np.uint64)
    np.cumsum(_mix(points.astype(np.uint64) + np.uint64(1)) * powers, out=prefix[1:])
    inverse = np.full(len(points) + 1, _INVERSE, dtype=np.uint64)
    inverse[0] = 1
    return prefix, np.cumprod(inverse)


def _hash(prefix: UInt64s, powers: UInt64s, starts: Int64s, stops: Int64s, *, salt: int) -> UInt64s:
    """Hash of the characters `starts:stops`, equal at every position."""
    # the difference is Σ mix(c_j)·Bʲ over the span; times B⁻ˢᵗᵃʳᵗ it no longer depends on the position
    values = (prefix[stops] - prefix[starts]) * powers[starts]
    lengths = (stops - starts).astype(np.uint64)
    return _mix(values + lengths * np.uint64(0xD1342543DE82EF95) + np.uint64(salt))


def _find_words(kinds: Int8s) -> tuple[Int64s, Int64s]:
    """Starts and stops of the longest runs of letters."""
    edges = np.diff((kinds == _LETTER).astype(np.int8))
    return np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1


def _find_grams(kinds: Int8s, size: int, *, dense: bool) -> Int64s:
    """Starts of the n-grams: dense characters only, or letters with a gap allowed at either end."""
    last = len(kinds) - size
    if last < 0:
        return np.empty(0, dtype=np.int64)
    wanted = kinds == (_DENSE if dense else _LETTER)
    if dense:
        counts = np.concatenate([[0], np.cumsum(wanted)])
        good = counts[size:] - counts[:-size] == size
        return np.flatnonzero(good)
    counts = np.concatenate([[0], np.cumsum(wanted)])
    starts = np.arange(last + 1)
    inner = counts[starts + size - 1] - counts[starts + 1] == size - 2
    ends = (wanted[starts] | (kinds[starts] == _GAP)) & (wanted[starts + size - 1] | (kinds[starts + size - 1] == _GAP))
    return np.flatnonzero(inner & ends)
