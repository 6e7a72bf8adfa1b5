"""A folder of new rows for a bundle: events, or only items and users that are new."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.entities import clean_entities
from penchant.data.ingest import load_folder
from penchant.data.mapping import read_mapping
from penchant.data.readers import find_table, read_source
from penchant.data.vocabulary import Vocabulary

_NO_EVENTS = {
    **{schema.EVENT_ID: pl.String, schema.USER: pl.Int32, schema.ITEM: pl.Int32, schema.KIND: pl.Int16},
    **{schema.TIME_S: pl.Int64, schema.SEQ: pl.Int64, schema.VALUE: pl.Float32},
}


def load_additions(path: Path, *, strict: bool = False) -> Dataset:
    """Read a folder as `Dataset.load` does; where it has no events (no table of them, or one
    without rows), its items and users alone are the new rows.

    Raises `DataError` where there is nothing that can be read.
    """
    mapping = read_mapping(path) if path.is_dir() else {}
    files = {table: find_table(path, table, mapping[table].file) for table in mapping}
    if not files or files[schema.EVENTS] is not None or not (files[schema.ITEMS] or files[schema.USERS]):
        return load_folder(path, strict=strict, needs_events=False)
    tables = {schema.ITEMS: schema.ITEM_ID, schema.USERS: schema.USER_ID}
    frames = {table: pl.DataFrame(schema={key: pl.String}) for table, key in tables.items()}
    for table in tables:
        file = files[table]
        if file is not None:
            frames[table] = clean_entities(table, read_source(file, mapping[table]), mapping[table]).frame
    items, users = frames[schema.ITEMS], frames[schema.USERS]
    return Dataset(
        items=items,
        events=pl.DataFrame(schema=_NO_EVENTS),
        users=users,
        item_vocabulary=Vocabulary(items[schema.ITEM_ID]),
        user_vocabulary=Vocabulary(users[schema.USER_ID]),
        kinds=Vocabulary([]),
        root=path,
    )
