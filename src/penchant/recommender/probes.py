"""Linear probes of a recommender: fitted on its interest vectors, read for known users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from penchant.arrays import Bools, Float32s
from penchant.data.sequences import SequenceBatch
from penchant.errors import ModelError, PenchantError
from penchant.models.probes.options import ProbeOptions
from penchant.recommender.state import RecommenderState

if TYPE_CHECKING:
    from penchant.models.probes.probes import Probes


def fit_probes(
    state: RecommenderState, sequences: SequenceBatch, targets: Bools, seed: int | None = None
) -> RecommenderState:
    """The state with the configured probes, fitted on the events `targets` `[E]` of some histories.

    Raises `DataError` / `ModelError` if events or interest vectors do not suffice.
    """
    probes = _fit(state, sequences, targets, state.config.probes, state.config.seed if seed is None else seed)
    return replace(state, probes=probes, record=replace(state.record, probes=dict(probes.records)))


def try_fit_probes(state: RecommenderState, targets: Bools, seed: int | None = None) -> RecommenderState:
    """`fit_probes` on all histories of the recommender; where they cannot be fitted, the record says why."""
    try:
        return fit_probes(state, state.histories, targets, seed)
    except PenchantError as error:
        return replace(state, record=replace(state.record, probes=state.config.probes.left_out(error)))


def interest_probabilities(
    state: RecommenderState, probes: Probes, history: SequenceBatch, items: Sequence[int]
) -> Float32s:
    """The probability `[n]` that each item (a code) is of interest to the user of a history (a batch of one)."""
    dense = state.dense_model()
    return probes.predict_interest(dense.user_vectors(history)[[0] * len(items)], dense.item_vectors[list(items)])


def fit_interest_probe(state: RecommenderState) -> Probes:
    """An interest probe on all histories, which the model has learned; its probabilities are too confident."""
    options, targets = replace(state.config.probes, fit=("interest",)), np.ones(state.histories.n_events, np.bool_)
    return _fit(state, state.histories, targets, options, state.config.seed)


def next_categories(state: RecommenderState, history: SequenceBatch) -> dict[str, float]:
    """The probability of each category for the next item of a history (a batch of one), most likely first."""
    if state.probes is None:
        raise ModelError("No probes were fitted.", remedy="Train with --set probes.fit=category.")
    kinds, items = state.dataset.kinds.ids.to_list(), state.dataset.items
    shares = state.probes.predict_next_category(state.dense_model(), history, kinds, items)[0]
    return {state.probes.classes[code]: float(shares[code]) for code in np.argsort(-shares, kind="stable")}


def _fit(state: RecommenderState, sequences: SequenceBatch, targets: Bools, options: ProbeOptions, seed: int) -> Probes:
    from penchant.models.probes.pairs import TargetEvents
    from penchant.models.probes.probes import Probes

    events = TargetEvents.select(sequences, state.dataset.kinds.ids.to_list(), targets, options.users)
    return Probes.fit(state.dense_model(), events, state.dataset.items, options, seed)
