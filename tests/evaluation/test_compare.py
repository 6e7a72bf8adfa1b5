from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, OptionError, UsageError
from penchant.evaluation.compare import CompareOptions, compare
from penchant.recommender.config import Config

PLAIN = CompareOptions(curves=False)


@pytest.fixture(scope="module")
def walks() -> Dataset:
    """60 users who walk round 12 items in order, each from another place: the next item is certain."""
    rng = np.random.default_rng(0)
    start, length = rng.integers(0, 12, 60), rng.integers(5, 9, 60)
    users = np.repeat(np.arange(60), length)
    steps = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return Dataset.from_tables(
        pl.DataFrame(
            {
                "user_id": [f"u{u}" for u in users],
                "item_id": [f"i{i}" for i in (start[users] + steps) % 12],
                "timestamp": steps * 100 + users,
            }
        )
    )


def test_the_certain_next_item_is_ranked_first_and_everything_is_reported(walks: Dataset) -> None:
    calls: list[tuple[str, float]] = []
    comparison = compare(
        walks, ["popularity", "cooccurrence"], split="leave-one-out", progress=lambda *call: calls.append(call)
    )
    assert comparison.models["cooccurrence"]["ndcg@10"].mean > 0.9 > comparison.models["popularity"]["ndcg@10"].mean
    assert comparison.users == 60 and comparison.split == "leave-one-out" and comparison.seeds == 1
    assert {"accuracy@1", "ndcg@5", "map@100", "coverage@10", "gini@10", "novelty@10"} <= set(
        comparison.models["popularity"]
    )
    assert {"users: warm", "items: head", "history: 5-19"} <= set(comparison.slices)
    assert comparison.cost["cooccurrence"]["peak_rss_mb"] > 10
    assert [(t.model, t.baseline) for t in comparison.tests] == [("popularity", "cooccurrence")]
    assert comparison.tests[0].difference.p_holm < 0.001 and comparison.tests[0].difference.interval.high < 0
    assert comparison.curves["cooccurrence"].roc.area > 0.95
    assert calls[-1][1] == pytest.approx(1.0) and calls == sorted(calls, key=lambda call: call[1])
    assert any("training part only" in note for note in comparison.notes)


def test_same_seed_same_numbers(walks: Dataset) -> None:
    once, again = (compare(walks, ["cooccurrence"], options=PLAIN).to_json() for _ in range(2))
    assert once["models"] == again["models"] and once["slices"] == again["slices"]


def test_every_user_is_tested_once_over_the_folds(walks: Dataset) -> None:
    comparison = compare(walks, ["cooccurrence"], options=replace(PLAIN, split="users", folds=4))
    assert comparison.users == 60 and comparison.options["folds"] == 4
    assert comparison.models["cooccurrence"]["ndcg@10"].mean > 0.9


def test_refit_seeds_ties_and_hidden_time_are_calls(walks: Dataset) -> None:
    comparison = compare(
        walks,
        {"plain": Config(model="cooccurrence", seed=3)},
        Config(seed=3),
        replace(PLAIN, split="cold-items", ties="random", refit=True, seeds=2, request_time="hidden"),
    )
    text = " ".join(comparison.notes)
    assert comparison.seeds == 2 and set(comparison.models) == {"plain"} and not comparison.tests
    for part in ("(refit)", "time of the request was hidden", "means over 2 seeds", "cold ones included", "shuffled"):
        assert part in text
    assert comparison.options["refit"] and comparison.options["ties"] == "random" and comparison.options["seed"] == 3


def test_a_model_that_the_data_do_not_allow_is_left_out_with_its_reason(walks: Dataset) -> None:
    comparison = compare(walks, ["popularity", "content"], options=PLAIN, split="leave-one-out")
    assert set(comparison.models) == {"popularity"}
    assert any(note.startswith("content was left out: ") for note in comparison.notes)
    with pytest.raises(Exception, match="modality"):
        compare(walks, ["content"], split="leave-one-out")


def test_invalid_options(walks: Dataset) -> None:
    with pytest.raises(OptionError, match="Did you mean 'cooccurrence'"):
        compare(walks, ["coocurrence"])
    with pytest.raises(UsageError, match="no model to compare"):
        compare(walks, [])
    with pytest.raises(UsageError, match="seeds=0"):
        CompareOptions(seeds=0)
    with pytest.raises(UsageError, match="k=0"):
        CompareOptions(k=0)
    with pytest.raises(OptionError, match=r"request_time='now'.*given, hidden"):
        CompareOptions(request_time="now")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="test='u'"):
        CompareOptions(test="u")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="Did you mean 'time'"):
        compare(walks, ["popularity"], split="times")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="No user is left"):
        compare(walks.where(pl.col("user") < 0), ["popularity"], split="leave-one-out")


def test_a_fit_that_went_on_costs_what_all_its_processes_spent(walks: Dataset, tmp_path: Path) -> None:
    recipe = Config(model="transformer").with_settings({"dim": 8, "epochs": 2, "layers": 1, "max_length": 8})
    recipe = replace(recipe, training=replace(recipe.training, checkpoint_s=0.0))
    arguments: dict[str, Any] = {"options": replace(PLAIN, checkpoints=tmp_path), "split": "leave-one-out"}
    first, again = (
        compare(walks, {"transformer": recipe}, **arguments) for _ in range(2)
    )  # the second goes on at the end
    assert again.cost["transformer"]["fit_cpu_s"] >= again.records["transformer"].fit_cpu_s
    assert again.cost["transformer"]["fit_cpu_s"] > 0.5 * first.cost["transformer"]["fit_cpu_s"]
