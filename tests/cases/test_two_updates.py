"""Two updates of one bundle at the same time: both are there afterwards, or one of them is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

SCRIPT = """
import sys, time
from pathlib import Path
import penchant
from penchant.cli.app import app
load = penchant.Recommender.load
def load_with_the_other(path):
    # both have read the bundle before one writes, unless the program itself lets one wait
    rec = load(path)
    Path(sys.argv[4]).touch()
    end = time.monotonic() + 15
    while not Path(sys.argv[5]).exists() and time.monotonic() < end:
        time.sleep(0.02)
    return rec
penchant.Recommender.load = load_with_the_other
app(sys.argv[1:4])
"""


def write(folder: Path, users: list[str], start_s: int) -> Path:
    folder.mkdir()
    rows = [(user, f"i{n}") for user in users for n in range(3)]
    table = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    table.with_columns(timestamp=start_s + pl.int_range(len(rows))).write_parquet(folder / "events.parquet")
    return folder


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the later writer drops the other; fixed by issue 14, point 13"
)
def test_no_update_is_lost(run: Callable[..., Result], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    first = write(tmp_path / "first", [f"u{n}" for n in range(60)], 1_600_000_000)
    done = run("train", first, "--out", bundle, "--model", "cooccurrence", "--no-evaluate")
    assert done.exit_code == 0, done.output
    new = [write(tmp_path / f"new{k}", [f"new{k}_{n}" for n in range(5)], 1_700_000_000 + 1000 * k) for k in (0, 1)]
    read = [tmp_path / f"read{k}" for k in (0, 1)]
    both = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, "update", bundle, new[k], read[k], read[1 - k]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for k in (0, 1)
    ]
    codes = [process.wait(timeout=100) for process in both]
    known = [run("recommend", bundle, "--user", f"new{k}_0", "--allow-seen").exit_code == 0 for k in (0, 1)]
    assert 0 in codes
    assert known == [code == 0 for code in codes]
