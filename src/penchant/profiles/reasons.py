"""The reason for one recommendation: the events and modalities that contribute to an item's score, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.arrays import Float32s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.language import find_main_language
from penchant.data.results.reasons import EventReason, Reason
from penchant.data.sequences import SequenceBatch
from penchant.models.base import Additive, Model
from penchant.profiles.explanation import compute_lead, measure_event_contributions
from penchant.profiles.words import reason_sentence

MOST_EVENTS = 5
Score = Callable[[SequenceBatch], Float32s]


@dataclass(frozen=True)
class Scoring:
    """The scoring of an answer.

    `score` ranks the items, and `model` is the model of the answer's `source`. Events are weighed by `preference`: a
    rule that sets an item's rank (`Placing`) is not affected by the removal of an event.
    """

    score: Score
    preference: Score
    model: Model
    source: str


def explain_item(
    scoring: Scoring, history: SequenceBatch, item: int, value: float, *, catalogue: Dataset, events: Dataset
) -> Reason:
    """Why `item` (a code of `catalogue`) scores `value` for a history, a batch of one with the events of `events`.

    At most five events are named, strongest first; the sentence is Chinese where the titles are.
    """
    contributions = measure_event_contributions(scoring.preference, history, item)
    order = np.argsort(-contributions, kind="stable")[:MOST_EVENTS]
    order = order[contributions[order] > 0]
    ids, names = event_ids(events, history), titles(catalogue)
    codes = history.items[order]
    items = catalogue.items[schema.ITEM_ID]
    named = [
        EventReason(
            event_id=ids[e],
            item_id=items[int(code)] if code >= 0 else None,
            title=names[code] if code >= 0 else "",
            time_s=int(history.times_s[e]),
            contribution=float(contributions[e]),
        )
        for e, code in zip(order, codes, strict=True)
    ]
    lead = float(compute_lead(scoring.score(history), item)[0])
    language = find_main_language([names[item], *(event.title for event in named)])
    sentence = reason_sentence(named, scoring.source, "zh" if language == "zh" else "en", below_mean=lead < 0)
    return Reason(items[item], value, named, modality_shares(scoring, history, item), sentence, lead)


def modality_shares(scoring: Scoring, history: SequenceBatch, item: int) -> dict[str, float]:
    """The contribution of each modality to the score of an item; exact if the model is a sum over modalities."""
    if scoring.source == "popularity" or not isinstance(scoring.model, Additive):
        return {schema.BEHAVIOUR: float(scoring.score(history)[0, item])}
    return {name: float(scores[0, item]) for name, scores in scoring.model.contributions(history).items()}


def titles(data: Dataset) -> list[str]:
    """A readable name of every item, by code: its title, else its id."""
    ids = data.items[schema.ITEM_ID]
    if schema.TITLE not in data.items.columns:
        return ids.to_list()
    return data.items.select(pl.coalesce(pl.col(schema.TITLE).cast(pl.String), ids))[schema.TITLE].to_list()


def event_ids(source: Dataset, batch: SequenceBatch) -> list[str]:
    """Ids of the events of a batch, in its order; `e0`, `e1` … where its events are of no table."""
    if batch.event_rows is None:
        return [f"e{n}" for n in range(batch.n_events)]
    return source.events[schema.EVENT_ID].gather(batch.event_rows).to_list()
