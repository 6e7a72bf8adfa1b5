from __future__ import annotations

import numpy as np
import pytest

from penchant.data.modalities import Modality
from penchant.errors import DataError


@pytest.mark.parametrize("row", [0, 255, 256, 599])
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(row: int) -> None:
    vectors = np.ones((600, 3), dtype=np.float32)
    Modality(vectors, np.ones(600, dtype=bool), "e")
    vectors[[row, -1], 1] = [np.inf, np.nan]
    count = len({row, 599})
    with pytest.raises(DataError, match=rf"Vectors of e are not finite in {count} rows \(first: row {row}\)"):
        Modality(vectors, np.ones(600, dtype=bool), "e")
    assert len(Modality(vectors[:0], np.ones(0, dtype=bool))) == 0
