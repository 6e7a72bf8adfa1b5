"""Logs with a label column (1 clicked, 0 shown and not clicked), as sets of click-through rates have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

from penchant.data.dataset import Dataset
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="0/1 labels are not read as signals; fixed by issue 14, point 1"
)
COLUMNS = ("label", "clicked", "is_click", "click", "target", "like", "rating")
USERS = [f"u{n}" for n in range(120)]


def clicked_camp(user: str) -> str:
    return "A" if int(user[1:]) % 2 else "B"


def rows_of_camps() -> list[tuple[str, str, int, int]]:
    """Half of the users click seven items A and pass over seven items B, the other half the reverse."""
    rng = np.random.default_rng(0)
    rows = []
    for number, user in enumerate(USERS):
        clicked, other = ("A", "B") if clicked_camp(user) == "A" else ("B", "A")
        labels = [(f"{clicked}{n}", 1) for n in rng.choice(20, 7, replace=False)]
        labels += [(f"{other}{n}", 0) for n in rng.choice(20, 7, replace=False)]
        rng.shuffle(labels)
        start_s = 1_600_000_000 + 100 * number
        rows += [(user, str(item), int(label), start_s + place) for place, (item, label) in enumerate(labels)]
    return rows


def write_log(folder: Path, column: str) -> Path:
    lines = [f"user_id,item_id,{column},timestamp", *(",".join(map(str, row)) for row in rows_of_camps())]
    (folder / "events.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_recbole(folder: Path) -> Path:
    lines = ["user_id:token\titem_id:token\tlabel:float\ttimestamp:float"]
    lines += [f"{user}\t{item}\t{float(label)}\t{time_s}" for user, item, label, time_s in rows_of_camps()]
    (folder / "shop.inter").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def share_of_clicked(data: Dataset) -> float:
    rec = Recommender.fit(data, Config(model="ease"))
    return float(np.mean([[i[0] == clicked_camp(user) for i in items] for user, items in rec.recommend(USERS, k=5)]))


@TODAY
@pytest.mark.parametrize("column", COLUMNS)
def test_top_five_come_from_the_clicked_camp(tmp_path: Path, column: str) -> None:
    assert share_of_clicked(Dataset.load(write_log(tmp_path, column))) >= 0.95


@TODAY
def test_top_five_come_from_the_clicked_camp_in_a_recbole_file(tmp_path: Path) -> None:
    assert share_of_clicked(Dataset.load(write_recbole(tmp_path))) >= 0.95


@pytest.mark.parametrize("column", [*(pytest.param(c, marks=TODAY) for c in COLUMNS if c != "rating"), "rating"])
def test_the_report_says_what_the_column_was_read_as(tmp_path: Path, column: str) -> None:
    assert column in str(Dataset.load(write_log(tmp_path, column)).report)


@TODAY
@pytest.mark.parametrize("column", ["label", "is_click"])
def test_check_says_what_the_column_was_read_as(run: Callable[..., Result], tmp_path: Path, column: str) -> None:
    done = run("check", write_log(tmp_path, column))
    assert done.exit_code == 0, done.output
    assert column in done.stdout
