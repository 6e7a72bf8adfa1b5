"""Quality of linear probes: separable labels give AUC 1, random labels about 0.5; confusion matrices by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from penchant.data.dataset import Dataset
from penchant.data.results.probes import Confusion, InterestProbeResult, ProbeResults, UntestedProbe, mean_of
from penchant.evaluation.bundle import evaluate
from penchant.evaluation.compare import CompareOptions, compare
from penchant.evaluation.probes import count_confusion, measure_probes
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.pairs import TargetEvents
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.reports.report import ReportData, render_report

NAMES = ("纪录片", "音乐")
PLAIN = CompareOptions(curves=False)
PROBES = ProbeOptions(fit=("interest", "category"), features="dot", fewest=10)


def shop(users: int = 40, events: int = 24, *, reason: bool = True) -> Dataset:
    """Everybody likes one kind of items; dislikes are of the other kind, or, without a `reason`, of any."""
    rng = np.random.default_rng(1)
    n = users * events
    user, step = np.repeat(np.arange(users), events), np.tile(np.arange(events), users)
    liked = (step + user // 2) % 2 == 0
    kind = np.where(liked, user % 2, 1 - user % 2) if reason else rng.integers(0, 2, n)
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in 2 * rng.integers(0, 20, n) + kind],
            "timestamp": 1_700_000_000 + step * 60,
            "event": np.where(liked, "like", "dislike"),
        }
    )
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(40)], "categories": [NAMES[i % 2] for i in range(40)]})
    vectors = np.eye(2)[np.arange(40) % 2] + 0.05 * np.random.default_rng(9).standard_normal((40, 2))
    table = pl.DataFrame({"item_id": items["item_id"], "vector": vectors.tolist()})
    return Dataset.from_tables(log, items=items).with_vectors("own", table)


def before(data: Dataset, step: int) -> Dataset:
    return data.where(pl.col("time_s") < 1_700_000_000 + step * 60)


def test_separable_labels_have_auc_1_on_events_that_the_bundle_has_not_seen() -> None:
    data = shop()
    rec = Recommender.fit(before(data, 16), Config(model="content", probes=PROBES))
    results = evaluate(rec, data).to_json()["probes"]["content"]
    interest = results["interest"]
    assert (interest["negatives"], interest["pairs"], interest["users"], interest["interested"]) == (
        "real",
        320,
        40,
        0.5,
    )
    assert interest["rows"]["probe"]["auc"] == pytest.approx({"mean": 1.0, "low": 1.0, "high": 1.0})
    assert 0.3 < interest["rows"]["popularity"]["auc"]["mean"] < 0.7 < interest["rows"]["dot"]["auc"]["mean"]
    assert interest["rows"]["share"]["log_loss"]["mean"] == pytest.approx(np.log(2))
    assert interest["auc_gain"]["mean"] == pytest.approx(1 - interest["rows"]["popularity"]["auc"]["mean"])
    assert sum(row["count"] for row in interest["calibration"]) == 320
    category = results["category"]
    assert category["confusion"] == {"classes": list(NAMES), "matrix": [[80, 0], [0, 80]]}
    assert category["rows"]["probe"]["accuracy"]["mean"] == category["rows"]["probe"]["macro_f1"] == 1.0
    assert category["rows"]["commonest"]["accuracy"]["mean"] == 0.5
    assert category["rows"]["last"]["accuracy"]["mean"] == 1.0, "the item before is the one taken, not the one disliked"


def test_labels_without_a_reason_give_a_half() -> None:
    data = shop(users=80, reason=False)
    rec = Recommender.fit(before(data, 16), Config(model="content", probes=PROBES))
    interest = evaluate(rec, data).to_json()["probes"]["content"]["interest"]
    assert interest["rows"]["probe"]["auc"]["mean"] == pytest.approx(0.5, abs=0.08)
    assert interest["rows"]["probe"]["auc"]["low"] < 0.5 < interest["rows"]["probe"]["auc"]["high"]


def test_the_figures_are_those_of_scikit_learn() -> None:
    data = shop(reason=False)
    rec = Recommender.fit(before(data, 16), Config(model="content", probes=PROBES))
    sequences = data.sequences()
    targets = sequences.times_s >= 1_700_000_000 + 16 * 60
    results = measure_probes(rec, sequences, targets)
    assert results is not None and isinstance(results.interest, InterestProbeResult) and rec.probes is not None
    events = TargetEvents.select(sequences, data.kinds.ids.to_list(), targets)
    pairs, likely = rec.probes.predict_pairs(rec.dense_model(), events)
    row = results.interest.rows["probe"]
    assert mean_of(row["auc"]) == pytest.approx(roc_auc_score(pairs.labels, likely))
    assert mean_of(row["log_loss"]) == pytest.approx(log_loss(pairs.labels, likely.astype(np.float64)))
    _, likelihoods = rec.probes.predict_class_pairs(rec.dense_model(), events, data.items)
    np.testing.assert_allclose(likelihoods.sum(axis=1), 1, atol=1e-6)


def test_popularity_of_a_bundle_without_histories_is_counted_in_the_data_or_left_out(tmp_path: Path) -> None:
    """The data have all it learned: the same figures as with histories. They have new events alone: no such row."""
    data = shop()
    rec = Recommender.fit(before(data, 16), Config(model="content", probes=replace(PROBES, fit=("interest",))))
    rec.save(tmp_path / "b", histories=False)
    bare = Recommender.load(tmp_path / "b")
    expected, interest = (evaluate(each, data).to_json()["probes"]["content"]["interest"] for each in (rec, bare))
    assert (
        interest["rows"]["popularity"] == expected["rows"]["popularity"]
        and interest["auc_gain"] == expected["auc_gain"]
    )
    assert interest["rows"]["popularity"]["auc"]["mean"] != 0.5
    later = data.where(pl.col("time_s") >= 1_700_000_000 + 16 * 60)
    sequences = later.sequences()
    alone = measure_probes(
        bare, sequences, np.ones(sequences.n_events, dtype=np.bool_), learned=later.where(pl.lit(False))
    )
    assert alone is not None and isinstance(alone.interest, InterestProbeResult)
    assert list(alone.interest.rows) == ["probe", "dot", "share"]
    assert alone.interest.auc_gain is None and mean_of(alone.interest.rows["probe"]["auc"]) > 0.99
    assert "auc_gain" not in alone.interest.to_dict()
    comparison = replace(evaluate(rec, data), probes={"content": alone})
    page = render_report(ReportData(title="shop", model="content", comparison=comparison))
    assert "Interested or not: AUC 1.000<" in page and "popularity alone" not in page


def test_a_comparison_fits_them_on_validation_or_says_why_not() -> None:
    data = shop()
    recipes = {
        "content": Config(model="content", probes=PROBES),
        "ease": Config(model="ease", probes=replace(PROBES, negatives="real", fit=("interest",))),
        "popularity": Config(model="popularity"),
    }
    probes = compare(data, recipes, options=PLAIN).to_json()["probes"]
    assert set(probes) == {"content", "ease"}
    assert probes["content"]["interest"]["rows"]["probe"]["auc"]["mean"] == pytest.approx(1.0)
    only = data.where(pl.col("kind") == data.kinds.encode_one("like", kind="event"))
    untested = compare(only, {"ease": recipes["ease"]}, options=PLAIN).to_json()["probes"]["ease"]["interest"]
    assert untested == {"left_out": untested["left_out"]} and "no real negatives" in untested["left_out"]
    refit = compare(data, {"content": recipes["content"]}, options=replace(PLAIN, refit=True)).to_json()["probes"][
        "content"
    ]
    assert refit["category"]["rows"]["probe"]["accuracy"]["mean"] == 1.0


def test_a_confusion_matrix_by_hand() -> None:
    actual = np.array([0, 0, 1, 2, 2, 2, 3])
    predicted = np.array([0, 2, 1, 2, 2, 0, 3])
    classes = ["甲", "乙", "丙", "(others)"]
    assert count_confusion(actual, predicted, classes) == Confusion(
        ["丙", "甲", "乙", "(others)"], [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )
    assert count_confusion(actual, predicted, classes, most=1) == Confusion(["丙", "(others)"], [[2, 1], [1, 3]])


def test_the_report_says_it_in_both_languages_and_nothing_without_probes() -> None:
    data = shop()
    comparison = compare(data, {"content": Config(model="content", probes=PROBES)}, options=PLAIN)
    page = render_report(ReportData(title="shop", model="content", comparison=comparison))
    assert 'id="probes"' in page and "Interested or not: AUC 1.000" in page and '<bdi lang="zh">纪录片</bdi>' in page
    assert "right for 100\u00a0%" in page and "Negatives are real: disliked" in page
    chinese = render_report(ReportData(title="店", model="content", language="zh", comparison=comparison))
    assert "感兴趣吗，对什么感兴趣" in chinese and "答对 100%" in chinese and "<bdi>音乐</bdi>" in chinese
    comparison = replace(comparison, probes={"content": ProbeResults(category=UntestedProbe("no <class>"))})
    assert "The next category: not tested. <bdi>no &lt;class&gt;</bdi>" in render_report(
        ReportData(title="shop", model="content", comparison=comparison)
    )
    assert 'id="probes"' not in render_report(ReportData(title="shop", model="ease", comparison=comparison))
