"""Words of a dataset in one Chinese script, and likely misspellings corrected: both only where asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast, get_args

import polars as pl

from penchant.cleaning.chinese import Script, converted
from penchant.cleaning.finding import Mended, noted, with_table
from penchant.cleaning.misspellings import SpellingOptions, corrected, misspellings
from penchant.cleaning.text_noise import COLUMNS
from penchant.data import schema
from penchant.data.dataset import Dataset

SCRIPTS = get_args(Script)


def one_script(dataset: Dataset, script: str) -> Mended:
    """Chinese in the text columns of items, users and events in one script; raises `MissingExtraError`."""
    return _changed(dataset, lambda text: converted(text, cast(Script, script)), f"cells in {script} Chinese now")


def spelt(dataset: Dataset, options: SpellingOptions | None = None) -> Mended:
    """Likely misspellings corrected in the text columns; the frequent words are those of the items.

    Words that the texts of the items have often are taken as right. Some corrections are wrong (see `misspellings`).
    """
    columns = [name for name in COLUMNS if dataset.items.schema.get(name) == pl.String]
    texts = (
        pl.concat([dataset.items[name].alias("text") for name in columns])
        if columns
        else pl.Series([], dtype=pl.String)
    )
    found = misspellings(texts.drop_nulls(), options or SpellingOptions())
    return _changed(dataset, lambda text: corrected(text, found), "cells with misspellings corrected")


def _changed(dataset: Dataset, change: Callable[[pl.Series], pl.Series], what: str) -> Mended:
    cells: dict[str, int] = {}
    notes: list[str] = []
    for table in (schema.ITEMS, schema.USERS, schema.EVENTS):
        frame: pl.DataFrame = getattr(dataset, table)
        for name in COLUMNS:
            if frame.schema.get(name) != pl.String:
                continue
            text = change(frame[name])
            count = int((text.fill_null("") != frame[name].fill_null("")).sum())
            if count:
                frame = frame.with_columns(text.alias(name))
                cells[f"{table}.{name}"] = count
                notes.append(f"{name}: {count:,} {what}")
                dataset = noted(dataset, table, notes[-1])
        dataset = with_table(dataset, table, frame)
    return Mended(dataset, cells, notes)
