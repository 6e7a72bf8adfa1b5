"""Which events probes learn, by hand; bad options and missing probes."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.errors import ModelError, OptionError, UsageError
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.probes import Probes, newest_events


def test_the_newest_tenth_of_each_person_teaches() -> None:
    sequences = SequenceBatch.of_items([[0], [0, 1], list(range(19)), [], list(range(20))])
    held = newest_events(sequences, ProbeOptions())
    assert held is not None
    assert np.bincount(sequences.rows[held], minlength=5).tolist() == [0, 1, 1, 0, 2]
    assert np.flatnonzero(held).tolist() == [2, 21, 40, 41]
    few = newest_events(sequences, ProbeOptions(users=1))
    # The lots of 1, 2 and 4: 2654435761, 1013904226 and 2027808452.
    assert few is not None and np.flatnonzero(few).tolist() == [21]
    assert newest_events(SequenceBatch.of_items([[0], [1]]), ProbeOptions()) is None


def test_nobody_left_out_comes_in_when_people_are_added() -> None:
    """From 30 people to 3,000: whoever was not picked never is; those picked lie all over."""
    options = ProbeOptions(users=15)

    def picked(people: int) -> set[int]:
        held = newest_events(SequenceBatch.of_items([[0, 1]] * people), options)
        assert held is not None
        return set((np.flatnonzero(held) // 2).tolist())

    before = picked(30)
    for people in range(31, 3001, 27):
        now = picked(people)
        newest = set(range(people - 27, people))
        assert len(now) == 15 and now - newest <= before
        before = now
    assert np.histogram(sorted(before), bins=3, range=(0, 3000))[0].min() >= 4


def test_bad_options_and_missing_probes_are_refused() -> None:
    with pytest.raises(OptionError, match=r"^probes\.fit='colour' is not known"):
        ProbeOptions(fit=("colour",))
    with pytest.raises(UsageError, match="classes=1 is out of range"):
        ProbeOptions(classes=1)
    with pytest.raises(ModelError, match="No interest probe was fitted"):
        Probes(ProbeOptions()).predict_interest(np.zeros((1, 2), dtype=np.float32), np.zeros((1, 2), dtype=np.float32))
