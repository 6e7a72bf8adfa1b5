import dataclasses

import pytest

from penchant.data.results.comparison import Comparison, PairedTest
from penchant.data.results.estimates import Difference, Interval
from penchant.errors import OptionError
from penchant.reports.outcome import EMPTY, Outcome, format_metric, format_number, has_range, keep_finite
from penchant.reports.texts import Texts


def _outcome(*tests: PairedTest, **means: float) -> Outcome:
    models = {name: {"ndcg@10": Interval(m, m - 0.01, m + 0.01)} for name, m in means.items()}
    return Outcome(Comparison("time", 10, 100, 1, models, tests=tests))


def _test(model: str, baseline: str, low: float, high: float, p_holm: float = 0.001) -> PairedTest:
    difference = Difference(Interval((low + high) / 2, low, high), p_holm, p_holm)
    return PairedTest(model, baseline, "ndcg@10", "t", difference)


def test_the_lead_is_over_the_best_simple_model() -> None:
    lead = _outcome(transformer=0.15, gru=0.14, ease=0.12, popularity=0.02).lead("transformer")
    assert lead is not None
    assert (lead.baseline, lead.is_sure) == ("ease", None)
    assert lead.lift == pytest.approx(0.25)


def test_a_lead_is_sure_only_with_an_interval_above_zero_and_a_small_p() -> None:
    def is_sure(**test: float) -> bool | None:
        lead = _outcome(_test("transformer", "ease", **test), transformer=0.15, ease=0.12).lead("transformer")
        assert lead is not None
        return lead.is_sure

    assert is_sure(low=0.01, high=0.05) is True
    assert is_sure(low=-0.01, high=0.05) is False
    assert is_sure(low=0.01, high=0.05, p_holm=0.2) is False


def test_a_test_reads_in_both_directions() -> None:
    outcome = _outcome(_test("gru", "ease", -0.05, -0.01), ease=0.15, gru=0.12)
    turned = outcome.paired("ease", "gru", "ndcg@10")
    assert turned is not None
    gap = turned.interval
    assert (gap.low, gap.high, gap.mean) == pytest.approx((0.01, 0.05, 0.03))
    assert outcome.winner("ndcg@10") == "ease"


def test_no_winner_without_a_test_against_the_next_best() -> None:
    means = {"transformer": 0.15, "gru": 0.149, "ease": 0.12}
    assert _outcome(**means).winner("ndcg@10") is None
    assert _outcome(_test("transformer", "ease", 0.01, 0.05), **means).winner("ndcg@10") is None
    assert _outcome(_test("transformer", "gru", 0.01, 0.05), **means).winner("ndcg@10") == "transformer"


def test_lower_wins_where_lower_is_better() -> None:
    models = {"a": {"rmse": Interval(1.0, 0.9, 1.1)}, "b": {"rmse": Interval(0.8, 0.8, 0.8)}}
    test = dataclasses.replace(_test("a", "b", 0.1, 0.3), metric="rmse")
    assert Outcome(Comparison("time", 10, 100, 1, models, tests=[test])).winner("rmse") == "b"


def test_the_main_table_has_one_k_and_no_repeats() -> None:
    means = {"recall@10": 0.3, "hit_rate@10": 0.3, "ndcg@5": 0.1, "ndcg@10": 0.2, "gini": 0.5, "mrr@10": 0.15}
    models = {"a": {name: Interval(mean, mean, mean) for name, mean in means.items()}}
    outcome = Outcome(Comparison("time", 10, 100, 1, models))
    assert outcome.main_metrics == ["ndcg@10", "hit_rate@10", "mrr@10", "gini"]
    assert outcome.metric == "ndcg@10"
    assert outcome.hit_rate == "hit_rate@10"


def test_values_that_are_not_finite_are_none() -> None:
    assert keep_finite(Interval(float("nan"), 0.0, 1.0)) is None
    assert keep_finite(None) is None
    assert not has_range(Interval(0.3, 0.3, 0.3))
    assert Outcome(EMPTY).models == []
    assert Outcome(EMPTY).metric == ""


def test_names_and_numbers() -> None:
    assert format_metric("popularity_lift@10") == "Popularity lift@10"
    assert (format_number(0.0045), format_number(0.0), format_number(0.1)) == ("0.0045", "0.000", "0.100")


def test_texts() -> None:
    zh, en = Texts("zh"), Texts("en")
    assert zh("interests.moved", user="u1", first="喜剧", last="战争") == "u1：从喜剧转向战争"
    assert (zh.percent(0.315, 1), en.percent(-0.08)) == ("31.5%", "−8\u00a0%")
    assert (en.seconds(42), en.seconds(1160), zh.seconds(7200)) == ("42 s", "19 min", "2.0 小时")
    assert (en.slice_name("history: 5-19"), zh.slice_name("items: tail"), en.slice_name("mine")) == (
        "5–19 past events",
        "冷门物品",
        "mine",
    )


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(OptionError, match=r"language='de' is not known. Allowed: en, zh"):
        Texts("de")
