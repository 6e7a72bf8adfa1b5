"""Event tokens: the input of the temporal model for one event, and histories as padded tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding as embed

from penchant.arrays import Bools, Float32s, Int64s, Ints
from penchant.data.sequences import SequenceBatch

GAP_BUCKETS = 34
"""0: unknown or hidden; 1 + floor(log2(1 + seconds)), so 1 is 'the same second' and 33 is 136 years."""


UNKNOWN = -(2**62)
"""An unknown time."""
VALUE, DWELL = 1, 2
"""Amounts that the events of a data set carry, as bits of one number."""


@dataclass(frozen=True)
class Padded:
    """Right-padded tensors of B windows of at most T events (`items` -1: padding or an event without item).

    `times` are the events' UTC seconds, `next_times` those of the next event or the request (or `UNKNOWN`).
    `gaps` and `requests` are buckets of the seconds since the event before, and until `next_times`. `amounts`
    `[B, T, 4]`: value and whether there is one, dwell and whether there is one; both as sign · log(1 + |amount|).
    `content` `[B, T]` are rows of the batch's contents (-1: none), `rows` `[B]` the history of each window.
    """

    items: Int[Tensor, "windows time"]
    kinds: Int[Tensor, "windows time"]
    times: Int[Tensor, "windows time"]
    next_times: Int[Tensor, "windows time"]
    gaps: Int[Tensor, "windows time"]
    requests: Int[Tensor, "windows time"]
    amounts: Float[Tensor, "windows time 4"]
    content: Int[Tensor, "windows time"]
    lengths: Int[Tensor, " windows"]
    rows: Int[Tensor, " windows"]

    def to(self, device: torch.device) -> Padded:
        """The same on another device."""
        return Padded(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def bucket_gaps(seconds: Int64s) -> Int64s:
    """Log2 buckets of elapsed seconds.

    >>> bucket_gaps(np.array([0, 1, 3, 86400])).tolist()
    [1, 2, 3, 17]
    """
    clipped = np.clip(seconds, 0, 2**33 - 2).astype(np.float64)
    return 1 + np.floor(np.log2(clipped + 1.0)).astype(np.int64)


def pad(batch: SequenceBatch, starts: Int64s, stops: Int64s, *, ahead: bool = False) -> Padded:
    """Windows of flat positions `starts[b]:stops[b]` of a packed batch, right-padded.

    A window never crosses two users. The next time of an event is that of the next event of its window. For the last
    event it is the batch's request time where that is given, or with `ahead` the time of the event after the window.
    """
    lengths = stops - starts
    width = int(lengths.max(initial=1))
    grid = np.arange(width)[None, :]
    real = grid < lengths[:, None]
    at = np.where(real, starts[:, None] + grid, 0)
    times = batch.times_s[at] if batch.n_events else np.zeros(at.shape, dtype=np.int64)
    next_times = np.full(at.shape, UNKNOWN, dtype=np.int64)
    next_times[:, :-1] = times[:, 1:]
    users = np.searchsorted(batch.offsets, starts, side="right") - 1
    rows, last = np.arange(len(starts)), np.maximum(lengths - 1, 0)
    next_times[rows, last] = UNKNOWN
    if ahead:
        next_times[rows, last] = batch.times_s[stops]
    elif batch.query_times_s is not None:
        final = stops == batch.offsets[users + 1]
        next_times[rows, last] = np.where(final, batch.query_times_s[users], UNKNOWN)
    gaps = np.zeros(at.shape, dtype=np.int64)
    gaps[:, 1:] = bucket_gaps(np.diff(times, axis=1))
    requests = np.where(next_times == UNKNOWN, 0, bucket_gaps(next_times - times))
    content = np.full(at.shape, -1, dtype=np.int64)
    if batch.content_rows is not None:
        content = batch.content_rows[at].astype(np.int64)
    return Padded(
        items=_gather(batch.items, at, real, -1),
        kinds=_gather(batch.kinds, at, real, 0),
        times=torch.from_numpy(np.where(real, times, 0)),
        next_times=torch.from_numpy(np.where(real, next_times, UNKNOWN)),
        gaps=torch.from_numpy(np.where(real, gaps, 0)),
        requests=torch.from_numpy(np.where(real, requests, 0)),
        amounts=torch.from_numpy(
            np.concatenate([_build_amounts(batch.values, at), _build_amounts(batch.dwells_s, at)], axis=2)
        ),
        content=torch.from_numpy(np.where(real, content, -1)),
        lengths=torch.from_numpy(lengths),
        rows=torch.from_numpy(users),
    )


def _build_amounts(flat: Float32s | None, at: Int64s) -> Float32s:
    """`[B, T, 2]`: the amount on a log scale (0: none), and whether there is one."""
    out = np.zeros((*at.shape, 2), dtype=np.float32)
    if flat is not None and len(flat):
        amounts = flat[at]
        present = np.isfinite(amounts)
        known = np.where(present, amounts, 0)
        out[..., 0] = np.sign(known) * np.log1p(np.abs(known))
        out[..., 1] = present
    return out


def _gather(flat: Ints, at: Int64s, real: Bools, fill: int) -> Tensor:
    values = flat[at].astype(np.int64) if len(flat) else np.full(at.shape, fill, dtype=np.int64)
    return torch.from_numpy(np.where(real, values, fill))


def split_calendar(times: Int[Tensor, " *shape"]) -> tuple[Int[Tensor, " *shape"], Int[Tensor, " *shape"]]:
    """Hour of the day (1–24) and day of the week (1–7, Monday first) of UTC seconds; 0 where the time is unknown.

    >>> [part.tolist() for part in split_calendar(torch.tensor([0, 86_399, UNKNOWN]))]
    [[1, 24, 0], [4, 4, 0]]
    """
    known = times != UNKNOWN
    hours = torch.where(known, torch.remainder(torch.div(times, 3600, rounding_mode="floor"), 24) + 1, 0)
    days = torch.where(known, torch.remainder(torch.div(times, 86_400, rounding_mode="floor") + 3, 7) + 1, 0)
    return hours, days


class EventTokens(nn.Module):
    """token = item vector + content + kind + value + dwell + time since the last event + hour and weekday
    + time until the request + its hour and weekday + user.

    `amounts` are the bits of the amounts in the data (`VALUE`, `DWELL`); `calendar_features` adds hours and weekdays,
    also of the request where its time is given. `user_dim` and `context_dim` are the lengths of the users' attributes
    and of the events' context (0: none).
    """

    def __init__(
        self,
        dim: int,
        n_kinds: int,
        *,
        time: bool,
        calendar_features: bool = False,
        amounts: int = 0,
        user_dim: int = 0,
        context_dim: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.time = dim, time
        self.user = nn.Linear(user_dim, dim, bias=False) if user_dim else None
        self.context = nn.Linear(context_dim, dim, bias=False) if context_dim else None
        self.kinds = nn.Parameter(torch.zeros(max(n_kinds, 1), dim))
        self.gaps = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, dim))
        self.requests = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, dim))
        self.columns = [c for bit, pair in ((VALUE, (0, 1)), (DWELL, (2, 3))) if amounts & bit for c in pair]
        """The columns of `Padded.amounts` that the layer reads."""
        self.amounts = nn.Linear(len(self.columns), dim, bias=False) if self.columns else None
        self.hours = nn.Parameter(torch.zeros(2, 25, dim)) if calendar_features else None
        self.days = nn.Parameter(torch.zeros(2, 8, dim)) if calendar_features else None

    def forward(
        self,
        batch: Padded,
        items: Float[Tensor, "items dim"],
        contents: Float[Tensor, "contents dim"] | None,
        users: Float[Tensor, "batch user_dim"] | None = None,
        *,
        request: bool,
    ) -> Float[Tensor, "batch time dim"]:
        """The tokens of the events; `items` are vectors by code, `contents` those of the events' contents."""
        scale = self.dim**0.5
        known = batch.items >= 0
        vectors: Tensor = embed(batch.items.clamp_min(0), items) * (known.unsqueeze(-1) * scale)
        if contents is not None:
            has_content = batch.content >= 0
            vectors = vectors + embed(batch.content.clamp_min(0), contents) * (has_content.unsqueeze(-1) * scale)
        tokens: Tensor = vectors + embed(batch.kinds.clamp_max(len(self.kinds) - 1), self.kinds)
        if self.amounts is not None:
            tokens = tokens + self.amounts(batch.amounts[..., self.columns])
        if self.time:
            tokens = tokens + embed(batch.gaps, self.gaps)
            tokens = tokens + (embed(batch.requests, self.requests) if request else self.requests[0])
        if self.hours is not None and self.days is not None:
            for nth, times in enumerate((batch.times, batch.next_times if request else None)):
                if times is None:
                    tokens = tokens + self.hours[nth, 0] + self.days[nth, 0]
                else:
                    hours, days = split_calendar(times)
                    tokens = tokens + embed(hours, self.hours[nth]) + embed(days, self.days[nth])
        if self.user is not None and users is not None:
            tokens = tokens + self.user(users).unsqueeze(1)
        return tokens
