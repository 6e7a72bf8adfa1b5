"""Training data of a small network: decoded images or sounds of a catalogue, and other modalities of their items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from penchant.arrays import Array, Int64s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.media.decode import MediaOptions
from penchant.data.media.reader import MediaReader, resolve_inside
from penchant.data.media.video import FRAMES
from penchant.data.modalities import Modalities, Modality
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.video import PARTS
from penchant.encoders.trainable import TrainableEncoder
from penchant.errors import DataError, EncoderError, MediaError

PARTNERS = (schema.TEXT, schema.BEHAVIOUR)


@dataclass(frozen=True)
class TrainingFiles:
    """M distinct contents: `windows` `[W, …]` are inputs of the network, `owners` `[W]` the content of each window
    (ascending), `partners` other modalities of the items of the contents, `[M]` each."""

    windows: Array
    owners: Int64s
    partners: Mapping[str, Modality]

    def __len__(self) -> int:
        return int(self.owners[-1]) + 1 if len(self.owners) else 0


class Trainer(Protocol):
    """Trains an encoder on files; `penchant.embeddings.contrastive.train_encoder` is one."""

    def __call__(self, encoder: TrainableEncoder, files: TrainingFiles, *, progress: Progress | None = None) -> None:
        """Set `encoder.learned`."""


def load_training_files(
    encoder: TrainableEncoder,
    names: Sequence[str | None],
    modalities: Modalities,
    *,
    root: Path,
    options: MediaOptions = MediaOptions(),  # noqa: B008
    progress: Progress | None = None,
    videos: Sequence[str | None] | None = None,
) -> TrainingFiles:
    """At most `most_files` distinct files of N items that can be decoded, drawn with the seed of the encoder.

    `names` `[N]` relative to `root`; `modalities` of the same N items give the partners. With `videos` `[N]`, an
    item without a file has the frames or the sound track of its video. Files that fail are left out; the encoding
    reports them. Raises `DataError` for fewer than two files.
    """
    named = [name if name and name.strip() else None for name in names]
    filmed = [None] * len(named) if videos is None else list(videos)
    sources = [name or (video or "").strip() for name, video in zip(named, filmed, strict=True)]
    rows = {name: row for row, name in reversed(list(enumerate(sources))) if name}
    chosen = np.sort(np.fromiter(rows.values(), dtype=np.int64, count=len(rows)))
    if len(chosen) > encoder.options.most_files:
        rng = np.random.default_rng(encoder.seed)
        chosen = np.sort(rng.choice(chosen, encoder.options.most_files, replace=False))
    inside = [(row, path) for row in chosen if (path := _try_resolve(root, sources[row])) is not None]
    kept: list[int] = []
    pieces: list[Array] = []
    with MediaReader(replace(options, sample_rate=encoder.sample_rate)) as reader:
        for part in (encoder.name, PARTS[encoder.name]):
            wanted = [(row, path) for row, path in inside if (part == encoder.name) == (named[row] is not None)]
            for (row, _), content in zip(wanted, reader.read([path for _, path in wanted], part), strict=True):
                if isinstance(content, MediaError):
                    continue
                kept.append(row)
                pieces.append(
                    np.concatenate([encoder.prepare(one) for one in (content if part == FRAMES else [content])])
                )
                if progress is not None and not len(kept) % 256:
                    progress(f"read {len(kept)} files to learn from", len(kept) / len(inside))
    if len(kept) < 2:
        raise DataError(
            f"{encoder.network} has {len(kept)} readable files to train on.",
            remedy=f"Name a pretrained encoder, or set modalities.{encoder.name}.encoder=none.",
        )
    item_rows = np.array(kept)
    partners = {
        name: modalities[name].take(item_rows)
        for name in PARTNERS
        if name in modalities and modalities[name].take(item_rows).present.any()
    }
    owners = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return TrainingFiles(np.concatenate(pieces), owners, partners)


def train_pending(
    dataset: Dataset,
    fitted: FittedEncoders,
    modalities: Modalities,
    trainer: Trainer | None,
    progress: Progress | None = None,
) -> list[str]:
    """Train the untrained encoders of the items' files; returns what they encode (`image`, `audio`)."""
    done = []
    for kind, encoder in list(fitted.media.items()):
        if not isinstance(encoder, TrainableEncoder) or encoder.learned is not None:
            continue
        if trainer is None:
            raise EncoderError(
                f"{encoder.network} must be trained, and there is no trainer.",
                remedy="Give trainer=penchant.embeddings.contrastive.train_encoder.",
            )
        names, videos = (_read_column(dataset, column) for column in (kind, schema.VIDEO))
        if not any((*names, *videos)) or dataset.root is None:
            raise DataError(
                f"modalities.{kind}.encoder={encoder.network}: the items name no {kind} files to train on.",
                remedy=f"Add the column {kind!r} and load the dataset from its folder, or name a pretrained encoder.",
            )
        try:
            files = load_training_files(
                encoder,
                names,
                modalities,
                root=dataset.root,
                options=fitted.limits,
                progress=progress,
                videos=videos,
            )
        except DataError as error:
            if kind not in fitted.chosen:
                raise
            del fitted.media[kind]
            fitted.reasons.append(f"{kind}: no modality: {error}")
            continue
        trainer(encoder, files, progress=progress)
        done.append(kind)
    return done


def _read_column(dataset: Dataset, name: str) -> list[str | None]:
    items = dataset.items
    return items[name].cast(pl.String).to_list() if name in items.columns else [None] * items.height


def _try_resolve(root: Path, name: str) -> Path | None:
    try:
        return resolve_inside(root, name)
    except MediaError:
        return None
