"""`--clean`: rules are applied because they were asked for, and what they set aside is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from typer.testing import Result

from penchant.cleaning.clean import RULES
from penchant.cli import parameters

Run = Callable[..., Result]
FAST = ("--model", "popularity", "--no-evaluate", "--set", "views.text.encoder=none")


def test_its_words_are_the_rules() -> None:
    assert parameters.CLEANING.split(", ") == ["mend", "spelling", "simplified", "traditional", *RULES]


def shop_with_dirt(folder: Path) -> Path:
    """Six events; the third is the second clicked twice, and one title holds markup."""
    folder.mkdir()
    times = [100, 5000, 5001, 9000, 100, 4000]
    items = ["a", "b", "b", "c", "a", "c"]
    users = ["u"] * 4 + ["v"] * 2
    pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times}).write_csv(folder / "events.csv")
    titles = ["<b>summer</b> rain", "winter rain", "spring sun"]
    pl.DataFrame({"item_id": ["a", "b", "c"], "title": titles}).write_csv(folder / "items.csv")
    return folder


def test_what_the_rules_find_is_set_aside_and_said(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    plain = json.loads(run("train", shop, "--out", tmp_path / "a", *FAST, "--json").stdout)
    assert (plain["counts"]["events"], plain["rows_quarantined"]) == (6, 0)
    done = run("train", shop, "--out", tmp_path / "b", "--clean", "mend,repeated_events", *FAST, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["counts"]["events"], told["rows_quarantined"]) == (5, 1)
    assert "repeated_events: 1 events set aside" in done.stderr
    notes = told["tables"]["items"]["notes"]
    assert any("title" in note for note in notes) and not plain["tables"]["items"]["notes"]


def test_an_unknown_rule_is_refused_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    for command in (("train", tmp_path / "none", "--out", tmp_path / "b"), ("compare", tmp_path, "--models", "ease")):
        done = run(*command, "--clean", "repeated_event")
        assert done.exit_code == 2 and "Did you mean 'repeated_events'?" in done.stderr


def test_missing_cells_are_filled_where_asked(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    items = {"item_id": ["a", "b", "c"], "title": ["x", "y", "z"], "price": [2.0, None, 8.0]}
    pl.DataFrame(items).write_csv(shop / "items.csv")
    done = run("train", shop, "--out", tmp_path / "b", "--clean", "items.price=mean", *FAST, "--json")
    assert done.exit_code == 0, done.output
    assert "price: 1 missing cells filled (mean)" in json.loads(done.stdout)["tables"]["items"]["notes"]


def test_what_cannot_be_filled_is_refused(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    for word, says in (
        ("price=mean", "Write TABLE.COLUMN=RULE"),
        ("item.price=mean", "Did you mean 'items'?"),
        ("items.title=meen", "Did you mean 'mean'?"),
        ("items.titel=most_frequent", "Did you mean 'title'?"),
        ("simplified,traditional", "one script at a time"),
    ):
        done = run("train", shop, "--out", tmp_path / "b", "--clean", word, *FAST)
        assert done.exit_code == 2 and says in done.stderr, done.output
