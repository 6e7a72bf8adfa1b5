"""From a request to an answer: its source, scores, ranked lists and reasons.

The source of an answer is the model, or content where a cold query has words that the model cannot read, or
popularity where nothing at all is known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from penchant.arrays import Bools, Float32s, Int32s
from penchant.data.ragged import Ragged
from penchant.data.results.reasons import Reason
from penchant.data.results.recommendations import Recommendations
from penchant.data.sequences import SequenceBatch
from penchant.embeddings.packing import mask_rows_with_content
from penchant.errors import UsageError
from penchant.models.base import ContentReader, Placing
from penchant.profiles.reasons import Scoring, explain_item
from penchant.recommender.request import Request
from penchant.recommender.state import RecommenderState
from penchant.retrieval.exact import top_k
from penchant.retrieval.filters import Filters

MODEL, CONTENT, POPULARITY = "model", "content", "popularity"
SCORES_AT_ONCE = 1 << 23
"""Maximum number of scores in memory while ranking: 32 MB per expert."""


def answer_sources(state: RecommenderState, histories: SequenceBatch) -> list[str]:
    """The source of the answer to each history: `model`, `content` or `popularity`."""
    has_items = np.bincount(histories.rows[histories.items >= 0], minlength=len(histories)) > 0
    reads = state.model.reads if isinstance(state.model, ContentReader) else frozenset[str]()
    by_content = mask_rows_with_content(histories, state.modalities)
    by_model = has_items | mask_rows_with_content(histories, reads, of_users=False)
    return [str(name) for name in np.where(by_model, MODEL, np.where(by_content, CONTENT, POPULARITY))]


def score(state: RecommenderState, histories: SequenceBatch) -> Float32s:
    """Scores `[B, N]`, each row by the source of its answer."""
    return _score_by_source(state, state.model.score, histories)


def _score_by_source(
    state: RecommenderState, score_by_model: Callable[[SequenceBatch], Float32s], histories: SequenceBatch
) -> Float32s:
    scores = np.asarray(score_by_model(histories), dtype=np.float32)
    sources = np.asarray(answer_sources(state, histories))
    for source in (CONTENT, POPULARITY):
        rows = np.flatnonzero(sources == source)
        if len(rows):
            model = state.content if source == CONTENT else state.popularity
            scores[rows] = model.score(histories.take(rows))
    return scores


def rank(
    state: RecommenderState,
    histories: SequenceBatch,
    k: int,
    *,
    exclude: Ragged | None = None,
    allowed: Bools | None = None,
) -> tuple[Int32s, Float32s]:
    """The best k items of every history: codes `[B, k]` (-1 where fewer are left) and scores `[B, k]`."""
    items = np.full((len(histories), k), -1, dtype=np.int32)
    scores = np.full((len(histories), k), -np.inf, dtype=np.float32)
    for rows, block in histories.blocks(max(1, min(512, SCORES_AT_ONCE // max(1, state.dataset.n_items)))):
        excluded = exclude.take(np.arange(rows.start, rows.stop)) if exclude is not None else None
        items[rows], scores[rows] = top_k(score(state, block), k, exclude=excluded, allowed=allowed)
    return items, scores


def recommend(
    state: RecommenderState,
    request: Request,
    k: int,
    *,
    allow_seen: bool = False,
    filters: Filters | None = None,
    explain: bool = False,
) -> Recommendations:
    """Ranked lists for a request, with `explain` with a reason for each item."""
    if k < 1:
        raise UsageError(f"k={k} is not a number of items.", remedy="Give k of 1 or more.")
    seen = None if allow_seen else request.histories.history_items.unique()
    allowed = filters.mask(state.dataset) if filters else None
    items, scores = rank(state, request.histories, min(k, state.dataset.n_items), exclude=seen, allowed=allowed)
    item_ids = [state.dataset.item_vocabulary.decode(row[row >= 0]) for row in items]
    reasons = []
    if explain:
        for row in range(len(request)):
            ranked = zip(items[row], scores[row], strict=True)
            reasons.append([explain_score(state, request, row, int(i), float(s)) for i, s in ranked if i >= 0])
    sources = answer_sources(state, request.histories)
    return Recommendations(request.user_ids, item_ids, items, scores, sources, reasons, list(request.notes))


def explain_score(state: RecommenderState, request: Request, row: int, item: int, value: float | None = None) -> Reason:
    """The reason why an item (a code) scores `value` for one row of a request."""
    history = request.histories.take([row])
    source = answer_sources(state, history)[0]
    by_model = state.model.preference if isinstance(state.model, Placing) else state.model.score
    scoring = Scoring(
        score=partial(score, state),
        preference=partial(_score_by_source, state, by_model),
        model=state.content if source == CONTENT else state.model,
        source=source,
    )
    if value is None:
        value = float(score(state, history)[0, item])
    return explain_item(scoring, history, item, value, catalogue=state.dataset, events=request.dataset)
