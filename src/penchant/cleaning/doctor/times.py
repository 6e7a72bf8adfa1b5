"""The doctor on times: ties, missing times, days without hours, wrong units, shifted time zones, drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s, Ints
from penchant.cleaning.doctor.finding import (
    Observation,
    Severity,
    Value,
    decode_examples,
    gather_examples,
    grade,
    list_examples,
    observe,
)
from penchant.cleaning.repeated_events import find_repeated_events
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.timestamps import OTHER_UNIT, TOO_LATE

DAY_S: Final = 86_400
_OLD_S: Final = 631_152_000  # 1990-01-01: no log of an online platform is older
_ENOUGH: Final = 500
_UNKNOWN: Final = -1


@dataclass(frozen=True)
class Period:
    """A period from `start_s` to `end_s` and the number of its events."""

    start_s: int
    end_s: int
    events: int


def read_times(dataset: Dataset) -> Int64s:
    """UTC seconds of every event `[E]`, −1 for unknown."""
    times: Int64s = dataset.events[schema.TIME_S].fill_null(_UNKNOWN).to_numpy().astype(np.int64)
    return times


def find_tied(dataset: Dataset, times: Int64s) -> Bools:
    """Whether each event `[E]` has the time of the event before it, of the same user."""
    users = dataset.events[schema.USER].to_numpy()
    out = np.zeros(len(times), dtype=bool)
    out[1:] = (users[1:] == users[:-1]) & (times[1:] == times[:-1]) & (times[1:] != _UNKNOWN)
    return out


def check_ties(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Events of a user at the same time, whose order is unknown."""
    with_before = find_tied(dataset, times)
    in_tie = with_before.copy()
    in_tie[:-1] |= with_before[1:]
    if not in_tie.any():
        return []
    users = dataset.events[schema.USER].to_numpy()
    counts = np.bincount(users[in_tie], minlength=dataset.n_users)
    ends = np.flatnonzero(np.append(users[1:] != users[:-1], True))
    share, last_share = float(in_tie.mean()), float(with_before[ends].mean())
    n_users = int((counts > 0).sum())
    return [
        observe(
            "ties_ordered" if _has_seq(dataset) else "ties",
            grade(max(share, last_share), 0.1),
            decode_examples(dataset.user_vocabulary, np.argsort(-counts, kind="stable")[:n_users]),
            events=int(in_tie.sum()),
            share=share,
            users=n_users,
            last=int(with_before[ends].sum()),
            last_share=last_share,
        )
    ]


def check_missing(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Events without a time."""
    rows = np.flatnonzero(times == _UNKNOWN)
    if not len(rows):
        return []
    return [_observe_events("no_time", grade(len(rows) / len(times), 0.01, 1.0), dataset, rows)]


def check_days(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Times without a time of day (nearly all at one second of the day), or some such times among others."""
    known = np.flatnonzero(times != _UNKNOWN)
    if len(known) < 10 or times[known].max() - times[known].min() < 3 * DAY_S:
        return []
    seconds = times[known] % DAY_S
    values, counts = np.unique(seconds, return_counts=True)
    top = int(np.argmax(counts))
    share = float(counts[top] / len(known))
    if share >= 0.9:
        clock = f"{values[top] // 3600:02d}:{values[top] % 3600 // 60:02d}"
        return [observe("days_only", "warn", share=share, clock=clock)]
    hours = np.bincount(seconds[seconds % 3600 == 0] // 3600, minlength=24)
    usual = float(np.median(hours[1:]))
    if hours[0] < 10 or hours[0] < 10 * (usual + 1):
        return []
    rows = known[seconds == 0]
    return [_observe_events("midnight", "warn", dataset, rows, of=len(known), usual=round(usual, 1))]


def check_units(dataset: Dataset, times: Int64s, now_s: int | None) -> list[Observation]:
    """Times in another unit, times in the future, and times before online logs existed."""
    out = _check_mixed_units(dataset, times)
    known = times != _UNKNOWN
    if now_s is not None and (late := np.flatnonzero(known & (times > now_s + DAY_S))).size:
        out.append(_observe_events("future", "problem", dataset, late, last=format_day(int(times.max()))))
    old = np.flatnonzero(known & (times < _OLD_S))
    if not len(old):
        return out
    n_known = int(known.sum())
    first, last = format_day(int(times[old].min())), format_day(int(times.max()))
    if len(old) / n_known > 0.5:
        return [*out, _observe_events("counters", "warn", dataset, old, of=n_known, first=first, last=last)]
    return [*out, _observe_events("too_old", "problem", dataset, old, of=n_known, first=first, last=last)]


def check_shifted_hours(dataset: Dataset, times: Int64s) -> list[Observation]:
    """A kind of event, or the log from some day on, whose daily rhythm is that of the rest shifted by hours."""
    known = np.flatnonzero(times != _UNKNOWN)
    hours = times[known] % DAY_S // 3600
    if len(known) < 2 * _ENOUGH or not (times[known] % 3600).any():
        return []
    kinds = dataset.events[schema.KIND].to_numpy()[known]
    by_kind = np.bincount(kinds.astype(np.int64) * 24 + hours, minlength=24 * len(dataset.kinds)).reshape(-1, 24)
    main = int(by_kind.sum(axis=1).argmax())
    names = dataset.kinds.decode(np.arange(len(dataset.kinds)))
    out = [
        observe("hours_kind", "warn", (names[kind],), kind=names[kind], main=names[main], hours=shift)
        for kind in np.flatnonzero(by_kind.sum(axis=1) >= _ENOUGH)
        if kind != main and (shift := _measure_shift(by_kind[main], by_kind[kind]))
    ]
    order = np.argsort(times[known], kind="stable")
    periods = np.array_split(order, min(12, len(order) // _ENOUGH))
    profile = np.stack([np.bincount(hours[part], minlength=24) for part in periods])
    for number in range(1, len(periods)):
        if shift := _measure_shift(profile[number - 1], profile[number]):
            since = format_day(int(times[known][periods[number][0]]))
            out.append(observe("hours_since", "warn", since=since, hours=shift))
            break
    return out


def check_repeats(dataset: Dataset, times: Int64s) -> list[Observation]:
    """The same user, item and kind repeated: within two seconds, after a number of hours, or at any later time."""
    items = dataset.events[schema.ITEM].fill_null(_UNKNOWN).to_numpy().astype(np.int64)
    users = dataset.events[schema.USER].to_numpy().astype(np.int64)
    kinds = dataset.events[schema.KIND].to_numpy().astype(np.int64)
    key = (users * (dataset.n_items + 1) + items + 1) * max(len(dataset.kinds), 1) + kinds
    order = np.argsort(key, kind="stable")
    use = (np.diff(key[order]) == 0) & (items[order][1:] >= 0)
    later, gap = order[1:][use], np.diff(times[order])[use]
    timed = (times[order][1:] != _UNKNOWN)[use] & (times[order][:-1] != _UNKNOWN)[use]
    out = []
    if len(later):
        out.append(_observe_events("repeats", "info", dataset, np.sort(later)))
    if (timed & (gap <= 2)).any():
        repeated = find_repeated_events(dataset)
        severity = grade(len(repeated) / len(times), 0.001)
        out.append(_observe_events("double_clicks", severity, dataset, repeated.rows, seconds=2))
    near = timed & (gap > 0) & (gap <= 14 * 3600)
    exact = near & (gap % 3600 == 0)
    # One gap in 3,600 is a multiple of an hour by chance (one in 60 for times in minutes); ten times that alarms.
    minutes = bool((times[times != _UNKNOWN] % 60 == 0).all())
    if exact.sum() >= 5 and exact.sum() > 10 * near.sum() * (1 / 60 if minutes else 1 / 3600):
        hours = int(np.bincount(gap[exact] // 3600).argmax())
        out.append(_observe_events("hours_apart", "problem", dataset, np.sort(later[exact]), hours=hours))
    return out


def bin_volume(times: Int64s, bins: int = 48) -> list[Period]:
    """The events of each of `bins` equal periods."""
    known = times[times != _UNKNOWN]
    if not len(known):
        return []
    low, high = int(known.min()), int(known.max()) + 1
    counts, edges = np.histogram(known, bins=min(bins, high - low), range=(low, high))
    return [Period(int(edges[n]), int(edges[n + 1]), int(count)) for n, count in enumerate(counts)]


def describe_volume(times: Int64s) -> list[Observation]:
    """Bursts and gaps: how uneven the volume is over time, and the longest period without events."""
    known = np.sort(times[times != _UNKNOWN])
    if len(known) < 100 or known[-1] - known[0] < 3 * DAY_S:
        return []
    limits = (int(known[0]), int(known[-1]) + 1)
    counts = np.histogram(known, bins=50, range=limits)[0]
    busiest = float(np.sort(counts)[-5:].sum() / len(known))
    quarters = np.histogram(known, bins=4, range=limits)[0] / len(known)
    severity = grade(busiest, 0.5)
    out = [observe("volume", severity, busiest=busiest, first=float(quarters[0]), last=float(quarters[3]))]
    gaps = np.diff(known)
    widest = int(gaps.argmax())
    if gaps[widest] >= max(0.05 * int(known[-1] - known[0]), 2 * DAY_S):
        begin, end = format_day(int(known[widest])), format_day(int(known[widest + 1]))
        out.append(observe("gap", "warn", from_=begin, to=end, days=int(gaps[widest]) // DAY_S))
    return out


def describe_vocabulary(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Items, users and kinds that occur only in the last tenth of the log."""
    order = np.flatnonzero(times != _UNKNOWN)
    if len(order) < 100:
        return []
    order = order[np.argsort(times[order], kind="stable")]
    early, late = order[: len(order) * 9 // 10], order[len(order) * 9 // 10 :]
    items = dataset.events[schema.ITEM].fill_null(_UNKNOWN).to_numpy()
    users = dataset.events[schema.USER].to_numpy()
    known_item = np.isin(items[late], np.unique(items[early]))
    fresh = np.unique(items[late][~known_item & (items[late] >= 0)])
    tops = [_rank_by_count(items[part]) for part in np.array_split(order, 4)]
    item_share = float((~known_item).mean())
    out = [
        observe(
            "vocabulary",
            grade(item_share, 0.2),
            decode_examples(dataset.item_vocabulary, fresh),
            items=len(fresh),
            item_share=item_share,
            user_share=float((~np.isin(users[late], np.unique(users[early]))).mean()),
            kept=len(np.intersect1d(tops[0], tops[3])),
            top=min(len(tops[0]), len(tops[3])),
        )
    ]
    kinds = dataset.events[schema.KIND].to_numpy()[order]
    names = dataset.kinds.decode(np.arange(len(dataset.kinds)))
    for kind in np.flatnonzero(np.bincount(kinds, minlength=len(names)) >= 100):
        positions = np.flatnonzero(kinds == kind)
        first, last = positions[0], positions[-1]
        if first / len(order) > 0.2 or last / len(order) < 0.8:
            begin, end = format_day(int(times[order[first]])), format_day(int(times[order[last]]))
            out.append(observe("kind_drift", "warn", (names[kind],), kind=names[kind], from_=begin, to=end))
    return out


def format_day(time_s: int) -> str:
    """A time as its UTC day.

    >>> format_day(978_300_019)
    '2000-12-31'
    """
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()


def _check_mixed_units(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Rows in quarantine whose time, read in another unit, lies among the other times."""
    rejected = dataset.report.quarantine.get(schema.EVENTS) if dataset.report else None
    known = times[times != _UNKNOWN]
    if rejected is None or not len(known) or dataset.report is None:
        return []
    columns = dataset.report.tables[schema.EVENTS].columns
    name = next((given for given, ours in columns.items() if ours in (schema.TIMESTAMP, schema.TIME_S)), "")
    if name not in rejected.columns:
        return []
    slack = int(known.max() - known.min()) + 365 * DAY_S
    value = rejected[name].cast(pl.String, strict=False).cast(pl.Float64, strict=False)
    fits = pl.lit(False)
    for per in (1.0, 1e3, 1e6, 1e9):
        fits = fits | (pl.col("v") / per).is_between(int(known.min()) - slack, int(known.max()) + slack)
    reasons = pl.col("r").is_in([TOO_LATE, OTHER_UNIT])
    rows = pl.DataFrame({"v": value, "r": rejected["reason"], "row": rejected["row"]}).filter(fits & reasons)["row"]
    if not len(rows):
        return []
    return [observe("mixed_units", "problem", list_examples(f"row {row}" for row in rows.to_list()), events=len(rows))]


def _measure_shift(base: Ints, other: Ints) -> int:
    """Hours (−11 to 12) by which a daily rhythm is shifted against another; 0 if they agree or one is too flat."""
    a, b = base / max(base.sum(), 1), other / max(other.sum(), 1)
    if min(a.std() / a.mean(), b.std() / b.mean()) < 0.3:
        return 0
    # Correlation of the rhythm with each of its 24 rotations: a clear best rotation other than none is the shift.
    correlations = np.array([np.corrcoef(np.roll(a, hours), b)[0, 1] for hours in range(24)])
    best = int(correlations.argmax())
    hours = best if best <= 12 else best - 24
    return hours if abs(hours) >= 2 and correlations[0] < 0.5 and correlations[best] > 0.85 else 0


def _rank_by_count(items: Ints, most: int = 100) -> Int64s:
    counts = np.bincount(items[items >= 0])
    return np.argsort(-counts, kind="stable")[: min(most, int((counts > 0).sum()))]


def _has_seq(dataset: Dataset) -> bool:
    return bool(dataset.report and schema.SEQ in dataset.report.tables[schema.EVENTS].columns.values())


def _observe_events(
    code: str, severity: Severity, dataset: Dataset, rows: Int64s, of: int = 0, **numbers: Value
) -> Observation:
    """An observation about some events: their number, their share (of all, or of `of`) and their ids."""
    examples = gather_examples(dataset.events[schema.EVENT_ID], rows)
    return observe(code, severity, examples, events=len(rows), share=len(rows) / (of or dataset.n_events), **numbers)
