"""Embeddings of items of one modality as a Parquet file, for `penchant encode`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import polars as pl

from penchant.arrays import Progress
from penchant.artifacts.atomic import atomic_file
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.precomputed import ENCODER, PRESENT, VECTOR, read_vectors
from penchant.embeddings.choose_media import choose_media_encoder
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.media import build_media_encoder
from penchant.embeddings.training_files import Trainer, train_pending
from penchant.encoders.audio import AudioOptions
from penchant.encoders.cache import EncoderCache
from penchant.encoders.choose import AUTO, NONE
from penchant.encoders.image import ImageOptions
from penchant.encoders.migration import Migration, compare_neighbours
from penchant.encoders.text import fit_text_encoder, join_text_fields
from penchant.errors import DataError, OptionError


@dataclass(frozen=True)
class EncodedTable:
    """The written file, its modality (row = item code) and notes (the encoder and the reason for it).

    `moved` compares the nearest neighbours with those of an older file.
    """

    path: Path
    modality: Modality
    notes: list[str]
    moved: Migration | None = None


@dataclass(frozen=True)
class EncodeOptions:
    """Options of the written embeddings and of the comparison."""

    modality: str
    """Modality of the items: text, image or audio."""
    encoder: str = AUTO
    """Name, folder or hub model of the encoder, as in the options of the modality."""
    modalities: ModalityOptions = field(default_factory=ModalityOptions)
    """Options of all modalities."""
    beside: Path | None = None
    """File of older embeddings of the same items. none compares with none."""
    k: int = 10
    """Nearest neighbours in the comparison. 1 or more."""


def encode_table(
    dataset: Dataset,
    out: str | Path,
    options: EncodeOptions,
    *,
    cache: EncoderCache | None = None,
    progress: Progress | None = None,
    trainer: Trainer | None = None,
) -> EncodedTable:
    """Encode every item and write `item_id`, `vector` (fixed-size list of float32) and `present` in one step.

    `trainer` trains a small network (`cnn`, `crnn`, `lstm`) on the files first. Raises `OptionError` for another
    modality, `DataError` if no item has content of it, `EncoderError` if the encoder cannot be loaded.
    """
    name, beside = options.modality, options.beside
    if name not in _MODALITIES:
        raise OptionError("modality", name, allowed=_MODALITIES)
    old = None if beside is None else read_vectors(beside, "beside")
    if old is not None and old.table != schema.ITEMS:
        raise DataError(f"{beside} holds vectors of {old.table}.", remedy="Give vectors of items.")
    if name == schema.TEXT:
        modality, notes = _encode_texts(dataset, options, cache, progress)
    else:
        modality, notes = _encode_media(dataset, options, cache, progress, trainer)
    if modality is None or not modality.present.any():
        raise DataError(
            f"No item has content of the modality {name}.",
            remedy=f"Check the columns of items: {', '.join(dataset.items.columns)}.",
        )
    moved = None
    if old is not None:
        moved = compare_neighbours(
            old.align(dataset.item_vocabulary), modality, k=options.k, seed=options.modalities.seed
        )
        notes = [*notes, moved.sentence]
    return EncodedTable(write_modality(out, dataset.item_vocabulary.ids, modality), modality, notes, moved)


def write_modality(out: str | Path, item_ids: pl.Series, modality: Modality) -> Path:
    """Write vectors with the ids of their rows; returns the path."""
    frame = pl.DataFrame(
        {
            schema.ITEM_ID: item_ids,
            VECTOR: pl.Series(modality.vectors, dtype=pl.Array(pl.Float32, modality.dim)),
            PRESENT: modality.present,
        }
    )
    with atomic_file(out) as temporary:
        frame.write_parquet(temporary, metadata={ENCODER: modality.encoder})
    return Path(out)


def _encode_texts(
    dataset: Dataset, options: EncodeOptions, cache: EncoderCache | None, progress: Progress | None
) -> tuple[Modality | None, list[str]]:
    text_options = replace(options.modalities.text, encoder=options.encoder)
    texts = join_text_fields(dataset.items, text_options.fields)
    encoder, choice = fit_text_encoder(texts, text_options, seed=options.modalities.seed)
    fitted = FittedEncoders(encoder, text_options.fields, choice)
    return (None if encoder is None else fitted.encode_text(texts, cache=cache, progress=progress)), fitted.notes


def _encode_media(
    dataset: Dataset,
    options: EncodeOptions,
    cache: EncoderCache | None,
    progress: Progress | None,
    trainer: Trainer | None,
) -> tuple[Modality | None, list[str]]:
    kind, name, reasons = options.modality, options.encoder, list[str]()
    all_options = options.modalities
    if name == AUTO:
        name, reason = choose_media_encoder(kind, dataset, least_files=all_options.trainable.least_files)
        reasons = [reason] if reason else []
    if name == NONE:
        raise DataError(
            f"There is no {kind} encoder to use. {' '.join(reasons)}".strip(),
            remedy="Name one: a small network, a folder or a hub name.",
        )
    media_options: ImageOptions | AudioOptions = all_options.image if kind == schema.IMAGE else all_options.audio
    encoder = build_media_encoder(
        kind, replace(media_options, encoder=name), all_options.trainable, seed=all_options.seed
    )
    fitted = FittedEncoders(media={kind: encoder}, limits=all_options.media, reasons=reasons)
    train_pending(dataset, fitted, Modalities(), trainer, progress)
    modalities = fitted.encode_table(schema.ITEMS, dataset.items, root=dataset.root, cache=cache, progress=progress)
    return modalities.get(kind), fitted.notes


_MODALITIES: Final = (schema.TEXT, schema.IMAGE, schema.AUDIO)
