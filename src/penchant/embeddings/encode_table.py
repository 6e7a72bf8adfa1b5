"""Item vectors of one modality as a Parquet file: what `penchant encode` writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    """What was written: the file, the modality in it (row = item code) and notes (which encoder was chosen and why).

    `moved`: how far neighbours are from those of an older file, where one was named.
    """

    path: Path
    modality: Modality
    notes: list[str]
    moved: Migration | None = None


def encode_table(
    dataset: Dataset,
    name: str,
    encoder: str,
    out: str | Path,
    *,
    options: ModalityOptions = ModalityOptions(),  # noqa: B008
    cache: EncoderCache | None = None,
    progress: Progress | None = None,
    trainer: Trainer | None = None,
    beside: str | Path | None = None,
    k: int = 10,
) -> EncodedTable:
    """Encode every item and write `item_id`, `vector` (fixed-size list of float32) and `present`, whole or not at all.

    `encoder`: a name, a folder or a hub model, as `options` of the modality take it. Raises `OptionError` for another
    modality, `DataError` where no item has content of it, `EncoderError` where the encoder cannot be loaded.

    `beside`: vectors that an older encoder made of these items; the result says how many of the k nearest neighbours
    stayed. `trainer` trains a small network (`cnn`, `crnn`, `lstm`) on the files first.
    """
    if name not in _MODALITIES:
        raise OptionError("modality", name, allowed=_MODALITIES)
    old = None if beside is None else read_vectors(beside, "beside")
    if old is not None and old.table != schema.ITEMS:
        raise DataError(f"{beside} holds vectors of {old.table}.", remedy="Give vectors of items.")
    if name == schema.TEXT:
        modality, notes = _text(dataset, encoder, options, cache, progress)
    else:
        modality, notes = _media(dataset, name, encoder, options, cache, progress, trainer)
    if modality is None or not modality.present.any():
        raise DataError(
            f"No item has anything to encode as {name}.",
            remedy=f"Check the columns of items: {', '.join(dataset.items.columns)}.",
        )
    moved = None
    if old is not None:
        moved = compare_neighbours(old.align(dataset.item_vocabulary), modality, k=k, seed=options.seed)
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


def _text(
    dataset: Dataset, encoder: str, options: ModalityOptions, cache: EncoderCache | None, progress: Progress | None
) -> tuple[Modality | None, list[str]]:
    told = replace(options.text, encoder=encoder)
    texts = join_text_fields(dataset.items, told.fields)
    found, choice = fit_text_encoder(texts, told, seed=options.seed)
    fitted = FittedEncoders(found, told.fields, choice)
    return (None if found is None else fitted.encode_text(texts, cache=cache, progress=progress)), fitted.notes


def _media(
    dataset: Dataset,
    kind: str,
    encoder: str,
    options: ModalityOptions,
    cache: EncoderCache | None,
    progress: Progress | None,
    trainer: Trainer | None,
) -> tuple[Modality | None, list[str]]:
    told: ImageOptions | AudioOptions = options.image if kind == schema.IMAGE else options.audio
    reasons: list[str] = []
    if encoder == AUTO:
        encoder, reason = choose_media_encoder(kind, dataset, least_files=options.trainable.least_files)
        reasons = [reason] if reason else []
    if encoder == NONE:
        raise DataError(
            f"There is no {kind} encoder to use. {' '.join(reasons)}".strip(),
            remedy="Name one: a small network, a folder or a hub name.",
        )
    found = build_media_encoder(kind, replace(told, encoder=encoder), options.trainable, seed=options.seed)
    fitted = FittedEncoders(media={kind: found}, limits=options.media, reasons=reasons)
    train_pending(dataset, fitted, Modalities(), trainer, progress)
    modalities = fitted.encode_table(schema.ITEMS, dataset.items, root=dataset.root, cache=cache, progress=progress)
    return modalities.get(kind), fitted.notes


_MODALITIES: Final = (schema.TEXT, schema.IMAGE, schema.AUDIO)
