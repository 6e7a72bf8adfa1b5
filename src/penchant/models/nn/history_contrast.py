"""The contrastive part of training: two augmentations of one history are a positive pair."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from penchant.data.sequences import SequenceBatch
from penchant.losses.contrastive import nt_xent
from penchant.models.nn.history_augmentation import HistoryAugmentation, augment_histories
from penchant.models.nn.network import SequenceNet
from penchant.models.nn.tokens import pad
from penchant.models.nn.windows import Window

AUGMENTATION: Final = HistoryAugmentation(crop=1.0, mask=0.2, reorder=0.2)
"""The changes to a history: one of three, of which the crop has no effect (`benchmarks/augmentation.py`)."""
ROWS: Final = 128
"""Most histories in one contrast."""


def compute_history_contrast(
    net: SequenceNet,
    sequences: SequenceBatch,
    batch: Window,
    rng: np.random.Generator,
    augmentation: HistoryAugmentation = AUGMENTATION,
) -> Float[Tensor, ""]:
    """NT-Xent of two augmentations of each window against those of the other windows.

    CL4SRec (Xie et al., ICDE 2022): masked, reordered or unchanged. Two further passes over at most 128 windows.
    Zero where fewer than two windows have three events.
    """
    starts, stops = batch
    rows = np.flatnonzero(stops - starts > 3)
    if len(rows) < 2:
        return net.log_scale * 0.0
    rows = rng.permutation(rows)[:ROWS]
    windows = sequences.windows(starts[rows], stops[rows] - 1)
    sides = [_read_last(net, augment_histories(windows, augmentation, rng), rng) for _ in range(2)]
    return nt_xent(sides[0], sides[1])


def _read_last(net: SequenceNet, windows: SequenceBatch, rng: np.random.Generator) -> Float[Tensor, "windows dim"]:
    """The state after the last event of each window."""
    padded = pad(windows, windows.offsets[:-1], windows.offsets[1:]).to(net.device)
    hidden = net.learn(padded, windows, request=False, id_dropout=0.0, rng=rng)
    return hidden[torch.arange(len(windows), device=net.device), padded.lengths - 1].flatten(1)
