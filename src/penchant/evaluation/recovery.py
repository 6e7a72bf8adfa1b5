"""How well interest vectors recover the planted interests of a simulation, and how soon they follow a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float32s, Floats, Int64s, evenly_spaced
from penchant.data import schema
from penchant.data.results.estimates import Interval
from penchant.data.results.recovery import POPULATION_MEAN, Intervals, Recovery
from penchant.errors import ModelError
from penchant.metrics.interest_recovery import agreement, drift_delay, false_alarms, predict_held_out

if TYPE_CHECKING:
    from penchant.models.base import DenseModel
    from penchant.recommender.recommender import Recommender
    from penchant.simulator import Truth

USERS = 600
"""Users whose vectors are read, evenly spaced."""
HALVES = 20
"""Random halves of the users that the linear map is fitted on."""


@dataclass(frozen=True)
class PlantedInterests:
    """Planted mixtures `[E, K]` after E events, and the mixtures before and after each user's change.

    `users` are rows among the users that were read, `has_changed` says whether the interests of an event's user change.
    """

    mixtures: Float32s
    first: Float32s
    last: Float32s
    has_changed: Bools
    users: Int64s
    times_s: Int64s


def measure_recovery(recommender: Recommender, truth: Truth, *, seed: int) -> Recovery:
    """Agreement of interest vectors with the truth of the simulation, beside content alone and the population mean.

    A linear map is fitted on one half of the users and read on the other, over `HALVES` random halves: `mean`, and
    their 2.5 % and 97.5 % quantiles as `low` and `high`.
    """
    n_users = recommender.dataset.n_users
    users = evenly_spaced(n_users, USERS)
    histories = recommender.histories(users)
    if histories.event_rows is None or len(users) < 4:
        return Recovery()
    planted, has_truth = align_truth(recommender, truth, users, seed)
    cosine: dict[str, Interval] = {}
    drift: dict[str, Intervals] = {}
    for name, model in _list_dense_models(recommender).items():
        vectors = model.interests(histories.at(None))[has_truth]
        halves = [measure_half(vectors.reshape(len(vectors), -1), planted, [seed, half]) for half in range(HALVES)]
        cosine[name] = estimate([half.pop("cosine") for half in halves])
        cosine[POPULATION_MEAN] = estimate([half.pop("baseline") for half in halves])
        measures = {
            measure: [half[measure] for half in halves if np.isfinite(half.get(measure, np.nan))]
            for measure in dict.fromkeys(measure for half in halves for measure in half)
        }
        drift[name] = {measure: estimate(values) for measure, values in measures.items() if values}
    cosine[POPULATION_MEAN] = cosine.pop(POPULATION_MEAN)  # the last row
    return Recovery(cosine, {name: intervals for name, intervals in drift.items() if intervals})


def measure_half(vectors: Floats, planted: PlantedInterests, seed: Sequence[int]) -> dict[str, float]:
    """Every measure on one random half of the users, with the map fitted on the other."""
    guess, test = predict_held_out(vectors, planted.mixtures, np.random.default_rng(seed), users=planted.users)
    both = agreement(guess, planted.mixtures, test, planted.users)
    out = {"cosine": both["cosine"], "baseline": both["baseline"]}
    for kind, rows in (("early", test & planted.has_changed), ("decoy", test & ~planted.has_changed)):
        if not rows.any():
            continue
        tables = (guess[rows], planted.mixtures[rows], planted.first[rows], planted.last[rows])
        out[kind] = false_alarms(*tables, planted.users[rows])["share"]
        if kind == "early":
            delay = drift_delay(*tables, planted.users[rows], planted.times_s[rows])
            out |= {measure: delay[measure] for measure in ("events", "days", "seen")}
    return out


def align_truth(recommender: Recommender, truth: Truth, users: Int64s, seed: int) -> tuple[PlantedInterests, Bools]:
    """The truth about the events of some users, and which of their events `[E]` have one.

    A user whose interests stay is given those of another user, drawn at random, as a decoy.
    """
    histories = recommender.histories(users)
    assert histories.event_rows is not None
    dataset = recommender.dataset
    mixtures = truth.interests(dataset.events[schema.EVENT_ID].gather(histories.event_rows))
    names = pl.DataFrame({schema.USER_ID: dataset.user_vocabulary.decode(users)})
    profiles = names.join(truth.users, on=schema.USER_ID, how="left", maintain_order="left")
    first, last = profiles["first"].to_numpy(), profiles["last"].to_numpy().copy()
    has_changed = (profiles["pattern"] != "steady").fill_null(False).to_numpy()
    others = np.random.default_rng([seed, 1]).permutation(len(users))
    last[~has_changed] = first[others][~has_changed]
    has_truth = np.isfinite(mixtures).all(axis=1) & (mixtures.sum(axis=1) > 0)
    rows, times_s = histories.rows[has_truth], histories.times_s[has_truth]
    return PlantedInterests(mixtures[has_truth], first[rows], last[rows], has_changed[rows], rows, times_s), has_truth


def estimate(values: Sequence[float]) -> Interval:
    """Mean, and the middle 95 % as `low` and `high`."""
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(float(np.mean(values)), float(low), float(high))


def _list_dense_models(recommender: Recommender) -> dict[str, DenseModel]:
    """The model of the recommender's interest vectors, and the content model, if they exist."""
    models: dict[str, DenseModel] = {}
    sources = {recommender.config.model: recommender.dense_model, "content": recommender.content_vectors}
    for name, get in sources.items():
        try:
            models[name] = get()
        except ModelError:
            continue
    return models
