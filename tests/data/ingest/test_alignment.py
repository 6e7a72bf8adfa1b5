from __future__ import annotations

import numpy as np
import pytest

from penchant.data.ingest.alignment import find_nearest, group_moments, interpolate
from penchant.errors import DataError, UsageError


def test_the_nearest_in_time_by_hand() -> None:
    assert find_nearest([0, 4, 5, 10], [1, 3, 7], 2).tolist() == [0, 1, 1, -1]  # 5 is as near to 3 as to 7
    assert find_nearest([2.0], [1, 3], 1).tolist() == [0]
    assert find_nearest([1, 2], [], 9).tolist() == [-1, -1]


def test_against_all_distances() -> None:
    rng = np.random.default_rng(0)
    times, others = rng.random(200) * 100, np.sort(rng.random(60) * 100)
    away = np.abs(times[:, None] - others[None, :])
    expected = np.where(away.min(axis=1) <= 0.5, away.argmin(axis=1), -1)
    assert find_nearest(times, others, 0.5).tolist() == expected.tolist()


def test_a_series_on_another_axis() -> None:
    values, known = interpolate([0, 2, 10], [[0, 1], [4, 3], [8, 8]], [0, 1, 2, 5, 9.5, 12], tolerance=1)
    assert known.tolist() == [True, True, True, False, True, False]
    assert values.tolist() == [[0, 1], [2, 2], [4, 3], [0, 0], [8, 8], [0, 0]]
    times = np.linspace(0, 10, 50)
    line = np.stack([3 * times, -times], axis=1)
    values, known = interpolate(times, line, np.array([0.1, 3.3, 9.9]), tolerance=1)
    assert known.all() and values == pytest.approx(np.array([[0.3, -0.1], [9.9, -3.3], [29.7, -9.9]]))
    one, known = interpolate([3], [[7.0]], [2, 5], tolerance=1)
    assert one.tolist() == [[7], [0]] and known.tolist() == [True, False]
    assert not interpolate([], np.zeros((0, 2)), [1, 2], tolerance=1)[1].any()


TEXT, IMAGE, AUDIO = np.eye(3, dtype=bool)


def test_moments_by_hand() -> None:
    has = np.array([IMAGE, AUDIO, AUDIO, TEXT, IMAGE, IMAGE | TEXT, AUDIO])
    times = [0, 2, 3, 4, 20, 100, 101]
    assert group_moments([1, 1, 1, 1, 1, 1, 1], times, has, 3).tolist() == [1, 1, 3, 3, 4, 6, 6]
    assert group_moments([1, 1, 1, 1, 1, 1, 2], times, has, 3).tolist() == [1, 1, 3, 3, 4, 5, 6]
    assert group_moments([1] * 7, times, has, 0).tolist() == list(range(7))


def test_tolerance_counts_from_the_first_of_a_moment() -> None:
    has = np.array([IMAGE, AUDIO, TEXT])
    assert group_moments([0, 0, 0], [0, 3, 6], has, 3).tolist() == [1, 1, 2]
    assert group_moments([0, 0, 0], [0, 3, 6], has, 6).tolist() == [2, 2, 2]


def test_against_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    owners = np.sort(rng.integers(0, 30, 400))
    times = np.concatenate([np.sort(rng.integers(0, 60, (owners == o).sum())) for o in np.unique(owners)])
    has = np.eye(3, dtype=bool)[rng.integers(0, 3, 400)] | (rng.random((400, 3)) < 0.1)
    groups: list[list[int]] = []
    for e in range(400):
        last = groups[-1] if groups else []
        fits = last and owners[last[0]] == owners[e] and times[e] - times[last[0]] <= 4
        fits = fits and times[e] - times[last[-1]] <= 4 and not (has[last].any(axis=0) & has[e]).any()
        if fits:
            last.append(e)
        else:
            groups.append([e])
    expected = np.empty(400, dtype=int)
    for group in groups:
        expected[group] = group[-1]
    assert group_moments(owners, times, has, 4).tolist() == expected.tolist() and len(groups) < 380


def test_few_events_and_bad_calls() -> None:
    assert group_moments([], [], np.zeros((0, 2), dtype=bool), 1).tolist() == []
    assert group_moments([4], [9], np.ones((1, 2), dtype=bool), 1).tolist() == [0]
    with pytest.raises(UsageError, match="tolerance=-1 is out of range"):
        group_moments([4], [9], np.ones((1, 2), dtype=bool), -1)
    with pytest.raises(DataError, match="must rise"):
        find_nearest([1], [3, 2], 1)
    with pytest.raises(DataError, match=r"values \[T, D\] for its 2 times"):
        interpolate([1, 2], [[1.0]], [1], 1)
