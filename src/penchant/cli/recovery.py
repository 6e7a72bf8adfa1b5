"""How well interest vectors show the interests that the simulator planted, and how soon they turn with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.errors import ModelError
from penchant.reports.facts import NOBODY

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from penchant.models.base import DenseModel
    from penchant.recommender.recommender import Recommender

USERS = 600
"""Users whose vectors are looked at: every so many, in order."""
HALVES = 20
"""Halves of the users that the linear map is fitted on, drawn anew each time."""

Estimates = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Recovered:
    """`cosine`: by name of the vectors, `mean`, `low`, `high`. `drift`: the same for each measure of the turn:

    - `events`, `days`: how long after the planted interests the learned ones turn (medians over people),
    - `seen`: share of the turns that are seen before the history ends,
    - `early`: share of the events before the turn at which the learned interests look turned already,
    - `decoy`: the same for people who keep their interests, asked about somebody else's.
    """

    cosine: Estimates = field(default_factory=dict)
    drift: dict[str, Estimates] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.cosine)


@dataclass(frozen=True)
class Planted:
    """Planted mixtures of the rows that are looked at, and what their users changed from and to."""

    mixtures: npt.NDArray[np.float32]
    first: npt.NDArray[np.float32]
    last: npt.NDArray[np.float32]
    changed: npt.NDArray[np.bool_]
    users: npt.NDArray[np.int64]
    times_s: npt.NDArray[np.int64]


def recovered(rec: Recommender, folder: Path, *, seed: int) -> Recovered:
    """What the vectors of a recommender show of the truth in a folder; empty where the data keep none.

    `mean` over `HALVES` random halves of the users that the map was not fitted on, `low` and `high` the 2.5 % and
    97.5 % quantiles over these halves. The vectors of the model stand beside those of content alone and beside the
    mean mixture, which is what is known of nobody in particular.
    """
    if not (folder / "truth").is_dir():
        return Recovered()
    import numpy as np

    users = np.unique(np.linspace(0, rec.dataset.n_users - 1, min(USERS, rec.dataset.n_users)).astype(np.int64))
    histories = rec.histories(users)
    if histories.event_rows is None or len(users) < 4:
        return Recovered()
    truth, known = planted(rec, folder, users, seed)
    cosine: Estimates = {}
    drift: dict[str, Estimates] = {}
    for name, model in _spaces(rec).items():
        vectors = model.interests(histories.at(None))[known]
        halves = [half_of(vectors.reshape(len(vectors), -1), truth, [seed, half]) for half in range(HALVES)]
        cosine[name] = estimate([half.pop("cosine") for half in halves])
        cosine[NOBODY] = estimate([half.pop("baseline") for half in halves])
        drift[name] = {
            measure: estimate(values)
            for measure in dict.fromkeys(measure for half in halves for measure in half)
            if (values := [half[measure] for half in halves if np.isfinite(half.get(measure, np.nan))])
        }
    cosine[NOBODY] = cosine.pop(NOBODY)  # the last row
    return Recovered(cosine, {name: found for name, found in drift.items() if found})


def rows(found: Recovered) -> list[tuple[str, ...]]:
    """Name of the vectors, cosine, events and days until a turn is seen, turns seen, both kinds of false alarms."""
    out = []
    for name, cosine in found.cosine.items():
        drift = found.drift.get(name, {})
        shares = [_said(drift.get(measure), percent=True) for measure in ("seen", "early", "decoy")]
        out.append((name, _said(cosine, 3), _said(drift.get("events")), _said(drift.get("days")), *shares))
    return out


HEAD = ("vectors of", "cosine", "turn seen after events", "days", "turns seen", "early", "false")


def half_of(vectors: npt.NDArray[Any], truth: Planted, seed: list[int]) -> dict[str, float]:
    """Every figure on one random half of the users, with the map fitted on the other."""
    import numpy as np

    from penchant.metrics.interest_recovery import agreement, drift_delay, false_alarms, held_out_guess

    guess, test = held_out_guess(vectors, truth.mixtures, np.random.default_rng(seed), users=truth.users)
    found = agreement(guess, truth.mixtures, test, truth.users)
    out = {"cosine": found["cosine"], "baseline": found["baseline"]}

    for kind, rows in (("early", test & truth.changed), ("decoy", test & ~truth.changed)):
        if not rows.any():
            continue
        tables = (guess[rows], truth.mixtures[rows], truth.first[rows], truth.last[rows])
        out[kind] = false_alarms(*tables, truth.users[rows])["share"]
        if kind == "early":
            delay = drift_delay(*tables, truth.users[rows], truth.times_s[rows])
            out |= {measure: delay[measure] for measure in ("events", "days", "seen")}
    return out


def planted(
    rec: Recommender, folder: Path, users: npt.NDArray[np.int64], seed: int
) -> tuple[Planted, npt.NDArray[np.bool_]]:
    """The truth about the events of some users, and which of their events it is known of.

    Who keeps their interests is given those of somebody else, drawn at random, as the mixture not to turn to.
    """
    import numpy as np
    import polars as pl

    from penchant.data import schema
    from penchant.simulator import Truth

    histories = rec.histories(users)
    known_truth = Truth.load(folder / "truth")
    assert histories.event_rows is not None
    mixtures = known_truth.interests(rec.dataset.events[schema.EVENT_ID].gather(histories.event_rows))
    names = pl.DataFrame({schema.USER_ID: rec.dataset.user_vocabulary.decode(users)})
    people = names.join(known_truth.users, on=schema.USER_ID, how="left", maintain_order="left")
    first, last = people["first"].to_numpy(), people["last"].to_numpy().copy()
    changed = (people["pattern"] != "steady").fill_null(False).to_numpy()
    others = np.random.default_rng([seed, 1]).permutation(len(users))
    last[~changed] = first[others][~changed]
    known = np.isfinite(mixtures).all(axis=1) & (mixtures.sum(axis=1) > 0)
    row = histories.rows[known]
    return Planted(mixtures[known], first[row], last[row], changed[row], row, histories.times_s[known]), known


def _spaces(rec: Recommender) -> dict[str, DenseModel]:
    """The interest vectors of the recommender, and those of content alone."""
    found: dict[str, DenseModel] = {}
    for name, ask in ((rec.config.model, rec.dense_model), ("content", rec.content_vectors)):
        try:
            found[name] = ask()
        except ModelError:
            continue
    return found


def estimate(values: list[float]) -> dict[str, float]:
    """Mean, and the middle 95 % as `low` and `high`."""
    import numpy as np

    low, high = np.quantile(values, (0.025, 0.975))
    return {"mean": float(np.mean(values)), "low": float(low), "high": float(high)}


def _said(value: Mapping[str, float] | None, digits: int = 1, *, percent: bool = False) -> str:
    if value is None:
        return "–"
    mean, low, high = (value[name] * (100 if percent else 1) for name in ("mean", "low", "high"))
    digits, unit = (0, " %") if percent else (digits, "")
    return f"{mean:.{digits}f}{unit} [{low:.{digits}f}, {high:.{digits}f}]"
