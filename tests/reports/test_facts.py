import pytest

from penchant.errors import OptionError
from penchant.reports.facts import Estimate, Outcome, as_estimate, metric_title, number
from penchant.reports.strings import Words


def _values(**means: float) -> dict[str, dict[str, dict[str, float]]]:
    return {name: {"ndcg@10": {"mean": m, "low": m - 0.01, "high": m + 0.01}} for name, m in means.items()}


def _test(model: str, baseline: str, low: float, high: float, p_holm: float = 0.001) -> dict[str, object]:
    middle = (low + high) / 2
    return {
        "model": model,
        "baseline": baseline,
        "metric": "ndcg@10",
        "difference": middle,
        "low": low,
        "high": high,
        "p_holm": p_holm,
    }


def test_the_lead_is_over_the_best_simple_model() -> None:
    raw = {"models": _values(transformer=0.15, gru=0.14, ease=0.12, popularity=0.02)}
    lead = Outcome(raw).lead("transformer")
    assert lead is not None
    assert (lead.baseline, lead.sure) == ("ease", None)
    assert lead.lift == pytest.approx(0.25)


def test_a_lead_is_sure_only_with_an_interval_above_zero_and_a_small_p() -> None:
    models = _values(transformer=0.15, ease=0.12)

    def sure(**test: float) -> bool | None:
        lead = Outcome({"models": models, "tests": [_test("transformer", "ease", **test)]}).lead("transformer")
        assert lead is not None
        return lead.sure

    assert sure(low=0.01, high=0.05) is True
    assert sure(low=-0.01, high=0.05) is False
    assert sure(low=0.01, high=0.05, p_holm=0.2) is False


def test_a_test_reads_in_both_directions() -> None:
    raw = {"models": _values(ease=0.15, gru=0.12), "tests": [_test("gru", "ease", -0.05, -0.01)]}
    turned = Outcome(raw).paired("ease", "gru", "ndcg@10")
    assert turned is not None
    assert (turned["low"], turned["high"], turned["difference"]) == pytest.approx((0.01, 0.05, 0.03))
    assert Outcome(raw).winner("ndcg@10") == "ease"


def test_no_winner_without_a_test_against_the_next_best() -> None:
    models = _values(transformer=0.15, gru=0.149, ease=0.12)
    assert Outcome({"models": models}).winner("ndcg@10") is None
    assert Outcome({"models": models, "tests": [_test("transformer", "ease", 0.01, 0.05)]}).winner("ndcg@10") is None
    assert Outcome({"models": models, "tests": [_test("transformer", "gru", 0.01, 0.05)]}).winner("ndcg@10") == (
        "transformer"
    )


def test_lower_wins_where_lower_is_better() -> None:
    raw = {
        "models": {"a": {"rmse": {"mean": 1.0, "low": 0.9, "high": 1.1}}, "b": {"rmse": 0.8}},
        "tests": [_test("a", "b", 0.1, 0.3) | {"metric": "rmse"}],
    }
    assert Outcome(raw).winner("rmse") == "b"


def test_the_main_table_has_one_k_and_no_repeats() -> None:
    measures = {"recall@10": 0.3, "hit_rate@10": 0.3, "ndcg@5": 0.1, "ndcg@10": 0.2, "gini": 0.5, "mrr@10": 0.15}
    outcome = Outcome({"k": 10, "models": {"a": measures}})
    assert outcome.main_metrics == ["ndcg@10", "hit_rate@10", "mrr@10", "gini"]
    assert outcome.metric == "ndcg@10"
    assert outcome.hit() == "hit_rate@10"


def test_values_that_are_not_finite_are_none() -> None:
    assert as_estimate({"mean": float("nan")}) is None
    assert as_estimate(None) is None
    assert as_estimate(True) is None
    assert as_estimate({"mean": 0.3, "low": 0.3, "high": 0.3}) == Estimate(0.3)
    assert Outcome({}).models == []
    assert Outcome({}).metric == ""


def test_names_and_numbers() -> None:
    assert metric_title("popularity_lift@10") == "Popularity lift@10"
    assert (number(0.0045), number(0.0), number(0.1)) == ("0.0045", "0.000", "0.100")


def test_words() -> None:
    zh, en = Words("zh"), Words("en")
    assert zh("interests.moved", user="u1", first="喜剧", last="战争") == "u1：从喜剧转向战争"
    assert (zh.percent(0.315, 1), en.percent(-0.08)) == ("31.5%", "−8\u00a0%")
    assert (en.seconds(42), en.seconds(1160), zh.seconds(7200)) == ("42 s", "19 min", "2.0 小时")
    assert (en.group("history: 5-19"), zh.group("items: tail"), en.group("mine")) == (
        "5–19 past events",
        "冷门物品",
        "mine",
    )


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(OptionError, match=r"language='de' is not known. Allowed: en, zh"):
        Words("de")
