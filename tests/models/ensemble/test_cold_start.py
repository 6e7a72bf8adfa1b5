"""What counts for new items is learned on known ones that are foretold as if they were new."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.models.ensemble.cold_start import FEWEST, Foretelling, owned_items
from penchant.models.ensemble.content_mapping import fit_mapping

PEOPLE, KNOWN, NEW = 600, 60, 12


def world(seed: int = 0) -> tuple[Foretelling, dict[str, np.ndarray], np.ndarray]:
    """Likings that follow contents (`smooth`), others of single items (`own`), and what people chose by their sum."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(KNOWN + NEW, 6)).astype(np.float32)
    events = np.where(np.arange(KNOWN + NEW) < KNOWN, 30, 0)
    mapping = fit_mapping({"text": (vectors, np.ones(KNOWN + NEW, dtype=bool))}, events)
    assert mapping is not None
    tastes = rng.normal(size=(PEOPLE, 6)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    parts = {"smooth": tastes @ unit.T, "own": rng.normal(size=(PEOPLE, KNOWN + NEW)).astype(np.float32)}
    logits = (parts["smooth"] + 2 * parts["own"])[:, :KNOWN] + rng.gumbel(size=(PEOPLE, KNOWN))
    return Foretelling(mapping, {}), parts, logits.argmax(axis=1)


def test_an_expert_counts_by_what_passes_to_what_looks_alike() -> None:
    told, parts, chosen = world()
    seen = np.zeros((PEOPLE, KNOWN + NEW), dtype=bool)
    found = told.learned(parts, seen, chosen, {"smooth": 1.0, "own": 2.0})
    assert found.weights["smooth"] > 0.5 and found.weights["own"] < 0.2 * found.weights["smooth"]
    assert told.learned(parts, seen, chosen, {"smooth": 0.0, "own": 2.0}).weights.keys() == {"own"}


def test_with_few_choices_an_expert_counts_as_for_known_items() -> None:
    told, parts, chosen = world()
    few = {name: part[: FEWEST - 1] for name, part in parts.items()}
    seen = np.zeros((FEWEST - 1, KNOWN + NEW), dtype=bool)
    found = Foretelling(told.mapping, {}, inverse_temperature=0.5).learned(
        few, seen, chosen[: FEWEST - 1], {"own": 2.0}
    )
    assert found.weights == {"own": 1.0}


def test_sums_are_log_likelihoods_once_they_are_scaled() -> None:
    told, parts, _ = world()
    rng = np.random.default_rng(1)
    total = (parts["smooth"] * 2).astype(np.float32)
    allowed = np.broadcast_to(np.arange(KNOWN + NEW) < KNOWN, total.shape)
    logits = np.where(allowed, 0.7 * total, -np.inf) + rng.gumbel(size=total.shape)
    assert told.scaled(total, logits.argmax(axis=1), allowed).inverse_temperature == pytest.approx(0.7, rel=0.1)


def test_what_is_read_and_placed_comes_back_from_the_state() -> None:
    told, parts, _ = world()
    told = Foretelling(told.mapping, {"smooth": 0.5, "own": 0.0}, 0.8)
    read = told.told(parts)
    np.testing.assert_allclose(read, 0.5 * parts["smooth"])
    owned = owned_items(np.array([0, 0, 1]), np.array([3, 70, -1]), read.shape)
    assert owned.sum() == 2 and owned[0, 3] and owned[0, 70]
    price, events = told.price(parts["own"], read, owned, 0.05), np.arange(PEOPLE)
    told = replace(told, stages=(1, 16), prices=(price, price - 1.0))
    again = Foretelling.from_state(told.tensors(), told.facts())
    placed = told.placed(parts["own"], read, owned, events)
    assert again.placed(parts["own"], read, owned, events).tobytes() == placed.tobytes()
    assert (placed[:, :KNOWN] == parts["own"][:, :KNOWN]).all() and (placed[:, KNOWN:] != parts["own"][:, KNOWN:]).all()


def test_between_stages_the_price_goes_by_the_logarithm() -> None:
    told = Foretelling(world()[0].mapping, {}, stages=(1, 4, 16), prices=(-1.0, -2.0, -4.0))
    found = told.prices_for(np.array([0, 1, 2, 4, 8, 16, 500]))
    np.testing.assert_allclose(found, [-1.0, -1.0, -1.5, -2.0, -3.0, -4.0, -4.0])


def test_of_what_was_rehearsed_the_state_keeps_what_lists_are_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.models.ensemble.content_mapping.COMPARED", 10)
    told, parts, _ = world()
    told = Foretelling(told.mapping, {"smooth": 1.0}, prices=(-1.0,))
    again = Foretelling.from_state(told.tensors(), told.facts())
    assert len(told.mapping.rehearsed) == KNOWN and len(again.mapping.rehearsed) == 10
    assert told.mapping.compared.tolist() == again.mapping.rehearsed.tolist() == again.mapping.compared.tolist()
    read = told.told(parts)
    places = np.searchsorted(told.mapping.rehearsed, told.mapping.compared)
    np.testing.assert_allclose(told.mapping.peers(read), told.mapping.rehearse(read)[:, places], atol=1e-5)
    assert again.mapping.peers(read).tobytes() == told.mapping.peers(read).tobytes()


def test_items_of_one_content_stand_side_by_side() -> None:
    told, parts, _ = world()
    assert told.places
    same = told.mapping.parts.copy()
    same[:, 1] = same[:, 0]
    told = Foretelling(replace(told.mapping, parts=same), {"smooth": 1.0})
    owned = np.zeros(parts["own"].shape, dtype=bool)
    placed = told.placed(parts["own"], told.told(parts), owned, np.ones(PEOPLE, dtype=int))
    assert (placed[:, KNOWN] == placed[:, KNOWN + 1]).all()
