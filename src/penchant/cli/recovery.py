"""How well interest vectors show the interests that the simulator planted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from penchant.errors import ModelError

if TYPE_CHECKING:
    from penchant.models.base import DenseModel
    from penchant.recommender import Recommender

USERS = 400
"""Users whose vectors are looked at: every so many, in order."""
HALVES = 20
"""Halves of the users that the linear map is fitted on, drawn anew each time."""
NOBODY = "nobody in particular"


def recovered(rec: Recommender, folder: Path, *, seed: int) -> dict[str, dict[str, float]]:
    """Cosine of guessed and planted mixtures by name of the vectors; empty where the data keep no truth.

    `mean` over `HALVES` random halves of the users that the map was not fitted on, `low` and `high` the 2.5 % and
    97.5 % quantiles over these halves. The vectors of the model stand beside those of content alone and beside the
    mean mixture, which is what is known of nobody in particular.
    """
    if not (folder / "truth").is_dir():
        return {}
    import numpy as np

    from penchant.metrics.interest_recovery import recovery
    from penchant.simulator import Truth

    users = np.unique(np.linspace(0, rec.dataset.n_users - 1, min(USERS, rec.dataset.n_users)).astype(np.int64))
    histories = rec.histories(users)
    if histories.event_rows is None or len(users) < 2:
        return {}
    planted = Truth.load(folder / "truth").interests(rec.dataset.events["event_id"].gather(histories.event_rows))
    known = np.isfinite(planted).all(axis=1) & (planted.sum(axis=1) > 0)
    found: dict[str, list[float]] = {}
    for name, model in _spaces(rec).items():
        vectors = model.interests(histories.at(None))
        for half in range(HALVES):
            rng = np.random.default_rng([seed, half])
            result = recovery(vectors[known], planted[known], rng, users=histories.rows[known])
            found.setdefault(name, []).append(result["cosine"])
            if len(found[name]) > len(found.setdefault(NOBODY, [])):
                found[NOBODY].append(result["baseline"])
    return {
        name: {
            "mean": float(np.mean(values)),
            "low": float(np.quantile(values, 0.025)),
            "high": float(np.quantile(values, 0.975)),
        }
        for name, values in found.items()
    }


def _spaces(rec: Recommender) -> dict[str, DenseModel]:
    """The interest vectors of the recommender, and those of content alone."""
    found: dict[str, DenseModel] = {}
    for name, ask in ((rec.config.model, rec.dense_model), ("content", rec.content_vectors)):
        try:
            found[name] = ask()
        except ModelError:
            continue
    return found
