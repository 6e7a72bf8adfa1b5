"""Settings found on the validation part of a split; the test part is never looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.splits import How, Target, split
from penchant.embeddings.packing import packed
from penchant.errors import PenchantError, UsageError
from penchant.evaluation.run import with_content
from penchant.evaluation.tuning.search import Trial, Trials, search
from penchant.models.base import experts_of
from penchant.models.registry import entry, searchable
from penchant.options import to_dict
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training.checkpoints import identity
from penchant.training.prepare import training_data
from penchant.training.selection import validation_of

SLOW_SHARE = 6
"""How many times the time of a closed form a network of an ensemble is given."""


@dataclass(frozen=True)
class Tuned:
    """What a search found: `config` with the best settings; by model the best trial and the one as it stood.

    `models` are those that were asked for, best first by what they reach; `left_out` says why one was not tried.
    """

    config: Config
    best: Mapping[str, Trial]
    standing: Mapping[str, Trial]
    counts: Mapping[str, int]
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    interrupted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        models = {
            name: {
                "trials": self.counts[name],
                "ndcg@10": trial.value,
                "as_it_stood": self.standing[name].value if name in self.standing else None,
                "settings": dict(trial.settings),
            }
            for name, trial in self.best.items()
        }
        told = {"left_out": dict(self.left_out), "notes": list(self.notes), "interrupted": self.interrupted}
        return {"model": self.config.model, "models": models, **told}


def tune(
    dataset: Dataset,
    config: Config | None = None,
    models: Sequence[str] = (),
    *,
    minutes: float,
    how: How = "time",
    target: Target = "first",
    trials: Path | None = None,
    most: int | None = None,
    clock: Callable[[], float] = time.monotonic,
    on_better: Callable[[Tuned], None] | None = None,
    progress: Progress | None = None,
) -> Tuned:
    """Search the settings of each of `models` (of `config.model`) for `minutes` each, or for `most` trials.

    Every trial learns from the training part of the split and is judged by NDCG@10 on its validation part. An
    ensemble is tuned expert by expert, in the same time altogether. `trials` is a file that keeps every trial: with
    the same data and config a search goes on where it was. `on_better` is called after every trial that was the best
    of its model. Raises `UsageError` where no trial ended, and the model's error where none can be tried.
    """
    base = config or Config()
    if not minutes > 0:
        raise UsageError(f"minutes={minutes} is out of range.", remedy="Give a time above 0.")
    asked = list(dict.fromkeys(models)) or [base.model]
    work = _Search(dataset, base, how, target, trials, clock, progress, most, on_better, asked)
    try:
        for name in asked:
            work.model(name, minutes * 60.0)
    except KeyboardInterrupt:
        return work.found(interrupted=True)
    if not work.trials or not any(t.best for t in work.trials.values()):
        if work.errors:
            raise next(iter(work.errors.values()))
        raise UsageError(f"No trial came to a validation in {minutes:g} minutes.", remedy="Give more minutes.")
    return work.found()


class _Search:
    """One split, its modalities and training data made once, and the searches of every model on it."""

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        how: How,
        target: Target,
        file: Path | None,
        clock: Callable[[], float],
        progress: Progress | None,
        most: int | None,
        on_better: Callable[[Tuned], None] | None,
        asked: Sequence[str],
    ) -> None:
        self.config, self.file, self.clock, self.progress = config, file, clock, progress
        self.most, self.on_better, self.asked = most, on_better, asked
        part = split(dataset, how, target=target, seed=config.seed)
        carrier = Recommender.fit(part.train, replace(config, model="popularity"), validation=part.validation)
        held = with_content(part.validation, packed(part.dataset, carrier.encoders))
        data = training_data(part.train, carrier.modalities, carrier.encoders, config.seed)
        self.data = replace(data, validation=validation_of(held))
        self.notes = part.notes
        self.trials: dict[str, Trials] = {}
        self.errors: dict[str, PenchantError] = {}

    def model(self, name: str, budget_s: float) -> None:
        """Search one model, or the experts of an ensemble."""
        experts = [e for e in experts_of(self.config.options(name)) if e in searchable()]
        if not experts and name not in searchable():
            raise UsageError(
                f"The model {name!r} has no settings to search.", remedy=f"Tune one of {', '.join(searchable())}."
            )
        parts = {e: SLOW_SHARE if "network" in entry(e).traits else 1 for e in experts} or {name: 1}
        for part, share in parts.items():
            if part not in self.trials:
                self._one(part, budget_s * share / sum(parts.values()))

    def _one(self, name: str, budget_s: float) -> None:
        from penchant.evaluation.tuning.objective import objective, standing

        base = self.config
        key = identity(self.data, options=to_dict(base.options(name)), training=to_dict(base.training))
        kept = self.trials[name] = Trials(self.file, key, name)

        def options(settings: Mapping[str, Any]) -> Callable[[str], Any]:
            return base.with_settings({f"{name}.{key}": value for key, value in settings.items()}).options

        best: Trial | None = None

        def told(trials: Trials, share: float) -> None:
            nonlocal best
            if self.progress:
                value = f", best {trials.best.value:.4f}" if trials.best else ""
                self.progress(f"{name}: trial {len(trials.found)}{value}", min(1.0, share))
            if trials.best is not best:
                best = trials.best
                if self.on_better:
                    self.on_better(self.found())

        try:
            search(
                entry(name).search_space(base.options(name)),
                objective(name, options, self.data, base.training, base.device),
                kept,
                budget_s=budget_s,
                clock=self.clock,
                seed=base.seed,
                most=self.most,
                stands=standing(name, base.options, self.data),
                told=told,
            )
        except UsageError:
            raise
        except PenchantError as error:
            self.errors[name] = error

    def found(self, *, interrupted: bool = False) -> Tuned:
        """The best of every search so far, as one configuration."""
        best = {name: kept.best for name, kept in self.trials.items() if kept.best is not None}
        standing = {name: kept.standing for name, kept in self.trials.items() if kept.standing is not None}
        settings = {f"{name}.{key}": value for name, trial in best.items() for key, value in trial.settings.items()}
        tried = [name for name in self.asked if name in best]
        chosen = self.asked[0]  # an ensemble itself is not measured here: it stays what was asked for
        if chosen in best:
            chosen = max(tried, key=lambda name: best[name].value or 0.0)
        config = replace(self.config, model=chosen).with_settings(settings)
        counts = {name: len(kept.found) for name, kept in self.trials.items()}
        left_out = {name: str(error) for name, error in self.errors.items()}
        return Tuned(config, best, standing, counts, left_out, self.notes, interrupted)
