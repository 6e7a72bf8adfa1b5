from __future__ import annotations

import numpy as np
import pytest

from penchant.data.modalities import Modality
from penchant.encoders.similarity import cosine, find_nearest_rows
from penchant.errors import DataError


def test_cosine_by_hand() -> None:
    # (.03 + .10 - .03 + .08) / (√.30 · √.39) = .18 / .34205
    assert cosine([0.1, 0.2, -0.3, 0.4], [0.3, 0.5, 0.1, 0.2]) == pytest.approx(0.526, abs=5e-4)
    assert cosine([[1, 0], [0, 2]], [3, 0]).tolist() == [1.0, 0.0]
    assert cosine([0, 0], [1, 1]) == 0
    with pytest.raises(DataError, match="one length"):
        cosine([1, 2], [1, 2, 3])


def test_nearest_rows_by_hand() -> None:
    modality = Modality(
        np.array([[1, 0], [0.9, 0.1], [0, 1], [0, 0]], dtype=np.float32), np.array([True, True, True, False])
    )
    assert find_nearest_rows(modality, 3, block=2).tolist() == [[1, 2, -1], [0, 2, -1], [1, 0, -1], [-1, -1, -1]]
    assert find_nearest_rows(modality.take(np.array([0])), 2).tolist() == [[-1, -1]]
