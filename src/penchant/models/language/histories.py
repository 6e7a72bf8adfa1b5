"""Histories as one stream of tokens: each event is a piece for the time before it and a piece for the action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.arrays import Int32s, Int64s
from penchant.data.ragged import Ragged, gather_positions
from penchant.data.sequences import SequenceBatch
from penchant.llm.tokenizer import TextTokenizer
from penchant.llm.verbalise import verbalise_event, verbalise_gap

UNIT_SECONDS = np.asarray([0, 60, 3_600, 86_400, 604_800, 2_592_000, 31_536_000], dtype=np.int64)
"""The units of the time between events; below a minute it is 'then'."""
_MOST = 1000


@dataclass(frozen=True)
class Narrator:
    """Verbalises events and turns the text into tokens.

    `titles` `[N]` by item code, `kinds` names by code, `language` zh or en.
    """

    tokenizer: TextTokenizer
    titles: Sequence[str]
    kinds: Sequence[str]
    language: str

    def verbalise(self, batch: SequenceBatch) -> Stream:
        """The stream of a batch; a piece that occurs often is verbalised and tokenised once."""
        items = np.where((batch.items >= 0) & (batch.items < len(self.titles)), batch.items, -1).astype(np.int64)
        kinds = np.where((batch.kinds >= 0) & (batch.kinds < len(self.kinds)), batch.kinds, -1).astype(np.int64)
        rated = np.isin(kinds, [code for code, kind in enumerate(self.kinds) if kind == "rating"])
        rated &= np.isfinite(batch.values)
        halves = np.where(rated, np.rint(np.nan_to_num(batch.values) * 2), _MOST).astype(np.int64)
        halves = np.clip(halves, -_MOST, _MOST)
        width = 2 * _MOST + 1
        keys = ((items + 1) * (len(self.kinds) + 1) + kinds + 1) * width + halves + _MOST
        unique, body_of_event = np.unique(keys, return_inverse=True)
        bodies = [self._verbalise_body(int(key) // width, int(key) % width - _MOST) for key in unique]
        steps = np.diff(batch.times_s, prepend=batch.times_s[:1])
        first = np.zeros(batch.n_events, dtype=np.bool_)
        first[batch.offsets[:-1][batch.lengths > 0]] = True
        gaps, gap_of_event = self._tokenise_gaps(np.maximum(steps, 0))
        pieces = np.empty(2 * batch.n_events, dtype=np.int64)
        pieces[0::2] = np.where(first, 0, 1 + gap_of_event)
        pieces[1::2] = 1 + len(gaps) + body_of_event
        table = Ragged.of([[], *gaps, *self.tokenizer.encode(bodies)])
        at, ends = gather_positions(table.offsets, pieces)
        return Stream(table.values[at], ends, batch.offsets)

    def tokenise_requests(self, batch: SequenceBatch) -> Ragged:
        """Tokens of the time from the last event to the request, `[B]`; none if that is hidden."""
        if batch.query_times_s is None or not batch.n_events:
            return Ragged.empty(len(batch))
        last = batch.times_s[np.maximum(batch.offsets[1:] - 1, 0)]
        gaps, gap_of_row = self._tokenise_gaps(np.maximum(batch.query_times_s - last, 0))
        return Ragged.of([[], *gaps]).take(np.where(batch.lengths > 0, 1 + gap_of_row, 0))

    def _tokenise_gaps(self, seconds: Int64s) -> tuple[list[list[int]], Int64s]:
        """Tokens of each distinct phrase, and which phrase each number of seconds has."""
        unit = np.searchsorted(UNIT_SECONDS, seconds, side="right") - 1
        count = np.where(unit > 0, seconds // np.maximum(UNIT_SECONDS[unit], 1), 0)
        unique, at = np.unique(unit * _MOST + np.minimum(count, _MOST - 1), return_inverse=True)
        phrases = [
            verbalise_gap(int(UNIT_SECONDS[key // _MOST] * (key % _MOST)), self.language) for key in unique.tolist()
        ]
        return self.tokenizer.encode([self._add_space(phrase) for phrase in phrases]), at

    def _verbalise_body(self, key: int, halves: int) -> str:
        item, kind = key // (len(self.kinds) + 1) - 1, key % (len(self.kinds) + 1) - 1
        no_item, unknown = ("自己写的话", "其他") if self.language == "zh" else ("own words", "other")
        title = self.titles[item] if item >= 0 else no_item
        value = None if halves == _MOST else halves / 2
        return self._add_space(
            verbalise_event(title, self.kinds[kind] if kind >= 0 else unknown, self.language, value=value)
        )

    def _add_space(self, text: str) -> str:
        return f" {text}" if self.language == "en" else text


@dataclass(frozen=True)
class Stream:
    """`tokens` `[S]` of all histories, one after another; piece p is `tokens[ends[p]:ends[p + 1]]`.

    Event e has the pieces 2e (time since the last event) and 2e + 1 (the action); `offsets` `[B + 1]` as in the
    batch.
    """

    tokens: Int32s
    ends: Int64s
    offsets: Int64s

    def find_begin(self, first: Int64s, stops: Int64s, budget: Int64s | int) -> Int64s:
        """The earliest event of each row from `first` on so that the events up to `stops` have `budget` tokens at most.

        At least one event stays, even where it is too long.
        """
        earliest = np.searchsorted(self.ends[0::2], self.ends[2 * stops] - budget, side="left")
        return np.asarray(np.clip(earliest, first, np.maximum(stops - 1, first)), dtype=np.int64)

    def cut_windows(self, budget: int, rng: np.random.Generator) -> tuple[Int64s, Int64s]:
        """Starts and stops of windows of at most `budget` tokens that share one event at their seams.

        Cut from the end of each history backwards; the first window of a long one is drawn shorter, so that the seams
        fall elsewhere in every epoch. Histories of one event give none.
        """
        first, stops = self.offsets[:-1], self.offsets[1:]
        keep = stops - first >= 2
        first, stops = first[keep], stops[keep]
        room = np.full(len(first), budget)
        long = self.ends[2 * stops] - self.ends[2 * first] > budget
        room[long] = rng.integers(budget // 2, budget + 1, size=int(long.sum()))
        all_starts = [np.empty(0, dtype=np.int64)]
        all_stops = [np.empty(0, dtype=np.int64)]
        while len(first):
            starts = np.maximum(np.minimum(self.find_begin(first, stops, room), stops - 2), first)
            all_starts.append(starts)
            all_stops.append(stops)
            left = starts > first
            first, stops = first[left], starts[left] + 1
            room = np.full(len(first), budget)
        return np.concatenate(all_starts), np.concatenate(all_stops)


@dataclass(frozen=True)
class Page:
    """Rows of tokens: `tokens` and `mask` `[batch, width]`, `shift` `[batch]`.

    Token s of the stream stands in column s + shift of its row.
    """

    tokens: Int64s
    mask: Int64s
    shift: Int64s


def make_page(
    stream: Stream,
    begins: Int64s,
    stops: Int64s,
    tokenizer: TextTokenizer,
    *,
    causal: bool,
    extra: Ragged | None = None,
) -> Page:
    """Stream tokens `begins[b]:stops[b]`, then `extra`, with the tokens that the tokenizer adds around a text.

    A causal model gets none behind the text: the state of its last token stands for the text.
    """
    before = np.asarray(tokenizer.before, dtype=np.int64)
    after = np.asarray(() if causal else tokenizer.after, dtype=np.int64)
    more = extra if extra is not None else Ragged.empty(len(begins))
    body = stops - begins
    text = body + more.lengths
    lengths = len(before) + text + len(after)
    grid = np.broadcast_to(np.arange(int(lengths.max(initial=1)))[None, :], (len(begins), int(lengths.max(initial=1))))
    place = grid - len(before)
    out = np.full(grid.shape, tokenizer.pad, dtype=np.int64)
    behind = more.offsets[:-1, None] + place - body[:, None]
    for zone, source, index in (
        (place < 0, before, grid),
        ((place >= 0) & (place < body[:, None]), stream.tokens, begins[:, None] + place),
        ((place >= body[:, None]) & (place < text[:, None]), more.values, behind),
        ((place >= text[:, None]) & (grid < lengths[:, None]), after, place - text[:, None]),
    ):
        out[zone] = source[index[zone]]
    return Page(out, (grid < lengths[:, None]).astype(np.int64), len(before) - begins)
