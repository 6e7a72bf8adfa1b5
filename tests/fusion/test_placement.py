"""New items are foretold from content, as high as the known ones can bear."""

from __future__ import annotations

import numpy as np

from penchant.fusion.placement import OFFSETS, Placement, fit_placement, place


def world(rng: np.random.Generator, people: int = 200, items: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    content = rng.normal(size=(people, items)).astype(np.float32)
    scores = (2.0 * content + 0.1 * rng.normal(size=content.shape)).astype(np.float32)
    return scores, content, scores[:, :50].argmax(axis=1).astype(np.int32)


def test_the_slope_is_that_of_the_known_items() -> None:
    scores, content, targets = world(np.random.default_rng(0))
    pretended = np.arange(60) >= 50
    scores[:, pretended] = -99  # what experts say of items they do not know counts for nothing
    found = fit_placement(scores, content, targets, np.ones(scores.shape, bool), pretended)
    assert abs(found.slope - 2.0) < 0.02


def test_the_loss_is_kept_and_a_larger_price_buys_a_higher_place() -> None:
    scores, content, targets = world(np.random.default_rng(1))
    allowed, pretended = np.ones(scores.shape, bool), np.arange(60) >= 50
    offsets = []
    for loss in (0.0, 0.05, 0.3):
        found = fit_placement(scores, content, targets, allowed, pretended, loss=loss)
        placed = place(scores, content, pretended, found)
        rank = (placed > np.take_along_axis(placed, targets[:, None].astype(int), axis=1)).sum(axis=1)
        quality = np.where(rank < 10, 1 / np.log2(2.0 + rank), 0).mean()
        assert quality >= 1 - loss  # every target stands first among the known items
        offsets.append(found.offset)
    assert offsets[0] < offsets[1] < offsets[2]


def test_items_that_may_not_be_ranked_displace_nobody() -> None:
    scores, content, targets = world(np.random.default_rng(2))
    pretended = np.arange(60) >= 50
    allowed = np.ones(scores.shape, bool)
    allowed[:, pretended] = False
    scale = scores[:, :50] - scores[:, :50].mean(axis=1, keepdims=True)
    found = fit_placement(scores, content, targets, allowed, pretended)
    assert np.isclose(found.offset, OFFSETS[-1] * np.sqrt(np.square(scale).mean()), rtol=1e-3)


def test_only_new_items_are_moved_and_the_input_stays() -> None:
    scores, content, _ = world(np.random.default_rng(3))
    new = np.arange(60) >= 50
    before = scores.copy()
    placed = place(scores, content, new, Placement(1.5, -1.0))
    assert (scores == before).all() and (placed[:, ~new] == before[:, ~new]).all()
    assert np.allclose(placed[:, new], 1.5 * content[:, new] - 1.0)


def test_content_that_says_nothing_has_no_slope() -> None:
    scores, content, targets = world(np.random.default_rng(4))
    found = fit_placement(scores, np.zeros_like(content), targets, np.ones(scores.shape, bool), np.arange(60) >= 50)
    assert found.slope == 0.0
