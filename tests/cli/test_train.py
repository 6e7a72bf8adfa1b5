from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from penchant.artifacts.bundle import list_versions, open_bundle, read_metadata
from penchant.recommender.recommender import Recommender
from penchant.training.checkpoints import Checkpoints
from penchant.training.steps import Training

Run = Callable[..., Result]
NGRAM = ("--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")


def test_it_says_what_was_read_tested_and_written(run: Run, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "b"
    done = run("train", shop, "--out", out, "--model", "cooccurrence", "--seed", 5, *NGRAM)
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "events events.parquet 1,200 1,200 0 0" in lines
    assert "model ndcg@10 hit_rate@10 mrr@10" in lines
    assert sorted(line.split()[0] for line in lines if line.count("0.") == 3) == [
        "cooccurrence", "ease", "item_knn", "popularity",
    ]  # fmt: skip
    assert any(line.startswith("on ") and "held-out users (split time)" in line for line in lines)
    assert lines[-1] == f"Wrote version 1 of the bundle {out}; its report: {out / 'versions' / '1' / 'report.html'}"
    assert done.stderr.startswith(f"Next: penchant recommend {out} --user ")
    metadata = read_metadata(open_bundle(out))
    assert (metadata["config"]["model"], metadata["config"]["seed"]) == ("cooccurrence", 5)
    assert metadata["config"]["modalities"]["text"]["encoder"] == "ngram"
    assert set(metadata["metrics"]["ndcg@10"]) == {"mean", "low", "high"}
    page = (open_bundle(out) / "report.html").read_text(encoding="utf-8")
    assert "cooccurrence" in page and "shop" in page and "ndcg" in page.lower()
    assert f"penchant train {shop.name} --out b --model cooccurrence --seed 5 {' '.join(NGRAM)}" in page


def test_the_report_is_in_the_language_asked_for(run: Run, shop: Path, tmp_path: Path) -> None:
    done = run("train", shop, "--out", tmp_path / "b", "--model", "cooccurrence", "--language", "zh", *NGRAM)
    assert done.exit_code == 0, done.output
    page = (open_bundle(tmp_path / "b") / "report.html").read_text(encoding="utf-8")
    assert "模型只在训练部分上训练" in page and "Models were trained" not in page


def test_the_command_line_overrides_options_of_a_file(run: Run, shop: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        'model = "cooccurrence"\nseed = 2\n[cooccurrence]\nwindow = 3\n[modalities.text]\nencoder = "ngram"\ndim = 16\n'
    )
    words = ("--config", config, "--set", "window=4", "--no-evaluate", "--json")
    done = run("train", shop, "--out", tmp_path / "b", *words)
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["version"], summary["counts"]["events"], summary["test"]) == ("1", 1200, None)
    config = read_metadata(open_bundle(tmp_path / "b"))["config"]
    assert (config["model"], config["seed"], config["cooccurrence"]["window"]) == ("cooccurrence", 2, 4)
    again = run("train", shop, "--out", tmp_path / "b", *words, "--model", "popularity", "--set", "window=all")
    assert again.exit_code == 2 or list_versions(tmp_path / "b") == [1, 2]


def test_a_gpu_that_is_not_there_is_refused_before_anything_is_encoded(
    run: Run, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("penchant.recommender.fit.embed_items", lambda *_, **__: pytest.fail("encoded"))
    done = run("train", shop, "--out", tmp_path / "b", "--set", "device=cuda", "--no-evaluate")
    assert done.exit_code == 2 and "device=cuda, but PyTorch finds no such GPU" in done.output.replace("\n", " ")
    assert not (tmp_path / "b").exists()


def test_a_second_training_adds_a_version(run: Run, shop: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert (
            run("train", shop, "--out", tmp_path / "b", "--model", "popularity", "--no-evaluate", *NGRAM).exit_code == 0
        )
    assert list_versions(tmp_path / "b") == [1, 2] and (tmp_path / "b" / "current").read_text() == "2\n"


def test_same_seed_same_answers(run: Run, shop: Path, tmp_path: Path) -> None:
    answers = []
    for name in ("a", "b"):
        words = ("--model", "transformer", "--set", "epochs=1", "--set", "dim=8", "--set", "layers=1", "--seed", 7)
        done = run("train", shop, "--out", tmp_path / name, "--no-evaluate", *words, *NGRAM)
        assert done.exit_code == 0, done.output
        answers.append(run("recommend", tmp_path / name, "--user", "u000001", "--json").stdout)
    assert answers[0] == answers[1] and json.loads(answers[0])["source"] == "model"
    first, second = (open_bundle(tmp_path / name) for name in ("a", "b"))
    learned = sorted(path.relative_to(first) for path in first.rglob("*.safetensors"))
    assert learned and all((first / path).read_bytes() == (second / path).read_bytes() for path in learned)


def test_without_histories_no_user_is_known(run: Run, shop: Path, tmp_path: Path) -> None:
    words = ("--model", "cooccurrence", "--no-histories", "--no-evaluate", *NGRAM)
    done = run("train", shop, "--out", tmp_path / "b", *words)
    assert done.exit_code == 0 and "--history FILE" in done.stderr and "--user" not in done.stderr
    folder = open_bundle(tmp_path / "b")
    assert not (folder / "histories.parquet").exists()
    for file in (path for path in folder.rglob("*") if path.is_file()):
        assert not re.search(rb"u\d{6}", file.read_bytes()), f"{file.name} names a user"
    assert "so no user is shown" in (folder / "report.html").read_text()
    for words in (("recommend",), ("interests",), ("explain", "--item", "i000001")):
        done = run(words[0], tmp_path / "b", "--user", "u000001", *words[1:])
        assert done.exit_code == 1 and "written with --no-histories. Give the events of the user instead" in done.stderr
    (tmp_path / "h.csv").write_text("item_id\ni000001\ni000002\n")
    assert run("recommend", tmp_path / "b", "--history", tmp_path / "h.csv").exit_code == 0


def test_a_killed_training_continues(run: Run, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("train", shop, "--model", "transformer", "--set", "epochs=3", "--set", "dim=8", "--set", "layers=1")
    words = (*words, "--set", "training.checkpoint_s=0", "--split", "leave-one-out", *NGRAM)
    assert run(*words, "--out", tmp_path / "complete").exit_code == 0
    done, one_epoch = [], Training._run_epoch

    def killed(self: Training) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(self.epoch)
        one_epoch(self)

    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_run_epoch", killed)
        assert run(*words, "--out", tmp_path / "b").exit_code == 130
    assert [p.name for p in (tmp_path / "b").iterdir()] == [".training"]
    assert run("recommend", tmp_path / "b", "--user", "u000001").exit_code == 1
    done.clear()
    shutil.copytree(tmp_path / "b", tmp_path / "old")
    monkeypatch.setattr(Training, "_run_epoch", lambda self: (done.append(self.epoch), one_epoch(self)))
    again = run(*words, "--out", tmp_path / "b")
    assert again.exit_code == 0 and "holds an unfinished training. It resumes if" in again.stderr
    assert done[:2] == [2, 3]  # the second was done but for its validation
    assert not (tmp_path / "b" / ".training").exists()
    done.clear()
    with monkeypatch.context() as patch:
        patch.setattr("penchant.training.checkpoints.FORMAT", 99)
        anew = run(*words, "--no-evaluate", "--out", tmp_path / "old")
    assert "and this is penchant" in anew.stderr and "the training begins anew." in anew.stderr
    assert "with training format 99 and torch" in " ".join(anew.stderr.split())
    assert anew.exit_code == 0 and done[:3] == [1, 2, 3]
    answers = [run("recommend", tmp_path / name, "--user", "u000001", "--json").stdout for name in ("complete", "b")]
    assert answers[0] == answers[1] and json.loads(answers[0])["source"] == "model"
    first, second = (open_bundle(tmp_path / name) for name in ("complete", "b"))
    learned = sorted(path.relative_to(first) for path in first.rglob("*.safetensors"))
    assert learned and all((first / path).read_bytes() == (second / path).read_bytes() for path in learned)


def test_probes_are_fitted_stored_and_tested(run: Run, shop: Path, tmp_path: Path) -> None:
    """Trained on all but the newest events; tested by the split of the training, then on unseen events."""
    events = pl.read_parquet(shop / "events.parquet")
    early = tmp_path / "early"
    shutil.copytree(shop, early)
    events.filter(pl.col("timestamp") <= events["timestamp"].quantile(0.85)).write_parquet(early / "events.parquet")
    options = ("--set", "probes.fit=interest,category", "--model", "content", *NGRAM)
    done = run("train", early, "--out", tmp_path / "b", *options)
    assert done.exit_code == 0, done.output
    assert "content, interest" in done.stdout and "actual \\ predicted" in done.stdout
    metadata = read_metadata(open_bundle(tmp_path / "b"))
    assert metadata["probes"]["category"]["events"] == sum(metadata["probes"]["category"]["counts"])
    assert 'id="probes"' in (open_bundle(tmp_path / "b") / "report.html").read_text(encoding="utf-8")
    evaluated = run("evaluate", tmp_path / "b", shop, "--json", "-")
    assert evaluated.exit_code == 0, evaluated.output
    probes = json.loads(evaluated.stdout)["probes"]["content"]
    assert set(probes) == {"interest", "category"}
    assert probes["interest"]["rows"]["probe"]["auc"]["mean"] > probes["interest"]["rows"]["popularity"]["auc"]["mean"]
    who = ("--user", "u000001")
    item = Recommender.load(tmp_path / "b").dataset.item_vocabulary.ids[0]
    likely = json.loads(run("explain", tmp_path / "b", *who, "--item", item, "--json").stdout)["interested"]
    assert f"Probability of interest: {likely:.0%}" in run("explain", tmp_path / "b", *who, "--item", item).stdout
    following = json.loads(run("interests", tmp_path / "b", *who, "--json").stdout)["next_category"]
    assert sum(following.values()) == pytest.approx(1, abs=1e-5)
    assert (
        f"Most likely categories of the next item: {next(iter(following))} "
        in run("interests", tmp_path / "b", *who).stdout
    )
    wrong = run("train", early, "--out", tmp_path / "c", "--set", "probes.fit=colour")
    assert wrong.exit_code == 2 and "'colour' is not known" in wrong.output
