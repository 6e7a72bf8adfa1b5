from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import Result

from penchant.artifacts.bundle import list_versions, open_bundle
from penchant.data.ingest.load import load_folder
from penchant.recommender.recommender import Recommender

Run = Callable[..., Result]


def test_a_version_is_added_once(run: Run, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    new = tmp_path / "new"
    new.mkdir()
    rows = [
        "u000001,i000005,2030-01-01",
        "u000001,i000009,2030-01-02",
        "stranger,i000005,2030-01-01",
        "u000002,fresh,2030-01-03",
    ]
    (new / "events.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    (new / "items.csv").write_text("item_id,title\nfresh,Something new\n")
    done = run("update", tmp_path / "b", new, "--against-retrain", "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["version"], summary["new"]) == ("2", {"events": 4, "items": 1, "users": 1}) and summary["drift"][
        "users"
    ] >= 1
    assert (open_bundle(tmp_path / "b") / "report.html").is_file()
    assert run("recommend", tmp_path / "b", "--user", "stranger").exit_code == 0
    again = run("update", tmp_path / "b", new, "--against-retrain")
    assert again.exit_code == 0 and "New: nothing; 4 events were already known" in again.stdout
    assert list_versions(tmp_path / "b") == [1, 2]


def test_new_events_on_known_items_are_enough(run: Run, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu000001,i000005,2030-01-01\n")
    done = run("update", tmp_path / "b", tmp_path)
    assert done.exit_code == 0 and "New: 1 events; 0 events were already known" in done.stdout, done.output


def test_it_says_what_is_new_and_rejects_what_cannot_be(run: Run, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "items.csv").write_text("item_id,title\nfresh,Something new\n,Without id\n")
    done = run("update", tmp_path / "b", tmp_path)
    assert done.exit_code == 0, done.output
    assert "items: 1 rows are in quarantine: no item_id." in done.output
    assert "New: 1 items; 0 events were already known" in done.stdout and "Wrote version 2" in done.stdout
    (tmp_path / "items.csv").write_text("item_id,title\nfresher,Something newer\n")
    done = run("update", tmp_path / "b", tmp_path, "--against-retrain")
    assert done.exit_code == 0 and "The update is not compared with a full training: No new event" in done.stderr, (
        done.output
    )
    assert "Wrote version 3" in done.stdout
    gone = run("update", tmp_path / "b", tmp_path / "nowhere")
    assert gone.exit_code == 1 and "or items or users alone" in gone.output
    (tmp_path / "empty").mkdir()
    empty = run("update", tmp_path / "b", tmp_path / "empty")
    assert empty.exit_code == 1 and "no table of events, items or users. It holds: nothing" in empty.output
    assert "One of them is enough" in empty.output
    assert run("update", tmp_path / "nowhere", tmp_path).exit_code == 1
    assert run("update", tmp_path / "b", tmp_path, "--replay", "-1").exit_code == 2
    none = run("update", tmp_path / "b", tmp_path, "--rate", "0")
    assert none.exit_code == 2 and "rate=0.0 is out of range. Give a number above 0." in none.output


def test_it_counts_the_values_that_it_cannot_read(run: Run, tmp_path: Path) -> None:
    events = "user_id,item_id,timestamp\na,x,1\na,y,2\nb,y,3\nb,x,4\n"
    tables = {
        "shop": {
            "events": events,
            "items": "item_id,title,price,pages\nx,sea,3,90\ny,sun,4,80\n",
            "users": "user_id,age\na,30\nb,40\n",
        },
        "same": {"items": "item_id,pages\nx,many\ny,80\n"},
        "more": {
            "items": "item_id,title,price,pages\nx,moon,cheap,many\nz,star,5,70\n",
            "users": "user_id,age\na,old\nb,41\n",
        },
    }
    for folder, files in tables.items():
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / f"{name}.csv").write_text(text)
    trained = run("train", tmp_path / "shop", "--out", tmp_path / "b", "--no-evaluate", "--model", "popularity")
    assert trained.exit_code == 0, trained.output
    lost = "items: 1 cells of pages cannot be read in the type of the known column"
    done = run("update", tmp_path / "b", tmp_path / "same")
    assert done.exit_code == 0 and done.stderr.startswith(lost) and "New: nothing" in done.stdout, done.output
    assert list_versions(tmp_path / "b") == [1]
    done = run("update", tmp_path / "b", tmp_path / "more")
    assert done.exit_code == 0 and lost in done.stderr, done.output
    assert "users: 1 cells of age cannot be read" in done.stderr
    assert "items: 1 prices are not finite numbers and count as missing." in done.stderr
    rec = Recommender.load(tmp_path / "b")
    assert rec.dataset.items.rows() == [("x", "moon", 90, 3.0), ("y", "sun", 80, 4.0), ("z", "star", 70, 5.0)]
    cells = {"items": {"pages": 1}, "users": {"age": 1}}
    assert rec.record.updates[-1].cells_unread == cells
    again = json.loads(run("update", tmp_path / "b", tmp_path / "more", "--json").stdout)
    assert again["cells_unread"] == cells and "prices" in again["notes"]["items"][0]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_of_events_without_rows_is_no_events(run: Run, bundle: Path, tmp_path: Path, form: str) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    new = tmp_path / "new"
    new.mkdir()
    columns = ["user_id", "item_id", "timestamp"]
    if form == "parquet":
        pl.DataFrame(schema=dict.fromkeys(columns, pl.String)).write_parquet(new / "events.parquet")
    else:
        (new / "events.csv").write_text(",".join(columns) + "\n")
    before = sorted(tmp_path.joinpath("b").rglob("*"))
    done = run("update", tmp_path / "b", new)
    assert done.exit_code == 0 and "New: nothing; 0 events were already known" in done.stdout, done.output
    assert sorted(tmp_path.joinpath("b").rglob("*")) == before
    (new / "items.csv").write_text("item_id,title\nfresh,Something new\n")
    done = run("update", tmp_path / "b", new, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["new"] == {"items": 1}, done.output
    assert run("train", new, "--out", tmp_path / "other").exit_code == 1, "a training needs events"


@pytest.mark.parametrize(
    "words",
    [
        ("tune", "d", "--minutes", 1, "--out", "f.toml"),
        ("compare", "d", "--models", "ease"),
        ("evaluate", "b", "d"),
        ("demo",),
    ],
)
def test_what_cannot_be_shared_refuses_several_processes(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[object, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    done = run(*words)
    assert done.exit_code == 2 and f"penchant {words[0]} runs in one process, and torchrun started 2" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_learn_what_one_learns_and_write_once(
    run: Run, shop: Path, tmp_path: Path, two_ranks: list[dict[str, str]]
) -> None:
    """As torchrun starts them; one process with two batches a step is what they must come to."""
    folder, new = tmp_path / "b", tmp_path / "new"
    small = ("dim=8", "epochs=1", "max_length=20", "batch_tokens=128", "layers=1", "modalities.text.encoder=ngram")
    options = [word for value in small for word in ("--set", value)]
    done = run("train", shop, "--out", folder, "--no-evaluate", "--model", "transformer", *options)
    assert done.exit_code == 0, done.output
    new.mkdir()
    rows = [f"u{u:06},i{(7 * u + n) % 50:06},2030-01-0{n + 1}" for u in range(1, 31) for n in range(4)]
    (new / "events.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    workers = []
    for env in two_ranks:
        command = [sys.executable, "-m", "penchant", "update", str(folder), str(new)]
        workers.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    said = []
    for worker in workers:
        out, errors = worker.communicate(timeout=240)
        assert worker.returncode == 0, errors.decode()
        said.append(out.decode())
    assert "New: 120 events" in said[0] and said[1] == ""
    assert list_versions(folder) == [1, 2]
    tensors = Recommender.load(folder).model.state().tensors
    (folder / "current").write_text("1\n")
    state = Recommender.load(folder).state
    two_at_once = state.config.with_settings({"training.accumulate": 2})
    alone = Recommender(replace(state, config=two_at_once)).update(load_folder(new, needs_events=False))
    for name, value in alone.model.state().tensors.items():
        np.testing.assert_allclose(tensors[name], value, atol=2e-4, err_msg=name)
    assert any(np.abs(tensors[name] - value).max() > 1e-3 for name, value in state.model.state().tensors.items())


def test_it_names_an_expert_that_is_left_out_from_now_on(run: Run, shop: Path, tmp_path: Path) -> None:
    few = ("lite.experts=cooccurrence,user_knn", "lite.max_users_user_knn=60", "modalities.text.encoder=ngram")
    options = [word for value in few for word in ("--set", value)]
    done = run("train", shop, "--out", tmp_path / "b", "--no-evaluate", "--model", "lite", *options)
    assert done.exit_code == 0, done.output
    new = tmp_path / "new"
    new.mkdir()
    (new / "events.csv").write_text("user_id,item_id,timestamp\nstranger,i000005,2030-01-01\n")
    done = run("update", tmp_path / "b", new)
    assert done.exit_code == 0, done.output
    assert "user_knn is left out: 61 users" in done.stdout and "--fit-weights fits" in done.stdout


def test_probes_that_cannot_be_fitted_do_not_cost_the_bundle(run: Run, tmp_path: Path) -> None:
    """Everybody took all there is (no negative is left to draw), and then the newest events are all dislikes."""
    items = "item_id,title\ni0,sea\ni1,guitar\ni2,pasta\n"
    log = "".join(f"u{u},i{i},{1_700_000_000 + i},like\n" for u in range(8) for i in range(3))
    late = "".join(f"u{u},i{u % 3},{1_800_000_000 + u},dislike\n" for u in range(8))
    for name, rows in (("shop", log), ("late", late), ("both", log + late)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "events.csv").write_text("user_id,item_id,timestamp,event\n" + rows)
        (tmp_path / name / "items.csv").write_text(items)
    words = (
        "--model",
        "content",
        "--set",
        "probes.fit=interest",
        "--set",
        "modalities.text.encoder=ngram",
        "--no-evaluate",
    )
    refused = run("train", tmp_path / "both", "--out", tmp_path / "none", *words)
    assert refused.exit_code == 1 and "No event of interest follows another" in refused.output
    assert not (tmp_path / "none").exists()
    done = run("train", tmp_path / "shop", "--out", tmp_path / "b", *words)
    assert done.exit_code == 0, done.output
    assert "The interest probe was not fitted: A probe needs examples of two classes" in done.stdout
    after = run("update", tmp_path / "b", tmp_path / "late")
    assert after.exit_code == 0, after.output
    assert "The interest probe was not fitted: No event of interest" in after.stdout
    assert "Wrote version 2" in after.stdout
    again = run("update", tmp_path / "b", tmp_path / "late", "--json")
    assert again.exit_code == 0 and "probes" not in json.loads(again.stdout), "nothing was new, nothing was taught"
