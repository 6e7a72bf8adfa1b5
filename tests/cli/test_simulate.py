from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from penchant.data.dataset import Dataset

Run = Callable[..., Result]


def everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_it_writes_the_contract_and_says_what_comes_next(run: Run, tmp_path: Path) -> None:
    done = run("simulate", "--out", tmp_path / "a", "--users", 20, "--items", 100, "--language", "zh")
    assert done.exit_code == 0
    assert done.stdout == f"Wrote 20 users, 100 items and 600 events to {tmp_path / 'a'}\n"
    assert done.stderr == f"Next: penchant check {tmp_path / 'a'}\n"
    data = Dataset.load(tmp_path / "a", strict=True)
    assert (data.n_users, data.n_items, data.n_events) == (20, 100, 600)


def test_same_seed_same_bytes(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = (
            "--users",
            20,
            "--items",
            100,
            "--events",
            200,
            "--seed",
            seed,
            "--set",
            "drifting=1",
            "--set",
            "jumping=0",
        )
        assert run("simulate", "--out", tmp_path / name, *words).exit_code == 0
    assert everything(tmp_path / "a") == everything(tmp_path / "b") != everything(tmp_path / "c")


def test_a_folder_that_holds_something_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    done = run("simulate", "--out", tmp_path)
    assert done.exit_code == 2 and "is not empty; nothing was changed. Give a new folder" in done.stderr
    assert everything(tmp_path) == {"mine": b"keep"}


def test_what_cannot_be_simulated_is_refused(run: Run, tmp_path: Path) -> None:
    for words, message in (
        (("--items", 3), "items=3 is out of range: allowed is 96"),
        (("--events", 5), "events=5 is out of range"),
        (("--users", 100_000_000), "users=100,000,000 is out of range: allowed is 1 to 10,000,000."),
        (("--set", "driftng=1"), "option='driftng' is not known."),
        (("--set", "drifting=x"), "drifting='x' is not a finite number"),
        (("--users", 0), "Invalid value for '--users'"),
    ):
        done = run("simulate", "--out", tmp_path / "x", *words)
        assert done.exit_code == 2 and message in " ".join(done.stderr.replace("│", " ").split()), done.stderr
        assert list(tmp_path.iterdir()) == []
