from __future__ import annotations

import numpy as np
import pytest

from penchant.errors import DataError
from penchant.metrics.fairness import exposure_ratio, group_gap


def test_gap_leaves_out_nan_unknown_and_empty_groups() -> None:
    gap = group_gap(np.array([1.0, 0.5, 0.25, np.nan, 9.0]), np.array([0, 0, 2, 2, -1]), n_groups=4)
    np.testing.assert_allclose(gap.means, [0.75, np.nan, 0.25, np.nan])
    assert gap.counts.tolist() == [2, 0, 1, 0]
    assert gap.difference == pytest.approx(0.5) and gap.ratio == pytest.approx(1 / 3)


def test_gap_of_one_group_is_nan() -> None:
    gap = group_gap(np.array([1.0]), np.array([0]))
    assert np.isnan(gap.difference) and np.isnan(gap.ratio)
    with pytest.raises(DataError, match="do not fit"):
        group_gap(np.array([1.0]), np.array([0, 1]))


def test_exposure_ratio() -> None:
    ranked = np.array([[0, 1], [0, 3]], dtype=np.int32)
    got = exposure_ratio(ranked, np.array([0, 0, 1, 1, -1]))
    assert got.tolist() == [1.5, 0.5]
