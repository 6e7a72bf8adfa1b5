from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from penchant.data.results.comparison import Comparison
from penchant.data.results.curves import CurveResult, CurveResults
from penchant.data.results.records import FitRecord
from penchant.evaluation.backtest import UserMetrics
from penchant.evaluation.cost import Cost
from penchant.evaluation.pooling import pool_runs
from penchant.evaluation.ratings import ValueErrors
from penchant.evaluation.run import Run


def _run(users: list[int], ndcg: list[float], coverage: float = 0.5, errors: ValueErrors | None = None) -> Run:
    values = {"ndcg@10": np.array(ndcg), "hit_rate@10": (np.array(ndcg) > 0).astype(float)}
    part = {"ndcg@10": np.where(np.arange(len(ndcg)) == 0, values["ndcg@10"], np.nan)}
    metrics = UserMetrics(np.array(users, dtype=np.int32), values, {"coverage@10": coverage}, {"items: tail": part})
    curves = CurveResults(CurveResult([0, 1], [0, 1], 0.5), CurveResult([0], [1], 0.1))
    return Run(metrics, FitRecord("x"), Cost(2.0, 100.0), errors, curves)


def _comparison() -> Comparison:
    runs = {
        "transformer": [[_run([0, 1], [0.4, 0.6]), _run([2], [0.8])], [_run([0, 1], [0.6, 0.6]), _run([2], [1.0])]],
        "popularity": [[_run([0, 1], [0.1, 0.3]), _run([2], [0.2])]] * 2,
        "ease": [[_run([0, 1], [0.1, 0.3], 0.1), _run([2], [0.3], 0.3)]] * 2,
    }
    return replace(pool_runs(runs, split="users", k=10, samples=100), options={"folds": 2}, notes=["A note."])


def test_folds_stand_side_by_side_and_seeds_are_averaged_first() -> None:
    comparison = _comparison()
    assert (comparison.users, comparison.seeds, comparison.split, comparison.k) == (3, 2, "users", 10)
    assert comparison.models["transformer"]["ndcg@10"].mean == np.mean([0.5, 0.6, 0.9])
    coverage = comparison.models["ease"]["coverage@10"]
    assert coverage.mean == coverage.low == coverage.high == 0.2
    assert comparison.slices["items: tail"].users == 2
    assert comparison.slices["items: tail"].models["transformer"]["ndcg@10"].mean == np.mean([0.5, 0.9])
    assert comparison.best() == "transformer" and comparison.records["ease"] == FitRecord("x")


def test_tests_are_against_the_best_baseline_and_between_the_best_two() -> None:
    pairs = [(test.model, test.baseline) for test in _comparison().tests]
    assert pairs == [("transformer", "ease"), ("popularity", "ease")]
    runs = {
        name: [[_run([0, 1, 2], values)]]
        for name, values in (("gru", [0.5, 0.4, 0.6]), ("transformer", [0.9, 0.8, 0.7]), ("ease", [0.1, 0.1, 0.2]))
    }
    tests = pool_runs(runs, split="time", k=10, samples=50).tests
    assert [(t.model, t.baseline) for t in tests] == [("transformer", "ease"), ("gru", "ease"), ("transformer", "gru")]
    assert tests[0].difference.p_holm >= tests[0].difference.p and tests[0].difference.interval.low > 0


def test_json_has_the_fixed_keys_and_plain_values() -> None:
    plain = json.loads(json.dumps(_comparison().to_json(), allow_nan=False))
    assert {"split", "k", "users", "seeds", "models", "slices", "cost"} <= set(plain)
    assert set(plain["models"]["ease"]["ndcg@10"]) == {"mean", "low", "high"}
    assert plain["cost"]["ease"] == {"fit_cpu_s": 2.0, "peak_rss_mb": 100.0}
    assert plain["slices"]["items: tail"]["ease"]["users"] == 2
    assert set(plain["slices"]["items: tail"]["ease"]["ndcg@10"]) == {"mean", "low", "high"}
    assert {"model", "baseline", "metric", "difference", "low", "high", "p", "p_holm"} <= set(plain["tests"][0])
    assert plain["curves"]["roc"]["ease"]["auc"] == 0.5 and plain["curves"]["pr"]["ease"]["ap"] == 0.1
    assert plain["notes"] == ["A note."]
    np.testing.assert_allclose(plain["by_seed"]["transformer"], [0.6, 2.2 / 3])


def test_table_is_sorted_and_markdown_holds_the_notes() -> None:
    header, rows = _comparison().table()
    assert header == ["model", "ndcg@10", "hit_rate@10", "coverage@10", "fit CPU s", "peak MB"]
    assert [row[0] for row in rows] == ["transformer", "ease", "popularity"]
    assert rows[0][1].startswith("0.6667 [") and rows[1][3] == "0.200" and rows[0][4] == "2.0"
    assert _comparison().table(["hit_rate@10"])[0][:2] == ["model", "hit_rate@10"]
    text = _comparison().markdown()
    assert text.startswith("| model | ndcg@10 |") and text.endswith("A note.\n")


def test_ratings_are_pooled() -> None:
    errors = ValueErrors(np.array([4.0, 0.0]), np.array([2.0, 0.0]), np.array([1.0, 1.0]))
    runs = {"user_knn": [[_run([0, 1], [0.1, 0.2], errors=errors)]]}
    comparison = pool_runs(runs, split="time", k=10, samples=50)
    assert comparison.models["user_knn"]["mae"].mean == 1.0 and comparison.tests == []
