"""The doctor on users and popularity: few events, bots, density, popularity, leaks of the test set."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s, Ints
from penchant.cleaning.bots import find_bots
from penchant.cleaning.doctor.finding import Observation, decode_examples, gather_examples, grade, observe
from penchant.cleaning.doctor.times import find_tied
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.kinds import reads_as_negative

SPLIT_COLUMNS = ("split", "fold", "subset", "partition", "set")


def check_quarantine(dataset: Dataset) -> list[Observation]:
    """Rows that reading rejected, table by table."""
    if dataset.report is None:
        return []
    out = []
    for name, table in dataset.report.tables.items():
        if table.rows_quarantined:
            reason, most = max(table.quarantined.items(), key=lambda pair: pair[1])
            share = table.rows_quarantined / max(table.rows_read, 1)
            rejected = dataset.report.quarantine[name]
            rows = rejected["row"].head(5).to_list() if "row" in rejected.columns else []
            examples, severity = tuple(f"row {row}" for row in rows), grade(share, 0.0, 0.01)
            counts = {"rows": table.rows_quarantined, "most": most}
            out.append(observe("quarantine", severity, examples, table=name, share=share, reason=reason, **counts))
    return out


def check_kinds(dataset: Dataset) -> list[Observation]:
    """Kinds of events that count as positive and look like negative feedback or like impressions."""
    kinds = dataset.kinds.ids.to_list()
    codes = np.flatnonzero([reads_as_negative(kind) for kind in kinds])
    counts = np.bincount(dataset.events[schema.KIND].to_numpy(), minlength=len(kinds))
    codes = codes[np.argsort(-counts[codes], kind="stable")]
    events = int(counts[codes].sum())
    if not events:
        return []
    examples = decode_examples(dataset.kinds, codes)
    return [
        observe(
            "unread_negatives", "warn", examples, kind=kinds[codes[0]], events=events, share=events / dataset.n_events
        )
    ]


def check_event_counts(dataset: Dataset) -> list[Observation]:
    """Users with one event, without events, and with a large share of all events."""
    counts = np.bincount(dataset.events[schema.USER].to_numpy(), minlength=dataset.n_users)
    out = []
    for code, count in (("one_event", 1), ("no_event", 0)):
        rows = np.flatnonzero(counts == count)
        if len(rows):
            share = len(rows) / dataset.n_users
            examples = decode_examples(dataset.user_vocabulary, rows)
            out.append(observe(code, grade(share, 0.2), examples, users=len(rows), of=dataset.n_users, share=share))
    top = int(counts.argmax()) if len(counts) else 0
    if dataset.n_users >= 20 and counts[top] > max(0.05 * counts.sum(), 100):
        examples = decode_examples(dataset.user_vocabulary, np.array([top]))
        share = float(counts[top] / counts.sum())
        out.append(observe("dominant_user", "warn", examples, events=int(counts[top]), share=share))
    return out


def check_bots(dataset: Dataset) -> list[Observation]:
    """Users who behave like bots."""
    bots = find_bots(dataset)
    if not len(bots):
        return []
    counts = np.bincount(dataset.events[schema.USER].to_numpy(), minlength=dataset.n_users)
    signals = {name for row in bots.details["signals"].to_list() for name in row.split(", ")}
    return [
        observe(
            "bots",
            "warn",
            decode_examples(dataset.user_vocabulary, bots.rows),
            users=len(bots),
            share=len(bots) / dataset.n_users,
            events=float(counts[bots.rows].sum() / max(counts.sum(), 1)),
            signals=", ".join(sorted(signals)),
        )
    ]


def describe_density(dataset: Dataset) -> list[Observation]:
    """The share of pairs of user and item that occur, the length of histories, and how many items are rare."""
    items = dataset.events[schema.ITEM].drop_nulls().to_numpy()
    lengths = dataset.sequences().lengths
    if not len(items):
        return []
    per_item = np.bincount(items, minlength=dataset.n_items)
    pairs = dataset.events.select(pl.struct(schema.USER, schema.ITEM).n_unique()).item()
    rare = np.flatnonzero(per_item < 5)
    rare_share = len(rare) / dataset.n_items
    used = lengths[lengths > 0]
    return [
        observe(
            "density",
            grade(rare_share, 0.5),
            decode_examples(dataset.item_vocabulary, rare),
            density=float(pairs / max(dataset.n_users * dataset.n_items, 1)),
            median=float(np.median(used)),
            p90=float(np.quantile(used, 0.9)),
            per_item=float(np.median(per_item)),
            rare=len(rare),
            rare_share=rare_share,
        )
    ]


def describe_popularity(dataset: Dataset) -> list[Observation]:
    """The share of all events that the most popular items have."""
    items = dataset.events[schema.ITEM].drop_nulls().to_numpy()
    if not len(items):
        return []
    per_item = np.bincount(items, minlength=dataset.n_items)
    counts = np.sort(per_item)
    n, total = len(counts), counts.sum()
    # Gini coefficient of sorted counts: Σ (2 rank − n − 1) · count / (n · total).
    gini = float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * total))
    top = counts[::-1].cumsum()
    one, ten = float(top[max(n // 100, 1) - 1] / total), float(top[max(n // 10, 1) - 1] / total)
    examples = decode_examples(dataset.item_vocabulary, np.argsort(-per_item, kind="stable"))
    return [observe("skew", grade(one, 0.4) if n >= 100 else "info", examples, one=one, ten=ten, gini=gini)]


def check_leaks(dataset: Dataset, times: Int64s, replaced_by: Ints) -> list[Observation]:
    """Leaks from training into a test on the last event of each user.

    `replaced_by` `[N]`: the item that each item duplicates, or the item.
    """
    events = dataset.events
    users, items = events[schema.USER].to_numpy(), events[schema.ITEM].fill_null(-1).to_numpy()
    ends = np.flatnonzero(np.append(users[1:] != users[:-1], True))
    starts = np.concatenate([[0], ends[:-1] + 1])
    last = ends[(ends > starts) & (items[ends] >= 0)]
    if not len(last):
        return []
    out = _check_future(times, ends, last)

    def report(code: str, rows: Ints, warn: float) -> None:
        if len(rows):
            share = len(rows) / len(last)
            examples = decode_examples(dataset.user_vocabulary, users[rows])
            out.append(observe(code, grade(share, warn), examples, users=len(rows), share=share))

    report("leak_ties", last[find_tied(dataset, times)[last]], 0.1)
    seen = _find_repeated_pairs(users, items, dataset.n_items)
    report("leak_repeats", last[seen[last]], 0.05)
    merged = _find_repeated_pairs(users, np.where(items >= 0, replaced_by[items], -1), dataset.n_items)
    report("leak_duplicates", last[merged[last] & ~seen[last]], 0.05)
    return out + _check_split_column(dataset, times) + _check_columns(dataset)


def _find_repeated_pairs(users: Ints, items: Ints, n_items: int) -> Bools:
    """Whether each event `[E]` has a pair of user and item that occurred before."""
    key = users.astype(np.int64) * (n_items + 1) + items
    order = np.argsort(key, kind="stable")
    repeated = np.zeros(len(key), dtype=bool)
    repeated[order[1:]] = np.diff(key[order]) == 0
    return repeated


def _check_future(times: Int64s, ends: Int64s, last: Int64s) -> list[Observation]:
    """The share of leave-one-out training events that are later than the median test event."""
    if (times[last] < 0).all():
        return []
    train = np.ones(len(times), dtype=bool)
    train[ends] = False
    learned = np.sort(times[train & (times >= 0)])
    if not len(learned):
        return []
    shares = 1 - np.searchsorted(learned, times[last][times[last] >= 0], side="right") / len(learned)
    after = float(np.median(shares))
    return [observe("leak_future", grade(after, 0.05), after=after, users=len(last))]


def _check_split_column(dataset: Dataset, times: Int64s) -> list[Observation]:
    """Leaks of a split column: pairs of user and item in both parts, and test events older than training events."""
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
    pairs = frame.filter(pl.col("train")).select(schema.USER, schema.ITEM).unique().with_columns(repeated=pl.lit(True))
    tests = frame.filter(pl.col("test")).join(newest, on=schema.USER, how="left", maintain_order="left")
    tests = tests.join(pairs, on=[schema.USER, schema.ITEM], how="left", maintain_order="left")
    early, repeated = (tests["t"] < tests["newest"]).fill_null(False), tests["repeated"].fill_null(False)
    leaks = tests.filter(early | repeated)
    if not leaks.height:
        return []
    examples = gather_examples(leaks[schema.EVENT_ID], np.arange(leaks.height))
    counts = {"events": leaks.height, "of": tests.height, "early": int(early.sum()), "repeated": int(repeated.sum())}
    return [observe("leak_split", "problem", examples, column=name, **counts)]


def _check_columns(dataset: Dataset) -> list[Observation]:
    """Numeric columns of items that follow the event counts: they were probably counted after the fact."""
    counts = np.bincount(dataset.events[schema.ITEM].drop_nulls().to_numpy(), minlength=dataset.n_items)
    out = []
    for name in dataset.items.columns:
        column = dataset.items[name]
        if not column.dtype.is_numeric() or column.drop_nulls().n_unique() < 10:
            continue
        table = pl.DataFrame({"a": column, "b": counts}).drop_nulls()
        if table.height < 30:
            continue
        correlation = table.select(pl.corr("a", "b", method="spearman")).item()
        if correlation is not None and np.isfinite(correlation) and abs(correlation) >= 0.9:
            out.append(observe("leak_column", "warn", (name,), column=name, correlation=round(float(correlation), 3)))
    return out
