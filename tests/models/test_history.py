from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.schema import NEGATIVE_KINDS, PASSIVE_KINDS
from penchant.data.sequences import SequenceBatch
from penchant.errors import UsageError
from penchant.models.history import build_history_matrix, compute_decay, select_positive, weigh_events, weigh_kinds

ONE = np.ones(1, dtype=np.float32)


def test_negative_and_passive_kinds_weigh_nothing() -> None:
    kinds = ["click", *sorted(NEGATIVE_KINDS | PASSIVE_KINDS), "Hide"]
    weights = weigh_kinds(kinds)
    assert weights[0] == 1 and (weights[1:] == 0).all()
    assert weigh_kinds(["hide"], {"hide": 0.5}).tolist() == [0.5]
    with pytest.raises(UsageError, match=r"kind_weights\['view'\]=-1 is out of range"):
        weigh_kinds(["view"], {"view": -1})
    assert weigh_kinds(["view", "favorite"], {"收藏": 3, "purchase": 2}).tolist() == [1.0, 3.0]
    assert weigh_kinds(["不喜欢", "收藏"], {"favorite": 2}).tolist() == [0, 2], "names of older bundles"
    with pytest.raises(
        UsageError, match=r"kind_weights names 'veiw', which is not a kind in the data\. .*There are view\."
    ):
        weigh_kinds(["view"], {"veiw": 2})


def test_unknown_kinds_weigh_one() -> None:
    events = replace(SequenceBatch.of_items([[0, 0, 0]]), kinds=np.array([0, 7, -1], dtype=np.int16))
    assert weigh_events(events, np.array([0.5], np.float32)).tolist() == [0.5, 1, 1]


def test_decay_by_rank_and_time() -> None:
    events = SequenceBatch.of_items([[5, 6, 7], [], [8]], times_s=[[0, 86_400, 172_800], [], [0]])
    np.testing.assert_allclose(compute_decay(events, decay=0.5), [0.25, 0.5, 1, 1])
    requests = events.at(np.array([172_800, 0, 86_400]))
    np.testing.assert_allclose(compute_decay(requests, decay=0.5, half_life_days=1.0), [0.0625, 0.25, 1, 0.5])
    np.testing.assert_allclose(compute_decay(events, decay=0.5, half_life_days=1.0), [0.25, 0.5, 1, 1])


def test_rank_counts_only_what_counts() -> None:
    events = replace(SequenceBatch.of_items([[0, 1, -1, 2]]), kinds=np.array([0, 0, 0, 1], dtype=np.int16))
    matrix = build_history_matrix(events, 3, weigh_kinds(["view", "hide"]), decay=0.5)
    assert matrix.toarray().tolist() == [[0.5, 1.0, 0.0]]


def test_repeats_sum_or_take_the_largest() -> None:
    events = SequenceBatch.of_items([[1, 0, 1]])
    assert build_history_matrix(events, 2, ONE, decay=0.5).toarray().tolist() == [[0.5, 1.25]]
    assert build_history_matrix(events, 2, ONE, decay=0.5, binary=True).toarray().tolist() == [[0.5, 1.0]]


def test_items_outside_the_catalogue_are_left_out() -> None:
    kept, weights = select_positive(SequenceBatch.of_items([[0, 9, -1], [2]]), ONE, 3)
    assert kept.items.tolist() == [0, 2] and kept.offsets.tolist() == [0, 1, 2] and weights.tolist() == [1, 1]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=9), min_size=1, max_size=5), st.integers(1, 4))
def test_matrix_is_the_sum_over_the_last_events(rows: list[list[int]], length: int) -> None:
    batch = SequenceBatch.of_items(rows)
    before = batch.items.copy()
    matrix = build_history_matrix(batch, 7, ONE, decay=0.5, max_length=length).toarray()
    expected = np.zeros((len(rows), 7))
    for row, items in enumerate(rows):
        for rank, item in enumerate(reversed(items[-length:])):
            expected[row, item] += 0.5**rank
    np.testing.assert_allclose(matrix, expected)
    assert (batch.items == before).all()
