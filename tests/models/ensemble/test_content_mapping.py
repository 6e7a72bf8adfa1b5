"""Kernel ridge regression predicts the scores of cold items from those of warm ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.models.ensemble.content_mapping import GAMMA, RIDGE, SPARSE_RIDGE, ContentMapping, Contents, fit_mapping


def modality(vectors: np.ndarray, absent: tuple[int, ...] = ()) -> Contents:
    present = ~np.isin(np.arange(len(vectors)), absent)
    return (vectors * present[:, None]).astype(np.float32), present


def make_contents(seed: int, items: int = 60, cold: int = 10) -> tuple[dict[str, Contents], np.ndarray]:
    rng = np.random.default_rng(seed)
    modalities = {
        "text": modality(rng.normal(size=(items, 8))),
        "image": modality(rng.normal(size=(items, 5)), (3, items - 1)),
    }
    return modalities, np.where(np.arange(items) < items - cold, rng.integers(1, 50, items), 0)


def fit(seed: int = 0) -> tuple[ContentMapping, dict[str, Contents], np.ndarray]:
    modalities, events = make_contents(seed)
    fitted = fit_mapping(modalities, events)
    assert fitted is not None
    return fitted, modalities, events


def test_prediction_equals_the_formula() -> None:
    fitted, modalities, events = fit()
    warm, cold = np.flatnonzero(events > 0), np.flatnonzero(events == 0)
    kernel = np.zeros((60, 60))
    for vectors, present in modalities.values():
        moved = vectors - vectors[warm][present[warm]].mean(axis=0)
        unit = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        kernel += np.exp(GAMMA * (unit @ unit.T - 1)) * np.outer(present, present) / 2
    noise = RIDGE * (1 + SPARSE_RIDGE * np.median(events[warm]) / events[warm])
    matrix = np.linalg.inv(kernel[np.ix_(warm, warm)] + np.diag(noise)) @ kernel[np.ix_(warm, cold)]
    scores = np.random.default_rng(1).normal(size=(4, 60)).astype(np.float32)
    centred = scores[:, warm] - scores[:, warm].mean(axis=1, keepdims=True)
    assert fitted.warm.tolist() == warm.tolist() and fitted.cold.tolist() == cold.tolist()
    np.testing.assert_allclose(fitted.predict(scores), centred @ matrix, atol=1e-4)


def test_a_leave_one_out_prediction_equals_that_of_a_fit_without_the_item() -> None:
    fitted, modalities, events = fit(12)
    warm = np.flatnonzero(events > 0)
    noise = np.diag(RIDGE * (1 + SPARSE_RIDGE * np.median(events[warm]) / events[warm]))
    kernels = {}
    for name, (vectors, present) in modalities.items():
        moved = vectors - vectors[warm][present[warm]].mean(axis=0)
        unit = (moved / np.linalg.norm(moved, axis=1, keepdims=True))[warm]
        kernels[name] = np.exp(GAMMA * (unit @ unit.T - 1)) * np.outer(present[warm], present[warm]) / 2
    gram = sum(kernels.values()) + noise
    scores = np.random.default_rng(13).normal(size=(4, 60)).astype(np.float32)
    centred = scores[:, warm] - scores[:, warm].mean(axis=1, keepdims=True)
    predicted = fitted.predict_left_out(scores)
    assert fitted.calibration_items.tolist() == warm.tolist()
    for item in (0, 3, 49):
        others = np.arange(len(warm)) != item
        rest = np.linalg.inv(gram[np.ix_(others, others)])
        parts = {name: centred[:, others] @ rest @ kernel[others, item] for name, kernel in kernels.items()}
        np.testing.assert_allclose(predicted[:, item], sum(parts.values()), atol=1e-4)
        blind = fitted.without({"image"})
        assert blind is not None
        np.testing.assert_allclose(blind.predict_left_out(scores)[:, item], parts["text"], atol=1e-4)


def test_calibration_items_are_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.models.ensemble.content_mapping.CALIBRATION_ITEMS", 6)
    fitted, _, _ = fit(14)
    assert fitted.calibration_items.tolist() == [0, 9, 19, 29, 39, 49] and fitted.calibration_parts.shape == (2, 6, 50)
    monkeypatch.undo()
    everything, _, _ = fit(14)
    scores = np.random.default_rng(15).normal(size=(2, 60)).astype(np.float32)
    np.testing.assert_allclose(
        fitted.predict_left_out(scores), everything.predict_left_out(scores)[:, fitted.calibration_items], atol=1e-5
    )


def test_modalities_sum_to_the_prediction_and_can_be_left_out() -> None:
    fitted, _, _ = fit()
    scores = np.random.default_rng(2).normal(size=(3, 60)).astype(np.float32)
    parts = fitted.predict_by_modality(scores)
    assert set(parts) == {"text", "image"}
    np.testing.assert_allclose(sum(parts.values()), fitted.predict(scores), atol=1e-5)
    blind = fitted.without({"image"})
    assert blind is not None and blind.without({"text"}) is None
    np.testing.assert_allclose(blind.predict(scores), parts["text"], atol=1e-6)
    assert (parts["image"][:, -1] == 0).all(), "the last item has no picture"


def test_a_cold_item_follows_a_warm_item_of_equal_content() -> None:
    modalities, events = make_contents(3)
    vectors = modalities["text"][0].copy()
    vectors[55] = vectors[5]
    fitted = fit_mapping({"text": modality(vectors)}, events)
    assert fitted is not None
    scores = np.random.default_rng(4).normal(size=(500, 60)).astype(np.float32)
    predicted = fitted.predict(scores)[:, 5]
    corr = [np.corrcoef(predicted, scores[:, item])[0, 1] for item in range(50)]
    assert int(np.argmax(corr)) == 5


def test_prediction_is_linear_so_that_it_splits_by_expert() -> None:
    fitted, _, _ = fit(5)
    rng = np.random.default_rng(6)
    one, other = (rng.normal(size=(2, 60)).astype(np.float32) for _ in range(2))
    both = fitted.predict((2 * one + other).astype(np.float32))
    np.testing.assert_allclose(both, 2 * fitted.predict(one) + fitted.predict(other), atol=1e-5)


def test_items_without_content_have_no_mapping_and_warm_items_alone_a_calibration() -> None:
    modalities, events = make_contents(7)
    all_warm = fit_mapping(modalities, np.ones(60, dtype=np.int64))
    assert all_warm is not None and all_warm.predict(np.ones((2, 60), np.float32)).shape == (2, 0)
    assert all_warm.predict_left_out(np.ones((2, 60), np.float32)).shape == (2, 60)
    assert fit_mapping(modalities, np.zeros(60, dtype=np.int64)) is None
    assert fit_mapping({}, events) is None
    hidden = fit_mapping({"text": modality(modalities["text"][0], (52, 53))}, events)
    assert hidden is not None and set(hidden.cold.tolist()) == set(range(50, 60)) - {52, 53}


@pytest.mark.parametrize("limit", [("LANDMARKS", 20), ("MAX_NUMBERS", 400)])
def test_landmarks_are_the_items_with_the_most_events(limit: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    modalities, events = make_contents(8)
    monkeypatch.setattr(f"penchant.models.ensemble.content_mapping.{limit[0]}", limit[1])
    monkeypatch.setattr(
        "penchant.models.ensemble.content_mapping.CALIBRATION_ITEMS", 0 if limit[0] == "MAX_NUMBERS" else 8
    )
    fitted = fit_mapping(modalities, events)
    assert fitted is not None and len(fitted.warm) == 20
    assert events[fitted.warm].min() >= np.sort(events)[-20]


def test_items_of_equal_content_have_equal_predictions_in_any_batch_and_after_a_round_trip() -> None:
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(500, 24)).astype(np.float32)
    vectors[-15:] = vectors[-30:-15]
    events = np.where(np.arange(500) < 460, 1 + np.arange(500) % 7, 0)
    fitted = fit_mapping({"text": modality(vectors)}, events)
    assert fitted is not None and fitted.parts.flags.c_contiguous and fitted.parts.dtype == np.float32
    scores = rng.normal(size=(40, 500)).astype(np.float32)
    many = fitted.predict(scores)
    for row in range(len(scores)):
        one = fitted.predict(scores[row : row + 1])[0]
        assert (one[-15:] == one[-30:-15]).all() and (many[row, -15:] == many[row, -30:-15]).all()
    again = replace(fitted, parts=fitted.parts.copy())
    assert again.predict(scores).tobytes() == many.tobytes()


def test_a_modality_that_no_cold_item_has_is_left_out() -> None:
    modalities, events = make_contents(10)
    graph = modality(modalities["text"][0][:, ::-1].copy(), tuple(range(50, 60)))
    fitted, alone = fit_mapping({**modalities, "graph": graph}, events), fit_mapping(modalities, events)
    assert fitted is not None and alone is not None
    assert fitted.modalities == alone.modalities and (fitted.parts == alone.parts).all()
    graph_alone = fit_mapping({"graph": graph}, events)
    assert graph_alone is not None and not len(graph_alone.cold), "warm items can still be calibrated on"


def test_where_all_items_have_equal_content_rounding_errors_predict_nothing() -> None:
    _, events = make_contents(11)
    flat = np.tile(np.random.default_rng(11).normal(size=24).astype(np.float32), (60, 1))
    fitted = fit_mapping({"text": modality(flat)}, events)
    assert fitted is not None and not fitted.parts.any()
    assert not fitted.has_modality["text"].any()
