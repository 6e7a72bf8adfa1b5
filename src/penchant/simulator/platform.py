"""An interactive platform: a policy shows lists, users respond, the log has propensities.

Users follow the position-based click model (Richardson, Dominowska & Ragno 2007; Craswell et al. 2008): they examine
each position of the list with a fixed probability, and click an examined item with a probability that depends on the
user, the item and the time only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float64s, Floats, Int32s, Int64s, Ints
from penchant.data import schema
from penchant.errors import DataError, UsageError
from penchant.options import require_range
from penchant.simulator.catalogue import Catalogue
from penchant.simulator.interests import PATTERNS, Interests
from penchant.simulator.simulation import Simulation

EXAMINATION: Final = 0.85 ** np.arange(50)
"""Probability that a user examines position 0, 1, 2 … of a list."""
_OFFSET, _MATCH, _TASTE = -3.0, 5.0, 1.5
IMPRESSION: Final = "impression"
CLICK: Final = "click"


@dataclass(frozen=True)
class Shown:
    """Lists for B users: `items` `[B, L]` codes, no item twice in a list, and `propensity` `[B, L]`.

    The propensity of a position is the probability, given user, time and the items above it, that the policy shows this
    item there. The propensity of the list is the product over its positions.
    """

    items: Int32s
    propensity: Float64s


class Policy(Protocol):
    """Chooses the items to show; all randomness comes from `rng`."""

    def __call__(self, users: Ints, times_s: Int64s, rng: np.random.Generator) -> Shown:
        """Lists for user codes `[B]` at UTC seconds `[B]`."""
        ...


@dataclass(frozen=True)
class SoftmaxPolicy:
    """Draws lists without replacement, each position by `softmax(scores / temperature)` over the remaining items.

    `scores` `[U, N]` by user code, or `[1, N]` for all users; equal scores give the uniform policy. Items with score
    -inf are never shown. The draw adds Gumbel noise and takes the best (Plackett-Luce; Kool et al. 2019).
    """

    scores: Floats
    length: int = 10
    temperature: float = 1.0

    def __post_init__(self) -> None:
        require_range(self, "temperature", above=0)
        allowed = int(np.isfinite(self.scores).sum(axis=1).min())
        if not 1 <= self.length <= min(allowed, len(EXAMINATION)):
            raise UsageError(
                f"length={self.length}: allowed is 1 to {len(EXAMINATION)}, and a user has only {allowed} items.",
                remedy="Shorten the lists or allow more items.",
            )

    def __call__(self, users: Ints, times_s: Int64s, rng: np.random.Generator) -> Shown:
        """Lists for user codes `[B]`; the time has no effect."""
        rows = np.asarray(users) if len(self.scores) > 1 else np.zeros(len(users), dtype=np.int64)
        logits = np.asarray(self.scores, dtype=np.float64)[rows] / self.temperature
        noisy = logits + rng.gumbel(size=logits.shape)
        best = np.argpartition(-noisy, self.length - 1, axis=1)[:, : self.length]
        items = np.take_along_axis(best, np.argsort(-np.take_along_axis(noisy, best, 1), axis=1, kind="stable"), 1)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        taken = np.take_along_axis(weights, items, 1)
        used = np.cumsum(taken, axis=1) - taken
        left = np.maximum(weights.sum(axis=1, keepdims=True) - used, taken)
        return Shown(items.astype(np.int32), taken / left)


@dataclass(frozen=True)
class Answers:
    """The responses of B users to their lists: `examined` and `clicked` `[B, L]`."""

    users: Int64s
    times_s: Int64s
    shown: Shown
    examined: Bools
    clicked: Bools

    @property
    def click_rate(self) -> float:
        """Clicks per item shown."""
        return float(self.clicked.mean())


class Platform:
    """Simulated users who respond to any list, with the interests of a `Simulation`.

    >>> from penchant.simulator import SimulatorOptions, simulate
    >>> platform = Platform(simulate(SimulatorOptions(users=10, items=100, events=60)))
    >>> policy = SoftmaxPolicy(np.zeros((1, 100)), length=3)
    >>> answers = platform.ask(policy, np.arange(10), platform.simulation.options.end_s, np.random.default_rng(0))
    >>> answers.clicked.shape, answers.shown.propensity[0, 0].round(6)
    ((10, 3), np.float64(0.01))
    """

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.catalogue: Catalogue = simulation.world.catalogue
        self.interests = _read_interests(simulation)

    def attraction(self, users: Ints, items: Ints, times_s: Int64s) -> Float64s:
        """Probability `[B, L]` that users `[B]` click items `[B, L]` that they examine, at times `[B]`."""
        mixture = self.interests.at(users, times_s)
        match = np.zeros(items.shape)
        for topic in range(mixture.shape[1]):
            match += mixture[:, topic, None] * self.catalogue.topics[items, topic]
        taste = np.take_along_axis(self.interests.style[users], self.catalogue.style[items].astype(np.int64), axis=1)
        logit = _OFFSET + _MATCH * match + _TASTE * taste
        exists = self.catalogue.created_s[items] <= times_s[:, None]
        return np.where(exists, 1 / (1 + np.exp(-logit)), 0.0)

    def click_rate(self, users: Ints, items: Ints, times_s: Int64s) -> Float64s:
        """True probability `[B, L]` of a click on each position of given lists."""
        return EXAMINATION[: items.shape[1]] * self.attraction(users, items, times_s)

    def ask(self, policy: Policy, users: Ints, times_s: Int64s | int, rng: np.random.Generator) -> Answers:
        """Show lists to user codes `[B]` at times `[B]` (or one time for all) and draw their responses.

        Raises `DataError` if the policy shows unknown item codes, an item twice, or propensities outside (0, 1].
        """
        codes = np.asarray(users, dtype=np.int64)
        times = np.broadcast_to(np.asarray(times_s, dtype=np.int64), codes.shape)
        shown = policy(codes, times, rng)
        self._check(shown, len(codes))
        examined = rng.random(shown.items.shape) < EXAMINATION[: shown.items.shape[1]]
        clicked = examined & (rng.random(shown.items.shape) < self.attraction(codes, shown.items, times))
        return Answers(codes, times, shown, examined, clicked)

    def log(self, answers: Answers, round_id: str = "r1", *, impressions: bool = True) -> pl.DataFrame:
        """Answers as rows of the event table: an `impression` for every position, then a `click` for every click.

        Both have `recommendation_id`, `position` (from 0) and `propensity`; clicks come 2 s a position later.
        To train on the rows, leave the impressions out: an impression does not signal interest.
        """
        count, length = answers.shown.items.shape
        row, position = np.divmod(np.arange(count * length), length)
        items, users = self.simulation.items[schema.ITEM_ID], self.simulation.users[schema.USER_ID]
        shown = pl.DataFrame(
            {
                schema.USER_ID: users.gather(answers.users[row]),
                schema.ITEM_ID: items.gather(answers.shown.items.ravel()),
                schema.TIMESTAMP: answers.times_s[row],
                schema.EVENT: pl.Series([IMPRESSION]).new_from_index(0, len(row)),
                schema.RECOMMENDATION_ID: pl.Series(row).cast(pl.String),
                schema.POSITION: position.astype(np.int16),
                schema.PROPENSITY: answers.shown.propensity.ravel(),
            }
        )
        shown = shown.with_columns(
            (pl.lit(f"{round_id}-") + pl.col(schema.RECOMMENDATION_ID)).alias(schema.RECOMMENDATION_ID)
        )
        clicks = shown.filter(pl.Series(answers.clicked.ravel())).with_columns(
            pl.lit(CLICK).alias(schema.EVENT), pl.col(schema.TIMESTAMP) + 2 * (pl.col(schema.POSITION) + 1)
        )
        return pl.concat([shown, clicks]) if impressions else clicks

    def _check(self, shown: Shown, count: int) -> None:
        items, chance = shown.items, shown.propensity
        if items.ndim != 2 or len(items) != count or chance.shape != items.shape:
            raise DataError(
                f"The policy gave items {items.shape} and propensities {chance.shape} for {count} users.",
                remedy="Both must be [users, positions].",
            )
        if items.shape[1] > len(EXAMINATION) or items.min() < 0 or items.max() >= len(self.catalogue):
            raise DataError(
                f"The policy shows items outside 0 to {len(self.catalogue) - 1}, or more than 50 positions."
            )
        if (np.diff(np.sort(items, axis=1), axis=1) == 0).any():
            raise DataError("The policy shows an item twice in one list.", remedy="Draw without replacement.")
        if not ((chance > 0) & (chance <= 1)).all():
            raise DataError(
                "Propensities must be above 0 and at most 1.", remedy="Log the probability of each shown item."
            )


def _read_interests(simulation: Simulation) -> Interests:
    """The interests of all users, from the truth."""
    users, end_s = simulation.truth.users, simulation.options.end_s
    return Interests(
        first=users["first"].to_numpy(),
        last=users["last"].to_numpy(),
        change_start_s=users["change_start_s"].fill_null(end_s).to_numpy(),
        change_end_s=users["change_end_s"].fill_null(end_s).to_numpy(),
        pattern=users["pattern"].replace_strict(PATTERNS, range(len(PATTERNS)), return_dtype=pl.Int8).to_numpy(),
        style=users["style"].to_numpy(),
        seasons=simulation.world.seasons,
    )
