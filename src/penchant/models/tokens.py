"""Event tokens: what the temporal model reads for one event, and how histories become padded tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding as embed

from penchant.data.sequences import SequenceBatch

GAP_BUCKETS = 34
"""0: unknown or hidden; 1 + floor(log2(1 + seconds)), so 1 is 'the same second' and 33 is 136 years."""


@dataclass(frozen=True)
class Padded:
    """Right-padded tensors of B windows of at most T events (`items` -1: padding or an event without item).

    `gaps` and `requests` are buckets of the seconds since the event before, and until the next event or the request.
    `content` `[B, T]` are rows of the batch's own contents (-1: none), `rows` `[B]` the history of each window.
    """

    items: Tensor
    kinds: Tensor
    gaps: Tensor
    requests: Tensor
    content: Tensor
    lengths: Tensor
    rows: Tensor

    def to(self, device: torch.device) -> Padded:
        """The same on another device."""
        return Padded(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def gap_bucket(seconds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Log2 buckets of elapsed seconds.

    >>> gap_bucket(np.array([0, 1, 3, 86400])).tolist()
    [1, 2, 3, 17]
    """
    clipped = np.clip(seconds, 0, 2**33 - 2).astype(np.float64)
    return 1 + np.floor(np.log2(clipped + 1.0)).astype(np.int64)


def pad(batch: SequenceBatch, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> Padded:
    """Windows of flat positions `starts[b]:stops[b]` of a packed batch, right-padded.

    A window never crosses two users. `requests` holds the gap to the next event of the same window, and for its last
    event the gap to the batch's request time where that is given.
    """
    lengths = stops - starts
    width = int(lengths.max(initial=1))
    grid = np.arange(width)[None, :]
    real = grid < lengths[:, None]
    at = np.where(real, starts[:, None] + grid, 0)
    times = batch.times_s[at] if batch.n_events else np.zeros(at.shape, dtype=np.int64)
    gaps = np.zeros(at.shape, dtype=np.int64)
    gaps[:, 1:] = gap_bucket(np.diff(times, axis=1))
    requests = np.zeros(at.shape, dtype=np.int64)
    requests[:, :-1] = gaps[:, 1:]
    users = np.searchsorted(batch.offsets, starts, side="right") - 1
    last = np.maximum(lengths - 1, 0)
    rows = np.arange(len(starts))
    requests[rows, last] = 0
    if batch.query_times_s is not None:
        final = stops == batch.offsets[users + 1]
        requests[rows, last] = np.where(final, gap_bucket(batch.query_times_s[users] - times[rows, last]), 0)
    content = np.full(at.shape, -1, dtype=np.int64)
    if batch.content_rows is not None:
        content = batch.content_rows[at].astype(np.int64)
    return Padded(
        items=_tensor(batch.items, at, real, -1),
        kinds=_tensor(batch.kinds, at, real, 0),
        gaps=torch.from_numpy(np.where(real, gaps, 0)),
        requests=torch.from_numpy(np.where(real, requests, 0)),
        content=torch.from_numpy(np.where(real, content, -1)),
        lengths=torch.from_numpy(lengths),
        rows=torch.from_numpy(users),
    )


def _tensor(flat: npt.NDArray[np.integer], at: npt.NDArray[np.int64], real: npt.NDArray[np.bool_], fill: int) -> Tensor:
    values = flat[at].astype(np.int64) if len(flat) else np.full(at.shape, fill, dtype=np.int64)
    return torch.from_numpy(np.where(real, values, fill))


class EventTokens(nn.Module):
    """token = item vector + own content + kind + time since the last event + time until the request + user.

    `user_dim` and `context_dim` are the lengths of the users' attributes and of the events' context (0: none).
    """

    def __init__(self, dim: int, n_kinds: int, *, time: bool, user_dim: int = 0, context_dim: int = 0) -> None:
        super().__init__()
        self.dim, self.time = dim, time
        self.user = nn.Linear(user_dim, dim, bias=False) if user_dim else None
        self.context = nn.Linear(context_dim, dim, bias=False) if context_dim else None
        self.kinds = nn.Parameter(torch.zeros(max(n_kinds, 1), dim))
        self.gaps = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, dim))
        self.requests = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, dim))

    def forward(
        self, batch: Padded, items: Tensor, contents: Tensor | None, users: Tensor | None = None, *, request: bool
    ) -> Tensor:
        """`items` `[N, dim]` vectors by code, `contents` `[M, dim]` or None, `users` `[histories, user_dim]` or None.

        Gives `[batch, time, dim]`.
        """
        scale = self.dim**0.5
        known = batch.items >= 0
        vectors: Tensor = embed(batch.items.clamp_min(0), items) * (known.unsqueeze(-1) * scale)
        if contents is not None:
            own = batch.content >= 0
            vectors = vectors + embed(batch.content.clamp_min(0), contents) * (own.unsqueeze(-1) * scale)
        tokens: Tensor = vectors + embed(batch.kinds.clamp_max(len(self.kinds) - 1), self.kinds)
        if self.time:
            tokens = tokens + embed(batch.gaps, self.gaps)
            tokens = tokens + (embed(batch.requests, self.requests) if request else self.requests[0])
        if self.user is not None and users is not None:
            tokens = tokens + self.user(users[batch.rows]).unsqueeze(1)
        return tokens
