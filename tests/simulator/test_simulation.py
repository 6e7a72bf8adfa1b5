"""The simulated platform: sizes, determinism, times, and recovery of the true interests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, OptionError, UsageError
from penchant.metrics.interest_recovery import drift_delay, mean_cosine, recovery
from penchant.simulator import Simulation, SimulatorOptions, Truth, simulate


@pytest.fixture(scope="module")
def world() -> Simulation:
    return simulate(SimulatorOptions(users=600, items=400, events=18_000, seed=3))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_sizes_match_the_options(world: Simulation) -> None:
    assert (world.items.height, world.users.height, world.events.height) == (400, 600, 18_000)
    assert world.events["event_id"].n_unique() == 18_000
    assert world.events["user_id"].value_counts()["count"].min() >= 3


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    options = SimulatorOptions(users=40, items=120, events=500, seed=7, language="zh")
    first, second = (simulate(options).write(tmp_path / name) for name in "ab")
    assert _digests(first) == _digests(second)
    other = simulate(SimulatorOptions(users=40, items=120, events=500, seed=8, language="zh"))
    assert not other.events.equals(simulate(options).events)


def test_times_strictly_increase_for_each_user_and_items_exist_by_then(world: Simulation) -> None:
    events = world.events.join(world.items.select("item_id", "created_at"), on="item_id")
    gaps = world.events.select(pl.col("timestamp").diff().over("user_id")).to_series().drop_nulls()
    assert (gaps > 0).all()
    assert (pl.from_epoch(events["timestamp"], time_unit="s").dt.replace_time_zone("UTC") >= events["created_at"]).all()
    between = world.events.group_by("user_id", "session_id").agg(
        pl.col("timestamp").min().alias("a"), pl.col("timestamp").max().alias("b")
    )
    pauses = between.sort("user_id", "a").select(pl.col("a") - pl.col("b").shift(1).over("user_id")).to_series()
    assert pauses.drop_nulls().min() >= 1_800


def test_language_of_texts() -> None:
    for language, pattern in (("zh", r"\p{Han}"), ("en", r"[A-Za-z]")):
        world = simulate(SimulatorOptions(users=30, items=100, events=600, language=language))
        for column in (world.items["title"], world.items["description"], world.events["text"].drop_nulls()):
            assert column.str.contains(pattern).all()
            assert not column.str.contains(r"[{}]").any()
        if language == "en":
            assert not world.items["title"].str.contains(r"\p{Han}").any()


def test_topics_of_events_follow_the_planted_mixtures(world: Simulation) -> None:
    mixture = world.truth.events["interests"].to_numpy()
    np.testing.assert_allclose(mixture.sum(axis=1), 1, atol=1e-5)
    share = np.bincount(world.truth.events["topic"].to_numpy(), minlength=24) / len(mixture)
    np.testing.assert_allclose(share, mixture.mean(axis=0), atol=0.012)


def test_items_carry_the_topic_of_the_event(world: Simulation) -> None:
    topics = dict(zip(world.truth.items["item_id"], world.truth.item_topics(), strict=True))
    known = world.truth.events.filter(pl.col("source") != "exploring").join(world.events, on="event_id").head(2_000)
    weights = [topics[item][topic] for item, topic in zip(known["item_id"], known["topic"], strict=True)]
    assert min(weights) > 0


def test_jumps_are_visible_in_behaviour(world: Simulation) -> None:
    jumped = world.truth.users.filter(pl.col("pattern") == "jump")
    events = world.events.join(world.truth.events, on="event_id").join(jumped, on="user_id")
    early = events.with_columns(before=pl.col("timestamp") < pl.col("change_start_s"))
    fit = early.with_columns(
        old=pl.col("first").arr.get(pl.col("topic")) > 0, new=pl.col("last").arr.get(pl.col("topic")) > 0
    )
    assert fit.filter("before")["old"].all()
    assert not fit.filter(~pl.col("before"))["old"].all()
    assert fit.filter(~pl.col("before"))["new"].all()


def test_comments_have_text_stars_and_sentiment_and_nothing_else_has(world: Simulation) -> None:
    both = world.events.join(world.truth.events, on="event_id")
    is_comment = both["event"] == "comment"
    for column in ("text", "value", "sentiment"):
        assert (both[column].is_not_null() == is_comment).all()
    stars = both.filter(is_comment).group_by("sentiment").agg(pl.col("value").mean()).sort("value")["sentiment"]
    assert stars.to_list() == ["negative", "neutral", "positive"]


def test_truth_round_trip_and_errors(world: Simulation, tmp_path: Path) -> None:
    truth = Truth.load(world.write(tmp_path / "world"))
    assert truth.events.equals(world.truth.events)
    assert truth.users.equals(world.truth.users)
    ids = ["e7", "e1"]
    np.testing.assert_array_equal(truth.interests(ids), world.truth.events["interests"].to_numpy()[[6, 0]])
    with pytest.raises(DataError, match="no event 'e0'"):
        truth.interests(["e1", "e0"])
    with pytest.raises(DataError, match="contains no truth of a simulation: no topics, items, users, events, broken"):
        Truth.load(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topics": 25}, "topics=25 is out of range: allowed is 2 to 24"),
        ({"items": 10}, "items=10 is out of range: allowed is 96"),
        ({"events": 10}, "events=10 is out of range: allowed is 6,000 to 2,000,000,000. A user needs 3 events."),
        ({"users": 99_999_999}, "users=99,999,999 is out of range: allowed is 1 to 10,000,000.$"),
        ({"start_s": -1}, "start_s=-1 is out of range: allowed is 0 to 4,102,444,800.$"),
        ({"sound_s": 0.1}, "sound_s=0.1 is out of range: allowed is 0.2 to 60.$"),
        ({"users": 2.5}, "users=2.5 must be an integer"),
        ({"near": "much"}, "near='much' must be a number"),
        ({"season": float("nan")}, "season=nan is out of range"),
        ({"drifting": 0.8, "jumping": 0.3}, "add up to more than 1"),
    ],
)
def test_invalid_options_give_the_reason(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SimulatorOptions(**options)  # type: ignore[arg-type]


def test_an_unknown_language_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"language='zn' is not known\. Allowed: en, zh"):
        SimulatorOptions(language="zn")


def test_interests_can_be_recovered_from_behaviour(world: Simulation) -> None:
    """The topics of the last ten items predict the true mixture better than the population mean, and follow jumps."""
    topics = pl.DataFrame({"item_id": world.items["item_id"], "main": world.truth.items["main"]})
    events = world.events.join(topics, on="item_id", maintain_order="left").sort("user_id", "timestamp")
    planted = world.truth.interests(events["event_id"])
    recent = events.select(
        (pl.col("main") == topic).cast(pl.Float64).ewm_mean(alpha=0.1).over("user_id").alias(str(topic))
        for topic in range(24)
    ).to_numpy()
    users = events["user_id"].rank("dense").to_numpy()
    accuracy = recovery(recent, planted, np.random.default_rng(0), users=users)
    assert accuracy["cosine"] > accuracy["baseline"] + 0.3
    assert mean_cosine(recent, planted, users) > 0.7
    truth = events.select("user_id").join(world.truth.users, on="user_id", maintain_order="left")
    jumped = (truth["pattern"] == "jump").to_numpy()
    delay = drift_delay(
        recent[jumped],
        planted[jumped],
        truth["first"].to_numpy()[jumped],
        truth["last"].to_numpy()[jumped],
        users[jumped],
        events["timestamp"].to_numpy()[jumped],
    )
    assert delay["users"] > 50
    assert delay["seen"] > 0.7
    assert 1 <= delay["events"] <= 15


def test_written_folders_follow_the_contract_without_the_truth(world: Simulation, tmp_path: Path) -> None:
    data = Dataset.load(world.write(tmp_path / "world"), strict=True)
    assert (data.n_items, data.n_users, data.n_events) == (400, 600, 18_000)
    assert data.relations is not None
    assert not {"topic", "interests", "label"} & set(data.events.columns)


def test_the_reader_rejects_corrupt_rows() -> None:
    options = SimulatorOptions(users=50, items=100, events=2_000, broken=0.035)
    data = simulate(options).dataset()
    assert data.report is not None
    table = data.report.tables["events"]
    assert (table.rows_read, data.n_events, table.duplicates_dropped) == (2_070, 2_000, 10)
    assert sum(table.quarantined.values()) == 60


@pytest.mark.parametrize(
    "extreme",
    [
        {"users": 1, "items": 8, "topics": 2, "events": 3},
        {"users": 1, "items": 8, "topics": 2, "events": 60, "follows": 16},
        {"staying": 1, "near": 1, "exploring": 0, "style": 0, "season": 1, "session_length": 1},
        {"staying": 0, "near": 0, "exploring": 1, "fresh_items": 1, "text_noise": 1, "text_missing": 1},
        {"drifting": 1, "jumping": 0, "days": 7, "start_s": 0, "bots": 1, "takeovers": 1, "searches": 1, "broken": 1},
    ],
)
def test_extremes_work_and_keep_the_times_right(extreme: dict[str, float]) -> None:
    options = SimulatorOptions(**{"users": 30, "items": 96, "events": 300, **extreme})  # type: ignore[arg-type]
    world = simulate(options)
    assert world.events.height >= options.events
    good = world.events.filter(~pl.int_range(pl.len()).is_in(world.truth.broken["row"].implode()))
    assert (good.select(pl.col("timestamp").diff().over("user_id")).to_series().drop_nulls() > 0).all()
    old = good.join(world.items.select("item_id", "created_at"), on="item_id")
    assert (old["timestamp"] >= old["created_at"].dt.epoch("s")).all()


def test_seasons_and_drifts_show_in_the_topics_of_events() -> None:
    world = simulate(
        SimulatorOptions(users=800, items=300, events=40_000, season=0.9, drifting=1.0, jumping=0.0, seed=6)
    )
    times, topics = world.events["timestamp"].to_numpy(), world.truth.events["topic"].to_numpy()
    factors = world.world.seasons.factors(times)[np.arange(len(times)), topics]
    shuffled = world.world.seasons.factors(times)[np.arange(len(times)), np.random.default_rng(0).permutation(topics)]
    assert factors.mean() > shuffled.mean() + 0.1
    events = world.events.join(world.truth.events, on="event_id").join(world.truth.users, on="user_id")
    new = pl.col("last").arr.get(pl.col("topic")) > pl.col("first").arr.get(pl.col("topic"))
    when = (
        pl.when(pl.col("timestamp") < pl.col("change_start_s"))
        .then(0)
        .when(pl.col("timestamp") < pl.col("change_end_s"))
    )
    share = dict(events.group_by(when.then(1).otherwise(2).alias("phase")).agg(new.mean()).iter_rows())
    assert share[0] < 0.1 < share[1] < share[2]


def test_popular_items_near_items_and_top_positions_get_more(world: Simulation) -> None:
    catalogue = world.world.catalogue
    codes = world.events["item_id"].str.slice(1).cast(pl.Int64).to_numpy() - 1
    counts = np.bincount(codes, minlength=len(catalogue))
    old = catalogue.created_s < world.options.start_s
    popular = catalogue.popularity > np.median(catalogue.popularity)
    assert counts[old & popular].mean() > 1.5 * counts[old & ~popular].mean()
    order = np.lexsort((world.events["timestamp"].to_numpy(), world.events["user_id"].to_numpy()))
    session = world.events["session_id"].to_numpy()[order]
    walk = codes[order]
    inside = np.flatnonzero(session[1:] == session[:-1])
    near = (catalogue.neighbours[walk[inside]] == walk[inside + 1, None]).any(axis=1).mean()
    assert near > 4 * 8 / len(catalogue)
    clicks = world.events.group_by("position").agg((pl.col("event") == "click").mean()).sort("position")["event"]
    assert clicks.head(3).mean() > clicks.tail(3).mean()
