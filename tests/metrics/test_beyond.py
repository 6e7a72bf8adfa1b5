from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.metrics.pairwise import cosine_similarity

from penchant.data.modalities import Modality
from penchant.data.ragged import Ragged
from penchant.errors import DataError
from penchant.metrics import beyond


def _ranked(*rows: list[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int32)


def test_coverage_counts_only_what_may_be_shown() -> None:
    ranked = _ranked([0, 1], [1, 7])
    assert beyond.catalogue_coverage(ranked, 8) == 3 / 8
    assert beyond.catalogue_coverage(ranked, 8, np.arange(8) < 2) == 1.0
    assert beyond.exposure(_ranked([9, 0]), 3).tolist() == [1, 0, 0]
    assert np.isnan(beyond.catalogue_coverage(ranked, 8, np.zeros(8, dtype=bool)))


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(0, 6), min_size=2, max_size=8).filter(any))
def test_gini_is_the_mean_absolute_difference(counts: list[int]) -> None:
    ranked = np.repeat(np.arange(len(counts)), counts)[:, None].astype(np.int32)
    shown = np.array(counts, dtype=float)
    expected = np.abs(shown[:, None] - shown[None]).mean() / (2 * shown.mean())
    assert beyond.gini(ranked, len(counts)) == pytest.approx(expected)


def test_novelty_by_hand() -> None:
    got = beyond.novelty(_ranked([0, 1, -1], [-1, -1, -1]), np.array([3, 1]), n_users=7)
    assert got[0] == pytest.approx((1.0 + 2.0) / 2) and np.isnan(got[1])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_diversity_is_one_minus_the_mean_cosine_of_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = rng.random(9) < 0.8
    modality = Modality((rng.standard_normal((9, 4)) * present[:, None]).astype(np.float32), present)
    ranked = np.stack([rng.permutation(9)[:5] for _ in range(6)]).astype(np.int32)
    ranked[0, 3:] = -1
    got = beyond.intra_list_diversity(ranked, modality)
    for row, items in enumerate(ranked):
        kept = [i for i in items if i >= 0 and present[i]]
        if len(kept) < 2:
            assert np.isnan(got[row])
            continue
        pairs = cosine_similarity(modality.vectors[kept])[np.triu_indices(len(kept), 1)]
        assert got[row] == pytest.approx(1 - pairs.mean(), abs=1e-5)


def test_diversity_in_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    modality = Modality(rng.standard_normal((20, 3)).astype(np.float32), np.ones(20, dtype=bool))
    ranked = rng.integers(0, 20, (31, 4)).astype(np.int32)
    histories, categories = Ragged.of([[0, 1]] * 31), Ragged.of([[i % 3] for i in range(20)])
    whole = beyond.intra_list_diversity(ranked, modality), beyond.miscalibration(ranked, histories, categories, 3)
    monkeypatch.setattr(beyond, "_BLOCK_ELEMENTS", 50)
    np.testing.assert_allclose(beyond.intra_list_diversity(ranked, modality), whole[0], atol=1e-6)
    np.testing.assert_allclose(beyond.miscalibration(ranked, histories, categories, 3), whole[1])


def test_popularity_lift() -> None:
    popularity = np.array([100, 10, 0])
    got = beyond.popularity_lift(
        _ranked([0, 1], [1, 2], [0, -1], [0, 1]), Ragged.of([[1], [1, 1], [], [2]]), popularity
    )
    np.testing.assert_allclose(got, [5.5, 0.5, np.nan, np.nan])


def test_miscalibration_is_the_divergence_of_steck() -> None:
    categories = Ragged.of([[0], [1], [0, 1], []])
    got = beyond.miscalibration(
        _ranked([1, 2], [2, 2], [3, 3], [0, 1]), Ragged.of([[0, 2], [2], [0], []]), categories, 2, smoothing=0.01
    )
    wanted, given_ = np.array([0.75, 0.25]), np.array([0.25, 0.75])
    assert got[0] == pytest.approx(entropy(wanted, 0.99 * given_ + 0.01 * wanted))
    assert got[1] == pytest.approx(0.0) and np.isnan(got[2:]).all()


def test_expected_calibration_error() -> None:
    probabilities, outcomes = np.array([0.1, 0.1, 0.9, 1.0]), np.array([0, 1, 1, 1])
    assert beyond.expected_calibration_error(probabilities, outcomes, bins=2) == pytest.approx(
        0.5 * abs(0.5 - 0.1) + 0.5 * abs(1.0 - 0.95)
    )
    assert np.isnan(beyond.expected_calibration_error(np.empty(0), np.empty(0, dtype=int)))
    with pytest.raises(DataError, match="between 0 and 1"):
        beyond.expected_calibration_error(np.array([1.2]), np.array([1]))
