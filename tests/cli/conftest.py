"""A small simulated platform and a bundle trained on it, built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from penchant.cli.app import app

Run = Callable[..., Result]
FAST = ("--model", "cooccurrence", "--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")


@pytest.fixture(scope="session")
def run() -> Run:
    """Run the program on words; stdout, stderr and the exit code come back."""

    def call(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """A folder of data: 60 users, 100 items, 1,200 events."""
    folder = tmp_path_factory.mktemp("platform") / "shop"
    done = run("simulate", "--out", folder, "--users", 60, "--items", 100, "--events", 1200, "--seed", 3)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, run: Run, shop: Path) -> Path:
    """A bundle trained on it; tests that change one make a copy."""
    folder = tmp_path_factory.mktemp("trained") / "bundle"
    done = run("train", shop, "--out", folder, "--no-evaluate", *FAST)
    assert done.exit_code == 0, done.output
    return folder
