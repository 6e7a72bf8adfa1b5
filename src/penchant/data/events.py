"""The log: every row parsed, refused with a reason or kept; then coded, sorted and rid of exact duplicates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import columns, schema
from penchant.data.aliases import Recognised, recognise
from penchant.data.entities import attribute_columns
from penchant.data.mapping import TableMapping
from penchant.data.quarantine import Gate, joined
from penchant.data.readers import Source
from penchant.data.report import TableReport
from penchant.data.timestamps import NO_TIMES, Times, parse_times
from penchant.data.vocabulary import Vocabulary
from penchant.errors import SchemaError

_OWN = (schema.TEXT, schema.IMAGE, schema.AUDIO)
_NUMBERS = (schema.DWELL_S, schema.POSITION, schema.PROPENSITY)
_PARSED = (
    *(schema.USER_ID, schema.ITEM_ID, schema.TIMESTAMP, schema.EVENT_ID, schema.SEQ, schema.EVENT, schema.VALUE),
    *_NUMBERS,
)
_MOST_KINDS = 1_000

_SUB = "__sub_ns"
_FILE_ROW = "__file_row"
_KIND_NAME = "__kind"


@dataclass(frozen=True)
class CleanEvents:
    """Rows that passed, in file order with ids still as text; and what became of the others."""

    frame: pl.DataFrame
    report: TableReport
    refused: pl.DataFrame
    has_seq: bool


@dataclass(frozen=True)
class CodedEvents:
    """The events as `Dataset.events`, the vocabulary of kinds, and the final counts."""

    frame: pl.DataFrame
    kinds: Vocabulary
    report: TableReport
    refused: pl.DataFrame


def clean_events(source: Source, mapping: TableMapping) -> CleanEvents:
    """Parse every column and refuse what cannot be used. Raises `SchemaError` for missing or unusable columns."""
    raw = source.frame
    found = recognise(schema.EVENTS, raw.columns, mapping.columns, source.name)
    gate = Gate(raw, source.numbers)
    notes = [*source.notes, *found.notes]
    extra = attribute_columns(source, found, skip=_PARSED, notes=notes)
    users = columns.ids(found.column(raw, schema.USER_ID))
    items = columns.ids(found.column(raw, schema.ITEM_ID))
    times = parse_times(found.column(raw, schema.TIMESTAMP), mapping.times)
    seq = _seq(found, raw, gate)
    gate.refuse(users.is_null(), "no user_id")
    _refuse_empty(items, extra, gate)
    gate.refuse_for(times.reason)
    undated = times.format == NO_TIMES and not found.has(schema.SEQ)
    if undated:
        notes.append("no event has a time: they stand in the order of the file")
    else:
        gate.refuse(times.time_s.is_null() & seq.is_null(), "no timestamp and no seq")
    value = _value(found, raw, gate)
    event_id = _event_ids(found, raw, source, gate)
    frame = pl.DataFrame(
        [
            *(event_id.alias(schema.EVENT_ID), users.alias(schema.USER_ID), items.alias(schema.ITEM_ID)),
            *(_kinds(found, raw, mapping).alias(_KIND_NAME), times.time_s.alias(schema.TIME_S)),
            *(seq.alias(schema.SEQ), value.alias(schema.VALUE), times.sub_ns.alias(_SUB)),
            pl.Series(_FILE_ROW, source.numbers),
            *(_number(found, raw, name, notes) for name in _NUMBERS if found.has(name)),
            *extra,
        ]
    )
    report = TableReport(
        name=schema.EVENTS,
        source=source.name,
        rows_read=source.rows,
        rows_kept=0,
        quarantined={},
        columns=found.names,
        aliases=found.renamed,
        timestamp=_said(times, found),
        notes=notes,
    )
    refused = _repeated_ids(frame, found, gate)
    report = replace(report, quarantined=gate.counts(source.broken))
    frame = frame.filter(pl.Series(gate.kept & ~refused)) if not gate.kept.all() or refused.any() else frame
    report = replace(report, duplicates_dropped=int(refused.sum()), rows_kept=frame.height)
    return CleanEvents(frame, report, joined(gate.refused(), source.broken), found.has(schema.SEQ))


def code_events(events: CleanEvents, items: Vocabulary, users: Vocabulary) -> CodedEvents:
    """Ids become codes; rows are sorted by user, time (to the nanosecond), `seq` and file; duplicates go."""
    frame = events.frame
    kinds = Vocabulary(frame[_KIND_NAME].unique(maintain_order=True))
    user = users.encode_frame(frame, schema.USER_ID)
    item = pl.Series(schema.ITEM, items.encode_frame(frame, schema.ITEM_ID))
    coded = frame.with_columns(
        pl.Series(schema.USER, user),
        item.set(item < 0, None) if (item < 0).any() else item,
        pl.Series(schema.KIND, kinds.encode_frame(frame, _KIND_NAME).astype(np.int16)),
    )
    order, ties = _order(coded, events.has_seq)
    if order is not None:
        coded = coded[order]
    dropped = _duplicates(coded, ties, events)
    if dropped.any():
        coded = coded.filter(pl.Series(~dropped))
    if not events.has_seq:
        counts = np.bincount(coded[schema.USER].to_numpy(), minlength=len(users))
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        coded = coded.with_columns(pl.Series(schema.SEQ, np.arange(coded.height) - starts, dtype=pl.Int64))
    lead = (schema.EVENT_ID, schema.USER, schema.ITEM, schema.KIND, schema.TIME_S, schema.SEQ, schema.VALUE)
    inner = (schema.USER_ID, schema.ITEM_ID, _KIND_NAME, _SUB, _FILE_ROW)
    coded = coded.select(*lead, pl.exclude(*lead, *inner))
    count = events.report.duplicates_dropped + int(dropped.sum())
    report = replace(events.report, rows_kept=coded.height, duplicates_dropped=count)
    return CodedEvents(coded, kinds, report, events.refused)


def _said(times: Times, found: Recognised) -> str:
    return times.format if found.has(schema.TIMESTAMP) else "none; seq orders"


def _seq(found: Recognised, raw: pl.DataFrame, gate: Gate) -> pl.Series:
    """`seq` as Int64; cells that are no whole number are refused."""
    column = found.column(raw, schema.SEQ)
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    number, wrong = columns.numbers(column)
    whole = number.is_finite() & (number == number.floor()) & (number.abs() < 2**53)
    gate.refuse(wrong | ~whole.fill_null(True), "seq is not a whole number")
    return number.set(~whole.fill_null(False), None).cast(pl.Int64, strict=False)


def _refuse_empty(items: pl.Series, extra: list[pl.Series], gate: Gate) -> None:
    missing = items.is_null()
    if not missing.any():
        return
    for column in extra:
        if column.name in _OWN:
            missing &= column.is_null()
    gate.refuse(missing, "no item_id and no text, image or audio")


def _value(found: Recognised, raw: pl.DataFrame, gate: Gate) -> pl.Series:
    if not found.has(schema.VALUE):
        return pl.repeat(None, raw.height, dtype=pl.Float32, eager=True)
    number, wrong = columns.numbers(found.column(raw, schema.VALUE))
    gate.refuse(wrong, "value is not a number")
    gate.refuse((~number.is_finite()) | (number.abs() > 3.4e38), "value is not finite")
    return number.clip(-3.4e38, 3.4e38).cast(pl.Float32)


def _number(found: Recognised, raw: pl.DataFrame, name: str, notes: list[str]) -> pl.Series:
    """An optional number of an event; what is none becomes null and is counted."""
    number, wrong = columns.numbers(found.column(raw, name))
    number, endless = columns.finite(number)
    if lost := int(wrong.sum()) + endless:
        notes.append(f"{lost:,} values of {name} are not finite numbers and were taken as missing")
    return number.alias(name)


def _kinds(found: Recognised, raw: pl.DataFrame, mapping: TableMapping) -> pl.Series:
    """The kind of every event, lower case: from its column, else `kind` of dataset.toml, `rating` or `view`."""
    if not found.has(schema.EVENT):
        default = mapping.kind or (schema.RATING_KIND if _rated(found) else schema.DEFAULT_KIND)
        return pl.repeat(default, raw.height, dtype=pl.String, eager=True)
    column = columns.as_text(found.column(raw, schema.EVENT))
    names = column.unique().drop_nulls()
    if len(names) > _MOST_KINDS:
        raise SchemaError(
            f"The column {found.raw(schema.EVENT)!r} of events holds {len(names):,} different values; "
            f"at most {_MOST_KINDS:,} kinds of events are taken.",
            remedy="If it is text, map it in dataset.toml: [events.columns] "
            f"{found.raw(schema.EVENT)!r} = 'text' (or '' to leave it out).",
        )
    clean = [mapping.kinds.get(name, name.strip().lower()) for name in names.to_list()]
    default = mapping.kind or schema.DEFAULT_KIND
    return column.replace_strict(names, pl.Series(clean, dtype=pl.String), default=default, return_dtype=pl.String)


def _rated(found: Recognised) -> bool:
    key = found.raw(schema.VALUE).split(":")[0].lower()
    return key.startswith(("rating", "star", "score", "overall"))


def _event_ids(found: Recognised, raw: pl.DataFrame, source: Source, gate: Gate) -> pl.Series:
    made = pl.select(pl.format("e{}", pl.Series(source.numbers))).to_series()
    if not found.has(schema.EVENT_ID):
        return made
    given = columns.ids(found.column(raw, schema.EVENT_ID))
    return given if not given.null_count() else pl.select(pl.coalesce(given, pl.format("row-{}", made))).to_series()


def _repeated_ids(frame: pl.DataFrame, found: Recognised, gate: Gate) -> npt.NDArray[np.bool_]:
    """Refuse later events of an id with other content; return the mask of exact duplicates."""
    none = np.zeros(frame.height, dtype=bool)
    if not found.has(schema.EVENT_ID):
        return none
    kept = frame.with_row_index("__row").filter(pl.Series(gate.kept))
    later = kept.filter(~kept[schema.EVENT_ID].is_first_distinct())
    if not later.height:
        return none
    content = [name for name in frame.columns if name != _FILE_ROW]
    first = kept.filter(kept[schema.EVENT_ID].is_first_distinct())
    same = later.join(first.select(content), on=content, how="semi", nulls_equal=True)["__row"].to_numpy()
    none[same] = True
    other = np.zeros(frame.height, dtype=bool)
    other[later["__row"].to_numpy()] = True
    gate.refuse(other & ~none, "event_id repeats with other content")
    return none


def _order(coded: pl.DataFrame, has_seq: bool) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.bool_]]:
    """The order by user, time, `seq` and file (None: as it is), and which sorted rows tie with a neighbour."""
    user = coded[schema.USER].to_numpy()
    file_row = coded[_FILE_ROW].to_numpy()
    seq = file_row
    if has_seq:
        column = coded[schema.SEQ]
        top = column.max()
        seq = column.fill_null((top if isinstance(top, int) else 0) + 1).to_numpy()
    time = _placed_times(coded, user, seq)
    sub = coded[_SUB].fill_null(0).to_numpy()
    keys = (seq, sub, time, user)
    order = None if _sorted(keys) else np.lexsort(keys)
    if order is not None:
        user, time, sub, seq = user[order], time[order], sub[order], seq[order]
    same = (np.diff(user) == 0) & (np.diff(time) == 0) & (np.diff(sub) == 0)
    if has_seq:
        same &= np.diff(seq) == 0
    ties = np.zeros(len(user), dtype=bool)
    ties[1:] |= same
    ties[:-1] |= same
    return order, ties


def _placed_times(
    coded: pl.DataFrame, user: npt.NDArray[np.int32], seq: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Seconds of every event; an unknown one takes that of its neighbour in `seq`."""
    column = coded[schema.TIME_S]
    if not column.null_count():
        return column.to_numpy()
    order = np.lexsort((seq, user))
    frame = pl.DataFrame({"u": user[order], "t": column.gather(order)})
    filled = frame.select(pl.col("t").forward_fill().backward_fill().over("u").fill_null(0))["t"].to_numpy()
    out = np.empty(len(user), dtype=np.int64)
    out[order] = filled
    return out


def _sorted(keys: tuple[npt.NDArray[np.integer], ...]) -> bool:
    """Whether rows are in order by the last key, then the one before it, and so on."""
    undecided = np.ones(len(keys[-1]) - 1 if len(keys[-1]) else 0, dtype=bool)
    for key in reversed(keys):
        step = np.diff(key)
        if (undecided & (step < 0)).any():
            return False
        undecided &= step == 0
        if not undecided.any():
            break
    return True


def _duplicates(coded: pl.DataFrame, ties: npt.NDArray[np.bool_], events: CleanEvents) -> npt.NDArray[np.bool_]:
    """Rows equal to an earlier one in every column of the file; only ties in order can be."""
    out = np.zeros(coded.height, dtype=bool)
    rows = np.flatnonzero(ties)
    if not len(rows):
        return out
    made = schema.EVENT_ID not in events.report.columns.values()
    part = coded[rows].drop([_FILE_ROW, *([schema.EVENT_ID] if made else [])])
    first = part.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()
    out[rows[~first]] = True
    return out
