"""Experts trained apart and summed: decision-level fusion as a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.data.schema import ATTRIBUTES, AUDIO, BEHAVIOUR, IMAGE, TEXT
from penchant.data.sequences import SequenceBatch
from penchant.errors import ModelError, OptionError
from penchant.fusion.decision import fit_weights, refine_weights, standardise, weighted_scores
from penchant.models.base import Additive, Model, ModelState, Scores, TrainingData, Validation

LOGARITHMIC = frozenset({"cooccurrence", "item_knn", "popularity"})
"""Experts whose scores are counts or shares: heavy-tailed, so their logarithm is standardised."""
SCORES_AT_ONCE = 25_000_000
"""Scores of an expert held while the weights are chosen (100 MB): with many items, fewer users choose them."""


@dataclass(frozen=True)
class EnsembleOptions:
    """Options of `Ensemble`.

    `experts`: names of models; `weights_users`: how many validation users choose the weights; above `max_items_ease`
    items and `max_users_user_knn` training users these two experts are left out, and the report says so.
    """

    experts: tuple[str, ...] = ("transformer", "cooccurrence", "ease", "user_knn", "content", "popularity")
    weights_users: int = 2000
    max_items_ease: int = 20_000
    max_users_user_knn: int = 50_000

    def __post_init__(self) -> None:
        if not self.experts or "lite" in self.experts:
            raise OptionError("experts", self.experts, remedy="Name one or more models; an ensemble holds no other.")


class Ensemble:
    """score(u, i) = Σ_m w_m · z_m(u, i), z standardised per user, one global weight an expert.

    Published comparisons favour this over feature-level fusion, and a score splits exactly into its experts'
    shares. Experts that cannot serve a data set (no text for `content`, too many items for `ease`) are left out when
    it is fitted, and `left_out` says why.
    """

    name = "lite"

    def __init__(self, options: EnsembleOptions, experts: Mapping[str, Model]) -> None:
        self.options = options
        self.experts: dict[str, Model] = dict(experts)
        self.weights: dict[str, float] = {}
        self.left_out: dict[str, str] = {}

    def applicable(self, data: TrainingData) -> dict[str, Model]:
        """The experts that can serve these data; the others are dropped with the reason."""
        if "ease" in self.experts and data.n_items > self.options.max_items_ease:
            self._drop("ease", f"{data.n_items:,} items: a dense matrix of them does not fit.")
        if "user_knn" in self.experts and len(data.sequences) > self.options.max_users_user_knn:
            self._drop("user_knn", f"{len(data.sequences):,} users: comparing each request with all of them is slow.")
        if "content" in self.experts and not any(name != "behaviour" for name in data.views):
            self._drop("content", "no item has text or another view.")
        for name in set(self.experts) & {TEXT, IMAGE, AUDIO, ATTRIBUTES} - set(data.views):
            self._drop(name, f"no item has the view {name}.")
        if not self.experts:
            raise ModelError("No expert of the ensemble can serve these data.", remedy="Use --model popularity.")
        return self.experts

    def weigh(self, validation: Validation) -> None:
        """Choose the weights on held-out targets (of experts that have not seen them)."""
        rows = np.flatnonzero(validation.targets.lengths > 0)
        if not len(rows):
            raise ModelError("No held-out target to choose the weights on.", remedy="Use --model cooccurrence.")
        most = max(
            1, SCORES_AT_ONCE // max(1, len(_standardised(self.experts, validation.histories.take(rows[:1]))[0][0]))
        )
        count = min(len(rows), self.options.weights_users, most)
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(np.int64))]
        histories, seen = validation.histories.take(rows), validation.seen.take(rows)
        scores = _standardised(self.experts, histories)
        targets = validation.targets.values[validation.targets.offsets[rows]]
        allowed = np.ones(scores[0].shape, dtype=np.bool_)
        allowed[seen.rows, seen.values] = False
        allowed[np.arange(len(rows)), targets] = True
        found = refine_weights(scores, fit_weights(scores, targets, allowed), targets, allowed)
        self.weights = {name: float(w) for name, w in zip(self.experts, found, strict=True)}

    def score(self, histories: SequenceBatch) -> Scores:
        """Weighted sum of the standardised scores, `[B, N]`; an expert of weight 0 is not asked."""
        weights = self._weight_vector()
        asked = {name: e for (name, e), w in zip(self.experts.items(), weights, strict=True) if w > 0}
        return weighted_scores(
            _standardised(asked or self.experts, histories), weights[weights > 0] if asked else weights
        )

    def shares(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each expert gives to every score: they sum to `score`."""
        parts = _standardised(self.experts, histories)
        return {n: z * np.float32(self.weights[n]) for n, z in zip(self.experts, parts, strict=True)}

    def contributions(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each view gives, `[B, N]`: experts of ids and events are `behaviour`, the content expert is split."""
        total: dict[str, Scores] = {}
        for name, share in self.shares(histories).items():
            expert = self.experts[name]
            parts: Mapping[str, Scores] = {BEHAVIOUR: share}
            if isinstance(expert, Additive):
                views = expert.contributions(histories)
                spread = np.maximum(sum(views.values()).std(axis=1, keepdims=True), 1e-9)  # type: ignore[union-attr]
                weight = np.float32(self.weights[name])
                parts = {v: (s - s.mean(axis=1, keepdims=True)) / spread * weight for v, s in views.items()}
            for view, scores in parts.items():
                total[view] = total[view] + scores if view in total else scores
        return total

    def state(self) -> ModelState:
        """Tensors of every expert under its name; weights and facts."""
        states = {name: expert.state() for name, expert in self.experts.items()}
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.tensors.items()}
        facts = {
            "weights": self.weights,
            "left_out": self.left_out,
            "experts": {name: dict(state.facts) for name, state in states.items()},
        }
        return ModelState(tensors, facts)

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self.weights, self.left_out = dict(state.facts["weights"]), dict(state.facts["left_out"])
        self.experts = {name: expert for name, expert in self.experts.items() if name in state.facts["experts"]}
        for name, expert in self.experts.items():
            own = {k[len(name) + 1 :]: v for k, v in state.tensors.items() if k.startswith(f"{name}/")}
            expert.load_state(ModelState(own, state.facts["experts"][name]))

    def _drop(self, name: str, reason: str) -> None:
        self.experts = {n: e for n, e in self.experts.items() if n != name}
        self.left_out[name] = reason

    def _weight_vector(self) -> npt.NDArray[np.float32]:
        if not self.weights:
            raise ModelError(
                "The ensemble has no weights yet.", remedy="Call penchant.training.fit(model, data) first."
            )
        return np.asarray([self.weights[name] for name in self.experts], dtype=np.float32)


def _standardised(experts: Mapping[str, Model], histories: SequenceBatch) -> list[Scores]:
    return [standardise(_scale(name, expert.score(histories))) for name, expert in experts.items()]


def _scale(name: str, scores: Scores) -> Scores:
    """Logarithm of heavy-tailed scores above a floor of a hundredth of the row's mean."""
    if name not in LOGARITHMIC:
        return scores
    shifted = np.maximum(scores - np.minimum(scores.min(axis=1, keepdims=True), 0.0), 0.0)
    floor = np.maximum(shifted.mean(axis=1, keepdims=True) * 1e-2, 1e-12)
    return np.asarray(np.log(shifted + floor), dtype=np.float32)
