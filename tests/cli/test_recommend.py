from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from typer.testing import Result

from penchant.recommender.recommender import Recommender

Run = Callable[..., Result]


def listed(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [item["item_id"] for item in json.loads(done.stdout)["items"]]


def test_a_known_user(run: Run, bundle: Path) -> None:
    done = run("recommend", bundle, "--user", "u000001", "-k", 4, "--explain")
    assert done.exit_code == 0, done.output
    rec = Recommender.load(bundle)
    expected = rec.recommend(["u000001"], k=4)
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["rank", "item", "title", "score", "why"]
    assert [line.split()[1] for line in lines[1:]] == expected.item_ids[0]
    plain = json.loads(run("recommend", bundle, "--user", "u000001", "-k", 4, "--explain", "--json").stdout)
    assert (plain["user_id"], plain["source"]) == ("u000001", "model")
    for place, item in enumerate(plain["items"]):
        assert item["rank"] == place + 1 and item["score"] == float(expected.scores[0, place])
        assert set(item["reason"]) >= {"events", "modalities", "sentence"}


def test_a_list_does_not_depend_on_its_length(run: Run, bundle: Path) -> None:
    short = listed(run("recommend", bundle, "--user", "u000002", "-k", 3, "--json"))
    long = listed(run("recommend", bundle, "--user", "u000002", "--k", 8, "--json"))
    assert len(long) == 8 and long[:3] == short


def test_items_of_the_history_come_only_with_allow_seen(run: Run, bundle: Path) -> None:
    rec = Recommender.load(bundle)
    seen = set(rec.dataset.item_vocabulary.decode(rec.dataset.sequences(rec.dataset.encode_users(["u000001"])).items))
    assert not seen & set(listed(run("recommend", bundle, "--user", "u000001", "-k", 100, "--json")))
    every = listed(run("recommend", bundle, "--user", "u000001", "-k", 100, "--allow-seen", "--json"))
    assert seen < set(every) and len(every) == 100


def test_a_history_and_a_sentence(run: Run, bundle: Path, tmp_path: Path) -> None:
    history = tmp_path / "h.csv"
    history.write_text("item_id,timestamp\ni000001,2026-01-01\ni000002,2026-01-02\n")
    rec = Recommender.load(bundle)
    given = listed(run("recommend", bundle, "--history", history, "--json"))
    assert given == rec.recommend(history=["i000001", "i000002"]).item_ids[0]
    title = rec.titles[0]
    done = run("recommend", bundle, "--text", title, "-k", 5)
    assert done.exit_code == 0 and title in done.stdout
    assert "Answered by content" in done.stderr


def test_as_of_a_time(run: Run, bundle: Path) -> None:
    rec = Recommender.load(bundle)
    times = rec.dataset.sequences(rec.dataset.encode_users(["u000001"])).times_s
    middle = int(times[len(times) // 2])
    early = listed(run("recommend", bundle, "--user", "u000001", "--at", middle, "--json"))
    assert early == rec.recommend(["u000001"], at=middle).item_ids[0]
    answer = json.loads(run("recommend", bundle, "--user", "u000001", "--at", "2000-01-01", "--json").stdout)
    assert answer["source"] == "popularity"


def test_filters(run: Run, bundle: Path, tmp_path: Path) -> None:
    items = Recommender.load(bundle).dataset.items
    ask: tuple[Any, ...] = ("recommend", bundle, "--user", "u000001", "-k", 100, "--json", "--allow-seen")
    category = items["categories"].explode()[0]
    inside = items.filter(pl.col("categories").list.contains(category))["item_id"].to_list()
    assert sorted(listed(run(*ask, "--category", category))) == sorted(inside)
    creator = items["creator"][0]
    expected = items.filter(pl.col("creator") == creator)["item_id"].to_list()
    assert sorted(listed(run(*ask, "--where", f"creator={creator}"))) == sorted(expected)
    assert sorted(listed(run(*ask, "--allow", "i000001,i000002", "--allow", "i000003", "--deny", "i000002"))) == [
        "i000001",
        "i000003",
    ]
    (tmp_path / "ids.txt").write_text("i000004\ni000005\n")
    assert sorted(listed(run(*ask, "--allow", tmp_path / "ids.txt"))) == ["i000004", "i000005"]
    done = run("recommend", bundle, "--user", "u000001", "--allow", "i000001", "--deny", "i000001")
    assert done.exit_code == 0 and "No item is left to recommend" in done.stdout


def test_many_users_into_a_table(run: Run, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "lists.parquet"
    done = run("recommend", bundle, "--users", "all", "-k", 5, "--out", out)
    assert done.exit_code == 0 and done.stdout == f"Wrote 300 rows for 60 users to {out}\n"
    table = pl.read_parquet(out)
    assert table.schema == {"user_id": pl.String, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32}
    assert table["rank"].to_list() == [1, 2, 3, 4, 5] * 60
    one = table.filter(pl.col("user_id") == "u000007")
    assert one["item_id"].to_list() == listed(run("recommend", bundle, "--user", "u000007", "-k", 5, "--json"))


def test_users_and_times_from_files(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\nu000003\nu000001\n")
    (tmp_path / "times.csv").write_text("user_id,timestamp\nu000001,2026-03-01T00:00:00Z\nu000003,2026-02-01\n")
    out = tmp_path / "lists.parquet"
    ask = ("recommend", bundle, "--users", tmp_path / "users.csv", "--out", out, "-k", 3)
    done = run(*ask, "--at", tmp_path / "times.csv", "--json")
    assert json.loads(done.stdout) == {"users": 2, "rows": 6, "out": str(out)}
    rec = Recommender.load(bundle)
    expected = rec.recommend(["u000003", "u000001"], k=3, at=["2026-02-01", "2026-03-01"])
    assert pl.read_parquet(out)["item_id"].to_list() == [i for row in expected.item_ids for i in row]
    (tmp_path / "times.csv").write_text("user_id,timestamp\nu000001,2026-03-01\n")
    failed = run(*ask, "--at", tmp_path / "times.csv")
    assert failed.exit_code == 1 and "has no time for 1 users (first: 'u000003'). Give one row" in failed.stderr
    (tmp_path / "users.csv").write_text("user_id\nu000003\nunknown\n")
    failed = run(*ask)
    assert failed.exit_code == 1 and "The user 'unknown' is not known" in failed.stderr
