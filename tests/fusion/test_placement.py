"""New items are foretold from content, and get the places that their number warrants."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.fusion.placement import TOP, Placement, fit_placement, place

NEW = np.arange(100) >= 80


def world(seed: int, people: int = 300, items: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    content = rng.normal(size=(people, items)).astype(np.float32)
    scores = (2.0 * content + 0.1 * rng.normal(size=content.shape)).astype(np.float32)
    return scores, content, np.ones(scores.shape, dtype=bool)


def places(scores: np.ndarray, new: np.ndarray) -> float:
    """Mean number of new items among the ten best."""
    return float(new[np.argsort(-scores, axis=1)[:, :TOP]].sum(axis=1).mean())


def test_the_slope_is_that_of_the_known_items() -> None:
    scores, content, allowed = world(0)
    scores[:, NEW] = -99  # what experts say of items they do not know counts for nothing
    assert abs(fit_placement(scores, content, allowed, NEW).slope - 2.0) < 0.02


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, 2.0])
def test_new_items_get_the_places_that_their_number_warrants(share: float) -> None:
    scores, content, allowed = world(1)
    found = fit_placement(scores, content, allowed, NEW, share=share)
    assert places(place(scores, content, NEW, found), NEW) == pytest.approx(share * TOP * 0.2, abs=0.01)


def test_places_go_to_those_whose_content_fits() -> None:
    scores, content, allowed = world(2)
    content[:150, 90] += 4.0  # half of the people are drawn to one new item
    placed = place(scores, content, NEW, fit_placement(scores, content, allowed, NEW, share=0.2))
    shown = (np.argsort(-placed, axis=1)[:, :TOP] == 90).any(axis=1)
    assert shown[:150].mean() > 0.7 and shown[150:].mean() < 0.1


def test_items_that_may_not_be_ranked_take_no_place() -> None:
    scores, content, allowed = world(3)
    allowed[:, NEW] = False
    assert fit_placement(scores, content, allowed, NEW) == Placement(
        fit_placement(scores, content, allowed, NEW).slope, 0.0
    )
    allowed[:, 80] = True
    placed = np.where(allowed, place(scores, content, NEW, fit_placement(scores, content, allowed, NEW)), -np.inf)
    assert places(placed, NEW) == pytest.approx(TOP / 81, abs=0.2)


def test_only_new_items_are_moved_and_the_input_stays() -> None:
    scores, content, _ = world(4)
    before = scores.copy()
    placed = place(scores, content, NEW, Placement(1.5, -1.0))
    assert (scores == before).all() and (placed[:, ~NEW] == before[:, ~NEW]).all()
    assert np.allclose(placed[:, NEW], 1.5 * content[:, NEW] - 1.0)


def test_content_that_says_nothing_has_no_slope() -> None:
    scores, content, allowed = world(5)
    assert fit_placement(scores, np.zeros_like(content), allowed, NEW).slope == 0.0
