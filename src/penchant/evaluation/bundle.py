"""Test a fitted recommender on data, honestly: on events it has not seen, or its recipe fitted again on a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.splits import How
from penchant.embeddings.packing import pack_histories
from penchant.errors import DataError, UsageError
from penchant.evaluation.background import measure_background
from penchant.evaluation.compare import CompareOptions, compare
from penchant.evaluation.cost import Cost, measure_cost
from penchant.evaluation.pooling import pool_runs
from penchant.evaluation.probes import measure_probes
from penchant.evaluation.run import EvaluationSet, Measures, Run, evaluate_recommender, with_content
from penchant.evaluation.unseen import Unseen, hold_out_unseen
from penchant.messages import Note
from penchant.models.probes.options import ProbeOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

_OF_SPLITS = ("quantile", "ties", "folds", "seeds", "refit")
"""Options that need a split."""


def evaluate(
    recommender: Recommender,
    dataset: Dataset,
    options: CompareOptions | None = None,
    *,
    split: How | None = None,
    beside: Sequence[str] = (),
    seed: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Results of a recommender on data that may contain its training events; it is never tested on those.

    Without `split`: tested as it is on the events it has not seen (`Comparison.split` is `unseen`). Where there are
    none, or with a `split`, its recipe (its config) is fitted again on the training part of that split (`time` by
    default) and that is tested; the notes say so. `options.split` is not read. `beside` names simple models to fit on
    the same part. `seed` is that of the split and of everything that is fitted (None: that of the bundle).

    Raises `UsageError` for options of a split without one, `DataError` if no user can be.
    """
    options = options or CompareOptions()
    config = recommender.config if seed is None else replace(recommender.config, seed=seed)
    others = {name: replace(config, model=name, probes=ProbeOptions()) for name in beside}
    if split is None:
        _reject_options_of_splits(options, has_seed=seed is not None and not beside)
        events = hold_out_unseen(recommender, dataset, target=options.target, repeats=options.repeats)
        if events is not None:
            return _evaluate_on_unseen(recommender, events, others, options.measures(), progress)
    try:
        result = compare(
            dataset, {config.model: config} | others, config, options, split=split or "time", progress=progress
        )
    except DataError as error:
        if split is not None:
            raise
        raise DataError(
            "The bundle has seen every event here that could be tested, and here its recipe cannot be learned again on "
            f"a split by time either: {error.what}",
            remedy="Give events that came after those it has learned, or all of its data with --split leave-one-out.",
        ) from error
    note = Note("notes.compare.split_named" if split else "notes.compare.all_seen")
    return replace(result, notes=[note, *result.notes])


def _reject_options_of_splits(options: CompareOptions, *, has_seed: bool) -> None:
    """Raise `UsageError` for options that say how to split or fit: a bundle tested as it is does neither."""
    default = CompareOptions()
    given = [name for name in _OF_SPLITS if getattr(options, name) != getattr(default, name)]
    given += ["seed"] if has_seed else []
    if given:
        raise UsageError(
            "Without a split the bundle is tested as it is, on events that it has not seen, and nothing is trained: "
            f"{', '.join(given)} would not count.",
            remedy="Name a split (--split time) to learn its recipe again, or leave the option out.",
        )


def _evaluate_on_unseen(
    recommender: Recommender,
    events: Unseen,
    beside: Mapping[str, Config],
    measures: Measures,
    progress: Progress | None,
) -> Comparison:
    histories = pack_histories(events.dataset, recommender.encoders)
    holdout = with_content(events.holdout, histories)
    test = EvaluationSet(holdout, events.dataset, measure_background(events.learned, recommender.modalities))
    name, config = recommender.config.model, recommender.config

    def run_on_test(tested: Recommender) -> Run:
        label = f"{tested.config.model}: ranking"
        return evaluate_recommender(
            tested, test, measures, progress=(lambda share: progress(label, share)) if progress else None
        )

    with measure_cost() as ranking:
        run = run_on_test(recommender)
    readable, new = histories.keep(events.read), events.new[events.read]
    probes = measure_probes(recommender, readable, new, learned=events.learned, seed=config.seed)
    cost = Cost(recommender.record.fit_cpu_s, ranking.peak_rss_mb)
    runs = {name: [[replace(run, cost=cost, probes=probes)]]}
    for other, recipe in beside.items():
        if other == name:
            continue
        with measure_cost() as cost:
            fitted = Recommender.fit(
                events.learned, recipe, modalities=(recommender.modalities, recommender.encoders), progress=progress
            )
        runs[other] = [[replace(run_on_test(fitted), cost=cost)]]
    result = pool_runs(runs, split="unseen", k=measures.k)
    return replace(result, options={"items": test.background.n_items, "refit": True}, notes=events.notes)
