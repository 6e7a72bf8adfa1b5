"""What the doctor asks of times: ties, missing ones, days without hours, wrong units, shifted zones, drift."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.cleaning.doctor_finding import Observation, Value, graded, ids_in, ids_of, shown
from penchant.cleaning.repeated_events import repeated_events
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.timestamps import OTHER_UNIT, TOO_LATE

Ints = npt.NDArray[np.int64]

DAY_S: Final = 86_400
_OLD_S: Final = 631_152_000  # 1990-01-01: no log of an online platform is older
_ENOUGH: Final = 500
_UNKNOWN: Final = -1


def known_times(dataset: Dataset) -> Ints:
    """UTC seconds of every event `[E]`, −1 where there is none."""
    filled: Ints = dataset.events[schema.TIME_S].fill_null(_UNKNOWN).to_numpy().astype(np.int64)
    return filled


def tied(dataset: Dataset, times: Ints) -> npt.NDArray[np.bool_]:
    """Whether each event `[E]` has the time of the event before it, of the same user."""
    users = dataset.events[schema.USER].to_numpy()
    out = np.zeros(len(times), dtype=bool)
    out[1:] = (users[1:] == users[:-1]) & (times[1:] == times[:-1]) & (times[1:] != _UNKNOWN)
    return out


def ties(dataset: Dataset, times: Ints) -> list[Observation]:
    """Events of a user at the very same time: which came first, nobody knows."""
    with_before = tied(dataset, times)
    in_tie = with_before.copy()
    in_tie[:-1] |= with_before[1:]
    if not in_tie.any():
        return []
    users = dataset.events[schema.USER].to_numpy()
    counts = np.bincount(users[in_tie], minlength=dataset.n_users)
    ends = np.flatnonzero(np.append(users[1:] != users[:-1], True))
    share = float(in_tie.mean())
    numbers: dict[str, Value] = {
        "events": int(in_tie.sum()), "share": share, "users": int((counts > 0).sum()),
        "last": int(with_before[ends].sum()), "last_share": float(with_before[ends].mean()),
    }  # fmt: skip
    code = "ties_ordered" if _has_seq(dataset) else "ties"
    worst = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    severity = graded(max(share, float(numbers["last_share"])), 0.1)
    return [Observation(code, severity, numbers, ids_of(dataset.user_vocabulary, worst))]


def missing(dataset: Dataset, times: Ints) -> list[Observation]:
    """Events without a time."""
    rows = np.flatnonzero(times == _UNKNOWN)
    if not len(rows):
        return []
    share = len(rows) / len(times)
    numbers: dict[str, Value] = {"events": len(rows), "share": share}
    return [Observation("no_time", graded(share, 0.01, 1.0), numbers, _events(dataset, rows))]


def whole_days(dataset: Dataset, times: Ints) -> list[Observation]:
    """Times that are days (all at one second of the day), or days mixed among times."""
    known = np.flatnonzero(times != _UNKNOWN)
    if len(known) < 10 or times[known].max() - times[known].min() < 3 * DAY_S:
        return []
    seconds = times[known] % DAY_S
    values, counts = np.unique(seconds, return_counts=True)
    top = int(np.argmax(counts))
    share = float(counts[top] / len(known))
    if share >= 0.9:
        clock = f"{values[top] // 3600:02d}:{values[top] % 3600 // 60:02d}"
        return [Observation("days_only", "warn", {"share": share, "clock": clock})]
    hours = np.bincount(seconds[seconds % 3600 == 0] // 3600, minlength=24)
    usual = float(np.median(hours[1:]))
    if hours[0] < 10 or hours[0] < 10 * (usual + 1):
        return []
    rows = known[seconds == 0]
    numbers: dict[str, Value] = {"events": len(rows), "share": len(rows) / len(known), "usual": round(usual, 1)}
    return [Observation("midnight", "warn", numbers, _events(dataset, rows))]


def wrong_units(dataset: Dataset, times: Ints, now_s: int | None) -> list[Observation]:
    """Times that another unit would explain, times in the future and times before there were logs."""
    out = _mixed_units(dataset, times)
    known = times != _UNKNOWN
    if now_s is not None and (late := np.flatnonzero(known & (times > now_s + DAY_S))).size:
        numbers: dict[str, Value] = {
            "events": len(late),
            "share": len(late) / len(times),
            "last": day(int(times.max())),
        }
        out.append(Observation("future", "problem", numbers, _events(dataset, late)))
    old = np.flatnonzero(known & (times < _OLD_S))
    if not len(old):
        return out
    share = len(old) / int(known.sum())
    numbers = {"events": len(old), "share": share, "first": day(int(times[old].min())), "last": day(int(times.max()))}
    code = "counters" if share > 0.5 else "too_old"
    return [*out, Observation(code, "warn" if share > 0.5 else "problem", numbers, _events(dataset, old))]


def shifted_hours(dataset: Dataset, times: Ints) -> list[Observation]:
    """A kind of event, or the log from some day on, whose daily rhythm is that of the rest moved by hours."""
    known = np.flatnonzero(times != _UNKNOWN)
    hours = times[known] % DAY_S // 3600
    if len(known) < 2 * _ENOUGH or not (times[known] % 3600).any():
        return []
    kinds = dataset.events[schema.KIND].to_numpy()[known]
    by_kind = np.bincount(kinds.astype(np.int64) * 24 + hours, minlength=24 * len(dataset.kinds)).reshape(-1, 24)
    main = int(by_kind.sum(axis=1).argmax())
    names = dataset.kinds.decode(np.arange(len(dataset.kinds)))
    out = [
        Observation("hours_kind", "warn", {"kind": names[kind], "main": names[main], "hours": moved}, (names[kind],))
        for kind in np.flatnonzero(by_kind.sum(axis=1) >= _ENOUGH)
        if kind != main and (moved := _moved(by_kind[main], by_kind[kind]))
    ]
    order = np.argsort(times[known], kind="stable")
    periods = np.array_split(order, min(12, len(order) // _ENOUGH))
    profile = np.stack([np.bincount(hours[part], minlength=24) for part in periods])
    for number in range(1, len(periods)):
        if moved := _moved(profile[number - 1], profile[number]):
            since = day(int(times[known][periods[number][0]]))
            out.append(Observation("hours_since", "warn", {"since": since, "hours": moved}))
            break
    return out


def again(dataset: Dataset, times: Ints) -> list[Observation]:
    """The same user, item and kind again: within two seconds, whole hours apart, or any time later."""
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
        numbers: dict[str, Value] = {"events": len(later), "share": len(later) / len(times)}
        out.append(Observation("repeats", "info", numbers, _events(dataset, np.sort(later))))
    if (timed & (gap <= 2)).any():
        found = repeated_events(dataset)
        share = len(found) / len(times)
        numbers = {"events": len(found), "share": share, "seconds": 2}
        out.append(Observation("double_clicks", graded(share, 0.001), numbers, _events(dataset, found.rows)))
    near = timed & (gap > 0) & (gap <= 14 * 3600)
    exact = near & (gap % 3600 == 0)
    minutes = bool((times[times != _UNKNOWN] % 60 == 0).all())
    if exact.sum() >= 5 and exact.sum() > 10 * near.sum() * (1 / 60 if minutes else 1 / 3600):
        hours = np.bincount(gap[exact] // 3600)
        numbers = {"events": int(exact.sum()), "share": float(exact.sum() / len(times)), "hours": int(hours.argmax())}
        out.append(Observation("hours_apart", "problem", numbers, _events(dataset, np.sort(later[exact]))))
    return out


def volume(times: Ints, bins: int = 48) -> list[dict[str, int]]:
    """Events in each of `bins` equal stretches of time: `start_s`, `end_s`, `events`."""
    known = times[times != _UNKNOWN]
    if not len(known):
        return []
    low, high = int(known.min()), int(known.max()) + 1
    counts, edges = np.histogram(known, bins=min(bins, high - low), range=(low, high))
    return [
        {"start_s": int(edges[n]), "end_s": int(edges[n + 1]), "events": int(count)} for n, count in enumerate(counts)
    ]


def volume_drift(times: Ints) -> list[Observation]:
    """Bursts and gaps: most events in a tenth of the time, or a long stretch with none."""
    known = np.sort(times[times != _UNKNOWN])
    if len(known) < 100 or known[-1] - known[0] < 3 * DAY_S:
        return []
    out = []
    span = int(known[-1] - known[0])
    counts = np.histogram(known, bins=50, range=(int(known[0]), int(known[-1]) + 1))[0]
    busiest = float(np.sort(counts)[-5:].sum() / len(known))
    quarters = np.histogram(known, bins=4, range=(int(known[0]), int(known[-1]) + 1))[0]
    numbers: dict[str, Value] = {
        "busiest": busiest,
        "first": float(quarters[0] / len(known)),
        "last": float(quarters[3] / len(known)),
    }
    out.append(Observation("volume", graded(busiest, 0.5), numbers))
    gaps = np.diff(known)
    widest = int(gaps.argmax())
    if gaps[widest] >= max(0.05 * span, 2 * DAY_S):
        numbers = {
            "from_": day(int(known[widest])),
            "to": day(int(known[widest + 1])),
            "days": int(gaps.max()) // DAY_S,
        }
        out.append(Observation("gap", "warn", numbers))
    return out


def vocabulary_drift(dataset: Dataset, times: Ints) -> list[Observation]:
    """Items, people and kinds that come and go: what the last tenth of the log holds that the rest does not."""
    order = np.flatnonzero(times != _UNKNOWN)
    if len(order) < 100:
        return []
    order = order[np.argsort(times[order], kind="stable")]
    early, late = order[: len(order) * 9 // 10], order[len(order) * 9 // 10 :]
    items = dataset.events[schema.ITEM].fill_null(_UNKNOWN).to_numpy()
    users = dataset.events[schema.USER].to_numpy()
    known_item = np.isin(items[late], np.unique(items[early]))
    fresh = np.unique(items[late][~known_item & (items[late] >= 0)])
    tops = [_top(items[part]) for part in np.array_split(order, 4)]
    numbers: dict[str, Value] = {
        "items": len(fresh), "item_share": float((~known_item).mean()),
        "user_share": float((~np.isin(users[late], np.unique(users[early]))).mean()),
        "kept": len(np.intersect1d(tops[0], tops[3])), "top": min(len(tops[0]), len(tops[3])),
    }  # fmt: skip
    severity = graded(float(numbers["item_share"]), 0.2)
    out = [Observation("vocabulary", severity, numbers, ids_of(dataset.item_vocabulary, fresh))]
    kinds = dataset.events[schema.KIND].to_numpy()[order]
    names = dataset.kinds.decode(np.arange(len(dataset.kinds)))
    for kind in np.flatnonzero(np.bincount(kinds, minlength=len(names)) >= 100):
        places = np.flatnonzero(kinds == kind)
        begins, ends = places[0] / len(order), places[-1] / len(order)
        if begins > 0.2 or ends < 0.8:
            spoken: dict[str, Value] = {
                "kind": names[kind],
                "from_": day(int(times[order[places[0]]])),
                "to": day(int(times[order[places[-1]]])),
            }
            out.append(Observation("kind_drift", "warn", spoken, (names[kind],)))
    return out


def day(time_s: int) -> str:
    """A time as its UTC day.

    >>> day(978_300_019)
    '2000-12-31'
    """
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()


def _mixed_units(dataset: Dataset, times: Ints) -> list[Observation]:
    """Rows in quarantine whose number lies among the other times once it is taken in another unit."""
    refused = dataset.report.quarantine.get(schema.EVENTS) if dataset.report else None
    known = times[times != _UNKNOWN]
    if refused is None or not len(known) or dataset.report is None:
        return []
    columns = dataset.report.tables[schema.EVENTS].columns
    name = next((given for given, ours in columns.items() if ours in (schema.TIMESTAMP, schema.TIME_S)), "")
    if name not in refused.columns:
        return []
    slack = int(known.max() - known.min()) + 365 * DAY_S
    value = refused[name].cast(pl.String, strict=False).cast(pl.Float64, strict=False)
    fits = pl.lit(False)
    for per in (1.0, 1e3, 1e6, 1e9):
        fits = fits | (pl.col("v") / per).is_between(int(known.min()) - slack, int(known.max()) + slack)
    reasons = pl.col("r").is_in([TOO_LATE, OTHER_UNIT])
    rows = pl.DataFrame({"v": value, "r": refused["reason"], "row": refused["row"]}).filter(fits & reasons)["row"]
    if not len(rows):
        return []
    return [Observation("mixed_units", "problem", {"events": len(rows)}, shown(f"row {row}" for row in rows.to_list()))]


def _moved(base: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> int:
    """Hours (−11 to 12) by which a daily rhythm is another one's, 0 where they agree or neither has a clear one."""
    a, b = base / max(base.sum(), 1), other / max(other.sum(), 1)
    if min(a.std() / a.mean(), b.std() / b.mean()) < 0.3:
        return 0
    likeness = np.array([np.corrcoef(np.roll(a, hours), b)[0, 1] for hours in range(24)])
    best = int(likeness.argmax())
    hours = best if best <= 12 else best - 24
    return hours if abs(hours) >= 2 and likeness[0] < 0.5 and likeness[best] > 0.85 else 0


def _top(items: npt.NDArray[np.integer], most: int = 100) -> Ints:
    counts = np.bincount(items[items >= 0])
    return np.argsort(-counts, kind="stable")[: min(most, int((counts > 0).sum()))]


def _has_seq(dataset: Dataset) -> bool:
    return bool(dataset.report and schema.SEQ in dataset.report.tables[schema.EVENTS].columns.values())


def _events(dataset: Dataset, rows: Ints) -> tuple[str, ...]:
    return ids_in(dataset.events[schema.EVENT_ID], rows)
