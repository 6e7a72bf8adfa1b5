from __future__ import annotations

import os

import numpy as np
import pytest

from penchant.evaluation.cost import measure_cost


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the system keeps no resettable peak")
def test_cost_sees_memory_and_keeps_what_was_measured() -> None:
    with measure_cost() as idle:
        pass
    with measure_cost() as cost:
        array = np.ones(30_000_000)
    assert array.sum() > 0
    assert cost.peak_rss_mb > idle.peak_rss_mb + 150 and cost.cpu_s >= 0


def test_an_error_still_leaves_a_cost() -> None:
    with pytest.raises(ValueError, match="inside"), measure_cost() as cost:
        raise ValueError("inside")
    assert cost.peak_rss_mb > 0
