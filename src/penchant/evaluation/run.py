"""One recommender on one hold-out: everything that is measured about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from penchant.data.dataset import Dataset
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import DataError
from penchant.evaluation.ablation import view_use
from penchant.evaluation.background import Background
from penchant.evaluation.backtest import UserMetrics, evaluate_ranking
from penchant.evaluation.cost import Cost
from penchant.evaluation.curves import pair_curves
from penchant.evaluation.ratings import ValueErrors, value_errors

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender


@dataclass(frozen=True)
class Run:
    """Metrics per user, what fitting cost, the recommender's facts; errors, curves, views and probes on request."""

    metrics: UserMetrics
    cost: Cost
    facts: Mapping[str, Any]
    errors: ValueErrors | None = None
    curves: Mapping[str, Any] | None = None
    views: Mapping[str, Any] | None = None
    probes: Mapping[str, Any] | None = None


def tested(
    recommender: Recommender,
    holdout: Holdout,
    dataset: Dataset,
    facts: Background,
    *,
    k: int,
    ks: Sequence[int],
    cost: Cost,
    curves: bool = False,
    views: bool = False,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Rank, judge, and draw the curves; `dataset` is where ratings of the targets are looked up."""
    metrics = evaluate_ranking(recommender, holdout, ks, facts=facts, detail_k=k, threads=threads, progress=progress)
    drawn = None
    if curves:
        try:
            drawn = pair_curves(recommender, holdout, n_items=facts.n_items).to_dict()
        except DataError:
            drawn = None
    errors = value_errors(recommender.model, holdout, dataset)
    used = view_use(recommender, holdout, k=k, threads=threads) if views else None
    return Run(metrics, cost, dict(recommender.facts), errors, drawn, used)


def informed(holdout: Holdout, whole: SequenceBatch) -> Holdout:
    """The hold-out with what events and users carry themselves; see `penchant.recommender.recommender.informed`."""
    from penchant.embeddings.packing import informed as told

    return replace(holdout, histories=told(holdout.histories, whole))
