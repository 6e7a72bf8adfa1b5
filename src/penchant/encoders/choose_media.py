"""Which encoder reads a catalogue's pictures or sounds where none is named: a small network, if it can be trained."""

from __future__ import annotations

import importlib.util
from typing import Final

import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.decode import AUDIO, IMAGE

AUTO: Final = "auto"
NONE: Final = "none"

_NETWORK: Final = {IMAGE: "cnn", AUDIO: "crnn"}
_PACKAGES: Final = {IMAGE: ("PIL",), AUDIO: ("soundfile", "soxr")}


def choose_media_encoder(kind: str, dataset: Dataset, *, least_files: int) -> tuple[str, str]:
    """`cnn` or `crnn` where the items of `dataset` name files that can be learned from, else `none`; and why.

    The reason is one sentence, empty where the items name no files at all. Nothing is imported or read.
    """
    names = dataset.items[kind] if kind in dataset.items.columns else pl.Series(kind, [], dtype=pl.String)
    count = names.drop_nulls().cast(pl.String).n_unique()
    network = _NETWORK[kind]
    if not count:
        return NONE, ""
    missing = [name for name in _PACKAGES[kind] if importlib.util.find_spec(name) is None]
    if missing:
        return (
            NONE,
            f"{kind}: {count:,} files are not used: install penchant[{kind}] ({', '.join(missing)} is missing).",
        )
    if dataset.root is None:
        return NONE, f"{kind}: {count:,} files are not used: the dataset has no folder they lie in."
    if count < least_files:
        few = f"{count:,} files are too few to train a network on (least: {least_files})"
        return NONE, f"{kind}: {few}; name a pretrained encoder to use them."
    return (
        network,
        f"{kind}: {network} was chosen because {count:,} files are there and no pretrained encoder is named.",
    )
