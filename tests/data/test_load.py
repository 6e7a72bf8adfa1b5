"""Real data sets, loaded whole: the counts their descriptions state."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.data.dataset import Dataset
from penchant.data.splits import split

COUNTS = {
    "movielens-1m": (999_611, 3_416, 6_040, 6_040),
    "amazon-beauty": (198_502, 12_101, 22_363, 22_363),
    "online-retail": (399_687, 3_676, 4_363, 4_188),
}


@pytest.mark.parametrize("name", COUNTS)
def test_nothing_is_lost_of_real_data(shared_data: Path, name: str) -> None:
    dataset = Dataset.load(shared_data / name, strict=True)
    cut = split(dataset, "leave-one-out")
    assert (dataset.n_events, dataset.n_items, dataset.n_users, len(cut.test)) == COUNTS[name]
    assert dataset.report is not None and dataset.report.rows_quarantined == 0
