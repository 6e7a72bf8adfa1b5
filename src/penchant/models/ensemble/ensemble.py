"""Experts trained apart and summed: decision-level fusion as a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Bools, Float32s, evenly_spaced
from penchant.data.modalities import Modalities
from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.errors import ModelError
from penchant.models.base import LEAST_SAY, Additive, Model, ModelState, Multimodal
from penchant.models.ensemble.cold_start import STAGES, Foretelling, owned_items
from penchant.models.ensemble.content_mapping import fit_mapping
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.ensemble.weights import fit_weights, refine_weights, standardise, weighted_scores

PRICED, FEWEST_PRICED = 500, 20
"""People whose lists say what new items cost, at each stage of a history: at most, and at least after the first."""
TENTH = 0.1
"""Share of new items from which on they may cost `max_known_loss`; a fourth of it may cost half: few get more each."""
SCORES_AT_ONCE = 25_000_000
"""Scores of an expert held while the weights are chosen (100 MB): with many items, fewer users choose them."""


class Ensemble:
    """score(u, i) = Σ_m w_m · z_m(u, i), z standardised per user, one global weight an expert.

    Published comparisons favour this over feature-level fusion, and a score splits exactly into its experts'
    shares. Experts that cannot serve a data set (no text for `content`, too many items for `ease`) are left out when
    it is fitted, and `left_out` says why.

    What experts say of an item without events means nothing. It is foretold from what they say of the items that look
    like it (`fusion.content_mapping`, `fusion.foretelling`), and stands above the known ones that are less likely, as
    far as these may lose (`fusion.placement`).
    """

    def __init__(
        self,
        options: EnsembleOptions,
        experts: Mapping[str, Model],
        name: str = "lite",
        *,
        of_modality: Callable[[str], Model | None] | None = None,
        heavy_tailed: AbstractSet[str] = frozenset(),
        content_only: AbstractSet[str] = frozenset(),
    ) -> None:
        """`heavy_tailed`, `content_only`: the names with these traits of the registry.

        `of_modality` makes the expert of one modality (None: unwanted): the experts are then those of the data's
        modalities.
        """
        self.options = options
        self.name = name
        self.of_modality = of_modality
        self.heavy_tailed, self.content_only = heavy_tailed, content_only
        self.experts: dict[str, Model] = dict(experts)
        self.weights: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        self.foretelling: Foretelling | None = None
        self._new: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def applicable(self, data: TrainingData) -> dict[str, Model]:
        """The experts that can serve these data; the others are dropped with the reason."""
        items = data.sequences.items
        events = np.bincount(items[items >= 0], minlength=data.n_items)
        wanted = set(self.options.cold_modalities or data.modalities) - {BEHAVIOUR}
        if self.options.cold_modalities and wanted and self.of_modality is None and not wanted & set(data.modalities):
            raise ModelError(
                f"None of cold_modalities ({', '.join(sorted(wanted))}) is there.",
                remedy=f"Modalities there are: {', '.join(data.modalities) or 'none'}; behaviour alone: new "
                "items get no place.",
            )
        contents = {
            name: (modality.vectors, modality.present) for name, modality in data.modalities.items() if name in wanted
        }
        self._new, mapping = events == 0, fit_mapping(contents, events)
        if mapping is None:
            self.foretelling = None
        elif self.foretelling is None:
            self.foretelling = Foretelling(mapping, dict(self.weights))
        else:
            self.foretelling = replace(self.foretelling, mapping=mapping)
        if "ease" in self.experts and data.n_items > self.options.max_items_ease:
            self._drop("ease", f"{data.n_items:,} items: a dense matrix of them does not fit.")
        if "user_knn" in self.experts and len(data.sequences) > self.options.max_users_user_knn:
            self._drop("user_knn", f"{len(data.sequences):,} users: comparing each request with all of them is slow.")
        for name in set(self.experts) & self.content_only if not set(data.modalities) - {BEHAVIOUR} else ():
            self._drop(name, "no item has text or another modality.")
        if self.of_modality is not None:
            self._expect(data.modalities)
            for name in sorted(set(self.experts) - set(data.modalities) - {BEHAVIOUR}):
                self._drop(name, f"no item has the modality {name}.")
        if not self.experts:
            raise ModelError("No expert of the ensemble can serve these data.", remedy="Use --model popularity.")
        self._share_out(self.weights)
        return self.experts

    def weigh(self, validation: Validation) -> None:
        """Choose the weights on held-out targets (of experts that have not seen them), and those of new items."""
        rows = np.flatnonzero(validation.targets.lengths > 0)
        first = validation.targets.values[validation.targets.offsets[rows]]
        if not self._new[first].all():  # what experts say of items without events teaches nothing
            rows = rows[~self._new[first]]
        if not len(rows):
            raise ModelError("No held-out target to choose the weights on.", remedy="Use --model cooccurrence.")
        every = rows
        rows = self._few(rows)
        histories, seen = validation.histories.take(rows), validation.seen.take(rows)
        scores = self._standardised(self.experts, histories)
        targets = validation.targets.values[validation.targets.offsets[rows]]
        allowed = ~owned_items(seen.rows, seen.values, scores[0].shape)
        allowed[:, self._new] = False
        allowed[np.arange(len(rows)), targets] = True
        found = refine_weights(scores, fit_weights(scores, targets, allowed), targets, allowed)
        self.weights = {name: float(w) for name, w in zip(self.experts, found, strict=True)}
        if self.foretelling is not None:
            self.foretelling = self.foretelling.scaled(weighted_scores(scores, found), targets, allowed)
            self._rehearse(validation, every)
            self.price(validation.histories.take(every))

    def _few(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """As many of the rows, evenly, as the options and the memory allow."""
        return rows[evenly_spaced(len(rows), min(self.options.weights_users, self._at_once()))]

    def _at_once(self) -> int:
        return max(1, SCORES_AT_ONCE // max(1, len(self._new)))

    def _rehearse(self, validation: Validation, rows: npt.NDArray[np.int64]) -> None:
        """Choose the weights of new items on the held-out targets that can be foretold as if they were new."""
        assert self.foretelling is not None
        first = validation.targets.values[validation.targets.offsets[rows]]
        rows = self._few(rows[np.isin(first, self.foretelling.mapping.rehearsed)])
        histories, seen = validation.histories.take(rows), validation.seen.take(rows)
        parts = dict(zip(self.experts, self._standardised(self.experts, histories), strict=True))
        left_out = owned_items(seen.rows, seen.values, next(iter(parts.values())).shape)
        targets = validation.targets.values[validation.targets.offsets[rows]]
        self.foretelling = self.foretelling.learned(parts, left_out, targets, self.weights)

    def take(self, weights: Mapping[str, float], new_weights: Mapping[str, float], inverse_temperature: float) -> None:
        """Take weights that were chosen before, of this recipe on fewer data."""
        self.weights = {name: weights[name] for name in self.experts}
        if self.foretelling is not None:
            self.foretelling = replace(
                self.foretelling, weights=dict(new_weights), inverse_temperature=inverse_temperature
            )
        self._share_out(weights)

    def _share_out(self, chosen: Mapping[str, float]) -> None:
        """Where experts that are left out by now had all the weight, the others count alike, and `left_out` says so.

        Without weights for new items those of known ones count for them.
        """
        whole = sum(chosen.values())
        if self._mute(chosen):
            for name in self.left_out:
                if chosen.get(name, 0.0) > LEAST_SAY * whole:
                    self.left_out[name] += " The others had no weight: they count alike until they are weighed anew."
            self.weights = {name: whole / len(self.experts) for name in self.experts}
        told = self.foretelling
        if self.weights and told is not None and (not told.weights or self._mute(told.weights)):
            self.foretelling = replace(
                told, weights={n: self.weights[n] * told.inverse_temperature for n in self.experts}
            )

    def _mute(self, weights: Mapping[str, float]) -> bool:
        """Whether others have these weights: the solver leaves 1e-9 where an expert has none."""
        return max((weights.get(name, 0.0) for name in self.experts), default=0.0) < LEAST_SAY * sum(weights.values())

    def price(self, histories: SequenceBatch) -> None:
        """Find what new items cost, by the lists of some of these people after their last event, their last four, …

        At every stage known items lose the same share: else those who have been there for long, of whom more is
        foretold, would have nearly all new items. What people took before such a stage is no candidate there, since
        experts that learned it from them are too sure of it. A stage that few have come to has the price of the one
        before, and people who have taken every known item are not asked: they have nothing to lose.
        """
        told = self.foretelling
        if told is None or not told.places:
            return
        prices: dict[int, float] = {}
        cost = self.options.max_known_loss * min(1.0, float(self._new.mean()) / TENTH) ** 0.5
        known = np.count_nonzero(~self._new)
        losing = histories.lengths < known
        rest = np.flatnonzero(~losing)
        losing[rest] = histories.take(rest).history_items.unique().lengths < known
        for stage in STAGES:
            rows = np.flatnonzero((histories.lengths >= stage) & losing)
            if len(rows) >= (FEWEST_PRICED if prices else 1):
                rows = rows[evenly_spaced(len(rows), min(PRICED, self._at_once() // 4 + 1))]
                parts, whole = self._parts(histories.take(rows, last=stage)), histories.take(rows)
                total = self._sum(parts)
                owned = owned_items(whole.rows, whole.items, total.shape)
                prices[stage] = told.price(total, told.told(parts), owned, cost)
        if prices:
            self.foretelling = replace(told, stages=tuple(prices), prices=tuple(prices.values()))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Weighted sum of the standardised scores, `[B, N]`; an expert that has no say is not asked."""
        parts = self._parts(histories)
        return self._placed(parts, histories)

    def preference(self, histories: SequenceBatch) -> Float32s:
        """`score` with what is foretold of the items without events, on the scale of sums, in place of their ranks."""
        parts = self._parts(histories)
        total = self._sum(parts)
        if self.foretelling is not None:
            told = self.foretelling.mapping.foretell(self.foretelling.told(parts))
            total[:, self.foretelling.mapping.new] = told / np.float32(self.foretelling.inverse_temperature)
        return total

    def _parts(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """The standardised scores `[B, N]` of the experts that have a say, by name."""
        self._weight_vector()
        asked = {name: expert for name, expert in self.experts.items() if self.weights[name] > 0} or self.experts
        return dict(zip(asked, self._standardised(asked, histories), strict=True))

    def _sum(self, parts: Mapping[str, Float32s]) -> Float32s:
        """Weighted sum of the standardised scores, `[B, N]`, items without events as experts see them."""
        weights = np.asarray([self.weights[name] for name in parts], dtype=np.float32)
        return weighted_scores(list(parts.values()), weights)

    def _placed(self, parts: Mapping[str, Float32s], histories: SequenceBatch) -> Float32s:
        """The sums `[B, N]` with the items without events in their places."""
        total = self._sum(parts)
        if self.foretelling is None or not self.foretelling.places:
            return total
        owned = owned_items(histories.rows, histories.items, total.shape)
        return self.foretelling.placed(total, self.foretelling.told(parts), owned, histories.lengths)

    def shares(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """What each expert gives to every score, `[B, N]`: they sum to `score`.

        A new item has from each expert what that says of the items that look like it; what its place adds or takes is
        shared alike by those that have a say in it.
        """
        asked = dict(zip(self.experts, self._standardised(self.experts, histories), strict=True))
        parts = {name: np.float32(self.weights[name]) * z for name, z in asked.items()}
        if self.foretelling is not None and self.foretelling.places:
            say = {name: self.foretelling.weights.get(name, 0.0) for name in parts}
            mapping = self.foretelling.mapping
            foretold = {name: mapping.foretell(np.float32(say[name]) * z) for name, z in asked.items()}
            told = {name: np.asarray(say[name] > 0) for name in parts}
            self._settle(parts, foretold, told, self._placed(asked, histories))
        return parts

    def contributions(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """What each modality gives, `[B, N]`: experts of ids and events are `behaviour`, those that can be are split.

        A new item has from each of its modalities what that foretells; the modalities it has share alike what its
        place adds.
        """
        total: dict[str, Float32s] = {}
        asked = dict(zip(self.experts, self._standardised(self.experts, histories), strict=True))
        for name, z in asked.items():
            expert, weight = self.experts[name], np.float32(self.weights[name])
            parts: Mapping[str, Float32s] = {BEHAVIOUR: weight * z}
            if isinstance(expert, Additive):
                modalities = expert.contributions(histories)
                spread = np.maximum(sum(modalities.values()).std(axis=1, keepdims=True), 1e-9)  # type: ignore[union-attr]
                parts = {v: (s - s.mean(axis=1, keepdims=True)) / spread * weight for v, s in modalities.items()}
            for modality, scores in parts.items():
                total[modality] = total[modality] + scores if modality in total else scores
        if self.foretelling is not None and self.foretelling.places:
            mapping, told = self.foretelling.mapping, self.foretelling.told(asked)
            self._settle(total, mapping.by_modality(told), mapping.told_by(), self._placed(asked, histories))
        return total

    def _settle(
        self,
        parts: dict[str, Float32s],
        foretold: Mapping[str, Float32s],
        told: Mapping[str, Bools],
        scores: Float32s,
    ) -> None:
        """Give the columns of new items to those who foretold them; the rest of a score is shared evenly by those who
        say something of the item (`told`: `[n]` or one for all), by all where nobody does."""
        assert self.foretelling is not None
        new = self.foretelling.mapping.new
        rest = scores[:, new] - np.asarray(sum(foretold.values()))
        say = np.stack([np.broadcast_to(told[name], len(new)) for name in foretold])
        say = (say | ~say.any(axis=0)).astype(np.float32)
        share = dict(zip(foretold, say / say.sum(axis=0), strict=True))
        for name in dict.fromkeys([*parts, *foretold]):
            part = parts[name] if name in parts else np.zeros_like(scores)
            part[:, new] = foretold[name] + rest * share[name] if name in foretold else 0.0
            parts[name] = part

    def modality_names(self) -> list[str]:
        """The modalities that its experts read; those that cannot say read ids and events: `behaviour`."""
        seen = [e.modality_names() if isinstance(e, Multimodal) else [BEHAVIOUR] for e in self.experts.values()]
        return sorted({name for names in seen for name in names}, key=lambda name: (name != BEHAVIOUR, name))

    def attach(self, modalities: Modalities) -> None:
        """Give the item modalities to the experts that read them."""
        for expert in self.experts.values():
            if isinstance(expert, Multimodal):
                expert.attach(modalities)

    def without(self, modalities: AbstractSet[str]) -> Ensemble:
        """The experts blind to some modalities, those that then see nothing left out; weights stay as they are."""
        left: dict[str, Model] = {}
        for name, expert in self.experts.items():
            names = expert.modality_names() if isinstance(expert, Multimodal) else [BEHAVIOUR]
            if set(names) - modalities:
                left[name] = expert.without(modalities) if isinstance(expert, Multimodal) else expert
        if not left:
            raise ModelError("Nothing is left of the ensemble without these modalities.", remedy="Leave out fewer.")
        other = copy(self)
        other.experts, other.weights = left, {name: self.weights[name] for name in left}
        other.foretelling = self.foretelling.without(modalities) if self.foretelling is not None else None
        return other

    def state(self) -> ModelState:
        """Tensors of every expert under its name; weights and facts."""
        states = {name: expert.state() for name, expert in self.experts.items()}
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.tensors.items()}
        facts: dict[str, Any] = {
            "weights": self.weights,
            "left_out": self.left_out,
            "experts": {name: dict(state.facts) for name, state in states.items()},
        }
        if self.foretelling is not None:
            tensors |= self.foretelling.tensors()
            facts["foretelling"] = self.foretelling.facts()
        return ModelState({**tensors, "new": self._new}, facts)

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self.weights, self.left_out = dict(state.facts["weights"]), dict(state.facts["left_out"])
        told = state.facts.get("foretelling")
        self.foretelling = Foretelling.from_state(state.tensors, told) if told else None
        self._new = np.asarray(state.tensors.get("new", np.empty(0)), dtype=np.bool_)
        self._expect(state.facts["experts"])
        self.experts = {name: expert for name, expert in self.experts.items() if name in state.facts["experts"]}
        for name, expert in self.experts.items():
            own = {k[len(name) + 1 :]: v for k, v in state.tensors.items() if k.startswith(f"{name}/")}
            expert.load_state(ModelState(own, state.facts["experts"][name]))

    def _expect(self, modalities: Iterable[str]) -> None:
        """Make the experts of modalities that have none yet, such as vectors that somebody brought."""
        for name in sorted(set(modalities) - set(self.experts)):
            expert = self.of_modality(name) if self.of_modality is not None else None
            if expert is not None:
                self.experts[name] = expert

    def _drop(self, name: str, reason: str) -> None:
        self.experts = {n: e for n, e in self.experts.items() if n != name}
        self.left_out[name] = reason

    def _standardised(self, experts: Mapping[str, Model], histories: SequenceBatch) -> list[Float32s]:
        scores = ((name, expert.score(histories)) for name, expert in experts.items())
        return [standardise(_logarithm(each) if name in self.heavy_tailed else each) for name, each in scores]

    def _weight_vector(self) -> npt.NDArray[np.float32]:
        if not self.weights:
            raise ModelError(
                "The ensemble has no weights yet.", remedy="Call penchant.training.fit(model, data) first."
            )
        return np.asarray([self.weights[name] for name in self.experts], dtype=np.float32)


def _logarithm(scores: Float32s) -> Float32s:
    """Logarithm of heavy-tailed scores above a floor of a hundredth of the row's mean."""
    shifted = np.maximum(scores - np.minimum(scores.min(axis=1, keepdims=True), 0.0), 0.0)
    floor = np.maximum(shifted.mean(axis=1, keepdims=True) * 1e-2, 1e-12)
    return np.asarray(np.log(shifted + floor), dtype=np.float32)
