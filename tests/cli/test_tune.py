from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from penchant.evaluation.tuning.search import Search
from penchant.recommender.config import Config

pytest.importorskip("optuna")
Run = Callable[..., Result]
NGRAM = ("--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")


def test_settings_are_searched_written_and_trained(run: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "tuned.toml"
    words = ("tune", shop, "--minutes", 10, "--out", file, "--model", "cooccurrence,item_knn", "--seed", 3, *NGRAM)
    done = run(*words, "--trials", 4)
    assert done.exit_code == 0, done.output
    assert "The test part is not used" in done.stdout and f"--config {file}" in done.stderr
    config = Config.from_toml(file)
    assert config.seed == 3 and config.modalities.text.dim == 16 and config.model in ("cooccurrence", "item_knn")
    again = run(*words, "--trials", 6, "--json")
    result = json.loads(again.stdout)
    assert {name: search["trials"] for name, search in result["models"].items()} == {"cooccurrence": 6, "item_knn": 6}
    for search in result["models"].values():
        assert search["ndcg@10"] >= search["incumbent"]
    assert result["model"] == max(result["models"], key=lambda name: result["models"][name]["ndcg@10"])
    best = result["models"][result["model"]]["settings"]
    options = Config.from_toml(file).options()
    assert all(getattr(options, key) == value for key, value in best.items())
    trained = run("train", shop, "--out", tmp_path / "b", "--config", file, "--no-evaluate", "--json")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["record"]["model"] == result["model"]


def test_an_ensemble_is_tuned_expert_by_expert(run: Run, shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "tuned.toml"
    small = (
        "--set",
        "lite.experts=transformer,popularity",
        "--set",
        "transformer.dim=8",
        "--set",
        "transformer.epochs=2",
    )
    done = run("tune", shop, "--minutes", 10, "--trials", 1, "--out", file, "--model", "lite", *small, *NGRAM, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["model"], set(result["models"])) == ("lite", {"transformer", "popularity"})
    config = Config.from_toml(file)
    assert config.model == "lite" and config.options("transformer").epochs == 2


def test_an_interrupted_search_keeps_its_trials(
    run: Run, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggest = Search._suggest

    def third(self: Search, trial: object) -> object:
        if len(self.trials) == 2:
            raise KeyboardInterrupt
        return suggest(self, trial)  # type: ignore[arg-type]

    monkeypatch.setattr(Search, "_suggest", third)
    file = tmp_path / "tuned.toml"
    done = run("tune", shop, "--minutes", 10, "--out", file, "--model", "cooccurrence", *NGRAM)
    assert done.exit_code == 130 and "The best settings so far are kept" in done.stderr
    assert Config.from_toml(file).model == "cooccurrence"
    monkeypatch.undo()
    words = ("tune", shop, "--minutes", 10, "--out", file, "--model", "cooccurrence", *NGRAM)
    again = run(*words, "--trials", 3, "--json")
    assert json.loads(again.stdout)["models"]["cooccurrence"]["trials"] == 3
    assert (tmp_path / "tuned.trials.log").is_file()


def test_a_model_the_data_do_not_allow_is_left_out_and_invalid_calls_are_rejected(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    rows = "\n".join(f"u{u},i{(u + n) % 6},{1_700_000_000 + 100 * n + u}" for u in range(12) for n in range(5))
    (tmp_path / "d" / "events.csv").write_text(f"user_id,item_id,timestamp\n{rows}\n")
    words = ("tune", tmp_path / "d", "--out", tmp_path / "f.toml", "--trials", 2)
    done = run(*words, "--minutes", 1, "--model", "content,popularity")
    assert done.exit_code == 0 and "content is left out: " in done.stdout, done.output
    refused = run(*words, "--minutes", 1, "--model", "content")
    assert refused.exit_code == 1
    assert run(*words, "--minutes", 0).exit_code == 2
    assert run(*words, "--minutes", 1, "--model", "unknown").exit_code == 2
