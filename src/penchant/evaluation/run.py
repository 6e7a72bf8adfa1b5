"""One recommender on one hold-out: everything that is measured about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penchant.data.dataset import Dataset
from penchant.data.results.curves import CurveResults
from penchant.data.results.modality_use import ModalityUse
from penchant.data.results.probes import ProbeResults
from penchant.data.results.records import FitRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.embeddings.packing import attach_content
from penchant.errors import DataError
from penchant.evaluation.ablation import measure_modality_use
from penchant.evaluation.background import Background
from penchant.evaluation.backtest import DEFAULT_KS, UserMetrics, evaluate_ranking
from penchant.evaluation.cost import Cost
from penchant.evaluation.curves import measure_curves
from penchant.evaluation.ratings import ValueErrors, measure_value_errors

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender


@dataclass(frozen=True)
class EvaluationSet:
    """A hold-out and what it is judged against: `dataset` has the ratings of the targets, `background` the counts."""

    holdout: Holdout
    dataset: Dataset
    background: Background


@dataclass(frozen=True)
class Measures:
    """Measures of a run: ranking metrics at `ks` and `k`; optionally `curves` and the masked ablation."""

    k: int = 10
    ks: tuple[int, ...] = DEFAULT_KS
    curves: bool = False
    ablate: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Run:
    """Metrics per user, the record of the fit, its cost; errors, curves, modalities and probes where measured."""

    metrics: UserMetrics
    record: FitRecord
    cost: Cost = field(default_factory=Cost)
    errors: ValueErrors | None = None
    curves: CurveResults | None = None
    modalities: ModalityUse | None = None
    probes: ProbeResults | None = None


def evaluate_recommender(
    recommender: Recommender,
    test: EvaluationSet,
    measures: Measures,
    *,
    progress: Callable[[float], None] | None = None,
) -> Run:
    """Rank the hold-out with a recommender and measure the lists; its cost is left at zero."""
    holdout, k, threads = test.holdout, measures.k, measures.threads
    metrics = evaluate_ranking(
        recommender, holdout, measures.ks, background=test.background, detail_k=k, threads=threads, progress=progress
    )
    curves = None
    if measures.curves:
        try:
            curves = measure_curves(recommender, holdout, n_items=test.background.n_items).thin()
        except DataError:
            curves = None
    errors = measure_value_errors(recommender.model, holdout, test.dataset)
    use = measure_modality_use(recommender, holdout, k=k, threads=threads) if measures.ablate else None
    return Run(metrics, recommender.record, errors=errors, curves=curves, modalities=use)


def with_content(holdout: Holdout, histories: SequenceBatch) -> Holdout:
    """The hold-out with the content of its events and users, from all packed `histories` of the dataset."""
    return replace(holdout, histories=attach_content(holdout.histories, histories))
