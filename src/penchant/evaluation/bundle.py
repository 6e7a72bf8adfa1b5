"""Test a fitted recommender on data, honestly: on events it has not seen, or its recipe fitted again on a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.splits import How, Target, Ties
from penchant.embeddings.packing import packed
from penchant.errors import DataError, UsageError
from penchant.evaluation.background import background
from penchant.evaluation.backtest import DEFAULT_KS
from penchant.evaluation.compare import compare
from penchant.evaluation.cost import Cost, measured
from penchant.evaluation.pooling import pooled
from penchant.evaluation.probes import probe_results
from penchant.evaluation.run import Run, informed, tested
from penchant.evaluation.unseen import Unseen, unseen
from penchant.models.probes.options import ProbeOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

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
    seed: int | None = None,
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
    `seed` is that of the split and of everything that is fitted (None: the bundle's own).

    Raises `UsageError` for options of a split where the bundle itself is tested, `DataError` where nobody can be.
    """
    config = recommender.config if seed is None else replace(recommender.config, seed=seed)
    if split is None:
        found = unseen(recommender, dataset, target=target, repeats=repeats)
        if found is not None:
            _refuse_options_of_splits(
                {"quantile": quantile != 0.9, "ties": ties != "stable", "folds": folds != 5}
                | {"seeds": seeds != 1, "refit": refit, "seed": seed is not None and not beside}
            )
            others = {name: _recipe(config, name) for name in beside}
            return _on_unseen(recommender, found, others, k=k, ks=ks, curves=curves, threads=threads, progress=progress)
    recipes = {config.model: config} | {name: _recipe(config, name) for name in beside}
    how: dict[str, Any] = {"target": target, "quantile": quantile, "ties": ties, "repeats": repeats, "folds": folds}
    how |= {"seeds": seeds, "refit": refit, "k": k, "ks": ks, "curves": curves, "threads": threads}
    try:
        result = compare(dataset, recipes, config, split=split or "time", progress=progress, **how)
    except DataError as error:
        if split is not None:
            raise
        raise DataError(
            "The bundle has seen every event here that could be tested, and here its recipe cannot be learned again on "
            f"a split by time either: {error.what}",
            remedy="Give events that came after those it has learned, or all of its data with --split leave-one-out.",
        ) from error
    why = "A split was asked for" if split else "The bundle has seen all that could be tested here"
    told = f"{why}: not the bundle itself was tested, but its recipe, fitted again on the training part of the split."
    return replace(result, notes=[told, *result.notes])


def _refuse_options_of_splits(given: Mapping[str, bool]) -> None:
    """Where the bundle itself is tested, what says how to split or fit has nothing to act on."""
    named = [name for name, is_given in given.items() if is_given]
    if named:
        raise UsageError(
            "Without a split the bundle is tested as it stands on what it has not seen, and nothing is learned again: "
            f"{', '.join(named)} would not count.",
            remedy="Name a split (--split time) to learn its recipe again, or leave the option out.",
        )


def _on_unseen(
    recommender: Recommender,
    found: Unseen,
    beside: Mapping[str, Config],
    *,
    k: int,
    ks: Sequence[int],
    curves: bool,
    threads: int | None,
    progress: Progress | None,
) -> Comparison:
    whole = packed(found.dataset, recommender.encoders)
    holdout = informed(found.holdout, whole)
    facts = background(found.learned, recommender.views)

    def run(tried: Recommender, cost: Cost, name: str) -> Run:
        tell = (lambda share: progress(f"{name}: ranking", share)) if progress else None
        return tested(
            tried, holdout, found.dataset, facts, k=k, ks=ks, cost=cost, curves=curves, threads=threads, progress=tell
        )

    with measured() as ranking:
        first = run(recommender, Cost(), recommender.config.model)
    told, asked = whole.keep(found.read), found.new[found.read]
    probes = probe_results(recommender, told, asked, learned=found.learned, seed=recommender.config.seed)
    spent = Cost(float(recommender.facts.get("fit_cpu_s", 0.0)), ranking.peak_rss_mb)
    runs: dict[str, list[list[Run]]] = {recommender.config.model: [[replace(first, cost=spent, probes=probes)]]}
    for name, recipe in beside.items():
        if name == recommender.config.model:
            continue
        with measured() as cost:
            other = Recommender.fit(
                found.learned,
                recipe,
                views=(recommender.views, recommender.encoders),
                progress=progress,
            )
        runs[name] = [[run(other, cost, name)]]
    options: dict[str, Any] = {"items": facts.n_items, "refit": True}
    return pooled(runs, split="unseen", k=k, options=options, notes=found.notes)


def _recipe(config: Config, model: str) -> Config:
    return replace(config, model=model, probes=ProbeOptions())
