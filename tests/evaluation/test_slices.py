from __future__ import annotations

import numpy as np

from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.evaluation.background import Background
from penchant.evaluation.slices import slice_targets


def _background() -> Background:
    item_events = np.array([80, 15, 5, 0])
    return Background(item_events, item_events, np.array([60, 40, 0]), n_users=2)


def _holdout() -> Holdout:
    histories = SequenceBatch.of_items([[0], [0] * 7, [1] * 300])
    batch = SequenceBatch(**{**histories.__dict__, "users": np.arange(3, dtype=np.int32)})
    return Holdout(batch, Ragged.of([[0, 3], [2], [1, 9]]), Ragged.empty(3))


def test_each_target_lands_where_it_belongs() -> None:
    slices = {
        name: [part.row(u).tolist() for u in range(3)]
        for name, part in slice_targets(_holdout(), _background()).items()
    }
    assert slices == {
        "users: warm": [[0, 3], [2], []],
        "users: cold": [[], [], [1, 9]],
        "items: warm": [[0], [2], [1]],
        "items: cold": [[3], [], [9]],
        "items: head": [[0], [], []],
        "items: tail": [[], [2], [1]],
        "history: 1-4": [[0, 3], [], []],
        "history: 5-19": [[], [2], []],
        "history: 200+": [[], [], [1, 9]],
    }


def test_slices_of_one_kind_share_out_all_targets() -> None:
    slices = slice_targets(_holdout(), _background())
    for kind in ("users", "items: warm|items: cold", "history"):
        parts = [part for name, part in slices.items() if any(name.startswith(p) for p in kind.split("|"))]
        assert sum(len(part.values) for part in parts) == 5


def test_a_user_that_training_does_not_know_is_cold() -> None:
    histories = SequenceBatch.of_items([[0]])
    slices = slice_targets(Holdout(histories, Ragged.of([[0]]), Ragged.empty(1)), _background())
    assert "users: cold" in slices and "users: warm" not in slices
