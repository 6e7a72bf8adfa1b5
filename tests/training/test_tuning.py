"""The search for settings: budgets, going on, pruning, and spaces that hold what models allow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from penchant.config import Config
from penchant.errors import MissingExtraError, ModelError
from penchant.models.registry import MODELS
from penchant.training.search_space import SPACES, Choice, Real, Whole, learns_slowly
from penchant.training.tuning import Report, Trial, Trials, search

pytest.importorskip("optuna")

SPACE = {"x": Real(-2.0, 2.0), "n": Whole(1, 9), "kind": Choice(("a", "b", None))}


def hill(settings: Mapping[str, Any], report: Report) -> float:
    """Highest at x = .5, n = 3, kind b; the settings that stand are worth .2."""
    if not settings:
        return 0.2
    return 1.0 - (settings["x"] - 0.5) ** 2 - 0.05 * abs(settings["n"] - 3) - (settings["kind"] != "b")


def ticking() -> Callable[[], float]:
    """A clock that moves a second whenever it is read."""
    count = itertools.count()
    return lambda: float(next(count))


def test_it_finds_the_hill_and_never_less_than_what_stood() -> None:
    trials = Trials(None, "k", "m")
    search(SPACE, hill, trials, budget_s=1e9, clock=ticking(), most=60)
    assert len(trials.found) == 60 and trials.standing == Trial("k", "m", {}, 0.2)
    best = trials.best
    assert best is not None and best.value is not None and best.value > 0.85
    assert best.settings["kind"] == "b" and abs(best.settings["x"] - 0.5) < 0.4
    poor = Trials(None, "k", "m")
    search(SPACE, lambda settings, report: -float(bool(settings)), poor, budget_s=1e9, clock=ticking(), most=5)
    assert poor.best == poor.standing and poor.best is not None and poor.best.settings == {}


def test_it_goes_on_from_its_file_and_draws_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    search(SPACE, hill, Trials(file, "k", "m"), budget_s=1e9, clock=ticking(), most=5)
    with file.open("a") as torn:
        torn.write('{"key": "k", "model": "m", "sett')
    again = Trials(file, "k", "m")
    assert len(again.found) == 5
    search(SPACE, hill, again, budget_s=1e9, clock=ticking(), most=9)
    found = Trials(file, "k", "m").found
    assert len(found) == 9 and len({str(t.settings) for t in found}) == 9
    assert [t.settings for t in found].count({}) == 1
    assert not Trials(file, "other data", "m").found and not Trials(file, "k", "other model").found


def test_same_seed_same_trials() -> None:
    def values(seed: int) -> list[Any]:
        trials = Trials(None, "k", "m")
        search(SPACE, hill, trials, budget_s=1e9, clock=ticking(), seed=seed, most=12)
        return [t.settings for t in trials.found]

    assert values(1) == values(1) != values(2)


def test_the_budget_is_looked_at_between_epochs_and_what_was_reached_counts() -> None:
    now = [0.0]

    def slow(settings: Mapping[str, Any], report: Report) -> float:
        for epoch in range(1, 13):
            now[0] += 10.0
            report(epoch / 12, 0.3 + 0.01 * epoch if epoch % 2 == 0 else float("nan"))
        raise AssertionError("out of time before")

    trials = Trials(None, "k", "m")
    search(SPACE, slow, trials, budget_s=55.0, clock=lambda: now[0])
    assert [(t.state, t.value) for t in trials.found] == [("stopped", pytest.approx(0.36))]
    assert dict(trials.found[0].curve) == pytest.approx({2: 0.32, 4: 0.34, 6: 0.36})


def test_hopeless_trials_are_pruned() -> None:
    asked: list[int] = []

    def objective(settings: Mapping[str, Any], report: Report) -> float:
        good = hill(settings, report)
        for step in range(1, 13):
            asked.append(step)
            report(step / 12, good * step / 12)
        return good

    trials = Trials(None, "k", "m")
    search(SPACE, objective, trials, budget_s=1e9, clock=ticking(), most=30)
    pruned = [t for t in trials.found if t.state == "pruned"]
    assert pruned and all(3 <= max(t.curve) < 12 for t in pruned)
    assert len(asked) < 30 * 12
    whole = [t.value for t in trials.found if t.state == "complete"]
    assert trials.best is not None and trials.best.value == max(whole)  # type: ignore[type-var]


def test_a_failed_trial_is_kept_and_an_impossible_model_says_so(tmp_path: Path) -> None:
    def sometimes(settings: Mapping[str, Any], report: Report) -> float:
        if settings and settings["n"] > 3:
            raise ModelError("diverged")
        return 0.5

    trials = Trials(tmp_path / "t.jsonl", "k", "m")
    search(SPACE, sometimes, trials, budget_s=1e9, clock=ticking(), most=12)
    failed = [t for t in trials.found if t.state == "failed"]
    assert failed and {t.reason for t in failed} == {"diverged"} and {t.value for t in failed} == {None}

    def never(settings: Mapping[str, Any], report: Report) -> float:
        raise ModelError("no text")

    with pytest.raises(ModelError, match="no text"):
        search(SPACE, never, Trials(None, "k", "m"), budget_s=1e9, clock=ticking(), most=3)


def test_interrupted_the_trial_that_ran_is_kept() -> None:
    def interrupted(settings: Mapping[str, Any], report: Report) -> float:
        report(0.5, 0.4)
        raise KeyboardInterrupt

    trials = Trials(None, "k", "m")
    with pytest.raises(KeyboardInterrupt):
        search(SPACE, interrupted, trials, budget_s=1e9, clock=ticking(), most=3)
    assert [(t.state, t.value) for t in trials.found] == [("stopped", 0.4)]


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"penchant\[tune\]"):
        search(SPACE, hill, Trials(None, "k", "m"), budget_s=1.0, clock=ticking())


@pytest.mark.parametrize("name", SPACES)
def test_the_ends_of_every_range_are_allowed(name: str) -> None:
    assert name in MODELS
    config = Config(model=name)
    for option, dimension in SPACES[name].items():
        ends = dimension.values if isinstance(dimension, Choice) else (dimension.low, dimension.high)
        for value in ends:
            found = config.with_settings({f"{name}.{option}": value}).options()
            assert getattr(found, option) == value
    assert learns_slowly(name) == (name in ("gru", "cnn_rnn", "transformer", "content_transformer"))


def test_every_expert_of_an_ensemble_has_a_space() -> None:
    for name in ("lite", "flagship"):
        assert set(Config(model=name).options().experts) <= set(SPACES)
