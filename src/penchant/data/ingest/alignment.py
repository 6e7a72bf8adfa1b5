"""Two streams on one time axis: nearest neighbours in time, interpolation, and moments with several contents.

A voice note and an image that a user posts within a few seconds are one moment: one token with both modalities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from penchant.arrays import Bools, Float64s, Int64s
from penchant.errors import DataError, UsageError


def find_nearest(times: npt.ArrayLike, others: npt.ArrayLike, tolerance: float) -> Int64s:
    """For each time `[T]`, the position of the nearest of `others` `[S]` (ascending); -1 without one.

    One must lie within `tolerance`. The earlier of two equally near ones wins. Times and tolerance are in one unit.

    >>> find_nearest([0, 5, 9], [1, 6, 20], 2).tolist()
    [0, 1, -1]
    """
    at, axis = np.asarray(times, dtype=np.float64), _require_rising(others)
    _check_tolerance(tolerance)
    if not len(axis):
        return np.full(len(at), -1, dtype=np.int64)
    after = np.minimum(np.searchsorted(axis, at, side="left"), len(axis) - 1)
    before = np.maximum(after - 1, 0)
    place = np.where(np.abs(axis[before] - at) <= np.abs(axis[after] - at), before, after)
    return np.where(np.abs(axis[place] - at) <= tolerance, place, -1).astype(np.int64)


def interpolate(
    times: npt.ArrayLike, values: npt.ArrayLike, axis: npt.ArrayLike, tolerance: float
) -> tuple[Float64s, Bools]:
    """A series `[T, D]` at the times of a common axis `[A]`: values `[A, D]` and which are known `[A]`.

    Linear between two samples that lie at most 2 · `tolerance` apart; elsewhere the nearest sample within `tolerance`;
    where there is none, unknown (zeros). `times` `[T]` rise.

    >>> values, known = interpolate([0, 10], [[0.0], [10.0]], [-1, 4, 13], tolerance=5)
    >>> values.ravel().tolist(), known.tolist()
    ([0.0, 4.0, 10.0], [True, True, True])
    """
    at, series, points = (
        _require_rising(times),
        np.asarray(values, dtype=np.float64),
        np.asarray(axis, dtype=np.float64),
    )
    if series.ndim != 2 or len(series) != len(at):
        raise DataError(f"A series needs values [T, D] for its {len(at)} times, got {series.shape}.")
    place = find_nearest(points, at, tolerance)
    known = place >= 0
    out = (
        np.where(known[:, None], series[place] if len(series) else 0.0, 0.0)
        if len(series)
        else np.zeros((len(points), series.shape[1]))
    )
    if len(at) > 1:
        after = np.clip(np.searchsorted(at, points, side="right"), 1, len(at) - 1)
        gap = at[after] - at[after - 1]
        inside = (points >= at[after - 1]) & (points <= at[after]) & (gap <= 2 * tolerance)
        share = np.divide(points - at[after - 1], gap, out=np.zeros_like(points), where=gap > 0)[:, None]
        between = series[after - 1] * (1 - share) + series[after] * share
        out = np.where(inside[:, None], between, out)
        known = known | inside
    return out, known


def group_moments(owners: npt.ArrayLike, times: npt.ArrayLike, has: Bools, tolerance: float) -> Int64s:
    """The event that carries the moment of each event, `[E]`: the last event of the moment.

    `owners` `[E]` (events that may share a moment have the same; all of one stand together), `times` `[E]` rising for
    each owner, `has` `[E, M]`: which contents an event has. An event joins the moment before it if it lies at most
    `tolerance` after that moment's first event and brings only contents that the moment does not have yet; the
    last one represents the moment, so no content is known before it happened.

    >>> has = np.array([[True, False], [False, True], [False, True]])  # a picture, a voice, a voice
    >>> group_moments([1, 1, 1], [0, 3, 4], has, 5).tolist()
    [1, 1, 2]
    """
    owner, at = np.asarray(owners), np.asarray(times, dtype=np.float64)
    _check_tolerance(tolerance)
    count = len(owner)
    if count < 2:
        return np.arange(count, dtype=np.int64)
    near = (owner[1:] == owner[:-1]) & (at[1:] - at[:-1] <= tolerance)
    run = np.concatenate([[0], np.cumsum(~near)])
    first = np.concatenate([[0], np.flatnonzero(~near) + 1])
    place = np.arange(count) - first[run]
    start = np.arange(count, dtype=np.int64)  # first event of each event's moment
    contents, since = has[first].copy(), at[first].copy()  # of each run: contents and start of the open moment
    opened = first.copy()
    order = np.argsort(place, kind="stable")
    steps = np.searchsorted(place[order], np.arange(1, int(place.max(initial=0)) + 2))
    for step in range(len(steps) - 1):  # as many steps as the longest run has events, all runs at once
        rows = order[steps[step] : steps[step + 1]]
        runs = run[rows]
        joins = (at[rows] - since[runs] <= tolerance) & ~(has[rows] & contents[runs]).any(axis=1)
        start[rows] = np.where(joins, opened[runs], rows)
        contents[runs] = np.where(joins[:, None], contents[runs] | has[rows], has[rows])
        since[runs] = np.where(joins, since[runs], at[rows])
        opened[runs] = start[rows]
    carrier = np.zeros(count, dtype=np.int64)
    np.maximum.at(carrier, start, np.arange(count))
    return carrier[start]


def _require_rising(times: npt.ArrayLike) -> Float64s:
    axis = np.asarray(times, dtype=np.float64)
    if axis.ndim != 1 or (np.diff(axis) < 0).any():
        raise DataError("The times of a series must rise.", remedy="Sort the series by time.")
    return axis


def _check_tolerance(tolerance: float) -> None:
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"tolerance={tolerance} is out of range.", remedy="Give a time of 0 or more.")
