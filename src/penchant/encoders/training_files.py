"""Pictures and sounds of a catalogue as a small network learns from them: decoded, sampled, with what they go with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.decode import MediaOptions
from penchant.data.media import MediaReader, contained
from penchant.data.views import View, Views
from penchant.encoders.fitted import FittedEncoders
from penchant.encoders.protocol import Progress
from penchant.encoders.trainable import TrainableEncoder
from penchant.errors import DataError, EncoderError, MediaError

PARTNERS = (schema.TEXT, schema.BEHAVIOUR)


@dataclass(frozen=True)
class TrainingFiles:
    """M distinct contents: `windows` `[W, …]` as the network takes them, `owners` `[W]` the content of each window
    (ascending), and `partners`: other views of the items the contents belong to, `[M]` each."""

    windows: npt.NDArray[Any]
    owners: npt.NDArray[np.int64]
    partners: Mapping[str, View]

    def __len__(self) -> int:
        return int(self.owners[-1]) + 1 if len(self.owners) else 0


class Trainer(Protocol):
    """Trains an encoder on files; `penchant.training.contrastive.train_encoder` is one."""

    def __call__(self, encoder: TrainableEncoder, files: TrainingFiles, *, progress: Progress | None = None) -> None:
        """Set `encoder.learned`."""


def training_files(
    encoder: TrainableEncoder,
    names: Sequence[str | None],
    views: Views,
    *,
    root: Path,
    options: MediaOptions = MediaOptions(),  # noqa: B008
    progress: Progress | None = None,
) -> TrainingFiles:
    """At most `most_files` distinct files of N items that can be decoded, drawn by the encoder's seed.

    `names` `[N]` relative to `root`; `views` of the same N items give the partners. Files that fail are left out (the
    encoding reports them). Raises `DataError` where fewer than two are left.
    """
    rows = {name: row for row, name in reversed(list(enumerate(names))) if name and name.strip()}
    chosen = np.sort(np.fromiter(rows.values(), dtype=np.int64, count=len(rows)))
    if len(chosen) > encoder.options.most_files:
        rng = np.random.default_rng(encoder.seed)
        chosen = np.sort(rng.choice(chosen, encoder.options.most_files, replace=False))
    told = replace(options, sample_rate=encoder.sample_rate)
    inside = [(row, path) for row in chosen if (path := _inside(root, str(names[row]))) is not None]
    kept: list[int] = []
    pieces: list[npt.NDArray[Any]] = []
    with MediaReader(told) as reader:
        for (row, _), content in zip(inside, reader.read([path for _, path in inside], encoder.name), strict=True):
            if not isinstance(content, MediaError):
                kept.append(row)
                pieces.append(encoder.prepared(content))
                if progress is not None and not len(kept) % 256:
                    progress(f"read {len(kept)} files to learn from", len(kept) / len(inside))
    if len(kept) < 2:
        raise DataError(
            f"{encoder.network} has {len(kept)} readable files to learn from.",
            remedy=f"Name a pretrained encoder, or set views.{encoder.name}.encoder=none.",
        )
    at = np.array(kept)
    partners = {name: views[name].take(at) for name in PARTNERS if name in views and views[name].take(at).present.any()}
    owners = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return TrainingFiles(np.concatenate(pieces), owners, partners)


def train_waiting(
    dataset: Dataset,
    fitted: FittedEncoders,
    views: Views,
    trainer: Trainer | None,
    progress: Progress | None = None,
) -> list[str]:
    """Train the encoders of items' files that wait for it; returns what they encode (`image`, `audio`)."""
    done = []
    for kind, encoder in list(fitted.media.items()):
        if not isinstance(encoder, TrainableEncoder) or encoder.learned is not None:
            continue
        if trainer is None:
            raise EncoderError(
                f"{encoder.network} must be trained, and no trainer was given.",
                remedy="Give trainer=penchant.training.contrastive.train_encoder.",
            )
        if kind not in dataset.items.columns or dataset.root is None:
            raise DataError(
                f"views.{kind}.encoder={encoder.network}: the items name no {kind} files to learn from.",
                remedy=f"Add the column {kind!r} and load the dataset from its folder, or name a pretrained encoder.",
            )
        names = dataset.items[kind].to_list()
        try:
            files = training_files(encoder, names, views, root=dataset.root, options=fitted.limits, progress=progress)
        except DataError as error:
            if kind not in fitted.chosen:
                raise
            del fitted.media[kind]
            fitted.reasons.append(f"{kind}: no view after all: {error}")
            continue
        trainer(encoder, files, progress=progress)
        done.append(kind)
    return done


def _inside(root: Path, name: str) -> Path | None:
    try:
        return contained(root, name)
    except MediaError:
        return None
