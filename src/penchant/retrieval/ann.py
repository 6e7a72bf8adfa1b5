"""Approximate search for large catalogues: faiss IVF with 8-bit codes, its recall measured when it is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from penchant.arrays import Bools, Float32s, Int64s
from penchant.data.ragged import Ragged
from penchant.errors import require_extra
from penchant.options import require_range
from penchant.retrieval.exact import ExactIndex, Ranked, check_arguments, create_empty, require_users, select_best

SAMPLE = 256
"""Number of queries that measure recall."""
FEW = 0.05
"""Share of allowed items below which the search is exact."""


@dataclass(frozen=True)
class ANNOptions:
    """Options of the approximate index."""

    lists: int = 0
    """Cells that the items are put in. 0 or more; 0 takes about 4·√N."""
    probes: int = 0
    """Cells that a query searches. 0 or more; 0 takes the fewest, doubling from 4, that reach `recall`."""
    recall: float = 0.95
    """Lowest share of the exact top ten to find, measured on items as queries. Above 0, at most 1."""
    spare: int = 4
    """Candidates for each item of a list that are scored again exactly. 1 or more."""

    def __post_init__(self) -> None:
        require_range(self, "lists", "probes", least=0)
        require_range(self, "spare", least=1)
        require_range(self, "recall", above=0, most=1)


class ANNIndex:
    """Inverted lists with scalar quantisation (Jégou et al., TPAMI 2011), dot product, candidates scored exactly.

    `recall` is the mean share of the exact top ten that sample queries return, measured when the index is built.
    """

    def __init__(
        self,
        item_vectors: Float32s,
        options: ANNOptions | None = None,
        *,
        queries: Float32s | None = None,
        seed: int = 0,
    ) -> None:
        """`item_vectors` `[N, D]`; `queries` `[Q, D]`: user vectors on which recall is measured (default: items).

        Raises `MissingExtraError` if faiss is not installed, `DataError` for vectors that are not finite.
        """
        self.options = options or ANNOptions()
        self.exact = ExactIndex(item_vectors)
        rng = np.random.default_rng(seed)
        if queries is None or not len(queries):
            rows = np.sort(rng.choice(len(self.exact), min(SAMPLE, len(self.exact)), replace=False))
            queries = self.exact.item_vectors[rows]
        queries = require_users(queries, self.exact.dim)[:SAMPLE]
        self._faiss = _build_index(self.exact.item_vectors, self.lists, seed)
        self.probes, self.recall = self._tune(queries)

    def __len__(self) -> int:
        return len(self.exact)

    @property
    def lists(self) -> int:
        """Number of cells: at most one for 40 items, so that each cell is learned from enough of them."""
        wanted = self.options.lists or int(4 * np.sqrt(len(self.exact)))
        return max(1, min(wanted, len(self.exact) // 40))

    def search(
        self,
        user_vectors: Float32s,
        k: int,
        *,
        exclude: Ragged | None = None,
        allowed: Bools | None = None,
    ) -> Ranked:
        """Nearly the k best items for every user vector `[B, D]`; arguments and result as of `ExactIndex.search`.

        Rows for which fewer than k candidates are left, and searches that allow few items, are done exactly.
        """
        users = require_users(user_vectors, self.exact.dim)
        check_arguments(k, len(users), len(self), exclude, allowed)
        if not len(users) or (allowed is not None and allowed.mean() < FEW):
            return self.exact.search(users, k, exclude=exclude, allowed=allowed)
        closed = exclude or Ragged.empty(len(users))
        items, scores = create_empty(len(users), k)
        wanted = self._count_candidates(k, closed.lengths, allowed)
        for size in np.unique(wanted):
            rows = np.flatnonzero(wanted == size)
            items[rows], scores[rows] = self._search_candidates(users[rows], k, int(size), closed.take(rows), allowed)
        short = np.flatnonzero(items[:, -1] < 0)
        if len(short):
            items[short], scores[short] = self.exact.search(
                users[short], k, exclude=closed.take(short), allowed=allowed
            )
        return items, scores

    def _count_candidates(self, k: int, excluded: Int64s, allowed: Bools | None) -> Int64s:
        """Candidates to request `[B]`: enough for those that filters remove; powers of two, so that few sizes occur."""
        share = 1.0 if allowed is None else float(allowed.mean())
        need = (k * self.options.spare + excluded) / max(share, FEW)
        return np.minimum(np.exp2(np.ceil(np.log2(need))), len(self)).astype(np.int64)

    def _search_candidates(
        self,
        users: Float32s,
        k: int,
        size: int,
        exclude: Ragged,
        allowed: Bools | None,
    ) -> Ranked:
        items, scores = create_empty(len(users), k)
        _, candidates = self._faiss.search(users, size)
        keep = candidates >= 0
        if allowed is not None:
            keep &= allowed[np.maximum(candidates, 0)]
        if len(exclude.values):
            hidden = np.sort(exclude.rows * len(self) + exclude.values)
            keys = np.arange(len(users))[:, None] * len(self) + candidates
            place = np.minimum(np.searchsorted(hidden, keys), len(hidden) - 1)
            keep &= hidden[place] != keys
        rows, columns = np.nonzero(keep)
        codes = candidates[rows, columns]
        order = np.lexsort((codes, rows))
        rows, codes = rows[order], codes[order]
        values = np.einsum("cd,cd->c", self.exact.item_vectors[codes], users[rows])
        select_best(rows, codes, values, items, scores)
        return items, scores

    def _tune(self, queries: Float32s) -> tuple[int, float]:
        """The number of probes and the recall it gives on the queries."""
        k = min(10, len(self))
        right, _ = self.exact.search(queries, k)
        probes = self.options.probes or min(4, self.lists)
        while True:
            self._faiss.nprobe = min(probes, self.lists)
            candidates, _ = self._search_candidates(
                queries, k, min(k * self.options.spare, len(self)), Ragged.empty(len(queries)), None
            )
            recall = float((candidates[:, :, None] == right[:, None, :]).any(axis=1).mean()) if k else 1.0
            if self.options.probes or recall >= self.options.recall or probes >= self.lists:
                return min(probes, self.lists), recall
            probes *= 2


def _build_index(vectors: Float32s, lists: int, seed: int) -> Any:
    """A faiss index `IVF…,SQ8` over the vectors, by inner product."""
    with require_extra("faiss-cpu", "ann"):
        import faiss
    dim = vectors.shape[1]
    quantiser = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(
        quantiser, dim, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = seed + 1
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add(vectors)
    return index
