"""What an ensemble foretells of items without events, learned on known ones foretold as if they were new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Bools, Float32s, Floats
from penchant.models.ensemble.content_mapping import ContentMapping
from penchant.models.ensemble.placement import FURTHEST, fair_price, log_known, log_new, place
from penchant.models.ensemble.weights import fit_weights

FEWEST = 20
"""With fewer held-out choices than these an expert counts for new items what it counts for known ones."""
STAGES = (1, 4, 16, 64, 256)
"""Numbers of events at which new items have a price; between them it is interpolated over the logarithm."""
PARTS = ("known", "new", "parts", "rehearsed", "rehearsal")


@dataclass(frozen=True)
class Foretelling:
    """`mapping` from content, the `weights` of what it foretells by each expert, and the scale of known sums.

    An expert that orders known items best need not be the one whose scores pass best to what looks alike: co-occurrence
    counts belong to one item, what a network over contents says goes on. So new items have weights of their own, those
    of a conditional logit over known items foretold as if they were new, and their sum is a log-likelihood. That of
    known items is `inverse_temperature` · score; `prices` say how much likelier a known item must be to stay above
    (`placement.fair_price`), for histories of each of the `stages`, in events.
    """

    mapping: ContentMapping
    weights: Mapping[str, float]
    inverse_temperature: float = 1.0
    stages: tuple[int, ...] = (1,)
    prices: tuple[float, ...] = (-FURTHEST,)

    @property
    def places(self) -> bool:
        """Whether there is an item to place."""
        return len(self.mapping.new) > 0

    def told(self, parts: Mapping[str, Float32s]) -> Float32s:
        """Σ_m w_m z_m `[B, N]` of the standardised `parts` by expert: what the mapping reads."""
        first = next(iter(parts.values()))
        total = np.zeros_like(first)
        for name, part in parts.items():
            if self.weights.get(name, 0.0) > 0:
                total += np.float32(self.weights[name]) * part
        return total

    def scaled(self, total: Float32s, targets: npt.NDArray[np.integer], allowed: Bools) -> Foretelling:
        """With the inverse temperature under which held-out choices among known items are likeliest; sums `[B, N]`."""
        found = fit_weights([total], targets.astype(np.int32), allowed)
        return replace(self, inverse_temperature=max(float(found[0]), 1e-3))

    def learned(
        self, parts: Mapping[str, Float32s], seen: Bools, targets: npt.NDArray[np.integer], among: Mapping[str, float]
    ) -> Foretelling:
        """With weights that make held-out choices likely, each foretold as if it were new, among others so foretold.

        `parts` `[B, N]` by expert, `targets` `[B]` among the rehearsed items, `seen` `[B, N]` what nobody asks for.
        Experts without a weight in `among`, those of the sum of known items, get none here either: nobody asks them.
        """
        names = [name for name, weight in among.items() if weight > 0]
        if len(targets) < FEWEST:
            return replace(self, weights={name: among[name] * self.inverse_temperature for name in names})
        places = np.searchsorted(self.mapping.rehearsed, targets).astype(np.int32)
        allowed = ~seen[:, self.mapping.rehearsed]
        allowed[np.arange(len(targets)), places] = True
        found = fit_weights([self.mapping.rehearse(parts[name]) for name in names], places, allowed)
        return replace(self, weights={name: float(weight) for name, weight in zip(names, found, strict=True)})

    def price(self, total: Float32s, told: Float32s, owned: Bools, cost: float) -> float:
        """At which known items are expected to lose the share `cost` in the lists of these people."""
        new = np.where(owned[:, self.mapping.new], -np.inf, self.likelihood(told, owned))
        return fair_price(new, log_known(total, self.inverse_temperature, self._closed(owned)), cost)

    def prices_for(self, events: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """The price `[B]` for histories of so many `events`."""
        asked = np.log(np.maximum(events, 1))
        return np.asarray(np.interp(asked, np.log(self.stages), self.prices), dtype=np.float64)

    def likelihood(self, told: Float32s, owned: Bools) -> Floats:
        """log p `[B, n]` of the new items, the next choice being a new one."""
        mapping = self.mapping
        return log_new(mapping.foretell(told), owned[:, mapping.new], mapping.peers(told), owned[:, mapping.compared])

    def placed(self, total: Float32s, told: Float32s, owned: Bools, events: npt.NDArray[np.integer]) -> Float32s:
        """Sums of known items `[B, N]` with the new ones among them.

        `owned` `[B, N]`: items of the history, `events` `[B]`: how many it has.
        """
        likely, prices = self.likelihood(told, owned), self.prices_for(events)
        return place(total, likely, self.mapping.new, self._closed(owned), self.inverse_temperature, prices)

    def _closed(self, owned: Bools) -> Bools:
        closed = owned.copy()
        closed[:, self.mapping.new] = True
        return closed

    def without(self, modalities: AbstractSet[str]) -> Foretelling | None:
        """The same, blind to some modalities; None where no other is left."""
        mapping = self.mapping.without(modalities)
        return None if mapping is None else replace(self, mapping=mapping)

    def tensors(self) -> dict[str, Any]:
        """The arrays of the state: of what was rehearsed, no more than later lists are compared with."""
        mapping = self.mapping.thinned()
        return {f"mapping_{part}": getattr(mapping, part) for part in PARTS}

    def facts(self) -> dict[str, Any]:
        """The rest of the state, plain values."""
        scale = {
            "inverse_temperature": self.inverse_temperature,
            "stages": list(self.stages),
            "prices": list(self.prices),
        }
        return {"modalities": list(self.mapping.modalities), "weights": dict(self.weights), **scale}

    @classmethod
    def from_state(cls, tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> Foretelling:
        """The opposite of `tensors` and `facts`."""
        held = {part: np.asarray(tensors[f"mapping_{part}"]) for part in PARTS}
        mapping = ContentMapping(modalities=tuple(facts["modalities"]), **held)
        stages, prices = tuple(facts["stages"]), tuple(facts["prices"])
        return cls(mapping, dict(facts["weights"]), float(facts["inverse_temperature"]), stages, prices)


def owned_items(rows: npt.NDArray[np.integer], items: npt.NDArray[np.integer], shape: Sequence[int]) -> Bools:
    """Which items `[B, N]` the histories hold, from the row and the code of each event (−1: no item)."""
    owned = np.zeros(tuple(shape), dtype=np.bool_)
    there = items >= 0
    owned[rows[there], items[there]] = True
    return owned
