"""Interest vectors of packed histories: after the last event, or after every one; scores of a mixture of logits."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from penchant.arrays import Bools, Float32s
from penchant.data.sequences import SequenceBatch
from penchant.models.nn.mol import MixtureOfLogits
from penchant.models.nn.options import SequenceOptions
from penchant.models.nn.tokens import Padded
from penchant.models.nn.windows import BATCH_TOKENS, group_by_length, iterate_events


@runtime_checkable
class Reader(Protocol):
    """Windows to vectors after every event, `[windows, time, dim]` or `[windows, time, K, dim]`."""

    def __call__(
        self, window: Padded, batch: SequenceBatch, *, request: bool = True
    ) -> Float[Tensor, "windows time *dims"]:
        """`request`: the time of the request may be read where the batch gives it."""


def _choose_shape(options: SequenceOptions) -> tuple[int, ...]:
    return (options.n_interests, options.dim) if options.n_interests > 1 else (options.dim,)


def read_last_vectors(read: Reader, histories: SequenceBatch, options: SequenceOptions) -> Float32s:
    """After the last event, `[B, dim]` (`[B, K, dim]`); zeros for an empty history."""
    out = np.zeros((len(histories), *_choose_shape(options)), dtype=np.float32)
    cut = histories.last(options.max_length)
    for rows, window in group_by_length(cut, BATCH_TOKENS):
        vectors = read(window, cut)
        last = (window.lengths - 1).to(vectors.device)
        out[rows] = vectors[torch.arange(len(rows)), last].cpu().numpy()
    return out


def read_series(read: Reader, histories: SequenceBatch, options: SequenceOptions) -> Float32s:
    """After every event, `[E, dim]` (`[E, K, dim]`), each from at most `max_length` events; no request is read."""
    out = np.zeros((histories.n_events, *_choose_shape(options)), dtype=np.float32)
    for window, batch, events, cells in iterate_events(histories, options.max_length, BATCH_TOKENS):
        out[events] = read(window, batch, request=False)[cells].cpu().numpy()
    return out


def score_mixture(mol: MixtureOfLogits, vectors: Float32s, items: Float[Tensor, "items dim"], known: Bools) -> Float32s:
    """Every row of `vectors` `[B, dim]` with every item `[N, dim]`, in blocks: `[B, N]`; 0 where nothing is `known`."""
    users = torch.from_numpy(vectors).to(items.device)
    out = np.zeros((len(vectors), len(items)), dtype=np.float32)
    size = mol.choose_block(min(len(items), 4096))
    with torch.inference_mode():
        for row in range(0, len(users), size):
            for start in range(0, len(items), 4096):
                block = mol(users[row : row + size], items[start : start + 4096])
                out[row : row + size, start : start + 4096] = block.cpu().numpy()
    return out * known[:, None]
