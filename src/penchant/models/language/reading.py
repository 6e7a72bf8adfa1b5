"""The readers of histories: as text (one level) or as item vectors (two levels)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from penchant.arrays import Int64s
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.encoders.pretrained.huggingface import split_token_batches
from penchant.encoders.pretrained.pooling import pool
from penchant.llm.language_model import read_states
from penchant.models.language.histories import Narrator, Page, Stream, make_page
from penchant.models.language.network import LLMNet
from penchant.models.nn.tokens import Padded, pad
from penchant.models.nn.windows import (
    Window,
    batch_windows,
    bucket_next_gap,
    draw_batches,
    expand_ranges,
    group_by_length,
    iterate_events,
)

States = Iterator[tuple[Int64s, Tensor]]
"""Row numbers and their pooled states `[rows, width]`, in batches."""


class Reading(Protocol):
    """Histories to states of the language model."""

    def batches(self, sequences: SequenceBatch, rng: np.random.Generator) -> list[Window]:
        """One epoch of training batches."""

    def read_examples(
        self, net: LLMNet, sequences: SequenceBatch, batch: Window, rng: np.random.Generator, items: Tensor
    ) -> tuple[Tensor, Int64s]:
        """States `[n, width]` and the events `[n]` (flat positions) that each of them predicts."""

    def read_last(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """The state after the last event of every row that has one."""

    def read_every(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """The state after every event, the time of a request hidden."""


@dataclass
class TextReading:
    """Histories as text. A causal model learns from every event of a text at once, the others from one event per text.

    `budget`: tokens of a text without special tokens; `batch_tokens`: tokens in a batch.
    """

    narrator: Narrator
    causal: bool
    pooling: str
    budget: int
    batch_tokens: int
    device: torch.device
    _stream: Stream | None = None

    def batches(self, sequences: SequenceBatch, rng: np.random.Generator) -> list[Window]:
        """Windows of events; the target is the last one (causal: every one but the first)."""
        if self._stream is None:
            self._stream = self.narrator.verbalise(sequences)
        stream = self._stream
        if self.causal:
            starts, stops = stream.cut_windows(self.budget, rng)
        else:
            lengths = sequences.lengths
            rows = np.repeat(np.flatnonzero(lengths >= 2), np.minimum(lengths[lengths >= 2] - 1, 3))
            last = stream.offsets[rows] + rng.integers(1, lengths[rows])
            starts, stops = stream.find_begin(stream.offsets[rows], last, self.budget), last + 1
        sizes = np.maximum(stream.ends[2 * stops] - stream.ends[2 * starts], 1)
        return batch_windows(starts, stops, sizes, self.batch_tokens, rng)

    def read_examples(
        self, net: LLMNet, sequences: SequenceBatch, batch: Window, rng: np.random.Generator, items: Tensor
    ) -> tuple[Tensor, Int64s]:
        """In half of the batches the text ends with the time until the target event."""
        assert self._stream is not None
        stream, (starts, stops) = self._stream, batch
        has_gap = int(rng.random() < 0.5)
        read_to = stream.ends[2 * (stops - 1) + has_gap]
        begins = np.maximum(stream.ends[2 * starts], read_to - self.budget)
        text_page = make_page(stream, begins, read_to, self.narrator.tokenizer, causal=self.causal)
        states = self._read_states(net, text_page)
        if not self.causal:
            return self._pool(states, text_page), stops - 1
        rows, events = expand_ranges(starts + 1, stops)
        columns = stream.ends[2 * events + has_gap] - 1 + text_page.shift[rows]
        kept = stream.ends[2 * events + has_gap] - 1 >= begins[rows]
        return states[rows[kept], columns[kept]], events[kept]

    def read_last(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """The newest events that fit the budget, then the time until the request where it is given."""
        rows = np.flatnonzero(histories.lengths > 0)
        stream, requests = self.narrator.verbalise(histories), self.narrator.tokenise_requests(histories).take(rows)
        return self._read_prefixes(net, stream, rows, histories.offsets[rows], histories.offsets[rows + 1], requests)

    def read_every(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """A causal model reads the beginning of each history once; events beyond the budget have a text each."""
        stream = self.narrator.verbalise(histories)
        events = np.arange(histories.n_events)
        first = histories.offsets[histories.rows]
        early = stream.ends[2 * (events + 1)] - stream.ends[2 * first] <= self.budget
        if not self.causal:
            early[:] = False
        rows = np.flatnonzero(np.bincount(histories.rows[early], minlength=len(histories)))
        counts = np.bincount(histories.rows[early], minlength=len(histories))[rows]
        begin = histories.offsets[rows]
        begins, stops = stream.ends[2 * begin], stream.ends[2 * (begin + counts)]
        for chosen in split_token_batches(stops - begins, 2 * self.batch_tokens):
            text_page = make_page(stream, begins[chosen], stops[chosen], self.narrator.tokenizer, causal=True)
            states = self._read_states(net, text_page)
            row, read = expand_ranges(begin[chosen], begin[chosen] + counts[chosen])
            yield read, states[row, stream.ends[2 * read + 2] - 1 + text_page.shift[row]]
        late = np.flatnonzero(~early)
        yield from self._read_prefixes(net, stream, late, first[late], late + 1, None)

    def _read_prefixes(
        self, net: LLMNet, stream: Stream, numbers: Int64s, first: Int64s, stops: Int64s, extra: Ragged | None
    ) -> States:
        """One text each of the events from `first` to `stops`, as many of the newest as fit."""
        room = self.budget - (extra.lengths if extra is not None else np.zeros(len(numbers), dtype=np.int64))
        read_to = stream.ends[2 * stops]
        begins = np.maximum(stream.ends[2 * stream.find_begin(first, stops, room)], read_to - room)
        lengths = np.maximum(1, read_to - begins + (extra.lengths if extra is not None else 0))
        for chosen in split_token_batches(lengths, 2 * self.batch_tokens):
            more = extra.take(chosen) if extra is not None else None
            text_page = make_page(
                stream, begins[chosen], read_to[chosen], self.narrator.tokenizer, causal=self.causal, extra=more
            )
            yield numbers[chosen], self._pool(self._read_states(net, text_page), text_page)

    def _read_states(self, net: LLMNet, text_page: Page) -> Tensor:
        return read_states(
            net.reader,
            torch.from_numpy(text_page.tokens).to(self.device),
            torch.from_numpy(text_page.mask).to(self.device),
        )

    def _pool(self, states: Tensor, text_page: Page) -> Tensor:
        return pool(self.pooling, states, torch.from_numpy(text_page.mask).to(self.device))


@dataclass
class ItemReading:
    """Item vectors as input embeddings of a causal language model: the upper of HLLM's two levels (Chen et al. 2024).

    `max_length`: events read at once; `batch_tokens`: events in a batch.
    """

    max_length: int
    batch_tokens: int
    device: torch.device

    def batches(self, sequences: SequenceBatch, rng: np.random.Generator) -> list[Window]:
        """Windows of at most max_length + 1 events."""
        return draw_batches(sequences.offsets, self.max_length + 1, self.batch_tokens, rng)

    def read_examples(
        self, net: LLMNet, sequences: SequenceBatch, batch: Window, rng: np.random.Generator, items: Tensor
    ) -> tuple[Tensor, Int64s]:
        """In half of the batches the time until the target event is shown."""
        starts, stops = batch
        window = pad(sequences, starts, stops - 1).to(self.device)
        gaps = torch.from_numpy(bucket_next_gap(sequences, stops)).to(self.device)
        window.requests.scatter_(1, (window.lengths - 1)[:, None], gaps[:, None])
        states = self._read_states(net, window, items, request=bool(rng.random() < 0.5))
        rows, events = expand_ranges(starts + 1, stops)
        return states[rows, events - 1 - starts[rows]], events

    def read_last(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """The last `max_length` events of every row."""
        given = histories.query_times_s is not None
        for rows, window in group_by_length(histories.last(self.max_length), self.batch_tokens):
            states = self._read_states(net, window.to(self.device), items, request=given)
            yield rows, states[torch.arange(len(rows)), window.lengths - 1]

    def read_every(self, net: LLMNet, histories: SequenceBatch, items: Tensor) -> States:
        """One pass over the first `max_length` events; later events have a window each."""
        for window, _, events, cells in iterate_events(histories, self.max_length, self.batch_tokens):
            yield events, self._read_states(net, window.to(self.device), items, request=False)[cells]

    def _read_states(self, net: LLMNet, window: Padded, items: Tensor, *, request: bool) -> Tensor:
        assert net.inputs is not None
        width = window.items.shape[1]
        mask = (torch.arange(width, device=self.device)[None, :] < window.lengths[:, None]).long()
        embedded = net.inputs(window, items, request=request)
        states: Tensor = net.reader(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        return states
