"""The doctor on content: modalities, media files, near duplicates, languages, noise, impossible values."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools, Int64s, evenly_spaced
from penchant.cleaning.copied_texts import find_copied_texts
from penchant.cleaning.doctor.finding import (
    MOST_EXAMPLES,
    Observation,
    Severity,
    decode_examples,
    gather_examples,
    grade,
    list_examples,
    observe,
)
from penchant.cleaning.duplicates import DuplicateOptions, find_duplicates
from penchant.cleaning.finding import TABLES
from penchant.cleaning.impossible import clear_impossible_cells, find_events_before_item
from penchant.cleaning.text_noise import remove_noise
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.language import measure_shares
from penchant.data.media.decode import sniff
from penchant.data.media.reader import resolve_inside
from penchant.data.media.video import is_cut_off, is_video
from penchant.data.text import ItemTextOptions, build_item_texts
from penchant.errors import MediaError

_MEDIA: Final = {schema.IMAGE: "a picture", schema.AUDIO: "a sound", schema.VIDEO: "a video"}
_MOST_CHARACTERS: Final = 8_000_000
_MOST_TEXTS: Final = 20_000
_MOST_NOISE: Final = 50_000
_TAILS: Final = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
"""Bytes at the end of a complete file, by format."""


def check_modalities(dataset: Dataset, broken: dict[str, Bools]) -> list[Observation]:
    """Items without usable text, image, sound or video, and items without events."""
    n = dataset.n_items
    has_content = np.array([text is not None for text in build_item_texts(dataset)], dtype=bool)
    for kind in _MEDIA:
        if kind in dataset.items.columns:
            has_content |= dataset.items[kind].is_not_null().to_numpy() & ~broken.get(kind, np.zeros(n, dtype=bool))
    used = np.bincount(dataset.events[schema.ITEM].drop_nulls().to_numpy(), minlength=n) > 0
    out = []

    def report(code: str, items: Bools, severity: Severity | None = None) -> None:
        rows = np.flatnonzero(items)
        if len(rows):
            share = len(rows) / n
            examples = decode_examples(dataset.item_vocabulary, rows)
            out.append(observe(code, severity or grade(share, 0.01), examples, items=len(rows), share=share))

    report("no_modality", ~has_content & ~used, "problem")
    report("no_content", ~has_content & used)
    report("unused_items", ~used & has_content, "info")
    return out


def check_media(dataset: Dataset, most_files: int) -> tuple[list[Observation], dict[str, Bools]]:
    """Media files that are missing, empty, truncated or of another kind, and the items with a broken file, by column.

    Checks at most `most_files` of a column, evenly spaced.
    """
    out: list[Observation] = []
    broken: dict[str, Bools] = {}
    for table in TABLES:
        frame: pl.DataFrame = getattr(dataset, table)
        for kind in _MEDIA:
            if frame.schema.get(kind) != pl.String or dataset.root is None:
                continue
            rows = np.flatnonzero(frame[kind].is_not_null().to_numpy())
            rows = rows[evenly_spaced(len(rows), most_files, nearest=True)]
            names = frame[kind].gather(rows).to_list()
            reasons = [find_file_fault(dataset.root, name, kind) for name in names]
            bad = [(name, reason) for name, reason in zip(names, reasons, strict=True) if reason]
            if table == schema.ITEMS:
                broken[kind] = np.zeros(frame.height, dtype=bool)
                broken[kind][rows[[bool(reason) for reason in reasons]]] = True
            if not bad:
                continue
            share = len(bad) / len(rows)
            reason_counts = Counter(reason for _, reason in bad).most_common()
            why = ", ".join(f"{count:,} {reason}" for reason, count in reason_counts)
            examples = list_examples(f"{name} ({reason})" for name, reason in bad)
            counts = {"files": len(bad), "of": len(rows)}
            severity = grade(share, 0.0, 0.05)
            out.append(
                observe("broken_media", severity, examples, table=table, column=kind, share=share, why=why, **counts)
            )
    return out, broken


def find_file_fault(root: Path, name: str, kind: str) -> str:
    """The fault of an image, sound or video file, from its size and its first and last bytes; empty for a good file."""
    try:
        path = resolve_inside(root, name)
        size = path.stat().st_size
        if not size:
            return "empty"
        with path.open("rb") as file:
            head = file.read(16)
            if kind == schema.VIDEO:
                return ("cut off" if is_cut_off(file, size) else "") if is_video(head) else f"not {_MEDIA[kind]}"
            medium, form = sniff(head) or ("", "")
            if medium != kind:
                return f"not {_MEDIA[kind]}"
            if form == "WAV":  # the header states the length; 0xFFFFFFFF and above mark a stream of unknown length
                stated = int.from_bytes(head[4:8], "little") + 8
                return "cut off" if stated > size and stated < 0xFFFFFFFF else ""
            if form in _TAILS:
                file.seek(max(size - 4096, 0))
                return "" if _TAILS[form] in file.read() else "cut off"
    except MediaError as error:
        return error.what.split(":", 1)[0].rstrip(".")
    except OSError:
        return "unreadable"
    return ""


def check_duplicates(dataset: Dataset) -> tuple[list[Observation], Int64s]:
    """Items with nearly the same text as another, and `[N]` the item that each item duplicates (or itself)."""
    replaced_by = np.arange(dataset.n_items, dtype=np.int64)
    texts = [name for name in (schema.TITLE, schema.DESCRIPTION) if dataset.items.schema.get(name) == pl.String]
    if not texts:
        return [], replaced_by
    long = sum(int(dataset.items[name].str.len_chars().sum()) for name in texts) > _MOST_CHARACTERS
    fields = (schema.TITLE,) if long and schema.TITLE in texts else (schema.TITLE, schema.DESCRIPTION)
    finding = find_duplicates(dataset, DuplicateOptions(fields=ItemTextOptions(fields)))
    if not len(finding) or finding.replaced_by is None:
        return [], replaced_by
    replaced_by[finding.rows] = finding.replaced_by
    share = len(finding) / dataset.n_items
    pairs = finding.details.head(MOST_EXAMPLES).select(schema.ITEM_ID, "replaced_by").rows()
    examples = list_examples(f"{a} = {b}" for a, b in pairs)
    return [observe("duplicates", grade(share, 0.01), examples, items=len(finding), share=share)], replaced_by


def check_ids(dataset: Dataset) -> list[Observation]:
    """Ids that differ in case or spaces only."""
    out = []
    for code, ids in (("ids_users", dataset.user_vocabulary.ids), ("ids_items", dataset.item_vocabulary.ids)):
        plain = ids.str.strip_chars().str.to_lowercase()
        rows = np.flatnonzero(plain.is_duplicated().to_numpy())
        if len(rows):
            out.append(observe(code, "warn", gather_examples(ids, rows), ids=len(rows)))
    return out


def check_languages(dataset: Dataset) -> list[Observation]:
    """The languages of titles, descriptions and the texts of events."""
    parts = [(schema.ITEMS, name) for name in (schema.TITLE, schema.DESCRIPTION)] + [(schema.EVENTS, schema.TEXT)]
    columns = [getattr(dataset, table)[name] for table, name in parts if name in getattr(dataset, table).columns]
    sampled = [_sample(column.cast(pl.String).drop_nulls()) for column in columns]
    texts = pl.concat([one.rename("text") for one in sampled]) if sampled else pl.Series("text", [], dtype=pl.String)
    by_language = measure_shares(texts)
    if not by_language:
        return []
    listed = ", ".join(f"{name} {share:.0%}" for name, share in list(by_language.items())[:5])
    main, main_share = next(iter(by_language.items()))
    others = 1 - main_share
    return [observe("languages", grade(others, 0.1), texts=len(texts), languages=listed, main=main, others=others)]


def check_cells(dataset: Dataset) -> list[Observation]:
    """Impossible cells, noise in texts, copied texts, and events before their item existed."""
    out = [
        observe("impossible", "warn", column=column, cells=count)
        for column, count in clear_impossible_cells(dataset).cells.items()
    ]
    noise = remove_noise(_sample_rows(dataset)).cells
    if noise:
        listed = ", ".join(f"{column} {count:,}" for column, count in list(noise.items())[:5])
        cells = sum(noise.values())
        out.append(observe("noise", grade(cells / max(dataset.n_items, 1), 0.05), cells=cells, where=listed))
    for code, finding in (
        ("copied_texts", find_copied_texts(dataset)),
        ("before_item", find_events_before_item(dataset)),
    ):
        if len(finding):
            examples = gather_examples(dataset.events[schema.EVENT_ID], finding.rows)
            share = len(finding) / max(dataset.n_events, 1)
            out.append(observe(code, "warn", examples, events=len(finding), share=share))
    return out


def _sample_rows(dataset: Dataset) -> Dataset:
    """The dataset with a limited number of rows, evenly spaced: enough to count noise."""
    items = dataset.items[evenly_spaced(dataset.items.height, _MOST_NOISE, nearest=True)]
    events = dataset.events[evenly_spaced(dataset.n_events, _MOST_NOISE, nearest=True)]
    users = dataset.users[evenly_spaced(dataset.users.height, _MOST_NOISE, nearest=True)]
    return Dataset(items, events, users, dataset.item_vocabulary, dataset.user_vocabulary, dataset.kinds, report=None)


def _sample(column: pl.Series) -> pl.Series:
    return column.gather(evenly_spaced(len(column), _MOST_TEXTS, nearest=True))
