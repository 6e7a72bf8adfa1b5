"""Graph embeddings of items and users from random walks over events, co-occurrence and `relations`.

DeepWalk (Perozzi et al. 2014) with the biased steps of node2vec (Grover and Leskovec 2016). In place of skip-gram, the
matrix that it factorises: shifted positive PMI of the windows of walks, then a truncated SVD (Levy and Goldberg 2014;
Qiu et al., "Network embedding as matrix factorization", 2018). The closed form is reproducible to the byte and needs no
package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import scipy.sparse as sp

from penchant.arrays import Floats, Int64s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modality
from penchant.data.precomputed import PrecomputedEmbeddings
from penchant.data.sequences import SequenceBatch
from penchant.embeddings.behaviour import (
    compute_shifted_ppmi,
    count_cooccurrences,
    embed_matrix,
    resolve_kind_weights,
    sum_action_weights,
)
from penchant.options import require_range

SOCIAL_KINDS: Final = frozenset({"follows", "friend", "friends", "friend_of", "knows", "blocks"})
"""Relations whose ids name users where an id is both a user and an item. In other relations it names the item."""

_MOST_REJECTIONS: Final = 20


@dataclass(frozen=True)
class GraphOptions:
    """Options of the graph modality: vectors from random walks over items, users and relations (node2vec)."""

    enabled: bool = False
    """Whether the modality is computed."""
    dim: int = 64
    """Length of the vectors. 1 or more."""
    walks: int = 10
    """Walks from every node. 1 or more."""
    length: int = 20
    """Nodes of a walk. 1 or more."""
    window: int = 5
    """Distance up to which two nodes of a walk form a pair, nodes. 1 or more."""
    p: float = 1.0
    """node2vec's p. Above 0; below 1 walks return to the node before more often, 1 is DeepWalk."""
    q: float = 1.0
    """node2vec's q. Above 0; below 1 walks move outward more often, 1 is DeepWalk."""
    neighbours: int = 3
    """Distance up to which two events of a history link their items, events. 0 or more; 0 links none."""
    events: bool = True
    """Whether events are edges between users and items."""
    relations: bool = True
    """Whether rows of `relations` are edges."""
    shift: float = 1.0
    """k of the shifted pointwise mutual information. Above 0."""

    def __post_init__(self) -> None:
        require_range(self, "dim", "walks", "length", "window", least=1, part="graph.")
        require_range(self, "p", "q", "shift", above=0, part="graph.")
        require_range(self, "neighbours", least=0, part="graph.")


def embed_graph(
    dataset: Dataset,
    options: GraphOptions = GraphOptions(enabled=True),
    *,
    weights: Mapping[str, float] | None = None,
    seed: int = 0,
) -> tuple[Modality, PrecomputedEmbeddings]:
    """The graph modality of every item (row = item code) and of every user; nodes without an edge are absent.

    `weights` of kinds of events override `ACTION_WEIGHTS`. The dataset must hold training events only.
    """
    edges = build_graph(dataset, options, weights)
    counts = count_walk_pairs(edges, options, seed=seed)
    matrix = compute_shifted_ppmi(counts, shift=options.shift, smoothing=0.75)
    name = (
        f"graph walks={options.walks} length={options.length} window={options.window} p={options.p} "
        f"q={options.q} neighbours={options.neighbours} seed={seed}"
    ) + "".join(f" {kind}={weight}" for kind, weight in sorted((weights or {}).items()))
    nodes = embed_matrix(matrix, options.dim, name, seed=seed)
    items, users = np.arange(dataset.n_items), np.arange(dataset.n_users) + dataset.n_items
    return nodes.take(items), PrecomputedEmbeddings(
        schema.GRAPH, schema.USERS, dataset.user_vocabulary.ids, nodes.take(users)
    )


def build_graph(
    dataset: Dataset, options: GraphOptions = GraphOptions(enabled=True), weights: Mapping[str, float] | None = None
) -> sp.csr_array:
    """Transition weights `[V, V]`: nodes are items, then users, then ids that only `relations` name.

    The three types of edges have equal weight at each node. Negative events do not form edges.
    """
    n_items, n_users = dataset.n_items, dataset.n_users
    related, n_nodes = _read_relations(dataset) if options.relations else (None, n_items + n_users)
    parts: list[sp.csr_array] = []
    histories = dataset.sequences()
    if options.events and histories.n_events:
        actions = resolve_kind_weights(dataset.kinds.ids.to_list(), weights)
        strength = sum_action_weights(histories, actions, n_items).tocoo()
        kept = strength.data > 0
        ends = (strength.coords[0][kept] + n_items, strength.coords[1][kept])
        parts.append(_build_symmetric(ends, strength.data[kept], n_nodes))
    if options.neighbours and histories.n_events:
        wanted = ~np.isin(dataset.kinds.ids.to_numpy(), [*schema.NEGATIVE_KINDS])
        near = count_cooccurrences(histories.keep(wanted[histories.kinds]), n_items, options.neighbours).tocoo()
        parts.append(sp.coo_array((near.data, near.coords), shape=(n_nodes, n_nodes)).tocsr())
    if related is not None:
        parts.append(_build_symmetric(related, np.ones(len(related[0])), n_nodes))
    total = sp.csr_array((n_nodes, n_nodes), dtype=np.float64)
    for part in parts:
        sums = np.asarray(part.sum(axis=1)).ravel()
        total = total + sp.diags_array(np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0)) @ part
    edges = sp.csr_array(total)
    edges.sum_duplicates()
    edges.sort_indices()
    return edges


def count_walk_pairs(edges: sp.csr_array, options: GraphOptions, *, seed: int = 0) -> sp.csr_array:
    """Co-occurrence counts of nodes on walks `[V, V]`: Σ 1/distance over pairs within `window`."""
    n_nodes = edges.shape[0]
    starts = np.flatnonzero(np.diff(edges.indptr) > 0)
    counts = sp.csr_array((n_nodes, n_nodes), dtype=np.float64)
    rng = np.random.default_rng(seed)
    for _ in range(options.walks if len(starts) else 0):
        walks = draw_walks(edges, starts, options.length, rng, p=options.p, q=options.q)
        counts = counts + count_cooccurrences(_to_histories(walks), n_nodes, options.window)
    return sp.csr_array(counts)


def draw_walks(
    edges: sp.csr_array, starts: Int64s, length: int, rng: np.random.Generator, *, p: float = 1.0, q: float = 1.0
) -> Int64s:
    """Walks `[W, length]` from given nodes; every node must have an outgoing edge.

    A step is drawn by the weights of the edges. With `p` or `q` other than 1 it is accepted with the probability of
    node2vec: 1/p for the previous node, 1 for its neighbours, 1/q for others, over the largest of them. After 20
    rejections the last draw is accepted.
    """
    # weights of all edges in one cumulative sum: a uniform number in the interval of a node finds one of its edges
    ends = np.cumsum(edges.data)
    low = np.concatenate([np.zeros(1), ends])[edges.indptr]
    keys = np.repeat(np.arange(edges.shape[0], dtype=np.int64), np.diff(edges.indptr)) * edges.shape[0] + edges.indices
    walks = np.empty((len(starts), length), dtype=np.int64)
    walks[:, 0] = starts

    def draw(at: Int64s) -> Int64s:
        point = low[at] + rng.random(len(at)) * (low[at + 1] - low[at])
        edge = np.clip(np.searchsorted(ends, point, side="right"), edges.indptr[at], edges.indptr[at + 1] - 1)
        return np.asarray(edges.indices[edge], dtype=np.int64)

    biased = p != 1.0 or q != 1.0
    most = max(1.0 / p, 1.0, 1.0 / q)
    for step in range(1, length):
        at = walks[:, step - 1]
        walks[:, step] = draw(at)
        if step == 1 or not biased:
            continue
        before = walks[:, step - 2]
        pending = np.arange(len(starts))
        for _ in range(_MOST_REJECTIONS):
            drawn = walks[pending, step]
            known = keys[np.minimum(np.searchsorted(keys, before[pending] * edges.shape[0] + drawn), len(keys) - 1)]
            near = known == before[pending] * edges.shape[0] + drawn
            chance = np.where(drawn == before[pending], 1.0 / p, np.where(near, 1.0, 1.0 / q)) / most
            pending = pending[rng.random(len(pending)) >= chance]
            if not len(pending):
                break
            walks[pending, step] = draw(at[pending])
    return walks


def _to_histories(walks: Int64s) -> SequenceBatch:
    """Walks as histories, for `count_cooccurrences`."""
    count, length = walks.shape
    total = count * length
    return SequenceBatch(
        offsets=np.arange(count + 1, dtype=np.int64) * length,
        items=walks.ravel().astype(np.int32),
        times_s=np.zeros(total, dtype=np.int64),
        kinds=np.zeros(total, dtype=np.int16),
        values=np.full(total, np.nan, dtype=np.float32),
        users=np.full(count, -1, dtype=np.int32),
    )


def _build_symmetric(ends: tuple[Int64s, Int64s], weights: Floats, n_nodes: int) -> sp.csr_array:
    one_way = sp.coo_array((weights.astype(np.float64), ends), shape=(n_nodes, n_nodes)).tocsr()
    return sp.csr_array(one_way + one_way.T)


def _read_relations(dataset: Dataset) -> tuple[tuple[Int64s, Int64s] | None, int]:
    """Nodes of both ends of every relation, and the number of nodes with those that only relations name."""
    n_nodes = dataset.n_items + dataset.n_users
    table = dataset.relations
    if table is None or not table.height:
        return None, n_nodes
    social = table[schema.RELATION_KIND].is_in(list(SOCIAL_KINDS)).to_numpy()
    ends = []
    for column in (schema.SOURCE_ID, schema.TARGET_ID):
        items = dataset.item_vocabulary.encode(table[column]).astype(np.int64)
        users = dataset.user_vocabulary.encode(table[column]).astype(np.int64)
        users = np.where(users >= 0, users + dataset.n_items, -1)
        first, second = np.where(social, users, items), np.where(social, items, users)
        ends.append(np.where(first >= 0, first, second))
    names = pl.concat([table[schema.SOURCE_ID], table[schema.TARGET_ID]])
    nodes = np.concatenate(ends)
    others = names.filter(pl.Series(nodes < 0)).unique(maintain_order=True)
    numbered = pl.DataFrame({"name": others, "node": np.arange(others.len()) + n_nodes})
    joined = names.alias("name").to_frame().join(numbered, on="name", how="left", maintain_order="left")["node"]
    nodes = np.where(nodes >= 0, nodes, joined.fill_null(-1).to_numpy())
    kept = nodes[: table.height] != nodes[table.height :]
    return (nodes[: table.height][kept], nodes[table.height :][kept]), n_nodes + others.len()
