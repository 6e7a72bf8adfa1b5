"""What the doctor asks of people and of the table as a whole: single events, programs, density, skew, leaks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.cleaning.doctor_finding import Observation, Severity, Value, graded, ids_in, ids_of
from penchant.cleaning.doctor_times import tied
from penchant.cleaning.finding import Finding
from penchant.cleaning.suspicious_users import suspicious_users
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.kinds import reads_as_refusal

Ints = npt.NDArray[np.int64]

SPLIT_COLUMNS = ("split", "fold", "subset", "partition", "set")


def quarantined(dataset: Dataset) -> list[Observation]:
    """Rows that reading refused, table by table."""
    out = []
    for name, table in dataset.report.tables.items() if dataset.report else ():
        if table.rows_quarantined:
            reason, most = max(table.quarantined.items(), key=lambda pair: pair[1])
            share = table.rows_quarantined / max(table.rows_read, 1)
            numbers: dict[str, Value] = {
                "table": name,
                "rows": table.rows_quarantined,
                "share": share,
                "reason": reason,
                "most": most,
            }
            refused = dataset.report.quarantine[name] if dataset.report else pl.DataFrame()
            rows = refused["row"].head(5).to_list() if "row" in refused.columns else []
            out.append(Observation("quarantine", graded(share, 0.0, 0.01), numbers, tuple(f"row {r}" for r in rows)))
    return out


def refusals(dataset: Dataset) -> list[Observation]:
    """Kinds of events that count as wanted and read like 'not this', or like something that the platform did."""
    kinds = dataset.kinds.ids.to_list()
    codes = np.flatnonzero([reads_as_refusal(kind) for kind in kinds])
    counts = np.bincount(dataset.events[schema.KIND].to_numpy(), minlength=len(kinds))
    codes = codes[np.argsort(-counts[codes], kind="stable")]
    events = int(counts[codes].sum())
    if not events:
        return []
    numbers: dict[str, Value] = {"kind": kinds[codes[0]], "events": events, "share": events / dataset.n_events}
    return [Observation("unread_refusals", "warn", numbers, ids_of(dataset.kinds, codes))]


def few_events(dataset: Dataset) -> list[Observation]:
    """Users with one event, and users with none."""
    counts = np.bincount(dataset.events[schema.USER].to_numpy(), minlength=dataset.n_users)
    out = []
    for code, wanted in (("one_event", 1), ("no_event", 0)):
        rows = np.flatnonzero(counts == wanted)
        if len(rows):
            share = len(rows) / dataset.n_users
            numbers: dict[str, Value] = {"users": len(rows), "of": dataset.n_users, "share": share}
            out.append(Observation(code, graded(share, 0.2), numbers, ids_of(dataset.user_vocabulary, rows)))
    top = int(counts.argmax()) if len(counts) else 0
    if dataset.n_users >= 20 and counts[top] > max(0.05 * counts.sum(), 100):
        numbers = {"events": int(counts[top]), "share": float(counts[top] / counts.sum())}
        out.append(Observation("dominant_user", "warn", numbers, ids_of(dataset.user_vocabulary, np.array([top]))))
    return out


def programs(dataset: Dataset) -> list[Observation]:
    """Users who behave like programs."""
    found: Finding = suspicious_users(dataset)
    if not len(found):
        return []
    share = len(found) / dataset.n_users
    counts = np.bincount(dataset.events[schema.USER].to_numpy(), minlength=dataset.n_users)
    numbers: dict[str, Value] = {
        "users": len(found), "share": share,
        "events": float(counts[found.rows].sum() / max(counts.sum(), 1)),
        "signals": ", ".join(sorted({s for row in found.details["signals"].to_list() for s in row.split(", ")})),
    }  # fmt: skip
    return [Observation("suspicious_users", "warn", numbers, ids_of(dataset.user_vocabulary, found.rows))]


def density(dataset: Dataset) -> list[Observation]:
    """How full the table of users and items is, how long histories are, and how many items are hardly seen."""
    items = dataset.events[schema.ITEM].drop_nulls().to_numpy()
    lengths = dataset.sequences().lengths
    if not len(items):
        return []
    per_item = np.bincount(items, minlength=dataset.n_items)
    pairs = dataset.events.select(pl.struct(schema.USER, schema.ITEM).n_unique()).item()
    cells = max(dataset.n_users * dataset.n_items, 1)
    low = np.flatnonzero(per_item < 5)
    used = lengths[lengths > 0]
    numbers: dict[str, Value] = {
        "density": float(pairs / cells), "median": float(np.median(used)), "p90": float(np.quantile(used, 0.9)),
        "per_item": float(np.median(per_item)), "rare": len(low), "rare_share": len(low) / dataset.n_items,
    }  # fmt: skip
    severity: Severity = graded(float(numbers["rare_share"]), 0.5)
    return [Observation("density", severity, numbers, ids_of(dataset.item_vocabulary, low))]


def skew(dataset: Dataset) -> list[Observation]:
    """How much of all attention the most popular items have."""
    items = dataset.events[schema.ITEM].drop_nulls().to_numpy()
    if not len(items):
        return []
    counts = np.sort(np.bincount(items, minlength=dataset.n_items))
    n, total = len(counts), counts.sum()
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * total))
    top = counts[::-1].cumsum()
    numbers: dict[str, Value] = {
        "one": float(top[max(n // 100, 1) - 1] / total), "ten": float(top[max(n // 10, 1) - 1] / total), "gini": gini,
    }  # fmt: skip
    best = np.argsort(-np.bincount(items, minlength=n), kind="stable")
    severity = graded(float(numbers["one"]), 0.4) if n >= 100 else "info"
    return [Observation("skew", severity, numbers, ids_of(dataset.item_vocabulary, best))]


def leaks(dataset: Dataset, times: Ints, instead: npt.NDArray[np.integer]) -> list[Observation]:
    """What a test on each one's last event would know beforehand. `instead` `[N]`: the item that each is a copy of."""
    events = dataset.events
    users, items = events[schema.USER].to_numpy(), events[schema.ITEM].fill_null(-1).to_numpy()
    ends = np.flatnonzero(np.append(users[1:] != users[:-1], True))
    starts = np.concatenate([[0], ends[:-1] + 1])
    last = ends[(ends > starts) & (items[ends] >= 0)]
    if not len(last):
        return []
    out = _future(times, ends, last)
    rows = last[tied(dataset, times)[last]]
    if len(rows):
        share = len(rows) / len(last)
        numbers: dict[str, Value] = {"users": len(rows), "share": share}
        out.append(Observation("leak_ties", graded(share, 0.1), numbers, ids_of(dataset.user_vocabulary, users[rows])))
    mapped = np.where(items >= 0, instead[items], -1)
    for code, names in (("leak_repeats", items), ("leak_twins", mapped)):
        key = users.astype(np.int64) * (dataset.n_items + 1) + names
        order = np.argsort(key, kind="stable")
        before = np.zeros(len(key), dtype=bool)
        before[order[1:]] = np.diff(key[order]) == 0
        hit = last[before[last]]
        if code == "leak_repeats":
            seen = before
        else:
            hit = hit[~seen[hit]]
        if len(hit):
            numbers = {"users": len(hit), "share": len(hit) / len(last)}
            severity = graded(len(hit) / len(last), 0.05)
            out.append(Observation(code, severity, numbers, ids_of(dataset.user_vocabulary, users[hit])))
    return out + _split_column(dataset, times) + _telling_columns(dataset)


def _future(times: Ints, ends: Ints, last: Ints) -> list[Observation]:
    """How much of what a leave-one-out model learns from lies after the moment it is asked about."""
    if (times[last] < 0).all():
        return []
    train = np.ones(len(times), dtype=bool)
    train[ends] = False
    learned = np.sort(times[train & (times >= 0)])
    if not len(learned):
        return []
    after = 1 - np.searchsorted(learned, times[last][times[last] >= 0], side="right") / len(learned)
    numbers: dict[str, Value] = {"after": float(np.median(after)), "users": len(last)}
    return [Observation("leak_future", graded(float(numbers["after"]), 0.05), numbers)]


def _split_column(dataset: Dataset, times: Ints) -> list[Observation]:
    """A column that says train and test: rows in both, and tests before their training."""
    columns = {name.lower(): name for name in dataset.events.columns}
    name = next((columns[one] for one in SPLIT_COLUMNS if one in columns), None)
    if name is None:
        return []
    part = dataset.events[name].cast(pl.String, strict=False).str.to_lowercase()
    test, train = part.str.starts_with("test").fill_null(False), part.str.starts_with("train").fill_null(False)
    if not test.any() or not train.any():
        return []
    frame = dataset.events.select(schema.EVENT_ID, schema.USER, schema.ITEM).with_columns(
        t=pl.Series(times), test=test, train=train
    )
    newest = frame.filter(pl.col("train")).group_by(schema.USER).agg(pl.col("t").max().alias("newest"))
    both = frame.filter(pl.col("train")).select(schema.USER, schema.ITEM).unique().with_columns(both=pl.lit(True))
    asked = frame.filter(pl.col("test")).join(newest, on=schema.USER, how="left", maintain_order="left")
    asked = asked.join(both, on=[schema.USER, schema.ITEM], how="left", maintain_order="left")
    early, again = asked["t"] < asked["newest"], asked["both"].fill_null(False)
    wrong = asked.filter(early.fill_null(False) | again)
    if not wrong.height:
        return []
    numbers: dict[str, Value] = {
        "column": name, "events": wrong.height, "of": asked.height,
        "early": int(early.fill_null(False).sum()), "again": int(again.sum()),
    }  # fmt: skip
    return [Observation("leak_split", "problem", numbers, ids_in(wrong[schema.EVENT_ID], np.arange(wrong.height)))]


def _telling_columns(dataset: Dataset) -> list[Observation]:
    """Numbers of items that rise and fall with how often they are used: they were counted after the fact."""
    counts = np.bincount(dataset.events[schema.ITEM].drop_nulls().to_numpy(), minlength=dataset.n_items)
    out = []
    for name in dataset.items.columns:
        column = dataset.items[name]
        if not column.dtype.is_numeric() or column.drop_nulls().n_unique() < 10:
            continue
        table = pl.DataFrame({"a": column, "b": counts}).drop_nulls()
        if table.height < 30:
            continue
        like = table.select(pl.corr("a", "b", method="spearman")).item()
        if like is not None and np.isfinite(like) and abs(like) >= 0.9:
            out.append(Observation("leak_column", "warn", {"column": name, "likeness": round(float(like), 3)}, (name,)))
    return out
