"""`--clean`: rules run on request, and the report counts the rows that go to quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
from typer.testing import Result

from penchant.cleaning.clean import RULES, STEPS
from penchant.cli import parameters

Run = Callable[..., Result]
FAST = ("--model", "popularity", "--no-evaluate", "--set", "modalities.text.encoder=none")


def test_its_names_are_the_rules() -> None:
    assert parameters.CLEANING.split(", ") == [*STEPS, *RULES]
    page = (Path(__file__).resolve().parents[2] / "docs" / "cleaning.md").read_text(encoding="utf-8")
    assert [name for name in (*STEPS, *RULES) if f"`{name}`" not in page] == []


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


def test_flagged_rows_go_to_quarantine(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    plain = json.loads(run("train", shop, "--out", tmp_path / "a", *FAST, "--json").stdout)
    assert (plain["counts"]["events"], plain["rows_quarantined"]) == (6, 0)
    done = run("train", shop, "--out", tmp_path / "b", "--clean", "repair,repeated_events", *FAST, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["counts"]["events"], result["rows_quarantined"]) == (5, 1)
    assert "repeated_events: 1 events to quarantine" in done.stderr
    notes = result["tables"]["items"]["notes"]
    assert any("title" in note for note in notes) and not plain["tables"]["items"]["notes"]


def test_an_unknown_rule_is_an_error_before_the_data_is_read(run: Run, tmp_path: Path) -> None:
    for command in (("train", tmp_path / "none", "--out", tmp_path / "b"), ("compare", tmp_path, "--models", "ease")):
        done = run(*command, "--clean", "repeated_event")
        assert done.exit_code == 2 and "Did you mean 'repeated_events'?" in done.stderr
        done = run(*command, "--clean", "mend")
        assert done.exit_code == 2 and "It is now called 'repair'." in done.stderr


def test_missing_cells_are_imputed_on_request(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    items = {"item_id": ["a", "b", "c"], "title": ["x", "y", "z"], "price": [2.0, None, 8.0]}
    pl.DataFrame(items).write_csv(shop / "items.csv")
    done = run("train", shop, "--out", tmp_path / "b", "--clean", "items.price=mean", *FAST, "--json")
    assert done.exit_code == 0, done.output
    assert "price: 1 missing cells imputed (mean)" in json.loads(done.stdout)["tables"]["items"]["notes"]


def test_impossible_imputations_are_errors(run: Run, tmp_path: Path) -> None:
    shop = shop_with_dirt(tmp_path / "shop")
    for value, message in (
        ("price=mean", "Write TABLE.COLUMN=METHOD"),
        ("item.price=mean", "Did you mean 'items'?"),
        ("items.title=meen", "Did you mean 'mean'?"),
        ("items.titel=most_frequent", "Did you mean 'title'?"),
        ("simplified,traditional", "names two scripts"),
    ):
        done = run("train", shop, "--out", tmp_path / "b", "--clean", value, *FAST)
        assert done.exit_code == 2 and message in done.stderr, done.output
