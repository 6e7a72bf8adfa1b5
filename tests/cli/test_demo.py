from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from penchant.data.bundle import open_bundle

Run = Callable[..., Result]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_whole_job(run: Run, tmp_path: Path, language: str) -> None:
    words = ("--users", 60, "--items", 100, "--language", language, "--model", "cooccurrence")
    done = run("demo", "--out", tmp_path, *words, "--set", "views.text.encoder=ngram", "--set", "views.text.dim=16")
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    for part in ("1. The data", "2. What each model finds", "4. What the cooccurrence recommends, and why"):
        assert part in text
    for model in ("popularity", "item_knn", "cooccurrence", "ease"):
        assert f"\n{model} " in done.stdout
    assert done.stdout.count(", who last chose ") == 3
    report = open_bundle(tmp_path / "bundle") / "report.html"
    assert f"Report   {report}" in done.stdout and "penchant recommend" in done.stderr
    page = report.read_text(encoding="utf-8")
    assert f'<html lang="{language}' in page and "cooccurrence" in page


def test_data_that_is_there_is_used(run: Run, shop: Path, tmp_path: Path) -> None:
    words = ("--model", "popularity", "--set", "views.text.encoder=ngram", "--set", "views.text.dim=16")
    done = run("demo", "--data", shop, "--out", tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert f"using what is in {shop}" in done.stdout and not (tmp_path / "data").exists()
