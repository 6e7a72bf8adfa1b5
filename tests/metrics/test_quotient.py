from __future__ import annotations

import numpy as np

from penchant.metrics.quotient import quotient


def test_columns_divide_rows_and_nothing_divides_by_zero() -> None:
    got = quotient(np.array([[2, 4], [1, 3]]), np.array([[2], [0]]))
    np.testing.assert_allclose(got, [[1, 2], [np.nan, np.nan]])
