"""An export without quoting in which a comment begins with a quotation mark: every line is a row, kept or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.data.dataset import Dataset

N = 1000
TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="rows vanish after an open quotation mark; fixed by issue 14, point 5"
)
HEADS = {"csv": "user_id,item_id,timestamp,text", "tsv": "user_id\titem_id\ttimestamp\ttext"}
HEADS["inter"] = "user_id:token\titem_id:token\ttimestamp:float\ttext:token_seq"


def write_events(path: Path, cells: dict[int, str]) -> None:
    """A log of N lines whose last cell is `fine` but where `cells` say otherwise."""
    head = HEADS[path.name.split(".")[1]]
    between = "\t" if "\t" in head else ","
    rows = (
        (f"u{n % 40}", f"i{n % 30}", str(1_600_000_000 + n), cells.get(n, "fine").replace("\t", between))
        for n in range(N)
    )
    path.write_text(head + "\n" + "\n".join(between.join(row) for row in rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "cells"),
    [
        pytest.param("events.csv", {100: '"great'}, marks=TODAY, id="csv"),
        pytest.param("events.tsv", {100: '"great'}, marks=TODAY, id="tsv"),
        pytest.param("shop.inter", {100: '"great'}, marks=TODAY, id="RecBole"),
        pytest.param("events.csv", {0: '"'}, marks=TODAY, id="only a mark in the first row"),
        pytest.param("events.csv", {N - 2: '"great'}, marks=TODAY, id="last but one row"),
        pytest.param("events.tsv", {100: '"great', 500: '"bad'}, marks=TODAY, id="tsv, closed later"),
        pytest.param("events.csv", {100: 'so "great'}, id="inside a cell"),
        pytest.param("events.csv", {100: '"great" stuff'}, id="quoted word first"),
        pytest.param("events.csv", {100: '"great"'}, id="closed"),
    ],
)
def test_no_row_vanishes(tmp_path: Path, file: str, cells: dict[int, str]) -> None:
    write_events(tmp_path / file, cells)
    data = Dataset.load(tmp_path)
    assert data.report is not None
    events = data.report.tables["events"]
    assert events.rows_read == N
    assert data.n_events + events.rows_quarantined == N
    assert data.n_events >= N - 2  # the other lines are sound
