from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from penchant.artifacts.bundle import open_bundle

Run = Callable[..., Result]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_demo_from_data_to_report(run: Run, tmp_path: Path, language: str) -> None:
    words = ("--users", 60, "--items", 100, "--language", language, "--model", "cooccurrence")
    done = run(
        "demo", "--out", tmp_path, *words, "--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16"
    )
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    for part in (
        "1. The data",
        "2. Comparison of the models on the held-out next events of",
        "3. Cold items: a tenth of the items is not in training",
        "4. Recovery of the true interests",
        "5. Recommendations of cooccurrence, with reasons",
    ):
        assert part in text
    for model in ("popularity", "item_knn", "cooccurrence", "ease"):
        assert f"\n{model} " in done.stdout
    assert done.stdout.count(", last items: ") == 3
    report = open_bundle(tmp_path / "bundle") / "report.html"
    assert f"Report   {report}" in done.stdout and "penchant recommend" in done.stderr
    page = report.read_text(encoding="utf-8")
    assert f'<html lang="{language}' in page and "cooccurrence" in page
    assert re.search(r"generated \d\d images and \d\d sounds", text)
    assert page.count("data:image/png;base64,") >= 3 and page.count("data:audio/wav;base64,") >= 1
    assert ("On cold items, " if language == "en" else "在冷启动物品上，") in page
    assert ("How soon a change of interests is seen" if language == "en" else "兴趣转变多久能被发现") in page
    assert " content " in text.split("3. Cold items")[1].split("4. Recovery")[0]


def test_data_that_is_there_is_used(run: Run, shop: Path, tmp_path: Path) -> None:
    words = ("--model", "popularity", "--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")
    done = run("demo", "--data", shop, "--out", tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert f"using the data in {shop}" in done.stdout and not (tmp_path / "data").exists()


def test_real_data_have_no_truth_and_the_demo_says_so(run: Run, shop: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    shutil.copytree(shop, real, ignore=shutil.ignore_patterns("truth"))
    words = ("--model", "popularity", "--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")
    done = run("demo", "--data", real, "--out", tmp_path / "out", *words)
    assert done.exit_code == 0, done.output
    said = "Planted interests: left out. The data are real, and the interests behind them are unknown."
    assert said in " ".join(done.stdout.split())
    page = (open_bundle(tmp_path / "out" / "bundle") / "report.html").read_text(encoding="utf-8")
    assert said in page and "Planted interests found again" not in page
