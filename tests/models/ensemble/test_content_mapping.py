"""Scores of new items are foretold by kernel ridge regression from those of the known ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.models.ensemble.content_mapping import DOUBT, NOISE, SHARPNESS, ContentMapping, Seen, fit_mapping


def modality(vectors: np.ndarray, absent: tuple[int, ...] = ()) -> Seen:
    there = ~np.isin(np.arange(len(vectors)), absent)
    return (vectors * there[:, None]).astype(np.float32), there


def made(seed: int, items: int = 60, new: int = 10) -> tuple[dict[str, Seen], np.ndarray]:
    rng = np.random.default_rng(seed)
    modalities = {
        "text": modality(rng.normal(size=(items, 8))),
        "image": modality(rng.normal(size=(items, 5)), (3, items - 1)),
    }
    return modalities, np.where(np.arange(items) < items - new, rng.integers(1, 50, items), 0)


def fitted(seed: int = 0) -> tuple[ContentMapping, dict[str, Seen], np.ndarray]:
    modalities, events = made(seed)
    found = fit_mapping(modalities, events)
    assert found is not None
    return found, modalities, events


def test_it_is_the_formula() -> None:
    found, modalities, events = fitted()
    known, new = np.flatnonzero(events > 0), np.flatnonzero(events == 0)
    kernel = np.zeros((60, 60))
    for vectors, present in modalities.values():
        moved = vectors - vectors[known][present[known]].mean(axis=0)
        unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        kernel += np.exp(SHARPNESS * (unit @ unit.T - 1)) * np.outer(present, present) / 2
    noise = NOISE * (1 + DOUBT * np.median(events[known]) / events[known])
    mapping = np.linalg.inv(kernel[np.ix_(known, known)] + np.diag(noise)) @ kernel[np.ix_(known, new)]
    scores = np.random.default_rng(1).normal(size=(4, 60)).astype(np.float32)
    own = scores[:, known] - scores[:, known].mean(axis=1, keepdims=True)
    assert found.known.tolist() == known.tolist() and found.new.tolist() == new.tolist()
    np.testing.assert_allclose(found.foretell(scores), own @ mapping, atol=1e-4)


def test_a_rehearsed_item_is_foretold_as_by_a_fit_without_it() -> None:
    found, modalities, events = fitted(12)
    known = np.flatnonzero(events > 0)
    noise = np.diag(NOISE * (1 + DOUBT * np.median(events[known]) / events[known]))
    kernels = {}
    for name, (vectors, present) in modalities.items():
        moved = vectors - vectors[known][present[known]].mean(axis=0)
        unit = (moved / np.linalg.norm(moved, axis=1, keepdims=True))[known]
        kernels[name] = np.exp(SHARPNESS * (unit @ unit.T - 1)) * np.outer(present[known], present[known]) / 2
    whole = sum(kernels.values()) + noise
    scores = np.random.default_rng(13).normal(size=(4, 60)).astype(np.float32)
    own = scores[:, known] - scores[:, known].mean(axis=1, keepdims=True)
    told = found.rehearse(scores)
    assert found.rehearsed.tolist() == known.tolist()
    for item in (0, 3, 49):
        others = np.arange(len(known)) != item
        rest = np.linalg.inv(whole[np.ix_(others, others)])
        parts = {name: own[:, others] @ rest @ kernel[others, item] for name, kernel in kernels.items()}
        np.testing.assert_allclose(told[:, item], sum(parts.values()), atol=1e-4)
        blind = found.without({"image"})
        assert blind is not None
        np.testing.assert_allclose(blind.rehearse(scores)[:, item], parts["text"], atol=1e-4)


def test_of_many_known_items_some_are_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.models.ensemble.content_mapping.REHEARSED", 6)
    found, _, _ = fitted(14)
    assert found.rehearsed.tolist() == [0, 9, 19, 29, 39, 49] and found.rehearsal.shape == (2, 6, 50)
    monkeypatch.undo()
    everything, _, _ = fitted(14)
    scores = np.random.default_rng(15).normal(size=(2, 60)).astype(np.float32)
    np.testing.assert_allclose(found.rehearse(scores), everything.rehearse(scores)[:, found.rehearsed], atol=1e-5)


def test_modalities_sum_to_what_is_foretold_and_can_be_hidden() -> None:
    found, _, _ = fitted()
    scores = np.random.default_rng(2).normal(size=(3, 60)).astype(np.float32)
    parts = found.by_modality(scores)
    assert set(parts) == {"text", "image"}
    np.testing.assert_allclose(sum(parts.values()), found.foretell(scores), atol=1e-5)
    blind = found.without({"image"})
    assert blind is not None and blind.without({"text"}) is None
    np.testing.assert_allclose(blind.foretell(scores), parts["text"], atol=1e-6)
    assert (parts["image"][:, -1] == 0).all(), "the last item has no picture"


def test_a_new_item_is_liked_where_its_twin_is() -> None:
    modalities, events = made(3)
    twin = modalities["text"][0].copy()
    twin[55] = twin[5]
    found = fit_mapping({"text": modality(twin)}, events)
    assert found is not None
    scores = np.random.default_rng(4).normal(size=(500, 60)).astype(np.float32)
    foretold = found.foretell(scores)[:, 5]
    corr = [np.corrcoef(foretold, scores[:, item])[0, 1] for item in range(50)]
    assert int(np.argmax(corr)) == 5


def test_it_is_linear_so_that_experts_keep_their_shares() -> None:
    found, _, _ = fitted(5)
    rng = np.random.default_rng(6)
    one, other = (rng.normal(size=(2, 60)).astype(np.float32) for _ in range(2))
    both = found.foretell((2 * one + other).astype(np.float32))
    np.testing.assert_allclose(both, 2 * found.foretell(one) + found.foretell(other), atol=1e-5)


def test_items_without_content_have_no_mapping_and_data_without_new_items_a_rehearsal() -> None:
    modalities, events = made(7)
    nothing_new = fit_mapping(modalities, np.ones(60, dtype=np.int64))
    assert nothing_new is not None and nothing_new.foretell(np.ones((2, 60), np.float32)).shape == (2, 0)
    assert nothing_new.rehearse(np.ones((2, 60), np.float32)).shape == (2, 60)
    assert fit_mapping(modalities, np.zeros(60, dtype=np.int64)) is None
    assert fit_mapping({}, events) is None
    hidden = fit_mapping({"text": modality(modalities["text"][0], (52, 53))}, events)
    assert hidden is not None and set(hidden.new.tolist()) == set(range(50, 60)) - {52, 53}


@pytest.mark.parametrize("limit", [("LANDMARKS", 20), ("NUMBERS", 400)])
def test_many_items_are_compared_with_those_that_have_the_most_events(
    limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    modalities, events = made(8)
    monkeypatch.setattr(f"penchant.models.ensemble.content_mapping.{limit[0]}", limit[1])
    monkeypatch.setattr("penchant.models.ensemble.content_mapping.REHEARSED", 0 if limit[0] == "NUMBERS" else 8)
    found = fit_mapping(modalities, events)
    assert found is not None and len(found.known) == 20
    assert events[found.known].min() >= np.sort(events)[-20]


def test_twins_are_told_the_same_in_any_batch_and_after_a_round_trip() -> None:
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(500, 24)).astype(np.float32)
    vectors[-15:] = vectors[-30:-15]
    events = np.where(np.arange(500) < 460, 1 + np.arange(500) % 7, 0)
    found = fit_mapping({"text": modality(vectors)}, events)
    assert found is not None and found.parts.flags.c_contiguous and found.parts.dtype == np.float32
    scores = rng.normal(size=(40, 500)).astype(np.float32)
    many = found.foretell(scores)
    for row in range(len(scores)):
        one = found.foretell(scores[row : row + 1])[0]
        assert (one[-15:] == one[-30:-15]).all() and (many[row, -15:] == many[row, -30:-15]).all()
    again = replace(found, parts=found.parts.copy())
    assert again.foretell(scores).tobytes() == many.tobytes()


def test_a_modality_that_no_new_item_has_says_nothing() -> None:
    modalities, events = made(10)
    graph = modality(modalities["text"][0][:, ::-1].copy(), tuple(range(50, 60)))
    found, alone = fit_mapping({**modalities, "graph": graph}, events), fit_mapping(modalities, events)
    assert found is not None and alone is not None
    assert found.modalities == alone.modalities and (found.parts == alone.parts).all()
    known = fit_mapping({"graph": graph}, events)
    assert known is not None and not len(known.new), "the known ones can be rehearsed"


def test_where_all_items_look_alike_rounding_tells_nothing() -> None:
    _, events = made(11)
    flat = np.tile(np.random.default_rng(11).normal(size=24).astype(np.float32), (60, 1))
    found = fit_mapping({"text": modality(flat)}, events)
    assert found is not None and not found.parts.any()
    assert not found.told_by()["text"].any()
