"""Experts trained apart and summed: decision-level fusion as a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.views import Views
from penchant.errors import ModelError, OptionError, UsageError
from penchant.fusion.decision import fit_weights, refine_weights, standardise, weighted_scores
from penchant.fusion.placement import Placement, fit_placement, place
from penchant.models.base import Additive, Model, ModelState, Multiview, Scores, TrainingData, Validation

LOGARITHMIC = frozenset({"cooccurrence", "item_knn", "popularity", "recent_popularity"})
"""Experts whose scores are counts or shares: heavy-tailed, so their logarithm is standardised."""
BY_CONTENT = ("content_transformer", "content")
"""Experts that know an item nobody has touched; the first of them foretells what the others would say of it."""
PRETENDED = 10
"""Where every item has events, each tenth one plays the part of a new one while their place is chosen."""
SCORES_AT_ONCE = 25_000_000
"""Scores of an expert held while the weights are chosen (100 MB): with many items, fewer users choose them."""


@dataclass(frozen=True)
class EnsembleOptions:
    """Options of `Ensemble`.

    `experts`: names of models; `weights_users`: how many validation users choose the weights; above `max_items_ease`
    items and `max_users_user_knn` training users these two experts are left out, and the report says so. `new_share`:
    how many places in lists items without events get, as a multiple of their share of all items (see `placement`).
    """

    experts: tuple[str, ...] = ("transformer", "cooccurrence", "ease", "user_knn", "content", "popularity")
    weights_users: int = 2000
    max_items_ease: int = 20_000
    max_users_user_knn: int = 50_000
    new_share: float = 1.0

    def __post_init__(self) -> None:
        if not self.experts or {"lite", "flagship"} & set(self.experts):
            raise OptionError("experts", self.experts, remedy="Name one or more models; an ensemble holds no other.")
        if not 0 <= self.new_share < float("inf"):
            raise UsageError(f"new_share={self.new_share} is out of range.", remedy="Give 0 or more; 1 is parity.")


class Ensemble:
    """score(u, i) = Σ_m w_m · z_m(u, i), z standardised per user, one global weight an expert.

    Published comparisons favour this over feature-level fusion, and a score splits exactly into its experts'
    shares. Experts that cannot serve a data set (no text for `content`, too many items for `ease`) are left out when
    it is fitted, and `left_out` says why.

    An item without events is known by its content alone: its sum is foretold from the score of an expert that reads
    content (`placement`), since what the others say of it means nothing.
    """

    def __init__(
        self,
        options: EnsembleOptions,
        experts: Mapping[str, Model],
        name: str = "lite",
        *,
        of_view: Callable[[str], Model | None] | None = None,
    ) -> None:
        """`of_view` makes the expert of one view (None: unwanted): the experts are then those of the data's views."""
        self.options = options
        self.name = name
        self.of_view = of_view
        self.experts: dict[str, Model] = dict(experts)
        self.weights: dict[str, float] = {}
        self.left_out: dict[str, str] = {}
        self.placement: Placement | None = None
        self._new: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def applicable(self, data: TrainingData) -> dict[str, Model]:
        """The experts that can serve these data; the others are dropped with the reason."""
        items = data.sequences.items
        self._new = np.bincount(items[items >= 0], minlength=data.n_items) == 0
        if "ease" in self.experts and data.n_items > self.options.max_items_ease:
            self._drop("ease", f"{data.n_items:,} items: a dense matrix of them does not fit.")
        if "user_knn" in self.experts and len(data.sequences) > self.options.max_users_user_knn:
            self._drop("user_knn", f"{len(data.sequences):,} users: comparing each request with all of them is slow.")
        for name in set(self.experts) & set(BY_CONTENT) if not set(data.views) - {BEHAVIOUR} else ():
            self._drop(name, "no item has text or another view.")
        if self.of_view is not None:
            self._expect(data.views)
            for name in sorted(set(self.experts) - set(data.views) - {BEHAVIOUR}):
                self._drop(name, f"no item has the view {name}.")
        if not self.experts:
            raise ModelError("No expert of the ensemble can serve these data.", remedy="Use --model popularity.")
        return self.experts

    def weigh(self, validation: Validation) -> None:
        """Choose the weights on held-out targets (of experts that have not seen them)."""
        rows = np.flatnonzero(validation.targets.lengths > 0)
        first = validation.targets.values[validation.targets.offsets[rows]]
        if len(self._new) and not self._new[first].all():  # what experts say of items without events teaches nothing
            rows = rows[~self._new[first]]
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
        self.placement = None
        if self._guide is not None:
            content = scores[list(self.experts).index(self._guide)]
            self.placement = fit_placement(
                weighted_scores(scores, found), content, allowed, self._stand_ins, share=self.options.new_share
            )

    @property
    def _stand_ins(self) -> npt.NDArray[np.bool_]:
        """Items `[N]` on which the place of new ones is chosen: those there are, where they are few some known ones."""
        few = self._new.mean() < 1 / (2 * PRETENDED)
        return np.arange(len(self._new)) % PRETENDED == PRETENDED - 1 if few else self._new

    @property
    def _guide(self) -> str | None:
        """The expert that foretells the scores of items without events."""
        return next((name for name in BY_CONTENT if name in self.experts), None)

    def score(self, histories: SequenceBatch) -> Scores:
        """Weighted sum of the standardised scores, `[B, N]`; an expert that has no say is not asked."""
        weights = dict(zip(self.experts, self._weight_vector(), strict=True))
        placement = self.placement if self._new.any() else None
        guide = self._guide if placement is not None else None
        asked = {n: e for n, e in self.experts.items() if weights[n] > 0 or n == guide} or self.experts
        parts = dict(zip(asked, _standardised(asked, histories), strict=True))
        total = weighted_scores(list(parts.values()), np.asarray([weights[n] for n in parts], dtype=np.float32))
        return total if placement is None or guide is None else place(total, parts[guide], self._new, placement)

    def shares(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each expert gives to every score: they sum to `score`. A new item's score is the guide's alone."""
        out = {}
        for name, z in zip(self.experts, _standardised(self.experts, histories), strict=True):
            factor, constant = self._terms(name)
            out[name] = factor * z + constant
        return out

    def contributions(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each view gives, `[B, N]`: experts of ids and events are `behaviour`, those that can be are split."""
        total: dict[str, Scores] = {}
        for name, share in self.shares(histories).items():
            expert = self.experts[name]
            parts: Mapping[str, Scores] = {BEHAVIOUR: share}
            if isinstance(expert, Additive):
                views = expert.contributions(histories)
                spread = np.maximum(sum(views.values()).std(axis=1, keepdims=True), 1e-9)  # type: ignore[union-attr]
                factor, constant = self._terms(name)
                even = constant / np.float32(len(views))
                parts = {v: (s - s.mean(axis=1, keepdims=True)) / spread * factor + even for v, s in views.items()}
            for view, scores in parts.items():
                total[view] = total[view] + scores if view in total else scores
        return total

    def _terms(self, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Factor and constant `[N]` (or `[1]`) with which an expert's standardised score enters the sum."""
        weight = np.float32(self.weights[name])
        if self.placement is None or not self._new.any():
            return np.full(1, weight), np.zeros(1, dtype=np.float32)
        guides = name == self._guide
        slope, offset = (self.placement.slope, self.placement.offset) if guides else (0.0, 0.0)
        factor = np.where(self._new, np.float32(slope), weight).astype(np.float32)
        return factor, np.where(self._new, np.float32(offset), np.float32(0.0)).astype(np.float32)

    def view_names(self) -> list[str]:
        """The views that its experts read; those that cannot say read ids and events: `behaviour`."""
        seen = [e.view_names() if isinstance(e, Multiview) else [BEHAVIOUR] for e in self.experts.values()]
        return sorted({name for names in seen for name in names}, key=lambda name: (name != BEHAVIOUR, name))

    def attach(self, views: Views) -> None:
        """Give the item views to the experts that read them."""
        for expert in self.experts.values():
            if isinstance(expert, Multiview):
                expert.attach(views)

    def without(self, views: AbstractSet[str]) -> Ensemble:
        """The experts blind to some views, those that then see nothing left out; weights stay as they are."""
        left: dict[str, Model] = {}
        for name, expert in self.experts.items():
            names = expert.view_names() if isinstance(expert, Multiview) else [BEHAVIOUR]
            if set(names) - views:
                left[name] = expert.without(views) if isinstance(expert, Multiview) else expert
        if not left:
            raise ModelError("Nothing is left of the ensemble without these views.", remedy="Leave out fewer.")
        other = copy(self)
        other.experts, other.weights = left, {name: self.weights[name] for name in left}
        if other._guide != self._guide:
            other.placement = None
        return other

    def state(self) -> ModelState:
        """Tensors of every expert under its name; weights and facts."""
        states = {name: expert.state() for name, expert in self.experts.items()}
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.tensors.items()}
        facts = {
            "weights": self.weights,
            "left_out": self.left_out,
            "placement": None if self.placement is None else asdict(self.placement),
            "experts": {name: dict(state.facts) for name, state in states.items()},
        }
        return ModelState({**tensors, "new": self._new}, facts)

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self.weights, self.left_out = dict(state.facts["weights"]), dict(state.facts["left_out"])
        placed = state.facts.get("placement")
        self.placement = None if placed is None else Placement(**placed)
        self._new = np.asarray(state.tensors.get("new", np.empty(0)), dtype=np.bool_)
        self._expect(state.facts["experts"])
        self.experts = {name: expert for name, expert in self.experts.items() if name in state.facts["experts"]}
        for name, expert in self.experts.items():
            own = {k[len(name) + 1 :]: v for k, v in state.tensors.items() if k.startswith(f"{name}/")}
            expert.load_state(ModelState(own, state.facts["experts"][name]))

    def _expect(self, views: Iterable[str]) -> None:
        """Make the experts of views that have none yet, such as vectors that somebody brought."""
        for name in sorted(set(views) - set(self.experts)):
            expert = self.of_view(name) if self.of_view is not None else None
            if expert is not None:
                self.experts[name] = expert

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
