"""Contrastive training of a small image or sound network without labels.

The positives of a content are its second augmentation (SimCLR, Chen et al. 2020), and the text embedding and the
behaviour embedding of its item (CLIP, Radford et al. 2021). The negatives are the other contents of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from penchant.arrays import Array, Float32s, Int64s, Progress
from penchant.cleaning.augmentation.pictures import PictureAugmentation, augment_pictures
from penchant.cleaning.augmentation.sounds import SoundAugmentation, augment_spectrograms
from penchant.data.media.decode import IMAGE
from penchant.embeddings.training_files import TrainingFiles
from penchant.encoders.cnn import SIDE
from penchant.encoders.precision import autocast, resolve_precision
from penchant.encoders.trainable import Learned, TrainableEncoder
from penchant.losses.contrastive import info_nce, nt_xent

AUGMENT: Final = "augment"
_PROJECTION: Final = 64
_WARM_UP: Final = 0.1
_WEIGHT_DECAY: Final = 0.01
_RIDGE: Final = 0.1
"""Share of the largest variance that is added to each one before whitening, so that noise stays small."""

Augmentation = Callable[[Array, np.random.Generator], Float32s]


@dataclass(frozen=True)
class Augmentations:
    """Augmentation of images and of sounds."""

    pictures: PictureAugmentation = field(default_factory=PictureAugmentation)
    sounds: SoundAugmentation = field(default_factory=SoundAugmentation)


def train_encoder(
    encoder: TrainableEncoder,
    files: TrainingFiles,
    *,
    augmentations: Augmentations = Augmentations(),
    progress: Progress | None = None,
) -> None:
    """Set `encoder.learned`: trained weights, and the whitening of the features.

    Equal files, options and seed give equal bytes. The state of torch's global generator does not change.
    """
    import torch

    rng = np.random.default_rng(encoder.seed)
    objectives = [name for name in encoder.options.objectives if name == AUGMENT or name in files.partners]
    objectives = objectives or [AUGMENT]  # the items have neither text nor behaviour
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(encoder.seed)
        network = encoder.build()
        loss = _Loss(network, encoder, files, objectives)
        _run_epochs(loss, encoder, files, _build_augmentation(encoder, augmentations), rng, progress)
    weights = {key: value.detach().cpu().numpy() for key, value in network.state_dict().items()}
    mean, projection = fit_whitening(_average_features(encoder, network, files), encoder.options.dim)
    goals = ", ".join({AUGMENT: "augmentations of a file"}.get(name, f"{name} of its item") for name in objectives)
    note = f"{encoder.network} was trained without labels on {len(files):,} files of the items, to match {goals}."
    encoder.learned = Learned(weights, mean, projection, note)


def fit_whitening(features: Float32s, dim: int) -> tuple[Float32s, Float32s]:
    """Mean `[F]` and projection `[F, D]` after which the `dim` strongest directions have about equal variance.

    D is smaller where there are fewer contents or features. Column d is u_d / √(λ_d + r·λ_1) of the covariance.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    _, values, directions = np.linalg.svd(features - mean, full_matrices=False)
    variances = values**2 / len(features)
    count = int(min(dim, max((variances > 1e-9 * max(variances[0], 1e-12)).sum(), 1)))
    # + r·λ_1 bounds the gain of weak directions; signs are fixed because those of an SVD are arbitrary
    scales = np.sqrt(variances[:count] + _RIDGE * variances[0] + 1e-12)
    signs = np.sign(directions[np.arange(count), np.abs(directions[:count]).argmax(axis=1)])
    projection = (directions[:count] * (signs / scales)[:, None]).T
    return mean.astype(np.float32), np.ascontiguousarray(projection, dtype=np.float32)


class _Loss:
    """The network with a projection head for each objective, and the sum of their losses."""

    def __init__(self, network: Any, encoder: TrainableEncoder, files: TrainingFiles, objectives: list[str]) -> None:
        import torch
        from torch import nn

        self.network = network
        self.temperature = encoder.options.temperature
        self.precision = resolve_precision("auto")
        one = torch.from_numpy(encoder.scale(files.windows[:1]))
        width = self.network.summary(self.network.eval()(one)).shape[1]
        self.heads = nn.ModuleDict()
        self.sides = nn.ModuleDict()
        self.partners = {}
        for name in objectives:
            layers = (
                nn.Linear(width, 2 * _PROJECTION),
                nn.BatchNorm1d(2 * _PROJECTION),
                nn.ReLU(),
                nn.Linear(2 * _PROJECTION, _PROJECTION),
            )
            self.heads[name] = nn.Sequential(*layers)
            if name != AUGMENT:
                partner = files.partners[name].unit()
                self.sides[name] = nn.Linear(partner.dim, _PROJECTION, bias=False)
                self.partners[name] = (torch.from_numpy(partner.vectors), torch.from_numpy(partner.present).float())

    def parameters(self) -> list[Any]:
        return [*self.network.parameters(), *self.heads.parameters(), *self.sides.parameters()]

    def __call__(self, versions: list[Float32s], owners: Int64s) -> Any:
        """The loss of two augmentations of the contents `owners` `[B]`."""
        import torch

        with autocast(self.precision, "cpu"):
            features = [self.network.summary(self.network(torch.from_numpy(version))) for version in versions]
        at = torch.from_numpy(owners)
        total = torch.zeros(())
        for name, head in self.heads.items():
            if name == AUGMENT:
                total = total + nt_xent(head(features[0]), head(features[1]), temperature=self.temperature)
                continue
            vectors, present = (part[at] for part in self.partners[name])
            if float(present.sum()) > 1:
                side = self.sides[name](vectors)
                for feature in features:
                    pair_loss = info_nce(head(feature), side, temperature=self.temperature, weights=present)
                    total = total + pair_loss / 2
        return total


def _run_epochs(
    loss: _Loss,
    encoder: TrainableEncoder,
    files: TrainingFiles,
    augment: Augmentation,
    rng: np.random.Generator,
    progress: Progress | None,
) -> None:
    """AdamW with warm-up and cosine decay. An epoch has every content once, a random window in each augmentation."""
    import torch

    options = encoder.options
    count = len(files)
    size = min(options.batch_size, count)
    passes = min(options.epochs, max(1, round(options.most_shown / count)))
    steps = passes * (count // size)
    optimizer = torch.optim.AdamW(loss.parameters(), lr=options.learning_rate, weight_decay=_WEIGHT_DECAY)

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / max(_WARM_UP * steps, 1)) * 0.5 * (1 + math.cos(math.pi * step / steps))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    starts = np.searchsorted(files.owners, np.arange(count))
    windows = np.bincount(files.owners, minlength=count)
    loss.network.train()
    for epoch in range(passes):
        order = rng.permutation(count)
        for start in range(0, count - size + 1, size):
            owners = order[start : start + size]
            drawn = [starts[owners] + rng.integers(0, windows[owners]) for _ in range(2)]
            value = loss([augment(files.windows[rows], rng) for rows in drawn], owners)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
            schedule.step()
        if progress is not None:
            progress(f"{encoder.network}: pass {epoch + 1} of {passes}", (epoch + 1) / passes)


def _build_augmentation(encoder: TrainableEncoder, augmentations: Augmentations) -> Augmentation:
    if encoder.name == IMAGE:
        return lambda windows, rng: augment_pictures(windows, SIDE, augmentations.pictures, rng)
    return lambda windows, rng: augment_spectrograms(windows.astype(np.float32), augmentations.sounds, rng)


def _average_features(encoder: TrainableEncoder, network: Any, files: TrainingFiles) -> Float32s:
    """Features of every content, the mean over its windows, `[M, F]`."""
    features = encoder.compute_features(network, files.windows)
    starts = np.searchsorted(files.owners, np.arange(len(files)))
    counts = np.bincount(files.owners, minlength=len(files)).astype(np.float32)
    return np.asarray(np.add.reduceat(features, starts, axis=0) / counts[:, None], dtype=np.float32)
