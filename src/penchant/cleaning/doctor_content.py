"""What the doctor asks of content: views, media files, near duplicates, languages, noise, values that cannot be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.cleaning.before_item import events_before_item
from penchant.cleaning.copied_texts import copied_texts
from penchant.cleaning.doctor_finding import MOST_EXAMPLES, Observation, Value, graded, ids_in, ids_of, shown
from penchant.cleaning.duplicate_items import DuplicateOptions, duplicate_items
from penchant.cleaning.impossible import impossible_cells
from penchant.cleaning.text_noise import clean_texts
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.decode import sniff
from penchant.data.decode_video import is_cut_off, is_video
from penchant.data.language import shares
from penchant.data.media import contained
from penchant.data.text import ItemTextOptions, item_text
from penchant.errors import MediaError

Bools = npt.NDArray[np.bool_]

_MEDIA: Final = {schema.IMAGE: "a picture", schema.AUDIO: "a sound", schema.VIDEO: "a video"}
NAMES: Final = {"en": "English", "zh": "Chinese"}
_MOST_CHARACTERS: Final = 8_000_000
_MOST_TEXTS: Final = 20_000
_MOST_NOISE: Final = 50_000
_TAILS: Final = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
_NO_ATTRIBUTES: Final = (schema.ITEM_ID, schema.CREATED_AT)


def views(dataset: Dataset, broken: dict[str, Bools]) -> list[Observation]:
    """Items of which nothing is known: no text, picture or sound that can be used; the worst have no events either."""
    n = dataset.n_items
    has = np.array([text is not None for text in item_text(dataset)], dtype=bool)
    for kind in _MEDIA:
        if kind in dataset.items.columns:
            has |= dataset.items[kind].is_not_null().to_numpy() & ~broken.get(kind, np.zeros(n, dtype=bool))
    used = np.bincount(dataset.events[schema.ITEM].drop_nulls().to_numpy(), minlength=n) > 0
    out = []
    nothing, behaviour = np.flatnonzero(~has & ~used), np.flatnonzero(~has & used)
    if len(nothing):
        numbers: dict[str, Value] = {"items": len(nothing), "share": len(nothing) / n}
        out.append(Observation("no_view", "problem", numbers, ids_of(dataset.item_vocabulary, nothing)))
    if len(behaviour):
        share = len(behaviour) / n
        numbers = {"items": len(behaviour), "share": share}
        out.append(Observation("no_content", graded(share, 0.01), numbers, ids_of(dataset.item_vocabulary, behaviour)))
    unused = np.flatnonzero(~used & has)
    if len(unused):
        numbers = {"items": len(unused), "share": len(unused) / n}
        out.append(Observation("unused_items", "info", numbers, ids_of(dataset.item_vocabulary, unused)))
    return out


def media(dataset: Dataset, most_files: int) -> tuple[list[Observation], dict[str, Bools]]:
    """Media files that are missing, empty, cut off or of another kind, and which items' (by column) are broken.

    At most `most_files` of a column are looked at, evenly taken.
    """
    out: list[Observation] = []
    broken: dict[str, Bools] = {}
    for table in (schema.ITEMS, schema.USERS, schema.EVENTS):
        frame: pl.DataFrame = getattr(dataset, table)
        for kind in _MEDIA:
            if frame.schema.get(kind) != pl.String or dataset.root is None:
                continue
            rows = np.flatnonzero(frame[kind].is_not_null().to_numpy())
            if len(rows) > most_files:
                rows = rows[np.linspace(0, len(rows) - 1, most_files).round().astype(np.int64)]
            names = frame[kind].gather(rows).to_list()
            reasons = [file_fault(dataset.root, name, kind) for name in names]
            bad = [(name, reason) for name, reason in zip(names, reasons, strict=True) if reason]
            if table == schema.ITEMS:
                broken[kind] = np.zeros(frame.height, dtype=bool)
                broken[kind][rows[[bool(reason) for reason in reasons]]] = True
            if not bad:
                continue
            share = len(bad) / len(rows)
            said = ", ".join(f"{count:,} {word}" for word, count in Counter(r for _, r in bad).most_common())
            numbers: dict[str, Value] = {
                "table": table, "column": kind, "files": len(bad), "of": len(rows), "share": share, "why": said,
            }  # fmt: skip
            examples = shown(f"{name} ({reason})" for name, reason in bad)
            out.append(Observation("broken_media", graded(share, 0.0, 0.05), numbers, examples))
    return out, broken


def file_fault(root: Path, name: str, kind: str) -> str:
    """What is wrong with a picture, sound or video by its size, first and last bytes; empty where nothing is."""
    try:
        path = contained(root, name)
        size = path.stat().st_size
        if not size:
            return "empty"
        with path.open("rb") as file:
            head = file.read(16)
            if kind == schema.VIDEO:
                return ("cut off" if is_cut_off(file, size) else "") if is_video(head) else f"not {_MEDIA[kind]}"
            found = sniff(head)
            if found is None or found[0] != kind:
                return f"not {_MEDIA[kind]}"
            if found[1] == "WAV":
                whole = int.from_bytes(head[4:8], "little") + 8
                return "cut off" if whole > size and whole < 0xFFFFFFFF else ""
            if found[1] in _TAILS:
                file.seek(max(size - 4096, 0))
                return "" if _TAILS[found[1]] in file.read() else "cut off"
    except MediaError as error:
        return error.what.split(":", 1)[0].rstrip(".")
    except OSError:
        return "unreadable"
    return ""


def twins(dataset: Dataset) -> tuple[list[Observation], npt.NDArray[np.int64]]:
    """Items that are nearly the same as another by their text; `[N]` the item that stands for each."""
    instead = np.arange(dataset.n_items, dtype=np.int64)
    texts = [name for name in (schema.TITLE, schema.DESCRIPTION) if dataset.items.schema.get(name) == pl.String]
    if not texts:
        return [], instead
    long = sum(int(dataset.items[name].str.len_chars().sum()) for name in texts) > _MOST_CHARACTERS
    fields = (schema.TITLE,) if long and schema.TITLE in texts else (schema.TITLE, schema.DESCRIPTION)
    found = duplicate_items(dataset, DuplicateOptions(fields=ItemTextOptions(fields)))
    if not len(found) or found.instead is None:
        return [], instead
    instead[found.rows] = found.instead
    share = len(found) / dataset.n_items
    pairs = found.details.head(MOST_EXAMPLES).select(schema.ITEM_ID, "instead").rows()
    numbers: dict[str, Value] = {"items": len(found), "share": share}
    return [Observation("twins", graded(share, 0.01), numbers, shown(f"{a} = {b}" for a, b in pairs))], instead


def same_ids(dataset: Dataset) -> list[Observation]:
    """Ids that differ in case or spaces alone."""
    out = []
    for code, ids in (("ids_users", dataset.user_vocabulary.ids), ("ids_items", dataset.item_vocabulary.ids)):
        plain = ids.str.strip_chars().str.to_lowercase()
        rows = np.flatnonzero(plain.is_duplicated().to_numpy())
        if len(rows):
            out.append(Observation(code, "warn", {"ids": len(rows)}, ids_in(ids, rows)))
    return out


def languages(dataset: Dataset) -> list[Observation]:
    """In which languages titles, descriptions and events' own texts are."""
    parts = [(schema.ITEMS, name) for name in (schema.TITLE, schema.DESCRIPTION)] + [(schema.EVENTS, schema.TEXT)]
    columns = [getattr(dataset, table)[name] for table, name in parts if name in getattr(dataset, table).columns]
    sampled = [_sample(column.cast(pl.String).drop_nulls()) for column in columns]
    texts = pl.concat([one.rename("text") for one in sampled]) if sampled else pl.Series("text", [], dtype=pl.String)
    found = shares(texts)
    if not found:
        return []
    listed = ", ".join(f"{name} {share:.0%}" for name, share in list(found.items())[:5])
    others = 1 - next(iter(found.values()))
    numbers: dict[str, Value] = {"texts": len(texts), "languages": listed, "main": next(iter(found)), "others": others}
    return [Observation("languages", graded(others, 0.1), numbers)]


def cells(dataset: Dataset) -> list[Observation]:
    """Cells that cannot be, noise in texts, copied texts, and events before their item existed."""
    out = []
    for where, count in impossible_cells(dataset).cells.items():
        out.append(Observation("impossible", "warn", {"column": where, "cells": count}))
    small = _small_texts(dataset)
    noise = clean_texts(small).cells
    if noise:
        listed = ", ".join(f"{where} {count:,}" for where, count in list(noise.items())[:5])
        numbers: dict[str, Value] = {"cells": sum(noise.values()), "where": listed}
        out.append(Observation("noise", graded(sum(noise.values()) / max(dataset.n_items, 1), 0.05), numbers))
    for code, found in (("copied_texts", copied_texts(dataset)), ("before_item", events_before_item(dataset))):
        if len(found):
            share = len(found) / max(dataset.n_events, 1)
            ids = ids_in(dataset.events[schema.EVENT_ID], found.rows)
            out.append(Observation(code, "warn", {"events": len(found), "share": share}, ids))
    return out


def _small_texts(dataset: Dataset) -> Dataset:
    """The same with at most so many rows of texts, evenly taken: noise is counted on these."""
    items = dataset.items[_even(dataset.items.height, _MOST_NOISE)]
    events = dataset.events[_even(dataset.n_events, _MOST_NOISE)]
    users = dataset.users[_even(dataset.users.height, _MOST_NOISE)]
    return Dataset(items, events, users, dataset.item_vocabulary, dataset.user_vocabulary, dataset.kinds, report=None)


def _sample(column: pl.Series) -> pl.Series:
    return column.gather(_even(len(column), _MOST_TEXTS))


def _even(n: int, most: int) -> npt.NDArray[np.int64]:
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(np.int64)
