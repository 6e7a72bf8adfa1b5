"""The search for settings: budgets, going on, pruning, and spaces that hold what models allow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import MissingExtraError, ModelError, OptionError
from penchant.evaluation.tuning.neighbours import draw_neighbour, locate_incumbent
from penchant.evaluation.tuning.objective import read_incumbent
from penchant.evaluation.tuning.search import Report, Search, Trial
from penchant.models.registry import MODELS, REMOVED, entry, list_searchable, resolve_name
from penchant.models.search_space import (
    Categorical,
    Float,
    Int,
    Joint,
    Space,
    settings_of,
)
from penchant.recommender.config import Config

pytest.importorskip("optuna")

SPACE = {"x": Float(-2.0, 2.0), "n": Int(1, 9), "kind": Categorical(("a", "b", None))}


def hill(settings: Mapping[str, Any], report: Report) -> float:
    """Highest at x = .5, n = 3, kind b; the incumbent is worth .2."""
    if not settings:
        return 0.2
    return 1.0 - (settings["x"] - 0.5) ** 2 - 0.05 * abs(settings["n"] - 3) - (settings["kind"] != "b")


def ticking() -> Callable[[], float]:
    """A clock that moves a second whenever it is read."""
    count = itertools.count()
    return lambda: float(next(count))


def test_it_finds_the_hill_and_never_less_than_the_incumbent() -> None:
    search = Search(SPACE, "m")
    search.run(hill, budget_s=1e9, clock=ticking(), n_trials=60)
    assert len(search.trials) == 60 and search.incumbent == Trial({}, 0.2)
    best = search.best
    assert best is not None and best.value is not None and best.value > 0.85
    assert best.settings["kind"] == "b" and abs(best.settings["x"] - 0.5) < 0.4
    poor = Search(SPACE, "m")
    poor.run(lambda settings, report: -float(bool(settings)), budget_s=1e9, clock=ticking(), n_trials=5)
    assert poor.best == poor.incumbent and poor.best is not None and poor.best.settings == {}


def test_it_goes_on_from_its_file_and_draws_nothing_twice(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "t.log"
    Search(SPACE, "m", file).run(hill, budget_s=1e9, clock=ticking(), n_trials=5)
    with file.open("a") as torn:
        torn.write('{"op_code": 4, "sett')
    again = Search(SPACE, "m", file)
    assert len(again.trials) == 5
    again.run(hill, budget_s=1e9, clock=ticking(), n_trials=9)
    trials = Search(SPACE, "m", file).trials
    assert len(trials) == 9 and len({str(t.settings) for t in trials}) == 9
    assert [t.settings for t in trials].count({}) == 1
    assert not Search(SPACE, "other data", file).trials


def test_a_search_that_was_killed_goes_on_without_the_trial_that_ran(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def killed(settings: Mapping[str, Any], report: Report) -> float:
        if settings:
            report(0.5, 0.9)
            raise Killed
        return 0.2

    file = tmp_path / "t.log"
    with pytest.raises(Killed):
        Search(SPACE, "m", file).run(killed, budget_s=1e9, clock=ticking(), n_trials=5)
    again = Search(SPACE, "m", file)
    assert again.trials == [Trial({}, 0.2)]
    again.run(hill, budget_s=1e9, clock=ticking(), n_trials=4)
    assert len(again.trials) == 4 and [t.settings for t in again.trials].count({}) == 1


def _bowl(settings: Mapping[str, Any], report: Report) -> float:
    """Twelve dimensions; the incumbent has 0 in all, and .2 is best."""
    return -sum((settings.get(f"x{k}", 0.0) - 0.2) ** 2 for k in range(12))


def test_few_trials_near_the_incumbent_better_it_where_there_are_many_dimensions() -> None:
    wide: dict[str, Any] = {f"x{k}": Float(-1.0, 1.0) for k in range(12)}
    best_values = []
    for seed in range(4):
        search = Search(wide, "m", incumbent=dict.fromkeys(wide, 0.0), seed=seed)
        search.run(_bowl, budget_s=1e9, clock=ticking(), n_trials=25)
        assert search.incumbent is not None and search.incumbent.value == pytest.approx(-0.48)
        assert search.best is not None and search.best.value is not None
        near = [trial.settings for trial in search.trials[1:9]]
        assert len({str(settings) for settings in near}) == 8
        assert 1 <= sum(value != 0.0 for value in near[0].values()) <= 8
        best_values.append(search.best.value)
    assert float(np.mean(best_values)) > -0.44  # a draw from the space is worth -4.5 on average, and never above -0.48


def test_neighbours_move_a_little_and_stay_inside() -> None:
    space = {
        "x": Float(1e-3, 1.0, log=True),
        "n": Int(1, 3),
        "size": Categorical((32, 64, 96, 128)),
        "kind": Categorical(("a", "b", None)),
        "both": Joint(({"p": 1, "q": 1}, {"p": 2, "q": 2})),
        "open": Int(1, 30),
    }
    around = locate_incumbent(space, {"x": 0.5, "n": 3, "size": 64, "kind": None, "p": 2, "q": 2, "open": 0})
    assert around == {"x": 0.5, "n": 3, "size": 64, "kind": None, "both": 1}  # 0 lies outside: it is drawn
    assert locate_incumbent(space, {"x": 2.0, "size": 65, "p": 1, "q": 2}) == {}
    rng = np.random.default_rng(0)
    neighbours = [draw_neighbour(space, around, rng) for _ in range(400)]
    assert all(list(each) == list(space) and 1e-3 <= each["x"] <= 1.0 and each["n"] in (1, 2, 3) for each in neighbours)
    moved = [{name for name, value in around.items() if each[name] != value} for each in neighbours]
    assert all(sum(name in each for each in moved) > 60 for name in around)
    assert 1.2 < float(np.mean([len(each) for each in moved])) < 2.2
    assert {each["size"] for each in neighbours} == {32, 64, 96} and {each["kind"] for each in neighbours} == {
        "a",
        "b",
        None,
    }
    assert {each["both"] for each in neighbours} == {0, 1} and {each["open"] for each in neighbours} > set(range(2, 30))


def test_same_seed_same_trials() -> None:
    def values(seed: int) -> list[Any]:
        search = Search(SPACE, "m", seed=seed)
        search.run(hill, budget_s=1e9, clock=ticking(), n_trials=12)
        return [t.settings for t in search.trials]

    assert values(1) == values(1) != values(2)


def test_the_budget_is_looked_at_between_epochs_and_what_was_reached_counts() -> None:
    now = [0.0]

    def slow(settings: Mapping[str, Any], report: Report) -> float:
        for epoch in range(1, 13):
            now[0] += 10.0
            report(epoch / 12, 0.3 + 0.01 * epoch if epoch % 2 == 0 else float("nan"))
        raise AssertionError("out of time before")

    search = Search(SPACE, "m")
    search.run(slow, budget_s=55.0, clock=lambda: now[0])
    assert [(t.state, t.value) for t in search.trials] == [("pruned", pytest.approx(0.36))]
    assert curve(search, 0) == pytest.approx({2: 0.32, 4: 0.34, 6: 0.36})


def curve(search: Search, number: int) -> dict[int, float]:
    """The values of a trial that Optuna has, by step."""
    return search.study.trials[number].intermediate_values


def test_hopeless_trials_are_pruned() -> None:
    steps: list[int] = []

    def objective(settings: Mapping[str, Any], report: Report) -> float:
        good = hill(settings, report)
        for step in range(1, 13):
            steps.append(step)
            report(step / 12, good * step / 12)
        return good

    search = Search(SPACE, "m")
    search.run(objective, budget_s=1e9, clock=ticking(), n_trials=30)
    pruned = [number for number, t in enumerate(search.trials) if t.state == "pruned"]
    assert pruned and all(3 <= max(curve(search, number)) < 12 for number in pruned)
    assert len(steps) < 30 * 12
    complete = [t.value for t in search.trials if t.state == "complete"]
    assert search.best is not None and search.best.value == max(complete)  # type: ignore[type-var]


def test_of_more_validations_than_steps_the_best_counts() -> None:
    """A long trial is validated after every epoch: no value is lost, and Optuna gets one value a step."""
    now = [0.0]

    def long(settings: Mapping[str, Any], report: Report) -> float:
        for epoch in range(1, 37):
            now[0] += 1.0
            report(epoch / 36, 0.5 - 0.001 * epoch)
        return 0.499

    search = Search(SPACE, "m")
    search.run(long, budget_s=1e9, clock=lambda: now[0], n_trials=2)
    assert [t.state for t in search.trials] == ["complete", "complete"]
    assert curve(search, 1)[0] == pytest.approx(0.499)  # epoch 1 of 36 rounds to step 0, 2 to 4 to step 1
    assert curve(search, 1)[1] == pytest.approx(0.498)
    stopped = Search(SPACE, "m")
    stopped.run(long, budget_s=4.0, clock=lambda: now[0])
    assert stopped.trials[0].state == "pruned" and stopped.trials[0].value == pytest.approx(0.499)


def test_a_failed_trial_is_kept_and_an_impossible_model_says_so(tmp_path: Path) -> None:
    def sometimes(settings: Mapping[str, Any], report: Report) -> float:
        if settings and settings["n"] > 3:
            raise ModelError("diverged")
        return 0.5

    search = Search(SPACE, "m", tmp_path / "t.log")
    search.run(sometimes, budget_s=1e9, clock=ticking(), n_trials=12)
    failed = [t for t in search.trials if t.state == "failed"]
    assert failed and {t.reason for t in failed} == {"diverged"} and {t.value for t in failed} == {None}

    def never(settings: Mapping[str, Any], report: Report) -> float:
        raise ModelError("no text")

    with pytest.raises(ModelError, match="no text"):
        Search(SPACE, "m").run(never, budget_s=1e9, clock=ticking(), n_trials=3)


def test_interrupted_the_trial_that_ran_is_kept() -> None:
    def interrupted(settings: Mapping[str, Any], report: Report) -> float:
        report(0.5, 0.4)
        raise KeyboardInterrupt

    search = Search(SPACE, "m")
    with pytest.raises(KeyboardInterrupt):
        search.run(interrupted, budget_s=1e9, clock=ticking(), n_trials=3)
    assert [(t.state, t.value) for t in search.trials] == [("pruned", 0.4)]


def test_without_optuna_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"penchant\[tune\]"):
        Search(SPACE, "m")


HEADED = {**SPACE, "scoring": Joint(({"head": "a", "parts": 1}, {"head": "b", "parts": 4}))}


def test_options_that_belong_together_are_one_choice() -> None:
    proposed = {"x": 0.5, "n": 3, "kind": "b", "scoring": 1}
    settings = settings_of(HEADED, proposed)
    assert settings == {"x": 0.5, "n": 3, "kind": "b", "head": "b", "parts": 4}


def test_a_search_learns_which_of_them_is_better_and_goes_on_from_its_file(tmp_path: Path) -> None:
    def value(settings: Mapping[str, Any], report: Report) -> float:
        assert not settings or (settings["head"], settings["parts"]) in (("a", 1), ("b", 4))
        return hill(settings, report) - (settings.get("head") == "a")

    file = tmp_path / "t.log"
    Search(HEADED, "m", file).run(value, budget_s=1e9, clock=ticking(), n_trials=20)
    search = Search(HEADED, "m", file)
    search.run(value, budget_s=1e9, clock=ticking(), n_trials=40)
    late = [t.settings["head"] for t in search.trials[20:]]
    assert late.count("b") > 14  # of twenty, each second one by chance
    assert search.best is not None and search.best.settings["parts"] == 4


def space_of(name: str, options: Any = None) -> Space:
    return entry(name).search_space(entry(name).default_options() if options is None else options)


def _settings_to_try(name: str, options: Any) -> list[dict[str, Any]]:
    """Both ends of every dimension, or all its values."""
    settings: list[dict[str, Any]] = []
    for key, dimension in space_of(name, options).items():
        if isinstance(dimension, Joint):
            settings += [dict(value) for value in dimension.values]
        else:
            ends = dimension.values if isinstance(dimension, Categorical) else (dimension.low, dimension.high)
            settings += [{key: value} for value in ends]
    return settings


@pytest.mark.parametrize("name", list_searchable())
def test_the_ends_of_every_range_are_allowed(name: str) -> None:
    config = Config(model=name)
    for settings in _settings_to_try(name, config.options()):
        options = config.with_settings({f"{name}.{option}": value for option, value in settings.items()}).options()
        assert {option: getattr(options, option) for option in settings} == settings
    assert ("network" in entry(name).traits) == (name in ("gru", "cnn_rnn", "transformer", "llm"))


@pytest.mark.parametrize("name", list_searchable())
def test_the_incumbent_has_a_place_in_every_dimension(name: str) -> None:
    data = TrainingData(SequenceBatch.of_items([[0, 1, 2]] * 9), 3, ["view"], 100)
    incumbent = locate_incumbent(space_of(name), read_incumbent(name, Config(model=name).options, data))
    assert set(incumbent) == set(space_of(name))
    if name == "transformer":
        assert (incumbent["epochs"], incumbent["dropout"], incumbent["dim"]) == (10, 0.5, 128)


@pytest.mark.parametrize("name", list_searchable())
def test_no_option_is_decided_twice(name: str) -> None:
    decided: list[str] = []
    for key, dimension in space_of(name).items():
        decided += dimension.options if isinstance(dimension, Joint) else [key]
        if isinstance(dimension, Joint):
            assert all(tuple(value) == dimension.options for value in dimension.values)
            assert len({str(value) for value in dimension.values}) == len(dimension.values)
    assert len(decided) == len(set(decided)) <= 20


def test_options_leave_out_choices_that_they_do_not_allow() -> None:
    both = Config(model="llm").with_settings({"architecture": "bert"}).options()
    reading = space_of("llm", both)["reading"]
    assert isinstance(reading, Joint) and [value["levels"] for value in reading.values] == [1, 1]
    weighed = Config(model="transformer").with_settings({"transformer.fusion_weights": {"text": 2.0}}).options()
    assert set(space_of("transformer")) - set(space_of("transformer", weighed)) == {"fusion"}
    smoothed = Config(model="transformer").with_settings({"label_smoothing": 0.2})
    target = space_of("transformer", smoothed.options())["target"]
    assert isinstance(target, Joint) and [value["loss"] for value in target.values] == ["auto", "auto", "gbce"]
    sampled = smoothed.with_settings(target.values[2]).options()
    assert (sampled.loss, sampled.label_smoothing) == ("gbce", 0.0)
    given = Config(model="llm").with_settings({"source": "minilm"}).options()
    assert {"width", "layers", "reading", "pretrain"} & set(space_of("llm", given)) == set()
    for settings in _settings_to_try("llm", given):
        Config(model="llm").with_settings({"source": "minilm", **settings})


def test_every_expert_of_an_ensemble_has_a_space() -> None:
    assert set(Config(model="lite").options().experts) <= set(list_searchable())
    assert set(list_searchable()) == set(MODELS) - {"lite"}


def test_an_alias_is_the_model_it_names_and_a_removed_model_names_its_replacement() -> None:
    assert resolve_name("flagship") == "lite"
    config = Config(model="flagship").with_settings({"flagship.max_known_loss": 0.02})
    assert (config.model, config.options("flagship").max_known_loss, set(config.models)) == ("lite", 0.02, {"lite"})
    assert Config.from_dict({"model": "flagship", "flagship": {"max_known_loss": 0.02}}) == config
    for name, remedy in REMOVED.items():
        with pytest.raises(OptionError, match=remedy):
            Config(model=name)
        with pytest.raises(OptionError, match=remedy):
            Config.from_dict({name: {}})
