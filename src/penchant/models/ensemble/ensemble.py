"""Experts trained apart and summed: decision-level fusion as a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import replace

import numpy as np

from penchant.arrays import Bools, Float32s, Int32s, Int64s, evenly_spaced
from penchant.data.modalities import Modalities
from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.errors import ModelError
from penchant.models.base import MIN_WEIGHT, Additive, Model, ModelState, Multimodal
from penchant.models.ensemble.cold_start import HISTORY_LENGTHS, ColdStartScorer, mark_items, share_scores
from penchant.models.ensemble.content_mapping import fit_mapping
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.ensemble.weights import fit_logit, refine_weights, standardise, sum_weighted

MAX_THRESHOLD_USERS, MIN_THRESHOLD_USERS = 500, 20
"""Maximum and minimum number of users on whose lists the threshold of one history length is fitted (no minimum for the
shortest)."""
FULL_LOSS_SHARE = 0.1
"""Share of cold items from which on warm ones may lose `max_known_loss`; with a quarter of it they may lose half."""
SCORES_AT_ONCE = 25_000_000
"""Maximum number of scores per expert in memory while the weights are fitted (100 MB): with many items, fewer users
are used."""


class Ensemble:
    """score(u, i) = Σ_m w_m · z_m(u, i), z standardised per user, one global weight per expert.

    Published comparisons favour this over feature-level fusion, and a score splits exactly into its experts'
    shares. `fit` leaves out experts that cannot serve a data set (no text for `content`, too many items for `ease`),
    and `left_out` says why.

    The score of an expert means nothing for an item without events. The ensemble predicts it from the scores of items
    of similar content (`content_mapping`) and merges the cold items by rank (`cold_start`).
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
        self.cold_start: ColdStartScorer | None = None
        self._is_cold: Bools = np.empty(0, dtype=np.bool_)

    def select_experts(self, data: TrainingData) -> dict[str, Model]:
        """The experts that can serve these data; `left_out` gives the reason for each of the others."""
        self._fit_mapping(data)
        if "ease" in self.experts and data.n_items > self.options.max_items_ease:
            self._leave_out("ease", f"{data.n_items:,} items: a dense matrix of them does not fit.")
        if "user_knn" in self.experts and len(data.sequences) > self.options.max_users_user_knn:
            self._leave_out(
                "user_knn", f"{len(data.sequences):,} users: comparing each request with all of them is slow."
            )
        for name in set(self.experts) & self.content_only if not set(data.modalities) - {BEHAVIOUR} else ():
            self._leave_out(name, "no item has text or another modality.")
        if self.of_modality is not None:
            self._add_experts(data.modalities)
            for name in sorted(set(self.experts) - set(data.modalities) - {BEHAVIOUR}):
                self._leave_out(name, f"no item has the modality {name}.")
        if not self.experts:
            raise ModelError("No expert of the ensemble can serve these data.", remedy="Use --model popularity.")
        self._replace_lost_weights(self.weights)
        return self.experts

    def _fit_mapping(self, data: TrainingData) -> None:
        """Fit the mapping to cold items from their contents; weights and thresholds of the scorer stay."""
        items = data.sequences.items
        events = np.bincount(items[items >= 0], minlength=data.n_items)
        wanted = set(self.options.cold_modalities or data.modalities) - {BEHAVIOUR}
        if self.options.cold_modalities and wanted and self.of_modality is None and not wanted & set(data.modalities):
            raise ModelError(
                f"The data have none of the cold_modalities ({', '.join(sorted(wanted))}).",
                remedy=f"Name some of: {', '.join(data.modalities) or 'none'}; behaviour alone ranks cold items last.",
            )
        contents = {
            name: (modality.vectors, modality.present) for name, modality in data.modalities.items() if name in wanted
        }
        self._is_cold, mapping = events == 0, fit_mapping(contents, events)
        if mapping is None:
            self.cold_start = None
        elif self.cold_start is None:
            self.cold_start = ColdStartScorer(mapping, dict(self.weights))
        else:
            self.cold_start = replace(self.cold_start, mapping=mapping)

    def fit_weights(self, validation: Validation) -> None:
        """Fit the weights on held-out targets, which the experts have not learned, and those for cold items."""
        rows = np.flatnonzero(validation.targets.lengths > 0)
        first = validation.targets.values[validation.targets.offsets[rows]]
        if not self._is_cold[first].all():  # the score of a cold item says nothing about an expert
            rows = rows[~self._is_cold[first]]
        if not len(rows):
            raise ModelError(
                "The data have no held-out target to fit the weights on.", remedy="Use --model cooccurrence."
            )
        scores, seen, targets = self._score_validation(validation, rows)
        allowed = ~seen
        allowed[:, self._is_cold] = False
        allowed[np.arange(len(targets)), targets] = True
        experts = list(scores.values())
        weights = refine_weights(experts, fit_logit(experts, targets, allowed), targets, allowed)
        self.weights = {name: float(weight) for name, weight in zip(scores, weights, strict=True)}
        if self.cold_start is not None:
            total = sum_weighted(experts, weights)
            self.cold_start = self.cold_start.fit_inverse_temperature(total, targets, allowed)
            first = validation.targets.values[validation.targets.offsets[rows]]
            is_calibration = np.isin(first, self.cold_start.mapping.calibration_items)
            scores, seen, targets = self._score_validation(validation, rows[is_calibration])
            self.cold_start = self.cold_start.fit_weights(scores, seen, targets, self.weights)
            self.fit_thresholds(validation.histories.take(rows))

    def _score_validation(self, validation: Validation, rows: Int64s) -> tuple[dict[str, Float32s], Bools, Int32s]:
        """Standardised scores by expert, items seen and first targets of some of the `rows`.

        Evenly spaced rows, as many as the options and the memory allow.
        """
        rows = rows[evenly_spaced(len(rows), min(self.options.weights_users, self._max_rows()))]
        seen = validation.seen.take(rows)
        scores = self._standardise_experts(self.experts, validation.histories.take(rows))
        targets = validation.targets.values[validation.targets.offsets[rows]]
        return scores, mark_items(seen.rows, seen.values, next(iter(scores.values())).shape), targets

    def _max_rows(self) -> int:
        return max(1, SCORES_AT_ONCE // max(1, len(self._is_cold)))

    def set_weights(
        self, weights: Mapping[str, float], cold_weights: Mapping[str, float], inverse_temperature: float
    ) -> None:
        """Set weights that were fitted before, with these options on fewer data."""
        self.weights = {name: weights[name] for name in self.experts}
        if self.cold_start is not None:
            self.cold_start = replace(
                self.cold_start, weights=dict(cold_weights), inverse_temperature=inverse_temperature
            )
        self._replace_lost_weights(weights)

    def _replace_lost_weights(self, fitted: Mapping[str, float]) -> None:
        """Give the remaining experts equal weights if the omitted ones had all of the weight; `left_out` says so.

        Without weights for cold items, those for warm items are used.
        """
        total = sum(fitted.values())
        if self._has_lost(fitted):
            for name in self.left_out:
                if fitted.get(name, 0.0) > MIN_WEIGHT * total:
                    self.left_out[name] += (
                        " The other experts had no weight: they have equal weights until the next fit."
                    )
            self.weights = {name: total / len(self.experts) for name in self.experts}
        cold = self.cold_start
        if self.weights and cold is not None and (not cold.weights or self._has_lost(cold.weights)):
            weights = {name: self.weights[name] * cold.inverse_temperature for name in self.experts}
            self.cold_start = replace(cold, weights=weights)

    def _has_lost(self, weights: Mapping[str, float]) -> bool:
        """Whether the omitted experts have all of these weights, so that no remaining expert is active."""
        largest = max((weights.get(name, 0.0) for name in self.experts), default=0.0)
        return largest < MIN_WEIGHT * sum(weights.values())

    def fit_thresholds(self, histories: SequenceBatch) -> None:
        """Fit the thresholds of cold items on lists of some of these users, after their last event, their last four, …

        Warm items lose the same share at every length of history: with one threshold for all, users with long
        histories, whose predictions are sharper, would get nearly all cold items. Items from before such a segment
        are not candidates, since experts that learned them from these users are overconfident about them. A length
        that few users reach has the threshold of the next shorter length. Users with every warm item in their history
        are left out: their lists contain no warm item.
        """
        cold = self.cold_start
        if cold is None or not cold.has_items:
            return
        thresholds: dict[int, float] = {}
        max_loss = self.options.max_known_loss * min(1.0, float(self._is_cold.mean()) / FULL_LOSS_SHARE) ** 0.5
        n_warm = np.count_nonzero(~self._is_cold)
        can_lose = histories.lengths < n_warm
        long = np.flatnonzero(~can_lose)
        can_lose[long] = histories.take(long).history_items.unique().lengths < n_warm
        for length in HISTORY_LENGTHS:
            rows = np.flatnonzero((histories.lengths >= length) & can_lose)
            if len(rows) >= (MIN_THRESHOLD_USERS if thresholds else 1):
                rows = rows[evenly_spaced(len(rows), min(MAX_THRESHOLD_USERS, self._max_rows() // 4 + 1))]
                scores, full = self._score_active(histories.take(rows, last=length)), histories.take(rows)
                total = self._sum_scores(scores)
                in_history = mark_items(full.rows, full.items, total.shape)
                thresholds[length] = cold.fit_threshold(total, cold.combine(scores), in_history, max_loss)
        if thresholds:
            lengths = tuple(thresholds)
            self.cold_start = replace(cold, history_lengths=lengths, thresholds=tuple(thresholds.values()))

    def score(self, histories: SequenceBatch) -> Float32s:
        """Weighted sum of the standardised scores, `[B, N]`; an expert of weight 0 is not evaluated."""
        return self._merge_cold(self._score_active(histories), histories)

    def preference(self, histories: SequenceBatch) -> Float32s:
        """`score` without ranks: cold items have their predictions, on the scale of the sums."""
        scores = self._score_active(histories)
        total = self._sum_scores(scores)
        if self.cold_start is not None:
            mapping = self.cold_start.mapping
            predicted = mapping.predict(self.cold_start.combine(scores))
            total[:, mapping.cold] = predicted / np.float32(self.cold_start.inverse_temperature)
        return total

    def _score_active(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """The standardised scores `[B, N]` of the experts with a weight, by name."""
        if not self.weights:
            raise ModelError(
                "The ensemble has no weights yet.", remedy="Call penchant.training.fit(model, data) first."
            )
        active = {name: expert for name, expert in self.experts.items() if self.weights[name] > 0} or self.experts
        return self._standardise_experts(active, histories)

    def _sum_scores(self, scores: Mapping[str, Float32s]) -> Float32s:
        """Weighted sum of the standardised scores, `[B, N]`, with cold items as the experts score them."""
        weights = np.asarray([self.weights[name] for name in scores], dtype=np.float32)
        return sum_weighted(list(scores.values()), weights)

    def _merge_cold(self, scores: Mapping[str, Float32s], histories: SequenceBatch) -> Float32s:
        """The weighted sums `[B, N]` with the cold items merged by rank."""
        total = self._sum_scores(scores)
        if self.cold_start is None or not self.cold_start.has_items:
            return total
        in_history = mark_items(histories.rows, histories.items, total.shape)
        return self.cold_start.merge(total, self.cold_start.combine(scores), in_history, histories.lengths)

    def split_by_expert(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """The contribution of each expert to every score, `[B, N]`; the contributions sum to `score`.

        For a cold item each expert contributes its prediction; the active experts share what the merge adds.
        """
        scores = self._standardise_experts(self.experts, histories)
        parts = {name: np.float32(self.weights[name]) * z for name, z in scores.items()}
        cold = self.cold_start
        if cold is not None and cold.has_items:
            weights = {name: cold.weights.get(name, 0.0) for name in parts}
            predicted = {name: cold.mapping.predict(np.float32(weights[name]) * z) for name, z in scores.items()}
            is_active = {name: np.asarray(weights[name] > 0) for name in parts}
            share_scores(parts, predicted, is_active, self._merge_cold(scores, histories), cold.mapping.cold)
        return parts

    def contributions(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """What each modality contributes, `[B, N]`; an expert of ids and events counts as `behaviour`.

        For a cold item each of its modalities contributes its prediction, and they share what the merge adds.
        """
        total: dict[str, Float32s] = {}
        all_scores = self._standardise_experts(self.experts, histories)
        for name, z in all_scores.items():
            expert, weight = self.experts[name], np.float32(self.weights[name])
            parts: Mapping[str, Float32s] = {BEHAVIOUR: weight * z}
            if isinstance(expert, Additive):
                modalities = expert.contributions(histories)
                # each part is centred alone and divided by the deviation of the sum, so that they sum to z
                spread = np.maximum(sum(modalities.values()).std(axis=1, keepdims=True), 1e-9)  # type: ignore[union-attr]
                parts = {v: (s - s.mean(axis=1, keepdims=True)) / spread * weight for v, s in modalities.items()}
            for modality, scores in parts.items():
                total[modality] = total[modality] + scores if modality in total else scores
        if self.cold_start is not None and self.cold_start.has_items:
            mapping, merged = self.cold_start.mapping, self._merge_cold(all_scores, histories)
            predicted = mapping.predict_by_modality(self.cold_start.combine(all_scores))
            share_scores(total, predicted, mapping.has_modality, merged, mapping.cold)
        return total

    def modality_names(self) -> list[str]:
        """The modalities that its experts read, `behaviour` for experts of ids and events."""
        seen = [_list_modalities(expert) for expert in self.experts.values()]
        return sorted({name for names in seen for name in names}, key=lambda name: (name != BEHAVIOUR, name))

    def attach(self, modalities: Modalities) -> None:
        """Give the item modalities to the experts that read them."""
        for expert in self.experts.values():
            if isinstance(expert, Multimodal):
                expert.attach(modalities)

    def without(self, modalities: AbstractSet[str]) -> Ensemble:
        """The ensemble without some modalities: experts that read only these are left out; weights do not change."""
        experts = {
            name: expert.without(modalities) if isinstance(expert, Multimodal) else expert
            for name, expert in self.experts.items()
            if set(_list_modalities(expert)) - modalities
        }
        if not experts:
            raise ModelError("No expert is left without these modalities.", remedy="Leave out fewer modalities.")
        other = copy(self)
        other.experts, other.weights = experts, {name: self.weights[name] for name in experts}
        other.cold_start = self.cold_start.without(modalities) if self.cold_start is not None else None
        return other

    def state(self) -> ModelState:
        """The tensors and metadata of every expert under its name, weights, and the cold-start scorer."""
        states = {name: expert.state() for name, expert in self.experts.items()}
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.tensors.items()}
        cold = self.cold_start.state() if self.cold_start is not None else ModelState({})
        return ModelState(
            {**tensors, **cold.tensors, "is_cold": self._is_cold},
            {
                "weights": self.weights,
                "left_out": self.left_out,
                "experts": {name: dict(state.metadata) for name, state in states.items()},
                "cold_start": dict(cold.metadata),
            },
        )

    def load_state(self, state: ModelState) -> None:
        """Restore a `state`."""
        values = state.metadata
        self.weights, self.left_out = dict(values["weights"]), dict(values["left_out"])
        cold = ModelState(state.tensors, values["cold_start"])
        self.cold_start = ColdStartScorer.from_state(cold) if cold.metadata else None
        self._is_cold = np.asarray(state.tensors["is_cold"], dtype=np.bool_)
        self._add_experts(values["experts"])
        self.experts = {name: expert for name, expert in self.experts.items() if name in values["experts"]}
        for name, expert in self.experts.items():
            prefix = f"{name}/"
            tensors = {k.removeprefix(prefix): v for k, v in state.tensors.items() if k.startswith(prefix)}
            expert.load_state(ModelState(tensors, values["experts"][name]))

    def _add_experts(self, modalities: Iterable[str]) -> None:
        """Make the experts of modalities that have none yet, such as precomputed embeddings."""
        for name in sorted(set(modalities) - set(self.experts)):
            expert = self.of_modality(name) if self.of_modality is not None else None
            if expert is not None:
                self.experts[name] = expert

    def _leave_out(self, name: str, reason: str) -> None:
        self.experts = {n: e for n, e in self.experts.items() if n != name}
        self.left_out[name] = reason

    def _standardise_experts(self, experts: Mapping[str, Model], histories: SequenceBatch) -> dict[str, Float32s]:
        raw = ((name, expert.score(histories)) for name, expert in experts.items())  # one at a time in memory
        return {name: standardise(_take_logarithm(z) if name in self.heavy_tailed else z) for name, z in raw}


def _list_modalities(expert: Model) -> Sequence[str]:
    return expert.modality_names() if isinstance(expert, Multimodal) else [BEHAVIOUR]


def _take_logarithm(scores: Float32s) -> Float32s:
    """Logarithm of heavy-tailed scores, which makes their standard deviation meaningful.

    The floor of a hundredth of the row's mean keeps an item without any count finite, and apart from the rest by no
    more than a frequent item is. A row with negative scores is shifted to begin at 0.
    """
    shifted = np.maximum(scores - np.minimum(scores.min(axis=1, keepdims=True), 0.0), 0.0)
    floor = np.maximum(shifted.mean(axis=1, keepdims=True) * 1e-2, 1e-12)
    return np.asarray(np.log(shifted + floor), dtype=np.float32)
