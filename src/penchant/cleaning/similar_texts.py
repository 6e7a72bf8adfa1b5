"""Near-duplicate texts: MinHash with banding proposes candidates, an exact Jaccard similarity checks each.

Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman, "Mining of massive
datasets", chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

from penchant.arrays import Float64s, Int64s, UInt64s
from penchant.data.text import Texts, normalise
from penchant.options import require_range


@dataclass(frozen=True)
class SimilarityOptions:
    """Options of MinHash with banding.

    A pair of similarity s becomes a candidate with probability 1 − (1 − s^rows)^bands (.9998 at s = .8 with 16 × 4).
    """

    threshold: float = 0.8
    """Lowest Jaccard similarity of the sets of shingles. Above 0, at most 1."""
    shingle: int = 4
    """Characters of a shingle. 1 or more."""
    bands: int = 16
    """Bands of hash functions. 1 or more."""
    rows: int = 4
    """Hash functions of a band. 1 or more."""
    seed: int = 0
    """Seed of the hash functions. 0 or more."""

    def __post_init__(self) -> None:
        require_range(self, "threshold", above=0, most=1)
        require_range(self, "shingle", "bands", "rows", least=1)
        require_range(self, "seed", least=0)


@dataclass(frozen=True)
class Pairs:
    """Pairs of similar rows: `left` < `right` `[P]`, `similarity` `[P]` from 0 to 1."""

    left: Int64s
    right: Int64s
    similarity: Float64s

    def __len__(self) -> int:
        return len(self.left)


def find_similar_texts(texts: Texts, options: SimilarityOptions = SimilarityOptions()) -> Pairs:
    """Pairs of texts with a similarity of at least `threshold`; case, spaces and punctuation do not count.

    Nulls match nothing. Among many copies of one text not every pair is listed, but all copies stay connected.

    >>> pairs = find_similar_texts(["Red lamp, large!", "red  lamp large", "Blue chair", None, None])
    >>> pairs.left.tolist(), pairs.right.tolist()
    ([0], [1])
    """
    plain = normalise(texts, lower=True).str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    rows, shingles = _hash_shingles(plain.set(plain == "", None), options.shingle)
    if not len(rows):
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty, np.empty(0))
    left, right = _propose_pairs(rows, shingles, options)
    similarity = _compute_jaccard(rows, shingles, left, right, len(plain))
    keep = similarity >= options.threshold
    return Pairs(left[keep], right[keep], similarity[keep])


def group_pairs(pairs: Pairs, n: int) -> Int64s:
    """The group of each of n rows `[N]`: rows connected by pairs have the same number."""
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = sparse.coo_matrix((ones, (pairs.left, pairs.right)), shape=(n, n))
    labels = sparse.csgraph.connected_components(graph, directed=False)[1]
    return np.asarray(labels, dtype=np.int64)


def split_codepoints(texts: pl.Series) -> tuple[npt.NDArray[np.uint32], Int64s]:
    """All characters of a column as code points, and the offset of each row `[N + 1]` (nulls are empty)."""
    lengths = texts.str.len_chars().fill_null(0).to_numpy().astype(np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    joined = "".join(texts.drop_nulls().to_list())
    return np.frombuffer(joined.encode("utf-32-le"), dtype=np.uint32), offsets


def _hash_shingles(texts: pl.Series, size: int) -> tuple[Int64s, UInt64s]:
    """The distinct shingles of every row as 64-bit numbers: parallel arrays (row, shingle), sorted by row."""
    codes, offsets = split_codepoints(texts)
    lengths = np.diff(offsets)
    padded = np.concatenate([codes.astype(np.uint64), np.zeros(size, dtype=np.uint64)])
    counts = np.where(lengths > 0, np.maximum(lengths - size + 1, 1), 0)
    rows = np.repeat(np.arange(len(lengths)), counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(offsets[:-1], counts) + within
    ends = np.repeat(offsets[1:], counts)
    value = np.zeros(len(starts), dtype=np.uint64)
    for step in range(size):  # polynomial hash; a shingle ends with its row
        inside = starts + step < ends
        value = value * np.uint64(0x9E3779B97F4A7C15) + np.where(inside, padded[starts + step] + np.uint64(1), 0)
    value ^= value >> np.uint64(29)
    pairs = np.unique(np.rec.fromarrays([rows, value]))
    return np.asarray(pairs["f0"], dtype=np.int64), np.asarray(pairs["f1"], dtype=np.uint64)


def _propose_pairs(rows: Int64s, shingles: UInt64s, options: SimilarityOptions) -> tuple[Int64s, Int64s]:
    """Pairs that share the signature of at least one band, `left` < `right`, each once."""
    rng = np.random.default_rng(options.seed)
    present, starts = np.unique(rows, return_index=True)
    proposed = []
    for _ in range(options.bands):
        key = np.zeros(len(present), dtype=np.uint64)
        for _ in range(options.rows):
            # One hash function: multiply, shift, mix high bits into low ones; the minimum over a row is its MinHash.
            odd, shift = rng.integers(0, 2**63, size=2, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
            mixed = (shingles * odd + shift) ^ ((shingles * odd + shift) >> np.uint64(31))
            key = key * np.uint64(0x100000001B3) + np.minimum.reduceat(mixed * odd, starts)
        # Rows of a bucket (equal band key) form a chain and a star around the first row, not all pairs.
        order = np.lexsort((present, key))
        same = key[order][1:] == key[order][:-1]
        bucket = np.concatenate([[0], np.cumsum(~same)])
        first = order[np.searchsorted(bucket, bucket)]
        later = np.flatnonzero(same) + 1
        proposed += [(order[later - 1], order[later]), (first[later], order[later])]
    left = present[np.concatenate([pair[0] for pair in proposed])]
    right = present[np.concatenate([pair[1] for pair in proposed])]
    low, high = np.minimum(left, right), np.maximum(left, right)
    unique = np.unique(np.stack([low, high])[:, low < high], axis=1)
    return unique[0], unique[1]


def _compute_jaccard(rows: Int64s, shingles: UInt64s, left: Int64s, right: Int64s, n: int) -> Float64s:
    distinct, columns = np.unique(shingles, return_inverse=True)
    table = sparse.csr_matrix((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(n, len(distinct)))
    sizes = np.bincount(rows, minlength=n)
    # Both sets are rows of a 0/1 matrix: their product counts the shared shingles, |A ∪ B| = |A| + |B| − |A ∩ B|.
    both = np.zeros(len(left), dtype=np.int64)
    for start in range(0, len(left), 100_000):
        part = slice(start, start + 100_000)
        both[part] = np.asarray(table[left[part]].multiply(table[right[part]]).sum(axis=1)).ravel()
    return np.asarray(both / np.maximum(sizes[left] + sizes[right] - both, 1), dtype=np.float64)
