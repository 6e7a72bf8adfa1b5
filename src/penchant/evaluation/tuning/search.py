"""A search for settings within a time budget, on Optuna's storage, pruner and samplers.

The incumbent, which is the options before the search, is the first trial. Eight neighbours of the best trial follow.
From then on every second trial is a neighbour, and the others come from the tree-structured Parzen estimator (Bergstra
et al., NeurIPS 2011), which learns from all trials: a blend as of Wang et al. (ICLR 2021).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant.errors import PenchantError, require_extra
from penchant.evaluation.tuning.neighbours import draw_neighbour, locate_incumbent
from penchant.models.search_space import Categorical, Dimension, Float, Joint, Space, settings_of
from penchant.options import Json, JsonMapping

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as RunningTrial
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

STEPS = 12
"""Number of progress steps per trial, so that trials of different length can be compared."""
NEAR_FIRST = 8
"""Number of neighbours of the best trial before the estimator begins."""
_INCUMBENT, _BEST, _REASON = "incumbent", "best", "reason"

Report = Callable[[float, float], None]
"""Takes the finished share of a trial and its NDCG@10 on validation; may raise to end the trial."""
Objective = Callable[[JsonMapping, Report], float]
"""NDCG@10 on validation of some settings; those of the incumbent are empty."""


@dataclass(frozen=True)
class Trial:
    """One trial: its settings by option, the best value it reached, and how it ended.

    `state`: `complete`, `pruned` (below the median of earlier trials, or out of time) or `failed` (see `reason`).
    """

    settings: JsonMapping
    value: float | None
    state: str = "complete"
    reason: str = ""


class _OutOfTimeError(Exception):
    pass


class Search:
    """The trials of one model on one recipe and data set, which `name` identifies.

    Optuna keeps them in the journal file `path` (None: in memory): a search that was stopped or killed goes on there.
    `incumbent`: the options before the search, by name. Raises `MissingExtraError` without optuna.
    """

    def __init__(
        self,
        space: Space,
        name: str,
        path: Path | None = None,
        *,
        incumbent: JsonMapping | None = None,
        seed: int = 0,
    ) -> None:
        optuna = _import_optuna()
        self.space, self.seed = space, seed
        self.origin = locate_incumbent(space, incumbent or {})
        storage = _open_journal(path) if path is not None else None
        self.study: Study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True
        )
        for trial in self.study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):  # the process was killed
            self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        # A continuation draws from another seed, so that it repeats no trial.
        self.study.sampler = optuna.samplers.TPESampler(
            seed=(seed + len(self.trials)) % 2**32, n_startup_trials=NEAR_FIRST
        )
        self.study.pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=STEPS // 3)

    @property
    def trials(self) -> list[Trial]:
        """All trials that ended, in their order."""
        return [self._convert(trial) for trial in self._list_ended()]

    @property
    def best(self) -> Trial | None:
        """The trial with the highest value; the first of equals."""
        valued = [trial for trial in self.trials if trial.value is not None]
        return max(valued, key=lambda trial: trial.value or 0.0) if valued else None

    @property
    def incumbent(self) -> Trial | None:
        """The trial of the options before the search."""
        return next((trial for trial in self.trials if not trial.settings), None)

    def run(
        self,
        objective: Objective,
        *,
        budget_s: float,
        clock: Callable[[], float],
        n_trials: int | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> None:
        """Add trials until `budget_s` seconds of `clock` are over or there are `n_trials`, earlier ones included.

        The clock is read between epochs. Raises the objective's `PenchantError` if the incumbent cannot be tried.
        """
        optuna = _import_optuna()
        begin = clock()

        def spent() -> float:
            share = (clock() - begin) / budget_s
            if on_progress:
                on_progress(min(1.0, share))
            return share

        while clock() - begin < budget_s and (n_trials is None or len(self._list_ended()) < n_trials):
            self._enqueue()
            trial = self.study.ask()
            values: list[float] = []
            try:
                self.study.tell(trial, objective(self._suggest(trial), self._build_reporter(trial, values, spent)))
            except (optuna.TrialPruned, _OutOfTimeError):
                self._prune(trial, values)
            except KeyboardInterrupt:
                self._prune(trial, values)
                raise
            except PenchantError as error:
                trial.set_user_attr(_REASON, str(error))
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                if _INCUMBENT in trial.user_attrs:
                    raise
            spent()

    def _build_reporter(self, trial: RunningTrial, values: list[float], spent: Callable[[], float]) -> Report:
        """The callback of a trial: collects `values`, and ends the trial if it is hopeless or out of time.

        The pruner receives the first value of each step.
        """
        steps: set[int] = set()

        def report(share: float, value: float) -> None:
            step = round(STEPS * share)
            if value == value:  # NaN: this epoch was not validated
                values.append(value)
                if step not in steps:
                    steps.add(step)
                    trial.report(value, step)
                    if _INCUMBENT not in trial.user_attrs and trial.should_prune():
                        raise _import_optuna().TrialPruned
            if spent() >= 1.0:
                raise _OutOfTimeError

        return report

    def _enqueue(self) -> None:
        """Decide the next trial, unless it is the estimator's turn."""
        ended, incumbent = self._list_ended(), self.incumbent
        if incumbent is None or incumbent.state == "failed":
            self.study.enqueue_trial(self.origin, user_attrs={_INCUMBENT: True})
        elif len(ended) <= NEAR_FIRST or len(ended) % 2:
            self.study.enqueue_trial(self._propose_near_best(ended))

    def _propose_near_best(self, ended: list[FrozenTrial]) -> Json:
        """A neighbour of the best trial that has not been tried."""
        valued = [trial for trial in ended if _read_value(trial) is not None]
        best = max(valued, key=lambda trial: _read_value(trial) or 0.0) if valued else None
        rng = np.random.default_rng([self.seed, len(ended)])
        tried = [trial.params for trial in ended]
        for _ in range(20):
            proposal = draw_neighbour(self.space, self.origin if best is None else best.params, rng)
            if proposal not in tried:
                break
        return proposal

    def _suggest(self, trial: RunningTrial) -> Json:
        """The settings of a trial. The estimator learns only those settings of the incumbent that lie inside the
        space."""
        if _INCUMBENT in trial.user_attrs:
            for name in self.origin:
                _suggest(trial, name, self.space[name])
            return {}
        return settings_of(self.space, {name: _suggest(trial, name, self.space[name]) for name in self.space})

    def _prune(self, trial: RunningTrial, values: list[float]) -> None:
        """End a trial early; its best value so far counts."""
        states = _import_optuna().trial.TrialState
        if values:
            trial.set_user_attr(_BEST, max(values))
        self.study.tell(trial, state=states.PRUNED if values else states.FAIL)

    def _list_ended(self) -> list[FrozenTrial]:
        """The trials that ended; those of a killed process are left out."""
        trials = self.study.get_trials(deepcopy=False)
        return [trial for trial in trials if trial.state.name in ("COMPLETE", "PRUNED") or _REASON in trial.user_attrs]

    def _convert(self, trial: FrozenTrial) -> Trial:
        settings = {} if _INCUMBENT in trial.user_attrs else settings_of(self.space, trial.params)
        state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "failed")
        return Trial(settings, _read_value(trial), state, trial.user_attrs.get(_REASON, ""))


def _read_value(trial: FrozenTrial) -> float | None:
    return trial.value if trial.state.name == "COMPLETE" else trial.user_attrs.get(_BEST)


def _suggest(trial: RunningTrial, name: str, dimension: Dimension) -> Any:
    """The value of one dimension (of a `Joint`, the index of its value)."""
    if isinstance(dimension, Categorical):
        return trial.suggest_categorical(name, dimension.values)
    if isinstance(dimension, Joint):
        return trial.suggest_categorical(name, range(len(dimension.values)))
    if isinstance(dimension, Float):
        return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log)


def _open_journal(path: Path) -> BaseStorage:
    """Optuna's journal in a file. A last line that a kill tore is cut off, since Optuna cannot read it."""
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
    return JournalStorage(JournalFileBackend(str(path)))


def _import_optuna() -> Any:
    with require_extra("optuna", "tune"):
        import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
