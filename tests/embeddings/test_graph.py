from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from penchant.data.dataset import Dataset
from penchant.embeddings.behaviour import BehaviourOptions
from penchant.embeddings.fitted import ModalityOptions
from penchant.embeddings.graph import GraphOptions, build_graph, draw_walks, embed_graph
from penchant.embeddings.modalities import embed_items, embed_users, recompute_event_modalities
from penchant.errors import UsageError
from penchant.testing.encoders import check_modality


def two_communities(*, relations: bool = False, seed: int = 0) -> Dataset:
    """Twenty people and thirty items in two camps; one event in eight is in the other camp."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(20), 8)
    camp = (user % 2) ^ (rng.random(len(user)) < 1 / 8)
    item = rng.integers(0, 14, len(user)) + 15 * camp
    told = {"user_id": user.astype(str), "item_id": item.astype(str), "timestamp": np.arange(len(user))}
    edges = None
    if relations:
        edges = pl.DataFrame(
            {"source_id": ["14", "14", "29"], "target_id": ["Ann", "0", "Bob"], "kind": ["by", "like", "by"]}
        ).vstack(pl.DataFrame({"source_id": ["3", "16"], "target_id": ["Ann", "Bob"], "kind": ["by", "by"]}))
    items = pl.DataFrame({"item_id": [str(n) for n in range(30)]})
    return Dataset.from_tables(pl.DataFrame(told), items, relations=edges)


def test_weights_of_kinds_weigh_the_edges() -> None:
    """One person, a favourite and a view: steps from the person go 3 : 1 where the option says so, .3 : .2 else."""
    log = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["x", "y"], "timestamp": [1, 2], "event": ["收藏", "view"]})
    data, options = Dataset.from_tables(log), GraphOptions(enabled=True, neighbours=0, dim=2)
    assert build_graph(data, options).toarray()[2] == pytest.approx([0.6, 0.4, 0])
    assert build_graph(data, options, {"收藏": 3, "view": 1}).toarray()[2] == pytest.approx([0.75, 0.25, 0])
    modalities = ModalityOptions(graph=options, behaviour=BehaviourOptions(weights={"收藏": 3.0}))
    told = embed_items(data, modalities)[0]["graph"]
    assert (
        told.encoder.endswith(" 收藏=3.0")
        and recompute_event_modalities(data, *embed_items(data, modalities), modalities)[0]["graph"].present.any()
    )
    with pytest.raises(UsageError, match=r"behaviour\.weights names 'boght'"):
        embed_items(data, ModalityOptions(behaviour=BehaviourOptions(weights={"boght": 3.0})))


def test_planted_communities_are_found_again() -> None:
    data = two_communities(relations=True)
    items, users = embed_graph(data, GraphOptions(dim=2), seed=1)
    camp = np.arange(30) // 15
    own = items.vectors[items.present]
    same = camp[items.present][:, None] == camp[items.present][None, :]
    alike = own @ own.T
    assert items.present.all() and alike[same].mean() > alike[~same].mean() + 0.6
    people = users.modality.vectors[np.argsort(users.ids.cast(pl.Int64).to_numpy())]
    assert people[0] @ people[2] > 0.5 > people[0] @ people[1]
    centre = own[camp == 0].mean(axis=0) - own[camp == 1].mean(axis=0)
    assert ((people @ centre > 0) == (np.arange(20) % 2 == 0)).mean() >= 0.95  # items and users share one space


def test_relations_reach_an_item_without_events() -> None:
    data = two_communities(relations=True)
    without = embed_graph(two_communities(), GraphOptions(dim=2))[0]
    assert not without.present[14] and not without.present[29]
    items = embed_graph(data, GraphOptions(dim=2))[0].vectors
    assert items[14] @ items[3] > items[14] @ items[16] and items[29] @ items[16] > items[29] @ items[3]


def test_modalities_made_of_events_are_made_again_from_a_part_of_them() -> None:
    data = two_communities()
    part = data.where(np.arange(data.n_events) % 8 < 7)
    options = ModalityOptions(graph=GraphOptions(enabled=True, dim=4, walks=2), seed=3)
    (whole, fitted), (wanted, other) = embed_items(data, options), embed_items(part, options)
    modalities, people = recompute_event_modalities(part, whole, fitted, options)
    assert set(modalities) >= {"behaviour", "graph"}
    for name in ("behaviour", "graph"):
        assert modalities[name].vectors.tobytes() == wanted[name].vectors.tobytes() != whole[name].vectors.tobytes()
    told = (embed_users(part, each)["graph"].vectors.tobytes() for each in (people, other, fitted))
    assert next(told) == next(told) != next(told)
    brought = whole.with_modality("behaviour", replace(whole["behaviour"], encoder="mine"))
    assert recompute_event_modalities(part, brought, fitted, options)[0]["behaviour"] is brought["behaviour"]


def test_same_seed_same_bytes() -> None:
    first, second, other = (embed_graph(two_communities(), GraphOptions(walks=2), seed=s)[0] for s in (4, 4, 5))
    assert first.vectors.tobytes() == second.vectors.tobytes() != other.vectors.tobytes()


def test_edges_by_hand() -> None:
    told = {"user_id": ["u", "u", "v"], "item_id": ["a", "b", "b"], "timestamp": [1, 2, 1]}
    told = {**told, "event": ["purchase", "view", "hide"]}
    kinds = pl.DataFrame({"source_id": ["a"], "target_id": ["x"]})
    data = Dataset.from_tables(pl.DataFrame(told), relations=kinds)
    dense = build_graph(data, GraphOptions(neighbours=1)).toarray()
    # nodes a, b, u, v, x. a: to u by purchase, to b as neighbour, to x by relation: a third each after scaling
    assert dense[0] / dense[0].sum() == pytest.approx([0, 1 / 3, 1 / 3, 0, 1 / 3])
    assert dense[2] == pytest.approx([1 / 1.2, 0.2 / 1.2, 0, 0, 0])  # weights of purchase and view
    assert dense[3].sum() == 0 and dense[4] == pytest.approx([1, 0, 0, 0, 0])  # to hide is no edge


def test_steps_follow_the_weights_and_the_bias() -> None:
    """A star 0-1, 0-2, 0-3 with an edge 1-2: from 1 through 0 back to 1, on to 2 (a neighbour of 1) or off to 3."""
    links = np.array([[0, 3, 2, 1], [3, 0, 1, 0], [2, 1, 0, 0], [1, 0, 0, 0]], dtype=float)
    edges = sp.csr_array(links)
    rng = np.random.default_rng(0)
    walks = draw_walks(edges, np.zeros(20_000, dtype=np.int64), 2, rng)
    assert np.bincount(walks[:, 1], minlength=4) / 20_000 == pytest.approx([0, 3 / 6, 2 / 6, 1 / 6], abs=0.02)
    for p, q in ((1.0, 1.0), (0.5, 4.0)):
        walks = draw_walks(edges, np.ones(40_000, dtype=np.int64), 3, rng, p=p, q=q)
        through = walks[walks[:, 1] == 0, 2]
        weights = np.array([0, 3 / p, 2.0, 1 / q])
        found = np.bincount(through, minlength=4) / len(through)
        assert found == pytest.approx(weights / weights.sum(), abs=0.02)


def test_an_id_of_a_user_and_an_item_is_told_by_the_kind() -> None:
    told = pl.DataFrame({"user_id": ["1", "2"], "item_id": ["1", "2"], "timestamp": [1, 2]})
    for kind, nodes in (("follows", (2, 3)), ("part_of", (0, 1))):
        edge = pl.DataFrame({"source_id": ["1"], "target_id": ["2"], "kind": [kind]})
        data = Dataset.from_tables(told, relations=edge)
        dense = build_graph(data, GraphOptions(events=False, neighbours=0)).toarray()
        assert np.argwhere(dense).tolist() == [list(nodes), list(nodes[::-1])]


def test_it_is_a_modality_when_enabled() -> None:
    data = two_communities()
    assert "graph" not in embed_items(data)[0]
    modalities, fitted = embed_items(data, ModalityOptions(graph=GraphOptions(enabled=True, dim=4, walks=2)))
    assert modalities["graph"].dim == 4 and embed_users(data, fitted)["graph"].present.all()
    alone = Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1], "event": ["hide"]}))
    assert "graph" not in embed_items(alone, ModalityOptions(graph=GraphOptions(enabled=True)))[0]


def test_bad_options() -> None:
    with pytest.raises(UsageError, match=r"graph.walks=0 is out of range"):
        GraphOptions(walks=0)
    with pytest.raises(UsageError, match=r"p=0.*above 0"):
        GraphOptions(p=0)


def test_modalities_keep_the_contract() -> None:
    items, users = embed_graph(two_communities(), GraphOptions(dim=4), seed=3)
    check_modality(items, 30, dim=4)
    check_modality(users.modality, 20, dim=4)
    again = embed_graph(two_communities(), GraphOptions(dim=4), seed=3)[0]
    assert again.vectors.tobytes() == items.vectors.tobytes() and not items.present.all()
