"""A search for settings within a budget of time: near the best first, then by a model of the space; the median of
earlier trials stops the hopeless."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from penchant.errors import MissingExtraError, PenchantError
from penchant.evaluation.tuning.neighbours import neighbour, standing_proposal
from penchant.models.search_space import Categorical, Dimension, Float, Joint, Space, proposal_of, settings_of

STEPS = 12
"""A trial's progress is told in so many steps, so that trials of different length can be compared."""
NEAR_FIRST = 8
"""So many proposals are near the best; from then on every second one."""
COMPLETE, PRUNED, STOPPED, FAILED = "complete", "pruned", "stopped", "failed"

Report = Callable[[float, float], None]
"""Called with the share of a trial that is done and the NDCG@10 on validation; may raise to end it."""
Objective = Callable[[Mapping[str, Any], Report], float]
"""NDCG@10 on validation of some settings ({}: those that stand)."""


@dataclass(frozen=True)
class Trial:
    """One trial: `settings` by option, the best `value` it reached, its `curve` by step, and how it ended.

    `state`: `complete`, `pruned` (worse than the median of the others), `stopped` (out of time) or `failed`. `key`
    says of which data and recipe it is.
    """

    key: str
    model: str
    settings: Mapping[str, Any]
    value: float | None
    state: str = COMPLETE
    curve: Mapping[int, float] = field(default_factory=dict)
    reason: str = ""


class Trials:
    """All trials of a search in a file, one JSON line each, added one by one: a search that was stopped goes on."""

    def __init__(self, path: Path | None, key: str, model: str) -> None:
        self.path, self.key, self.model = path, key, model
        self.found: list[Trial] = [t for t in _read(path) if (t.key, t.model) == (key, model)] if path else []

    def add(self, trial: Trial) -> None:
        """Keep a trial; it is on disk when this returns."""
        self.found.append(trial)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torn = self.path.is_file() and self.path.stat().st_size > 0 and not self.path.read_bytes().endswith(b"\n")
            with self.path.open("a", encoding="utf-8") as file:
                file.write(("\n" if torn else "") + json.dumps(asdict(trial)) + "\n")
                file.flush()
                os.fsync(file.fileno())

    @property
    def best(self) -> Trial | None:
        """The trial with the highest value; the first of equals."""
        valued = [t for t in self.found if t.value is not None]
        return max(valued, key=lambda t: t.value or 0.0) if valued else None

    @property
    def standing(self) -> Trial | None:
        """The trial of the settings as they stood."""
        return next((t for t in self.found if not t.settings), None)


class _OutOfTime(Exception):
    pass


def search(
    space: Space,
    objective: Objective,
    trials: Trials,
    *,
    budget_s: float,
    clock: Callable[[], float],
    seed: int = 0,
    most: int | None = None,
    stands: Mapping[str, Any] | None = None,
    told: Callable[[Trials, float], None] | None = None,
) -> None:
    """Add trials until `budget_s` seconds of `clock` are over (looked at between epochs) or there are `most`.

    The settings as they stand are tried first, so that what is found is never worse on validation; `stands` says what
    they are, by option. Earlier trials of the same key count. The first eight proposals are neighbours of the best so
    far, afterwards every second one is, and the others are those of the tree-structured Parzen estimator (Bergstra et
    al., NeurIPS 2011), which has learned from all of them: a blend as of Wang et al. (ICLR 2021). Raises the
    objective's `PenchantError` where even the settings as they stand cannot be tried, and `MissingExtraError` without
    optuna.
    """
    optuna = _optuna()
    begun = clock()
    origin = standing_proposal(space, stands or {})
    study = _study(optuna, space, trials.found, seed, origin)
    spaces = {name: _distribution(optuna, space[name]) for name in space}
    while clock() - begun < budget_s and (most is None or len(trials.found) < most):
        first = trials.standing is None
        if not first and (len(trials.found) <= NEAR_FIRST or len(trials.found) % 2):
            study.enqueue_trial(_near_best(space, trials, origin, seed))
        trial = None if first else study.ask(spaces)
        settings = {} if trial is None else settings_of(space, trial.params)
        curve: dict[int, float] = {}

        def report(share: float, value: float, trial: Any = trial, curve: dict[int, float] = curve) -> None:
            step = round(STEPS * share)
            if value == value:  # NaN: this epoch was not validated
                first_of_step = step not in curve
                curve[step] = max(value, curve.get(step, value))
                if trial is not None and first_of_step:
                    trial.report(value, step)
                    if trial.should_prune():
                        raise optuna.TrialPruned
            if told:
                told(trials, (clock() - begun) / budget_s)
            if clock() - begun >= budget_s:
                raise _OutOfTime

        made = Trial(trials.key, trials.model, settings, None, curve=curve)
        try:
            made = replace(made, value=objective(settings, report))
        except optuna.TrialPruned:
            made = _ended(made, PRUNED)
        except _OutOfTime:
            made = _ended(made, STOPPED)
        except KeyboardInterrupt:
            if curve:
                trials.add(_ended(made, STOPPED))
            raise
        except PenchantError as error:
            if first:
                raise
            made = replace(made, state=FAILED, reason=str(error))
        trials.add(made)
        if first:
            _know(study, optuna, made, origin, spaces)
        else:
            states = optuna.trial.TrialState
            kind = {COMPLETE: states.COMPLETE, FAILED: states.FAIL}.get(made.state, states.PRUNED)
            study.tell(trial, made.value if made.state == COMPLETE else None, state=kind)
        if told:
            told(trials, min(1.0, (clock() - begun) / budget_s))


def _ended(trial: Trial, state: str) -> Trial:
    """A trial that was ended early: its best value so far is one it truly has."""
    return replace(trial, state=state, value=max(trial.curve.values(), default=None))


def _near_best(space: Space, trials: Trials, origin: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """A neighbour of the best so far (of what stands, where that is the best) that has not been tried."""
    best, rng = trials.best, np.random.default_rng([seed, len(trials.found)])
    around = proposal_of(space, best.settings) if best is not None and best.settings else None
    tried = [trial.settings for trial in trials.found]
    for _ in range(20):
        found = neighbour(space, origin if around is None else around, rng)
        if settings_of(space, found) not in tried:
            break
    return found


def _study(optuna: Any, space: Space, earlier: Sequence[Trial], seed: int, origin: Mapping[str, Any]) -> Any:
    """A study that knows the earlier trials; another seed for every continuation, so that none is drawn again."""
    sampler = optuna.samplers.TPESampler(seed=(seed + len(earlier)) % 2**32, n_startup_trials=NEAR_FIRST)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=STEPS // 3)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    spaces = {name: _distribution(optuna, space[name]) for name in space}
    for trial in earlier:
        proposed = proposal_of(space, trial.settings) if trial.settings else origin
        if proposed is not None and trial.state != FAILED:
            _know(study, optuna, trial, proposed, spaces)
    return study


def _know(study: Any, optuna: Any, trial: Trial, proposed: Mapping[str, Any], spaces: Mapping[str, Any]) -> None:
    """Tell a study of a trial that it did not ask for; one that lacks a dimension only by how it went."""
    states = optuna.trial.TrialState
    with contextlib.suppress(ValueError):  # a range has changed since: that trial says nothing here
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(proposed),
                distributions={name: spaces[name] for name in proposed},
                value=trial.value if trial.state == COMPLETE else None,
                state=states.COMPLETE if trial.state == COMPLETE else states.PRUNED,
                intermediate_values=dict(trial.curve),
            )
        )


def _distribution(optuna: Any, dimension: Dimension) -> Any:
    kinds = optuna.distributions
    if isinstance(dimension, Categorical):
        return kinds.CategoricalDistribution(dimension.values)
    if isinstance(dimension, Joint):
        return kinds.CategoricalDistribution(range(len(dimension.values)))
    kind = kinds.FloatDistribution if isinstance(dimension, Float) else kinds.IntDistribution
    return kind(dimension.low, dimension.high, log=dimension.log)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "tune") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _read(path: Path) -> list[Trial]:
    """The trials of a file; a line that was torn by a kill is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            values = json.loads(line)
            curve = {int(step): value for step, value in values.pop("curve").items()}
            found.append(Trial(**values, curve=curve))
    return found
