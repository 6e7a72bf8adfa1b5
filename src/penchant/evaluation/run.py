"""One recommender on one hold-out: everything that is measured about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from penchant.data.dataset import Dataset
from penchant.data.splits import Holdout
from penchant.encoders.fitted import FittedEncoders
from penchant.encoders.views import event_content
from penchant.errors import DataError
from penchant.evaluation.background import Background
from penchant.evaluation.backtest import UserMetrics, evaluate_ranking
from penchant.evaluation.cost import Cost
from penchant.evaluation.curves import pair_curves
from penchant.evaluation.ratings import ValueErrors, value_errors

if TYPE_CHECKING:
    from penchant.recommender import Recommender


@dataclass(frozen=True)
class Run:
    """Metrics per user, what fitting cost, the recommender's facts, and errors and curves where asked for."""

    metrics: UserMetrics
    cost: Cost
    facts: Mapping[str, Any]
    errors: ValueErrors | None = None
    curves: Mapping[str, Any] | None = None


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
    return Run(metrics, cost, dict(recommender.facts), errors, drawn)


def with_content(holdout: Holdout, dataset: Dataset, encoders: FittedEncoders) -> Holdout:
    """The hold-out with what the users wrote, showed or said themselves; `dataset` is where its events come from."""
    histories = holdout.histories
    rows, contents = event_content(dataset, encoders)
    if not contents or histories.event_rows is None:
        return holdout
    return replace(holdout, histories=replace(histories, content_rows=rows[histories.event_rows], content=contents))
