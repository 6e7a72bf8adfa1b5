"""Which encoder reads a catalogue's pictures or sounds where none is named: a small network, if it can be trained."""

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
"""Share of the items with a file that have no text, below which `auto` trains nothing."""
_NETWORK: Final = {IMAGE: "cnn", AUDIO: "crnn"}
_VIDEO: Final = ("av",)
_PACKAGES: Final = {IMAGE: ("PIL",), AUDIO: ("soundfile", "soxr")}


def choose_media_encoder(
    kind: str, dataset: Dataset, *, least_files: int, texts: Sequence[str | None] | None = None
) -> tuple[str, str]:
    """`cnn` or `crnn` where the items of `dataset` name files that can be learned from and are needed, else `none`;
    and why.

    `texts` `[N]` of the items: where nearly all items with a file have one (`LEAST_WITHOUT_TEXT`), the network would
    cost minutes and bring nothing that was measured. An item without a file of its own counts with its video. The
    reason is one sentence, empty where the items name no files at all. No file is opened.
    """
    own, videos = (_names(dataset, column) for column in (kind, schema.VIDEO))
    by_video = own.is_null().all() or importlib.util.find_spec(_VIDEO[0]) is not None
    names = own.zip_with(own.is_not_null(), videos) if by_video else own
    distinct = names.drop_nulls().unique(maintain_order=True)
    count, network = len(distinct), _NETWORK[kind]
    if not count:
        return NONE, ""
    unused = f"{kind}: {count:,} files are not used"
    needed = _PACKAGES[kind] + (_VIDEO if own.is_null().all() else ())
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        extra = "video" if missing[0] in _VIDEO else kind
        return NONE, f"{unused}: install penchant[{extra}] ({', '.join(missing)} is missing)."
    if dataset.root is None:
        return NONE, f"{unused}: the dataset has no folder they lie in."
    if texts is not None:
        named = names.is_not_null().to_list()
        told = [bool(text and text.strip()) for text, has_file in zip(texts, named, strict=True) if has_file]
        without = 1.0 - sum(told) / max(1, len(told))
        if without < LEAST_WITHOUT_TEXT:
            return NONE, f"{unused}: {1 - without:.0%} of their items have a text; name an encoder to use them too."
    root = dataset.root
    there = sum(1 for _ in islice((name for name in distinct if _is_there(root, name)), least_files))
    if there < least_files:
        few = f"{there:,} files are too few to train a network on (least: {least_files})"
        return NONE, f"{kind}: {few}; name a pretrained encoder to use them."
    return (
        network,
        f"{kind}: {network} was chosen because {count:,} files are there and no pretrained encoder is named.",
    )


def _names(dataset: Dataset, column: str) -> pl.Series:
    """What the items name in a column `[N]`, null where nothing."""
    if column not in dataset.items.columns:
        return pl.Series(column, [None] * dataset.n_items, dtype=pl.String)
    return dataset.items[column].cast(pl.String)


def _is_there(root: Path, name: str) -> bool:
    try:
        return resolve_inside(root, name).is_file()
    except MediaError:
        return False
