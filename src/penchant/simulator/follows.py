"""Who follows whom: users with similar interests, and well-known users."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.simulator.catalogue import TopicDraw
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.population import format_user_ids

_SIMILAR: Final = 24
_RANDOM: Final = 8
_BLOCK: Final = 5_000
_PULL: Final = 6.0
"""The log odds of following that a cosine of 1 between interests adds."""


def draw_follows(options: SimulatorOptions, interests: npt.NDArray[np.float32]) -> pl.DataFrame:
    """Relations of kind `follows` between users with mean mixtures `[U, K]`.

    Each user meets 24 users with the same main topic and 8 others. They follow the most similar or best known, a
    Poisson number of them, each once.
    """
    rng = np.random.default_rng([options.seed, 7])
    count = len(interests)
    unit = interests / np.linalg.norm(interests, axis=1, keepdims=True)
    main = np.argmax(interests, axis=1)
    fame = rng.normal(0, 1, count)
    same = TopicDraw.of(main, np.arange(count), np.ones(count), options.topics)
    pairs = []
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        wanted = np.minimum(rng.poisson(options.follows, len(rows)), _SIMILAR + _RANDOM - 1)
        similar = same.draw(
            np.broadcast_to(main[rows][:, None], (len(rows), _SIMILAR)), rng.random((len(rows), _SIMILAR))
        )
        met = np.hstack([similar, rng.integers(0, count, (len(rows), _RANDOM))])
        score = _PULL * np.einsum("bk,bck->bc", unit[rows], unit[met]) + fame[met] + rng.gumbel(size=met.shape)
        order = np.argsort(met, axis=1, kind="stable")
        ranked = np.take_along_axis(met, order, axis=1)
        repeated = np.zeros(met.shape, dtype=bool)
        np.put_along_axis(repeated, order[:, 1:], ranked[:, 1:] == ranked[:, :-1], axis=1)
        score[repeated | (met == rows[:, None])] = -np.inf
        best = np.argsort(-score, axis=1, kind="stable")
        chosen = np.take_along_axis(met, best, axis=1)
        taken = (np.arange(met.shape[1]) < wanted[:, None]) & np.isfinite(np.take_along_axis(score, best, axis=1))
        pairs.append(pl.DataFrame({"a": np.repeat(rows, taken.sum(axis=1)), "b": chosen[taken].astype(np.int64)}))
    edges = pl.concat(pairs)
    return pl.DataFrame(
        {
            schema.SOURCE_ID: format_user_ids(edges["a"].to_numpy()),
            schema.TARGET_ID: format_user_ids(edges["b"].to_numpy()),
            schema.RELATION_KIND: pl.Series(["follows"]).new_from_index(0, edges.height),
        }
    )
