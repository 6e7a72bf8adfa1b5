"""The reason of one recommendation: the events and modalities that carry an item's score, by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from penchant.arrays import Float32s
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.language import main_language
from penchant.data.results.recommendations import EventReason, Reason
from penchant.data.sequences import SequenceBatch
from penchant.models.base import Additive, Model
from penchant.profiles.explanation import event_contributions, standing
from penchant.profiles.words import reason_sentence

MOST_EVENTS = 5


def reason(
    score: Callable[[SequenceBatch], Float32s],
    answering: Model,
    stage: str,
    history: SequenceBatch,
    item: int,
    *,
    catalogue: Dataset,
    source: Dataset,
    value: float,
    preference: Callable[[SequenceBatch], Float32s] | None = None,
) -> Reason:
    """Why `item` (a code of `catalogue`) scores `value` for a history, a batch of one with the events of `source`.

    `score` is what ranks, `answering` the model behind the `stage`. Events are weighed by `preference` where it is
    given: an item whose rank a rule sets stands there with or without an event (`Placing`). At most five events are
    named, strongest first; the sentence is Chinese where the titles are.
    """
    contributions = event_contributions(preference or score, history, item)
    order = np.argsort(-contributions, kind="stable")[:MOST_EVENTS]
    order = order[contributions[order] > 0]
    ids, names = event_ids(source, history), titles(catalogue)
    codes = history.items[order]
    items = catalogue.items[schema.ITEM_ID]
    events = [
        EventReason(
            event_id=ids[e],
            item_id=items[int(code)] if code >= 0 else None,
            title=names[code] if code >= 0 else "",
            time_s=int(history.times_s[e]),
            contribution=float(contributions[e]),
        )
        for e, code in zip(order, codes, strict=True)
    ]
    lead = float(standing(score(history), item)[0])
    modalities = modality_shares(score, answering, stage, history, item)
    spoken = main_language([names[item], *(event.title for event in events)])
    sentence = reason_sentence(events, stage, "zh" if spoken == "zh" else "en")
    return Reason(items[item], value, events, modalities, sentence, lead)


def modality_shares(
    score: Callable[[SequenceBatch], Float32s], answering: Model, stage: str, history: SequenceBatch, item: int
) -> dict[str, float]:
    """What each modality gives to the score of an item; exact where the model is a sum over modalities."""
    if stage == "popularity" or not isinstance(answering, Additive):
        return {schema.BEHAVIOUR: float(score(history)[0, item])}
    return {modality: float(scores[0, item]) for modality, scores in answering.contributions(history).items()}


def titles(data: Dataset) -> list[str]:
    """A readable name of every item, by code: its title, else its id."""
    ids = data.items[schema.ITEM_ID]
    if schema.TITLE not in data.items.columns:
        return ids.to_list()
    return data.items.select(pl.coalesce(pl.col(schema.TITLE).cast(pl.String), ids))[schema.TITLE].to_list()


def event_ids(source: Dataset, batch: SequenceBatch) -> list[str]:
    """Names of the events of a batch, in its order; made where its events are of no table."""
    if batch.event_rows is None:
        return [f"e{n}" for n in range(batch.n_events)]
    return source.events[schema.EVENT_ID].gather(batch.event_rows).to_list()
