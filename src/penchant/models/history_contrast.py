"""Two pieces of one history belong together: the contrastive part of training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from penchant.data.sequences import SequenceBatch
from penchant.losses.contrastive import nt_xent
from penchant.models.sequence_net import SequenceNet
from penchant.models.tokens import pad
from penchant.models.windows import Window

KEPT, MASKED = 0.6, 0.2
"""Shares of a history that a crop keeps, and of its items that lose their id and views."""
ROWS = 128
"""Histories told apart at a time."""


def crops_apart(net: SequenceNet, sequences: SequenceBatch, batch: Window, rng: np.random.Generator) -> Tensor:
    """NT-Xent of two random crops of each window, some items masked, against those of the other windows.

    CL4SRec (Xie et al., ICDE 2022): crop and mask. Two further passes over at most 128 windows. Zero where fewer than
    two windows have three events.
    """
    starts, stops = batch
    rows = np.flatnonzero(stops - starts > 3)
    if len(rows) < 2:
        return net.log_scale * 0.0
    rows = rng.permutation(rows)[:ROWS]
    sides = [_cropped(net, sequences, (starts[rows], stops[rows] - 1), rng) for _ in range(2)]
    return nt_xent(sides[0], sides[1])


def _cropped(net: SequenceNet, sequences: SequenceBatch, batch: Window, rng: np.random.Generator) -> Tensor:
    starts, stops = batch
    lengths = stops - starts
    kept = np.maximum(1, np.ceil(KEPT * lengths).astype(np.int64))
    first = starts + (rng.random(len(starts)) * (lengths - kept + 1)).astype(np.int64)
    window = pad(sequences, first, first + kept).to(net.device)
    masked = torch.from_numpy(rng.random(tuple(window.items.shape)) < MASKED).to(net.device)
    window = replace(window, items=window.items.masked_fill(masked, -1))
    hidden = net.learn(window, sequences, request=False, id_dropout=0.0, rng=rng)
    last = hidden[torch.arange(len(kept), device=net.device), window.lengths - 1]
    return last.flatten(1)
