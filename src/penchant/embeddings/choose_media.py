"""The default encoder of a catalogue's images or sounds: a small network, if it can be trained."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.media.decode import AUDIO, IMAGE
from penchant.data.media.reader import resolve_inside
from penchant.encoders.choose import NONE
from penchant.errors import MediaError

LEAST_WITHOUT_TEXT: Final = 0.75
"""Smallest share of items without text, among those with a file, for which `auto` trains a network."""
_NETWORK: Final = {IMAGE: "cnn", AUDIO: "crnn"}
_VIDEO: Final = ("av",)
_PACKAGES: Final = {IMAGE: ("PIL",), AUDIO: ("soundfile", "soxr")}


def choose_media_encoder(
    kind: str, dataset: Dataset, *, least_files: int, texts: Sequence[str | None] | None = None
) -> tuple[str, str]:
    """`cnn` or `crnn` if the files of the items suffice for training and are needed, else `none`; and the reason.

    `texts` `[N]` are those of the items: where nearly all items with a file have a text (`LEAST_WITHOUT_TEXT`), the
    network takes minutes and has no measured gain. An item without a file counts with its video. The reason is one
    sentence, empty where the items name no files. No file is opened.
    """
    files, videos = (_read_names(dataset, column) for column in (kind, schema.VIDEO))
    by_video = files.is_null().all() or importlib.util.find_spec(_VIDEO[0]) is not None
    names = files.zip_with(files.is_not_null(), videos) if by_video else files
    distinct = names.drop_nulls().unique(maintain_order=True)
    count, network = len(distinct), _NETWORK[kind]
    if not count:
        return NONE, ""
    unused = f"{kind}: {count:,} files are not used"
    needed = _PACKAGES[kind] + (_VIDEO if files.is_null().all() else ())
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        extra = "video" if missing[0] in _VIDEO else kind
        return NONE, f"{unused}: install penchant[{extra}] ({', '.join(missing)} is missing)."
    if dataset.root is None:
        return NONE, f"{unused}: the dataset has no folder."
    if texts is not None:
        named = names.is_not_null().to_list()
        has_text = [bool(text and text.strip()) for text, has_file in zip(texts, named, strict=True) if has_file]
        without = 1.0 - sum(has_text) / max(1, len(has_text))
        if without < LEAST_WITHOUT_TEXT:
            return NONE, f"{unused}: {1 - without:.0%} of their items have a text; name an encoder to use them too."
    root = dataset.root
    n_files = sum(1 for _ in islice((name for name in distinct if _exists(root, name)), least_files))
    if n_files < least_files:
        few = f"{n_files:,} files are too few to train a network on (minimum: {least_files})"
        return NONE, f"{kind}: {few}; name a pretrained encoder to use them."
    return (
        network,
        f"{kind}: {network} was chosen because there are {count:,} files and no pretrained encoder is named.",
    )


def _read_names(dataset: Dataset, column: str) -> pl.Series:
    """Names in a column of the items `[N]`, null where there is none."""
    if column not in dataset.items.columns:
        return pl.Series(column, [None] * dataset.n_items, dtype=pl.String)
    return dataset.items[column].cast(pl.String)


def _exists(root: Path, name: str) -> bool:
    try:
        return resolve_inside(root, name).is_file()
    except MediaError:
        return False
