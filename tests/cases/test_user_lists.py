"""`--users FILE` in common forms, and `--deny` and `--allow` lists of any length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import Result

from penchant.data.dataset import Dataset
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

Run = Callable[..., Result]
N = 3000
TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a file of users is read too strictly; fixed by issue 14, point 8"
)
LONG = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a long list is taken for a file's name; fixed by issue 14, point 8"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    events = pl.DataFrame(
        {
            "user_id": [f"u{n}" for n in rng.integers(0, 50, N)],
            "item_id": [f"item-{n:05d}" for n in rng.integers(0, 200, N)],
            "timestamp": 1_600_000_000 + np.arange(N),
        }
    )
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    Recommender.fit(Dataset.from_tables(events), Config(model="cooccurrence")).save(folder)
    return folder


def answered(run: Run, bundle: Path, folder: Path, text: str, *more: str) -> set[str]:
    """The users of the answer to a file with this text."""
    (folder / "users.csv").write_bytes(text.encode())
    out = folder / "lists.parquet"
    done = run("recommend", bundle, "--users", folder / "users.csv", "-k", 3, "--out", out, *more)
    assert done.exit_code == 0, done.output
    return set(pl.read_parquet(out)["user_id"].to_list())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("u1\nu2\nu3\n", marks=TODAY, id="plain lines"),
        pytest.param("user_id\nu1\nu2\nu3\n", id="head"),
        pytest.param("user_id,x\nu1,5\nu2,6\nu3,7\n", id="two columns"),
        pytest.param("user_id\r\nu1\r\nu2\r\nu3\r\n", id="crlf"),
        pytest.param("\ufeffuser_id\nu1\nu2\nu3\n", id="bom"),
        pytest.param("user_id\nu1\nu1\nu2\nu3\n", id="twice"),
        pytest.param("user_id\nu1\n\nu2\n\nu3\n", id="blank lines"),
        pytest.param("user_id\n u1 \nu2\nu3\n", marks=TODAY, id="spaces"),
        pytest.param("uid\nu1\nu2\nu3\n", marks=TODAY, id="alias"),
        pytest.param('user_id\n"u1"\n"u2"\n"u3"\n', id="quoted"),
    ],
)
def test_known_users_are_answered(run: Run, bundle: Path, tmp_path: Path, text: str) -> None:
    assert answered(run, bundle, tmp_path, text) == {"u1", "u2", "u3"}


@TODAY
@pytest.mark.parametrize(("rule", "users"), [("popular", {"u1", "stranger", "u2"}), ("skip", {"u1", "u2"})])
def test_unknown_users_follow_on_unknown(run: Run, bundle: Path, tmp_path: Path, rule: str, users: set[str]) -> None:
    assert answered(run, bundle, tmp_path, "user_id\nu1\nstranger\nu2\n", "--on-unknown", rule) == users


@TODAY
def test_unknown_users_can_be_refused(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\nu1\nstranger\nu2\n", encoding="utf-8")
    words = ("--users", tmp_path / "users.csv", "--out", tmp_path / "lists.parquet", "--on-unknown", "fail")
    done = run("recommend", bundle, *words)
    assert done.exit_code == 1 and "stranger" in done.stderr


def test_a_file_without_users_is_refused(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\n", encoding="utf-8")
    done = run("recommend", bundle, "--users", tmp_path / "users.csv", "--out", tmp_path / "lists.parquet")
    assert done.exit_code == 1 and "no id" in done.stderr


def lists_of_items(lengths: Sequence[int], failing: int) -> list[object]:
    return [pytest.param(length, marks=LONG if length >= failing else ()) for length in lengths]


@pytest.mark.parametrize("length", lists_of_items((5, 20, 30, 150), failing=30))
def test_a_deny_list_has_any_length(run: Run, bundle: Path, length: int) -> None:
    denied = [f"item-{n:05d}" for n in range(length)]
    done = run("recommend", bundle, "--user", "u1", "-k", 200, "--allow-seen", "--json", "--deny", ",".join(denied))
    assert done.exit_code == 0, done.output
    assert not [item for item in denied if item in done.stdout]


@pytest.mark.parametrize("length", lists_of_items((5, 30, 150), failing=30))
def test_an_allow_list_has_any_length(run: Run, bundle: Path, length: int) -> None:
    allowed = [f"item-{n:05d}" for n in range(length)]
    done = run("recommend", bundle, "--user", "u1", "-k", 3, "--allow-seen", "--json", "--allow", ",".join(allowed))
    assert done.exit_code == 0, done.output
    assert any(item in done.stdout for item in allowed)


@LONG
def test_one_id_may_be_repeated(run: Run, bundle: Path) -> None:
    done = run("recommend", bundle, "--user", "u1", "--deny", ",".join(["item-00001"] * 100))
    assert done.exit_code == 0, done.output
