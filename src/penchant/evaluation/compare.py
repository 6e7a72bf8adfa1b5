"""Several models on one split, in one run: fitted the same way, tested on the same users, with their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from penchant.arrays import Bools, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.results.probes import ProbeResults, UntestedProbe
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, How, Split, Target, Ties
from penchant.data.splits import split as cut
from penchant.embeddings.packing import pack_histories
from penchant.errors import OptionError, PenchantError, UsageError
from penchant.evaluation.ablation import Ablate, add_refits
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import DEFAULT_KS
from penchant.evaluation.cost import measure_cost
from penchant.evaluation.pooling import pool_runs
from penchant.evaluation.probes import measure_probes
from penchant.evaluation.run import EvaluationSet, Measures, Run, evaluate_recommender, with_content
from penchant.messages import Note
from penchant.metrics.significance import TESTS, Test
from penchant.options import Json, require_range
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

RequestTime = Literal["given", "hidden"]


@dataclass(frozen=True)
class CompareOptions:
    """Options of a comparison: split, fit and measures. Raises `UsageError` / `OptionError` for a value that is not
    allowed.

    `split`, `target`, `quantile`, `ties`, `repeats` and `folds` are those of `penchant.data.splits.split`.
    """

    split: How = "time"
    """Split that holds out the test part. With `users`, every fold is run and the users of all folds are pooled."""
    target: Target = "first"
    """Events after the cut that are targets (`time`)."""
    quantile: float = 0.9
    """Share of the events before the cut (`time`), between 0 and 1."""
    ties: Ties = "stable"
    """Order of one user's events at one time: that of the file, or shuffled."""
    repeats: bool = False
    """Whether items of the history may be targets and recommendations."""
    folds: int = 5
    """Number of folds (`users`), 2 or more."""
    seeds: int = 1
    """Fits of each model, with `config.seed`, `config.seed + 1`, …; a user's results are averaged over them first."""
    refit: bool = False
    """Whether models are trained again on training and validation, as in practice, or on the training part alone,
    as in papers. Settings and epochs are chosen on the validation part either way."""
    k: int = 10
    """Length of the list in the table, 1 or more."""
    ks: tuple[int, ...] = DEFAULT_KS
    """List lengths at which ranking metrics are computed besides `k`."""
    request_time: RequestTime = "given"
    """Whether a model reads when the recommendation is requested (`given`, as in a service)."""
    test: Test = "t"
    """Paired test of the differences between models."""
    curves: bool = True
    """Whether ROC and precision-recall curves are computed."""
    ablate: Ablate = "none"
    """Models without some modalities: `masked` hides them from the fitted model (its first seed), `refitted` fits the
    recipe with all but one and with each alone, as separate models with a paired test against all modalities."""
    threads: int | None = None
    """Threads that rank; one per core where it is None. Results do not depend on it."""
    checkpoints: Path | None = None
    """Folder from which a killed run resumes."""

    def __post_init__(self) -> None:
        require_range(self, "seeds", "k", least=1)
        allowed = {"request_time": get_args(RequestTime), "test": TESTS, "ablate": get_args(Ablate)}
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise OptionError(name, getattr(self, name), allowed=values)

    def measures(self, *, is_first: bool = True) -> Measures:
        """The measures of a run; curves and ablation only for the first run of a model."""
        curves, ablate = self.curves and is_first, self.ablate == "masked" and is_first
        return Measures(self.k, self.ks, curves=curves, ablate=ablate, threads=self.threads)


def compare(
    dataset: Dataset,
    models: Sequence[str] | Mapping[str, Config],
    config: Config | None = None,
    options: CompareOptions | None = None,
    *,
    split: How | None = None,
    seeds: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Fit every model on the training part of a split and test it on the same users, over the full catalogue.

    `models`: names (with the options that `config` holds for each), or a name for each `Config`. `config.seed` is the
    seed of the split. `split` and `seeds` replace those of `options`. Item modalities are embedded once for all models
    and do not count in their cost.

    A model that the data do not allow is left out and a note says why. Raises `OptionError` for unknown names,
    `DataError` if no user can be tested, and the first model's error if no model is left.
    """
    options = options or CompareOptions()
    options = replace(options, split=split or options.split, seeds=options.seeds if seeds is None else seeds)
    base = config or Config()
    recipes = dict(models) if isinstance(models, Mapping) else {name: replace(base, model=name) for name in models}
    if not recipes:
        raise UsageError("There is no model to compare.", remedy="Name one or more, such as popularity,transformer.")
    how: Json = {name: getattr(options, name) for name in ("target", "quantile", "ties", "repeats")}
    how["seed"] = base.seed
    numbers = range(options.folds) if options.split == "users" else range(1)
    splits = [cut(dataset, options.split, **how, folds=options.folds, fold=number) for number in numbers]
    references: dict[str, str] = {}
    if options.ablate == "refitted":
        recipes, references = add_refits(splits[0].train, recipes)
    steps = len(splits) * len(recipes) * options.seeds
    runs, failures = _Runner(options, splits, progress, steps).run_all(recipes)
    if not runs:
        raise next(iter(failures.values()))
    notes = [*dict.fromkeys(note for part in splits for note in part.notes), *_notes(options)]
    notes += [Note("notes.compare.left_out", model=name, error=str(error)) for name, error in failures.items()]
    settings = {**how, "folds": len(splits), "refit": options.refit, "request_time": options.request_time}
    settings["items"] = dataset.n_items
    result = pool_runs(runs, split=options.split, k=options.k, test=options.test, references=references)
    return replace(result, options=settings, notes=notes)


@dataclass(frozen=True)
class _Prepared:
    """One split with what all recipes of the same modality options share.

    `carrier` holds the modalities. `test` and `validation` carry the content of their events. `histories` has all
    events `[E]`; `seen` are those of training and validation, `learned` those that models learn from.
    """

    carrier: Recommender
    validation: Holdout
    test: EvaluationSet
    histories: SequenceBatch
    seen: Bools
    learned: Bools

    def fit_probes(self, recommender: Recommender) -> ProbeResults | None:
        """Fit the probes on the validation's events, which the model has not learned; else the reason by probe."""
        try:
            recommender.fit_probes(self.histories.keep(self.seen), ~self.learned[self.seen])
        except PenchantError as error:
            return ProbeResults(**dict.fromkeys(recommender.config.probes.fit, UntestedProbe(str(error))))
        return None


class _Runner:
    """Runs recipes one after the other; keeps the modalities of a split, and no recommender."""

    def __init__(
        self,
        options: CompareOptions,
        splits: Sequence[Split],
        progress: Progress | None,
        steps: int,
    ) -> None:
        self.options, self.splits, self.progress, self.steps = options, splits, progress, steps
        self.done = 0

    def run_all(self, recipes: Mapping[str, Config]) -> tuple[dict[str, list[list[Run]]], dict[str, PenchantError]]:
        """Runs by model, seed and fold, and the errors of models that cannot be fitted on these data."""
        runs: dict[str, list[list[Run]]] = {name: [[] for _ in range(self.options.seeds)] for name in recipes}
        failures: dict[str, PenchantError] = {}
        for fold, part in enumerate(self.splits):
            prepared: dict[str, _Prepared] = {}
            for name, recipe in recipes.items():
                for number in range(self.options.seeds):
                    if name in failures:
                        break
                    try:
                        seeded = replace(recipe, seed=recipe.seed + number)
                        runs[name][number].append(self._run(name, seeded, part, prepared, (fold, number)))
                    except UsageError:
                        raise
                    except PenchantError as error:
                        failures[name] = error
                    self.done += 1
        return {name: result for name, result in runs.items() if name not in failures}, failures

    def _run(
        self, name: str, recipe: Config, part: Split, prepared: dict[str, _Prepared], place: tuple[int, int]
    ) -> Run:
        """Fit and test one model; `place` is the number of the fold and of the seed."""
        refit, is_first = self.options.refit, place == (0, 0)
        train = part.train_and_validation if refit else part.train
        key = repr(recipe.modalities)
        if key not in prepared:
            self._tell("encoding modalities", 0.0)
            prepared[key] = self._prepare(recipe, part, train)
        ready = prepared[key]
        root = self.options.checkpoints
        folder = root / f"{name}-{place[0]}-{place[1]}" if root else None
        with measure_cost() as cost:
            recommender = Recommender.fit(
                train,
                recipe,
                validation=None if refit else ready.validation,
                modalities=(ready.carrier.modalities, ready.carrier.encoders),
                progress=lambda what, share: self._tell(f"{name}: {what}", 0.9 * share),
                checkpoints=folder,
            )
            problem = ready.fit_probes(recommender) if recipe.probes.fit and not refit else None
        cost.cpu_s = max(cost.cpu_s, recommender.record.fit_cpu_s)  # of all processes, where it was resumed
        run = evaluate_recommender(
            recommender,
            ready.test,
            self.options.measures(is_first=is_first),
            progress=lambda share: self._tell(f"{name}: ranking", 0.9 + 0.1 * share),
        )
        probes = None
        if is_first:
            probes = problem or measure_probes(recommender, ready.histories, ~ready.seen, seed=recipe.seed)
        return replace(run, cost=cost, probes=probes)

    def _prepare(self, recipe: Config, part: Split, train: Dataset) -> _Prepared:
        """The data that all recipes with the same modality options share."""
        carrier = Recommender.fit(train, replace(recipe, model="popularity"), validation=part.validation)
        histories = pack_histories(part.dataset, carrier.encoders)

        def prepare(holdout: Holdout) -> Holdout:
            if self.options.request_time == "hidden":
                holdout = replace(holdout, histories=holdout.histories.at(None))
            return with_content(holdout, histories)

        ids = part.dataset.events[schema.EVENT_ID]
        seen, learned = (
            ids.is_in(known.events[schema.EVENT_ID].implode()).to_numpy()
            for known in (part.train_and_validation, train)
        )
        test = EvaluationSet(prepare(part.test), part.dataset, measure_background(train, carrier.modalities))
        return _Prepared(carrier, prepare(part.validation), test, histories, seen, learned)

    def _tell(self, what: str, share: float) -> None:
        if self.progress:
            self.progress(what, (self.done + share) / self.steps)


def _notes(options: CompareOptions) -> list[str]:
    is_cold = options.split == "cold-items"
    fit = Note(
        "notes.compare.fit",
        learned=Note("notes.compare.refit" if options.refit else "notes.compare.trained"),
        times=Note("notes.compare.given" if options.request_time == "given" else "notes.compare.hidden"),
        ranking=Note("notes.compare.ranking_cold" if is_cold else "notes.compare.ranking"),
    )
    return [fit, *([Note("notes.compare.seeds", seeds=options.seeds)] if options.seeds > 1 else [])]
