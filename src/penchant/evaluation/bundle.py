"""Test a fitted recommender on data, honestly: on events it has not seen, or its recipe fitted again on a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from penchant.config import Config
from penchant.data.dataset import Dataset
from penchant.data.splits import How, Target, Ties
from penchant.evaluation.background import background
from penchant.evaluation.backtest import DEFAULT_KS
from penchant.evaluation.compare import compare
from penchant.evaluation.comparison import Comparison
from penchant.evaluation.cost import Cost, measured
from penchant.evaluation.pooling import pooled
from penchant.evaluation.run import Run, informed, tested
from penchant.evaluation.unseen import Unseen, unseen
from penchant.recommender import Recommender, packed

Progress = Callable[[str, float], None]


def evaluate_bundle(
    recommender: Recommender,
    dataset: Dataset,
    *,
    split: How | None = None,
    beside: Sequence[str] = (),
    target: Target = "first",
    quantile: float = 0.9,
    ties: Ties = "stable",
    repeats: bool = False,
    folds: int = 5,
    seeds: int = 1,
    refit: bool = False,
    k: int = 10,
    ks: Sequence[int] = DEFAULT_KS,
    curves: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Results of a recommender on data that may hold what it was trained on; it is never tested on that.

    Without `split`: tested on the events it has not seen (`Comparison.split` is `unseen`), as it stands. Where there
    are none, or a `split` is asked for, the recipe (its config) is fitted again on the training part of that split
    (`time` by default) and that is tested; the notes say so. `beside` names simple models to fit on the same part.
    """
    if split is None:
        found = unseen(recommender, dataset, target=target, repeats=repeats)
        if found is not None:
            return _on_unseen(recommender, found, beside, k=k, ks=ks, curves=curves, threads=threads, progress=progress)
    name = recommender.config.model
    recipes = {name: recommender.config} | {other: _recipe(recommender.config, other) for other in beside}
    result = compare(
        dataset,
        recipes,
        recommender.config,
        split=split or "time",
        target=target,
        quantile=quantile,
        ties=ties,
        repeats=repeats,
        folds=folds,
        seeds=seeds,
        refit=refit,
        k=k,
        ks=ks,
        curves=curves,
        threads=threads,
        progress=progress,
    )
    why = "A split was asked for" if split else "The bundle has seen all that could be tested here"
    told = f"{why}: not the bundle itself was tested, but its recipe, fitted again on the training part of the split."
    return replace(result, notes=[told, *result.notes])


def _on_unseen(
    recommender: Recommender,
    found: Unseen,
    beside: Sequence[str],
    *,
    k: int,
    ks: Sequence[int],
    curves: bool,
    threads: int | None,
    progress: Progress | None,
) -> Comparison:
    holdout = informed(found.holdout, packed(found.dataset, recommender.encoders))
    facts = background(found.learned, recommender.views)

    def run(tried: Recommender, cost: Cost, name: str) -> Run:
        tell = (lambda share: progress(f"{name}: ranking", share)) if progress else None
        return tested(
            tried, holdout, found.dataset, facts, k=k, ks=ks, cost=cost, curves=curves, threads=threads, progress=tell
        )

    with measured() as ranking:
        first = run(recommender, Cost(), recommender.config.model)
    spent = Cost(float(recommender.facts.get("fit_cpu_s", 0.0)), ranking.peak_rss_mb)
    runs: dict[str, list[list[Run]]] = {recommender.config.model: [[replace(first, cost=spent)]]}
    for name in beside:
        if name == recommender.config.model:
            continue
        with measured() as cost:
            other = Recommender.fit(
                found.learned,
                _recipe(recommender.config, name),
                views=(recommender.views, recommender.encoders),
                progress=progress,
            )
        runs[name] = [[run(other, cost, name)]]
    options: dict[str, Any] = {"items": facts.n_items, "refit": True}
    return pooled(runs, split="unseen", k=k, options=options, notes=found.notes)


def _recipe(config: Config, model: str) -> Config:
    return replace(config, model=model)
