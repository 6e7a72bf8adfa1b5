"""Several models on one split, in one run: fitted the same way, tested on the same users, with their cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, How, Split, Target, Ties
from penchant.data.splits import split as cut
from penchant.embeddings.packing import packed
from penchant.errors import OptionError, PenchantError, UsageError
from penchant.evaluation.ablation import Ablate, with_refits
from penchant.evaluation.background import Background, background
from penchant.evaluation.backtest import DEFAULT_KS
from penchant.evaluation.cost import measured
from penchant.evaluation.pooling import pooled
from penchant.evaluation.probes import probe_results
from penchant.evaluation.run import Run, informed, tested
from penchant.metrics.significance import TESTS, Test
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

Progress = Callable[[str, float], None]
Bools = npt.NDArray[np.bool_]
RequestTime = Literal["given", "hidden"]


def compare(
    dataset: Dataset,
    models: Sequence[str] | Mapping[str, Config],
    config: Config | None = None,
    *,
    split: How = "time",
    target: Target = "first",
    quantile: float = 0.9,
    ties: Ties = "stable",
    repeats: bool = False,
    folds: int = 5,
    seeds: int = 1,
    refit: bool = False,
    k: int = 10,
    ks: Sequence[int] = DEFAULT_KS,
    request_time: RequestTime = "given",
    test: Test = "t",
    curves: bool = True,
    ablate: Ablate = "none",
    threads: int | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Comparison:
    """Fit every model on the training part of a split and test it on the same users, over the full catalogue.

    `models`: names (with the options that `config` holds for each), or a name for each `Config`. The split options
    are those of `penchant.data.splits.split`; with `users`, all `folds` are run and their users stand side by side.
    `seeds`: so many fits of each model, with seeds `config.seed`, `config.seed + 1`, …; each user's results are
    averaged over them first. The split itself keeps `config.seed`.

    Settings and epochs are chosen on the validation part. Without `refit`, models learn from the training part
    alone, as in papers; with it, they learn their recipe again from training and validation, as in practice.
    Views are encoded once for all models and are no part of their cost.
    `checkpoints`: a folder from which a run that was killed goes on.
    `ablate`: what becomes of the models without some of their views: `masked` asks each fitted model (its first seed)
    again with views hidden, `refitted` learns it anew with all but one and each alone, as models of their own with a
    paired test against all views (see `penchant.evaluation.ablation`).
    `request_time`: whether models are told when the recommendation is asked for (`given`, as when serving).

    A model that the data do not allow is left out and a note says why. Raises `OptionError` for unknown names,
    `DataError` where nobody can be tested, and the first model's error where no model is left.
    """
    base = config or Config()
    recipes = dict(models) if isinstance(models, Mapping) else {name: replace(base, model=name) for name in models}
    _check(recipes, seeds, k, request_time, test)
    if ablate not in get_args(Ablate):
        raise OptionError("ablate", ablate, allowed=get_args(Ablate))
    how: dict[str, Any] = {"target": target, "quantile": quantile, "ties": ties, "repeats": repeats, "seed": base.seed}
    numbers = range(folds) if split == "users" else range(1)
    splits = [cut(dataset, split, **how, folds=folds, fold=number) for number in numbers]
    against: dict[str, str] = {}
    if ablate == "refitted":
        recipes, against = with_refits(splits[0].train, recipes)
    asked = _Asked(seeds, refit, k, tuple(ks), request_time, curves, ablate == "masked", threads, checkpoints)
    bench = _Bench(asked, splits, progress, steps=len(splits) * len(recipes) * seeds)
    runs, failures = bench.run_all(recipes)
    if not runs:
        raise next(iter(failures.values()))
    notes = [*dict.fromkeys(note for part in splits for note in part.notes), *_notes(asked, split)]
    notes += [f"{name} was left out: {error}" for name, error in failures.items()]
    options = {**how, "folds": len(splits), "refit": refit, "request_time": request_time, "items": dataset.n_items}
    return pooled(runs, split=split, k=k, options=options, notes=notes, test=test, against=against)


@dataclass(frozen=True)
class _Asked:
    """What is the same for every model."""

    seeds: int
    refit: bool
    k: int
    ks: tuple[int, ...]
    request_time: RequestTime
    curves: bool
    views: bool
    threads: int | None
    checkpoints: Path | None = None


@dataclass(frozen=True)
class _Ready:
    """One split: who carries its views, the hold-outs with their own content, what lists are judged against.

    `whole` has all events `[E]`; `seen` are those of training and validation, `learned` those models learn from.
    """

    carrier: Recommender
    validation: Holdout
    test: Holdout
    facts: Background
    whole: SequenceBatch
    seen: Bools
    learned: Bools

    def fit_probes(self, recommender: Recommender) -> dict[str, Any] | None:
        """Fit probes on the events of the validation, which the model has not learned; returns why there are none."""
        try:
            recommender.fit_probes(self.whole.keep(self.seen), ~self.learned[self.seen])
        except PenchantError as error:
            return recommender.config.probes.left_out(error)
        return None


class _Bench:
    """Runs recipes one after the other; keeps the views of a split, and no recommender."""

    def __init__(self, asked: _Asked, splits: Sequence[Split], progress: Progress | None, steps: int) -> None:
        self.asked, self.splits, self.progress, self.steps = asked, splits, progress, steps
        self.done = 0

    def run_all(self, recipes: Mapping[str, Config]) -> tuple[dict[str, list[list[Run]]], dict[str, PenchantError]]:
        """Runs by model, seed and fold, and the errors of models that cannot be fitted on these data."""
        runs: dict[str, list[list[Run]]] = {name: [[] for _ in range(self.asked.seeds)] for name in recipes}
        failures: dict[str, PenchantError] = {}
        for fold, part in enumerate(self.splits):
            ready: dict[str, _Ready] = {}
            for name, recipe in recipes.items():
                for number in range(self.asked.seeds):
                    if name in failures:
                        break
                    try:
                        seeded = replace(recipe, seed=recipe.seed + number)
                        place = f"{name}-{fold}-{number}"
                        runs[name][number].append(
                            self._one(name, seeded, part, ready, first=fold + number == 0, place=place)
                        )
                    except UsageError:
                        raise
                    except PenchantError as error:
                        failures[name] = error
                    self.done += 1
        return {name: found for name, found in runs.items() if name not in failures}, failures

    def _one(self, name: str, recipe: Config, part: Split, ready: dict[str, _Ready], *, first: bool, place: str) -> Run:
        asked = self.asked
        learn = part.train_and_validation if asked.refit else part.train
        key = repr(recipe.views)
        if key not in ready:
            self._tell("encoding views", 0.0)
            ready[key] = self._ready(recipe, part, learn)
        made = ready[key]
        with measured() as cost:
            recommender = Recommender.fit(
                learn,
                recipe,
                validation=None if asked.refit else made.validation,
                views=(made.carrier.views, made.carrier.encoders),
                progress=lambda what, share: self._tell(f"{name}: {what}", 0.9 * share),
                checkpoints=asked.checkpoints / place if asked.checkpoints else None,
            )
            problem = made.fit_probes(recommender) if recipe.probes.fit and not asked.refit else None
        cost.cpu_s = max(cost.cpu_s, float(recommender.facts["fit_cpu_s"]))  # where it went on, of all processes
        run = tested(
            recommender,
            made.test,
            part.dataset,
            made.facts,
            k=asked.k,
            ks=asked.ks,
            cost=cost,
            curves=asked.curves and first,
            views=asked.views and first,
            threads=asked.threads,
            progress=lambda share: self._tell(f"{name}: ranking", 0.9 + 0.1 * share),
        )
        probes = problem or probe_results(recommender, made.whole, ~made.seen, seed=recipe.seed) if first else None
        return replace(run, probes=probes)

    def _ready(self, recipe: Config, part: Split, learn: Dataset) -> _Ready:
        """What all recipes with the same options of views share."""
        carrier = Recommender.fit(learn, replace(recipe, model="popularity"), validation=part.validation)
        whole = packed(part.dataset, carrier.encoders)

        def asked_of(holdout: Holdout) -> Holdout:
            told = holdout.histories if self.asked.request_time == "given" else holdout.histories.at(None)
            return informed(replace(holdout, histories=told), whole)

        ids = part.dataset.events[schema.EVENT_ID]
        seen, learned = (
            ids.is_in(known.events[schema.EVENT_ID].implode()).to_numpy()
            for known in (part.train_and_validation, learn)
        )
        asked = (asked_of(part.validation), asked_of(part.test))
        return _Ready(carrier, *asked, background(learn, carrier.views), whole, seen, learned)

    def _tell(self, what: str, share: float) -> None:
        if self.progress:
            self.progress(what, (self.done + share) / self.steps)


def _check(recipes: Mapping[str, Config], seeds: int, k: int, request_time: str, test: str) -> None:
    if not recipes:
        raise UsageError("There is no model to compare.", remedy="Name one or more, such as popularity,transformer.")
    if seeds < 1:
        raise UsageError(f"seeds={seeds} is out of range.", remedy="Give a number of 1 or more.")
    if k < 1:
        raise UsageError(f"k={k} is out of range.", remedy="Give a list length of 1 or more.")
    if request_time not in get_args(RequestTime):
        raise OptionError("request_time", request_time, allowed=get_args(RequestTime))
    if test not in TESTS:
        raise OptionError("test", test, allowed=TESTS)


def _notes(asked: _Asked, split: str) -> list[str]:
    learned = (
        "Models learned from training and validation (refit), their epochs chosen inside it."
        if asked.refit
        else "Models learned from the training part only; settings and epochs were chosen on the validation part."
    )
    times = f"The time of the request was {asked.request_time}."
    seeds = [f"Each user's results are means over {asked.seeds} seeds of the models."] if asked.seeds > 1 else []
    ranking = "Every list ranks all items" + (", cold ones included." if split == "cold-items" else ".")
    return [f"{learned} {times} {ranking}", *seeds]
