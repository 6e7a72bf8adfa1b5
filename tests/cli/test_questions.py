"""`interests`, `explain`, `encode`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import Result

from penchant.recommender.recommender import Recommender

Run = Callable[..., Result]


def test_interests(run: Run, bundle: Path) -> None:
    series = Recommender.load(bundle).interests("u000001")
    answer = json.loads(run("interests", bundle, "--user", "u000001", "--json").stdout)
    assert answer["event_ids"] == series.event_ids and answer["times_s"] == series.times_s.tolist()
    np.testing.assert_allclose(answer["vectors"], series.vectors, rtol=1e-6)
    done = run("interests", bundle, "--user", "u000001")
    assert done.exit_code == 0, done.output
    assert f"u000001: {len(series)} events, vectors of {series.vectors.shape[1]} dimensions" in done.stdout
    assert "cosine to latest  nearest categories" in done.stdout and "1.0000" in done.stdout


def test_every_interest_with_what_is_nearest(run: Run, shop: Path, tmp_path: Path) -> None:
    options = (
        "dim=8",
        "epochs=1",
        "layers=1",
        "n_interests=3",
        "modalities.text.encoder=ngram",
        "modalities.text.dim=16",
    )
    words = [word for value in options for word in ("--set", value)]
    done = run("train", shop, "--out", tmp_path / "b", "--no-evaluate", "--model", "transformer", *words)
    assert done.exit_code == 0, done.output
    rec = Recommender.load(tmp_path / "b")
    series = rec.interests("u000001", each=True)
    answer = json.loads(run("interests", tmp_path / "b", "--user", "u000001", "--each", "--json").stdout)
    np.testing.assert_allclose(answer["vectors"], series.vectors, rtol=1e-6)
    done = run("interests", tmp_path / "b", "--user", "u000001", "--each")
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if line.strip()[:1] in "123"]
    assert len(lines) == 3 and "nearest categories" in done.stdout
    for interest, line in zip(series.vectors[-1], lines, strict=True):
        assert rec.titles[int((rec.dense_model().item_vectors @ interest).argmax())] in line
    assert run("interests", tmp_path / "b", "--user", "u000001").exit_code == 0
    before = run("interests", tmp_path / "b", "--user", "u000001", "--each", "--at", "1999-01-01")
    assert before.exit_code == 0 and "u000001: 0 events" in before.stdout


def test_interests_as_of_a_time_are_the_first_part(run: Run, bundle: Path) -> None:
    full = json.loads(run("interests", bundle, "--user", "u000001", "--json").stdout)
    middle = full["times_s"][len(full["times_s"]) // 2]
    part = json.loads(run("interests", bundle, "--user", "u000001", "--at", middle, "--json").stdout)
    length = sum(t <= middle for t in full["times_s"])
    assert part["event_ids"] == full["event_ids"][:length]
    before = run("interests", bundle, "--user", "u000001", "--at", "1999-01-01")
    assert before.exit_code == 0 and "u000001: 0 events" in before.stdout


def test_interests_of_a_history_and_a_sentence(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("item_id\ni000001\ni000002\n")
    assert len(json.loads(run("interests", bundle, "--history", tmp_path / "h.csv", "--json").stdout)["vectors"]) == 2
    words = Recommender.load(bundle).titles[0]
    answer = json.loads(run("interests", bundle, "--text", words, "--json").stdout)
    assert len(answer["vectors"]) == 1 and answer["times_s"] == [None], "a sentence has no time"
    assert "1970" not in run("interests", bundle, "--text", words).stdout


def test_explain(run: Run, bundle: Path) -> None:
    rec = Recommender.load(bundle)
    item = rec.recommend(["u000001"], k=1).item_ids[0][0]
    reason = rec.explain("u000001", item)
    answer = json.loads(run("explain", bundle, "--user", "u000001", "--item", item, "--json").stdout)
    assert (answer["user_id"], answer["item_id"], answer["score"]) == ("u000001", item, reason.score)
    assert [event["event_id"] for event in answer["events"]] == [event.event_id for event in reason.events]
    done = run("explain", bundle, "--user", "u000001", "--item", item)
    assert done.exit_code == 0 and reason.sentence in done.stdout
    scores = rec.scores(rec.histories(rec.dataset.encode_users(["u000001"])))[0]
    lead = (reason.score - scores.mean()) / scores.std()
    assert reason.lead == pytest.approx(lead, rel=1e-4) and f"z-score {lead:+.2f} over all items" in done.stdout
    assert all(0 < event.contribution <= 2 * lead for event in reason.events)
    assert "z-score lost when removed" in done.stdout and "contribution to the score" in done.stdout
    early = run("explain", bundle, "--user", "u000001", "--item", item, "--at", "1999-01-01")
    assert early.exit_code == 0 and "No past event raises this item's score." in early.stdout


def test_words_that_no_item_has_are_no_wrong_call(run: Run, bundle: Path) -> None:
    for command in ("recommend", "interests"):
        done = run(command, bundle, "--text", "ЖЖЖ")
        assert done.exit_code == 1 and "The text 'ЖЖЖ' has no word that the text modality knows." in done.stderr
        assert run(command, bundle, "--text", " ").exit_code == 2


def test_encode(run: Run, shop: Path, tmp_path: Path) -> None:
    ask = ("encode", shop, "--modality", "text", "--encoder", "ngram", "--set", "dim=12", "--cache", tmp_path / "cache")
    done = run(*ask, "--out", tmp_path / "v.parquet", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["items"], summary["with_vector"], summary["dim"]) == (100, 100, 12)
    table = pl.read_parquet(tmp_path / "v.parquet")
    assert table.schema == {"item_id": pl.String, "vector": pl.Array(pl.Float32, 12), "present": pl.Boolean}
    assert run(*ask, "--out", tmp_path / "w.parquet").exit_code == 0
    assert (tmp_path / "v.parquet").read_bytes() == (tmp_path / "w.parquet").read_bytes()
    again = run(*ask, "--set", "dim=3", "--out", tmp_path / "x.parquet", "--beside", tmp_path / "v.parquet", "--json")
    moved = json.loads(again.stdout)["moved"]
    assert moved["k"] == 10 and moved["chance"] < moved["overlap"] < 1 and len(moved["moved"]) == 10
    assert set(moved["moved"]) <= set(table["item_id"])


@pytest.mark.parametrize(
    ("modality", "name", "message"),
    [
        (
            "text",
            "ngrm",
            "The model 'ngrm' is neither a folder nor among the models on this machine. Did you mean 'ngram'?",
        ),
        ("text", "glove:nowhere.txt", "There is no file of word vectors nowhere.txt."),
        ("text", "./nowhere", "There is no model folder './nowhere'."),
        ("image", "cmn", "Did you mean 'cnn'?"),
        ("audio", "cnn", "Did you mean 'crnn'?"),
    ],
)
def test_an_unknown_encoder_is_a_bad_call(run: Run, tmp_path: Path, modality: str, name: str, message: str) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu,i1,1\nu,i2,2\n")
    (tmp_path / "items.csv").write_text(
        "item_id,title,image,audio\ni1,summer rain,a.png,a.wav\ni2,winter,b.png,b.wav\n"
    )
    done = run("encode", tmp_path, "--modality", modality, "--encoder", name, "--out", tmp_path / "v.parquet")
    assert done.exit_code == 2 and message in done.stderr, done.output
    assert not (tmp_path / "v.parquet").exists()


def test_items_without_text_have_no_vector(run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu,i1,1\nu,i2,2\nu,i3,3\n")
    (tmp_path / "items.csv").write_text("item_id,title\ni1,summer rain\ni2,\ni3,winter rain\n")
    ask = ("encode", tmp_path, "--modality", "text", "--encoder", "ngram", "--set", "dim=2", "--cache", tmp_path / "c")
    assert run(*ask, "--out", tmp_path / "v.parquet").exit_code == 0
    assert pl.read_parquet(tmp_path / "v.parquet")["present"].to_list() == [True, False, True]
    smell = run("encode", tmp_path, "--modality", "smell", "--out", tmp_path / "v.parquet")
    assert smell.exit_code == 2 and smell.stderr.startswith("penchant: --modality: 'smell' is not one of 'text'")
    named = run("encode", tmp_path, "--modality", "text", "--out", tmp_path / "v.csv")
    assert named.exit_code == 2 and "ends in .parquet" in named.stderr and not (tmp_path / "v.csv").exists()
