"""Experts trained apart and summed: decision-level fusion as a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.views import Views
from penchant.errors import ModelError, OptionError, UsageError
from penchant.fusion.content_mapping import ContentMapping, fit_mapping
from penchant.fusion.decision import fit_weights, refine_weights, standardise, weighted_scores
from penchant.fusion.placement import lottery, place
from penchant.models.base import Additive, Model, ModelState, Multiview, Scores, TrainingData, Validation

Bools = npt.NDArray[np.bool_]

LOGARITHMIC = frozenset({"cooccurrence", "item_knn", "popularity", "recent_popularity"})
"""Experts whose scores are counts or shares: heavy-tailed, so their logarithm is standardised."""
BY_CONTENT = frozenset({"content_transformer", "content"})
"""Experts that read nothing but content."""
MOST_NEW = 0.2
"""Attention that items without events are due at most: where most of a catalogue was never touched, it is not new."""
SCORES_AT_ONCE = 25_000_000
"""Scores of an expert held while the weights are chosen (100 MB): with many items, fewer users choose them."""


@dataclass(frozen=True)
class EnsembleOptions:
    """Options of `Ensemble`.

    `experts`: names of models; `weights_users`: how many validation users choose the weights; above `max_items_ease`
    items and `max_users_user_knn` training users these two experts are left out, and the report says so. `new_share`:
    how much attention lists give to items without events, as a multiple of their share of all items, a fifth at most
    (see `placement`). `new_views`: the views by which items without events are likened to the others; empty: all.
    """

    experts: tuple[str, ...] = ("transformer", "cooccurrence", "ease", "user_knn", "content", "popularity")
    weights_users: int = 2000
    max_items_ease: int = 20_000
    max_users_user_knn: int = 50_000
    new_share: float = 1.0
    new_views: tuple[str, ...] = ()

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

    What experts say of an item without events means nothing. Its sum is foretold from those of the items that look like
    it (`fusion.content_mapping`), and it stands at the ranks that the number of such items warrants
    (`fusion.placement`).
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
        self.mapping: ContentMapping | None = None
        self._new: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def applicable(self, data: TrainingData) -> dict[str, Model]:
        """The experts that can serve these data; the others are dropped with the reason."""
        items = data.sequences.items
        events = np.bincount(items[items >= 0], minlength=data.n_items)
        wanted = set(self.options.new_views or data.views) - {BEHAVIOUR}
        if self.options.new_views and wanted and self.of_view is None and not wanted & set(data.views):
            raise ModelError(
                f"None of new_views ({', '.join(sorted(wanted))}) is there.",
                remedy=f"Views there are: {', '.join(data.views) or 'none'}; behaviour alone: new items get no place.",
            )
        contents = {name: (view.vectors, view.present) for name, view in data.views.items() if name in wanted}
        self._new, self.mapping = events == 0, fit_mapping(contents, events)
        if "ease" in self.experts and data.n_items > self.options.max_items_ease:
            self._drop("ease", f"{data.n_items:,} items: a dense matrix of them does not fit.")
        if "user_knn" in self.experts and len(data.sequences) > self.options.max_users_user_knn:
            self._drop("user_knn", f"{len(data.sequences):,} users: comparing each request with all of them is slow.")
        for name in set(self.experts) & BY_CONTENT if not set(data.views) - {BEHAVIOUR} else ():
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
        if not self._new[first].all():  # what experts say of items without events teaches nothing
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
        allowed[:, self._new] = False
        allowed[np.arange(len(rows)), targets] = True
        found = refine_weights(scores, fit_weights(scores, targets, allowed), targets, allowed)
        self.weights = {name: float(w) for name, w in zip(self.experts, found, strict=True)}

    def score(self, histories: SequenceBatch) -> Scores:
        """Weighted sum of the standardised scores, `[B, N]`; an expert that has no say is not asked."""
        return self._placed(self._summed(histories), histories)

    def preference(self, histories: SequenceBatch) -> Scores:
        """`score` with what is foretold of the items without events in place of their ranks, `[B, N]`."""
        total = self._summed(histories)
        if self.mapping is not None:
            total[:, self.mapping.new] = self.mapping.foretell(total)
        return total

    def _summed(self, histories: SequenceBatch) -> Scores:
        """Weighted sum of the standardised scores, `[B, N]`, items without events as experts see them."""
        weights = dict(zip(self.experts, self._weight_vector(), strict=True))
        asked = {name: expert for name, expert in self.experts.items() if weights[name] > 0} or self.experts
        parts = _standardised(asked, histories)
        return weighted_scores(parts, np.asarray([weights[name] for name in asked], dtype=np.float32))

    def _placed(self, total: Scores, histories: SequenceBatch) -> Scores:
        """Sums `[B, N]` with the items without events at their ranks."""
        if self.mapping is None:
            return total
        new = self.mapping.new
        share = min(1.0, self.options.new_share * min(len(new) / len(self._new), MOST_NEW))
        there = histories.items >= 0
        rows, items = histories.rows[there], histories.items[there]
        owned = np.zeros(total.shape, dtype=np.bool_)
        owned[rows, items] = True
        return place(total, self.mapping.foretell(total), new, owned, lottery(rows, items, len(total)), share)

    def shares(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each expert gives to every score, `[B, N]`: they sum to `score`.

        A new item has from each expert what that says of the items that look like it; what its rank adds or takes is
        shared by those with a weight alike.
        """
        parts = {
            name: np.float32(self.weights[name]) * z
            for name, z in zip(self.experts, _standardised(self.experts, histories), strict=True)
        }
        if self.mapping is not None:
            foretold = {name: self.mapping.foretell(part) for name, part in parts.items()}
            told = {name: np.asarray(self.weights[name] > 0) for name in parts}
            self._settle(parts, foretold, told, np.asarray(sum(parts.values())), histories)
        return parts

    def contributions(self, histories: SequenceBatch) -> dict[str, Scores]:
        """What each view gives, `[B, N]`: experts of ids and events are `behaviour`, those that can be are split.

        A new item has from each of its views what that foretells; the views it has share alike what its rank adds.
        """
        total: dict[str, Scores] = {}
        summed: Scores | None = None
        for name, z in zip(self.experts, _standardised(self.experts, histories), strict=True):
            expert, weight = self.experts[name], np.float32(self.weights[name])
            summed = weight * z if summed is None else summed + weight * z
            parts: Mapping[str, Scores] = {BEHAVIOUR: weight * z}
            if isinstance(expert, Additive):
                views = expert.contributions(histories)
                spread = np.maximum(sum(views.values()).std(axis=1, keepdims=True), 1e-9)  # type: ignore[union-attr]
                parts = {v: (s - s.mean(axis=1, keepdims=True)) / spread * weight for v, s in views.items()}
            for view, scores in parts.items():
                total[view] = total[view] + scores if view in total else scores
        if self.mapping is not None and summed is not None:
            self._settle(total, self.mapping.by_view(summed), self.mapping.told_by(), summed, histories)
        return total

    def _settle(
        self,
        parts: dict[str, Scores],
        foretold: Mapping[str, Scores],
        told: Mapping[str, Bools],
        total: Scores,
        histories: SequenceBatch,
    ) -> None:
        """Give the columns of new items to those who foretold them; the rest of a score is shared evenly by those who
        say something of the item (`told`: `[n]` or one for all), by all where nobody does."""
        assert self.mapping is not None
        new = self.mapping.new
        rest = self._placed(total, histories)[:, new] - np.asarray(sum(foretold.values()))
        say = np.stack([np.broadcast_to(told[name], len(new)) for name in foretold])
        say = (say | ~say.any(axis=0)).astype(np.float32)
        share = dict(zip(foretold, say / say.sum(axis=0), strict=True))
        for name in dict.fromkeys([*parts, *foretold]):
            part = parts[name] if name in parts else np.zeros_like(total)
            part[:, new] = foretold[name] + rest * share[name] if name in foretold else 0.0
            parts[name] = part

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
        other.mapping = self.mapping.without(views) if self.mapping is not None else None
        return other

    def state(self) -> ModelState:
        """Tensors of every expert under its name; weights and facts."""
        states = {name: expert.state() for name, expert in self.experts.items()}
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.tensors.items()}
        facts = {
            "weights": self.weights,
            "left_out": self.left_out,
            "mapped_views": [] if self.mapping is None else list(self.mapping.views),
            "experts": {name: dict(state.facts) for name, state in states.items()},
        }
        if self.mapping is not None:
            tensors |= {f"mapping_{part}": getattr(self.mapping, part) for part in ("known", "new", "parts")}
        return ModelState({**tensors, "new": self._new}, facts)

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self.weights, self.left_out = dict(state.facts["weights"]), dict(state.facts["left_out"])
        views, held = tuple(state.facts.get("mapped_views", ())), state.tensors
        mapped = [np.asarray(held[f"mapping_{part}"]) for part in ("known", "new", "parts")] if views else None
        self.mapping = ContentMapping(mapped[0], mapped[1], views, mapped[2]) if mapped else None
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
