"""Tune models: search their settings on the validation part of a split, without the test part."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.splits import How, Target, split
from penchant.embeddings.packing import pack_histories
from penchant.errors import PenchantError, UsageError
from penchant.evaluation.run import with_content
from penchant.evaluation.tuning.objective import build_objective, read_incumbent
from penchant.evaluation.tuning.search import Search, Trial
from penchant.models.base import experts_of
from penchant.models.registry import entry, list_searchable, resolve_name
from penchant.options import Json, JsonMapping, require_range, to_dict
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training.checkpoints import fingerprint_training
from penchant.training.prepare import build_training_data
from penchant.training.selection import build_validation

NETWORK_SHARE = 6
"""Time for a network of an ensemble, in multiples of the time for a closed form."""


@dataclass(frozen=True)
class TuneOptions:
    """Options of `tune`: time limit and validation split."""

    minutes: float
    """Time for each model, minutes. Above 0."""
    n_trials: int | None = None
    """Trials of each model, earlier ones included, where they end before the time does. None: no limit."""
    split: How = "time"
    """Split that holds out the validation part."""
    target: Target = "first"
    """Events after the cut that are targets."""
    journal: Path | None = None
    """File that keeps every trial: with the same data and configuration a search goes on from it."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that the budget counts."""

    def __post_init__(self) -> None:
        require_range(self, "minutes", above=0)
        require_range(self, "n_trials", least=1)


@dataclass(frozen=True)
class Tuned:
    """The result of a search: `config` with the best settings; by model the best trial and that of the incumbent.

    `counts` are the trials by model; `left_out` says why a model could not be tried.
    """

    config: Config
    best: Mapping[str, Trial]
    incumbents: Mapping[str, Trial]
    counts: Mapping[str, int]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    interrupted: bool = False

    def incumbent(self, model: str) -> float | None:
        """NDCG@10 of a model with the settings before the search; None if they were not validated."""
        return self.incumbents[model].value if model in self.incumbents else None

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        models = {
            name: {
                "trials": self.counts[name],
                "ndcg@10": trial.value,
                "incumbent": self.incumbent(name),
                "settings": dict(trial.settings),
            }
            for name, trial in self.best.items()
        }
        return {
            "model": self.config.model,
            "models": models,
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "interrupted": self.interrupted,
        }


def tune(
    dataset: Dataset,
    config: Config | None = None,
    models: Sequence[str] = (),
    *,
    options: TuneOptions,
    on_better: Callable[[Tuned], None] | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Search the settings of each of `models` (of `config.model`); every model is given the same time.

    Every trial learns from the training part of the split and is judged by NDCG@10 on its validation part. An
    ensemble is tuned expert by expert, in the same time altogether. `on_better` is called after every trial that is
    the best of its model. Raises `UsageError` if no trial ended, and the model's error if none can be tried.
    """
    base = config or Config()
    names = list(dict.fromkeys(map(resolve_name, models))) or [base.model]
    study = _Study(dataset, base, options, names, on_better, progress)
    try:
        for name in names:
            study.tune_model(name, options.minutes * 60.0)
    except KeyboardInterrupt:
        return study.summarise(interrupted=True)
    if not any(search.best for search in study.searches.values()):
        if study.errors:
            raise next(iter(study.errors.values()))
        raise UsageError(
            f"No trial reached a validation within {options.minutes:g} minutes.", remedy="Give more minutes."
        )
    return study.summarise()


class _Study:
    """One split with its embeddings and training data, and the searches of every model on it."""

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        options: TuneOptions,
        names: Sequence[str],
        on_better: Callable[[Tuned], None] | None,
        progress: Progress | None,
    ) -> None:
        self.config, self.options, self.names = config, options, names
        self.on_better, self.progress = on_better, progress
        part = split(dataset, options.split, target=options.target, seed=config.seed)
        carrier = Recommender.fit(part.train, replace(config, model="popularity"), validation=part.validation)
        holdout = with_content(part.validation, pack_histories(part.dataset, carrier.encoders))
        data = build_training_data(part.train, carrier.modalities, carrier.encoders, config.seed)
        self.data = replace(data, validation=build_validation(holdout))
        self.notes = part.notes
        self.searches: dict[str, Search] = {}
        self.errors: dict[str, PenchantError] = {}

    def tune_model(self, name: str, budget_s: float) -> None:
        """Search one model, or the experts of an ensemble."""
        experts = [expert for expert in experts_of(self.config.options(name)) if expert in list_searchable()]
        if not experts and name not in list_searchable():
            raise UsageError(
                f"The model {name!r} has no settings to search.", remedy=f"Tune one of {', '.join(list_searchable())}."
            )
        shares = {e: NETWORK_SHARE if "network" in entry(e).traits else 1 for e in experts} or {name: 1}
        for part, share in shares.items():
            if part not in self.searches:
                self._search(part, budget_s * share / sum(shares.values()))

    def _search(self, name: str, budget_s: float) -> None:
        base = self.config
        space = entry(name).search_space(base.options(name))
        recipe = {"options": to_dict(base.options(name)), "training": to_dict(base.training), "space": repr(space)}
        search = self.searches[name] = Search(
            space,
            f"{name} {fingerprint_training(self.data, **recipe)}",
            self.options.journal,
            incumbent=read_incumbent(name, base.options, self.data),
            seed=base.seed,
        )

        def options(settings: JsonMapping) -> Callable[[str], Any]:
            return base.with_settings({f"{name}.{key}": value for key, value in settings.items()}).options

        best: Trial | None = None

        def on_progress(share: float) -> None:
            nonlocal best
            before, best = best, search.best
            if self.progress:
                value = f", best {best.value:.4f}" if best else ""
                self.progress(f"{name}: trial {len(search.trials)}{value}", share)
            if self.on_better and best != before:
                self.on_better(self.summarise())

        try:
            search.run(
                build_objective(name, options, self.data, base.training, base.device),
                budget_s=budget_s,
                clock=self.options.clock,
                n_trials=self.options.n_trials,
                on_progress=on_progress,
            )
        except UsageError:
            raise
        except PenchantError as error:
            self.errors[name] = error

    def summarise(self, *, interrupted: bool = False) -> Tuned:
        """The best of every search so far, as one configuration."""
        best = {name: search.best for name, search in self.searches.items() if search.best is not None}
        incumbents = {name: search.incumbent for name, search in self.searches.items() if search.incumbent is not None}
        settings = {f"{name}.{key}": value for name, trial in best.items() for key, value in trial.settings.items()}
        model = self.names[0]  # an ensemble itself is not measured here: it stays the model
        if model in best:
            model = max((name for name in self.names if name in best), key=lambda name: best[name].value or 0.0)
        config = replace(self.config, model=model).with_settings(settings)
        counts = {name: len(search.trials) for name, search in self.searches.items()}
        left_out = {name: str(error) for name, error in self.errors.items()}
        return Tuned(config, best, incumbents, counts, left_out, self.notes, interrupted)
