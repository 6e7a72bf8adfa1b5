from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from penchant.errors import DataError, OptionError
from penchant.metrics import significance as sig


def test_interval_agrees_with_scipy_and_theory() -> None:
    values = np.random.default_rng(0).normal(2.0, 1.0, 400)
    ours = sig.bootstrap(values, samples=2000, seed=1)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=2000, method="percentile", rng=2).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.02) and ours.high == pytest.approx(theirs.high, abs=0.02)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert ours.high - ours.low == pytest.approx(2 * half, rel=0.1)


def test_same_seed_same_bytes_and_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).random((30, 3))
    values[4, 1] = np.nan
    whole = sig.bootstrap_means(values, samples=50, seed=9)
    assert np.array_equal(whole, sig.bootstrap_means(values, samples=50, seed=9))
    assert not np.array_equal(whole, sig.bootstrap_means(values, samples=50, seed=8))
    monkeypatch.setattr(sig, "_BLOCK_ELEMENTS", 100)
    np.testing.assert_allclose(sig.bootstrap_means(values, samples=50, seed=9), whole)


def test_nan_users_are_left_out() -> None:
    values = np.random.default_rng(2).random(200)
    holes = np.where(np.arange(200) % 2 == 0, values, np.nan)
    found = sig.bootstrap(holes)
    assert found.mean == pytest.approx(values[::2].mean()) and found.low < found.mean < found.high
    assert np.isnan(sig.bootstrap(np.full(5, np.nan)).mean)
    assert "none" not in sig.bootstrap_intervals({"none": np.full(5, np.nan), "one": np.ones(5)})


def test_metrics_share_their_users_so_differences_are_paired() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(300)
    means = sig.bootstrap_means(np.column_stack([base, base + 0.01]), samples=200)
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 0.01)


def test_ratio_is_a_mean_over_pairs() -> None:
    sums, counts = np.array([4.0, 0.0, 9.0]), np.array([2.0, 0.0, 3.0])
    found = sig.bootstrap_ratio(sums, counts)
    assert found.mean == pytest.approx(13 / 5) and 2.0 <= found.low <= found.mean <= found.high <= 3.0


@pytest.mark.parametrize("test", sig.TESTS)
def test_paired_tests_see_a_difference_and_no_difference(test: sig.Test) -> None:
    rng = np.random.default_rng(4)
    base = rng.random(300)
    better = base + 0.05 + rng.normal(0, 0.1, 300)
    same = base + rng.normal(0, 0.1, 300)
    assert sig.paired_p(better, base, test=test) < 0.01
    assert sig.paired_p(same, base, test=test) > 0.01
    assert sig.paired_p(base, base, test=test) == 1.0


def test_t_and_wilcoxon_are_those_of_scipy() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.random(80), rng.random(80)
    left[3] = np.nan
    kept = np.isfinite(left)
    expected = stats.ttest_rel(left[kept], right[kept]).pvalue
    assert sig.paired_p(left, right) == pytest.approx(expected)
    expected = stats.wilcoxon(left[kept], right[kept], method="approx").pvalue
    assert sig.paired_p(left, right, test="wilcoxon") == pytest.approx(expected)
    assert sig.paired_p(right + 1.0, right.round(12)) < 1e-6


def test_bootstrap_test_holds_its_level() -> None:
    rng = np.random.default_rng(6)
    p = [sig.paired_p(rng.normal(0, 1, 60), np.zeros(60), test="bootstrap", samples=300) for _ in range(200)]
    assert 0.01 < np.mean(np.array(p) < 0.05) < 0.11


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(p: list[float]) -> None:
    corrected = np.array(sig.holm(p))
    raw = np.array(p)
    assert (corrected >= raw).all() and (corrected <= np.minimum(raw * len(p), 1) + 1e-15).all()
    assert (np.diff(corrected[np.argsort(raw, kind="stable")]) >= 0).all()


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(sig.holm([0.01, 0.02, 0.03, 0.005]), [0.03, 0.04, 0.04, 0.02])


def test_seeds_are_averaged_by_user() -> None:
    got = sig.mean_over_seeds([np.array([1.0, np.nan, np.nan]), np.array([0.0, 0.5, np.nan])])
    np.testing.assert_allclose(got, [0.5, 0.5, np.nan])
    with pytest.raises(DataError, match="do not hold the same users"):
        sig.mean_over_seeds([np.zeros(2), np.zeros(3)])


def test_refusals() -> None:
    with pytest.raises(OptionError, match=r"level=95 .*0\.95"):
        sig.bootstrap(np.ones(3), level=95)
    with pytest.raises(OptionError, match=r"test='ttest'.*t, bootstrap, wilcoxon"):
        sig.paired_p(np.ones(3), np.zeros(3), test="ttest")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="same users in the same order"):
        sig.paired_p(np.ones(3), np.zeros(2))
