"""Every kind of bad input gets a message that names the value, what is allowed and the remedy, and the right code."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from penchant.artifacts.bundle import FORMAT_VERSION
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

Run = Callable[..., Result]
FAST = ("--model", "popularity", "--set", "modalities.text.encoder=ngram", "--set", "modalities.text.dim=16")
ROWS = "".join(f"u{n % 3},i{n % 5},{1000 + n}\n" for n in range(30))


def folder(path: Path, events: str, **others: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "events.csv").write_text(events)
    for name, text in others.items():
        (path / f"{name}.csv").write_text(text)
    return path


def failed(done: Result, code: int, *parts: str) -> None:
    assert done.exit_code == code, done.output
    assert done.stdout == "" and done.stderr.startswith("penchant: ") and done.stderr.count("\n") == 1
    for part in parts:
        assert part in done.stderr


def everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


# data


@pytest.mark.parametrize("command", ["check", "train", "compare"])
def test_data_that_is_not_there(run: Run, tmp_path: Path, command: str) -> None:
    more = {"train": ("--out", tmp_path / "b", *FAST), "compare": ("--models", "popularity")}.get(command, ())
    failed(
        run(command, tmp_path / "shop", *more), 1, "shop does not exist", "Give the folder that holds events.parquet"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_events(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    failed(run("check", tmp_path), 1, "has no table of events", "notes.txt", "events.parquet, events.csv")


def test_a_missing_column(run: Run, tmp_path: Path) -> None:
    failed(run("check", folder(tmp_path, "who,what,timestamp\nu,i,1\n")), 1, "user_id", "who", "dataset.toml")


@pytest.mark.parametrize("text", ["", "user_id,item_id,timestamp\n"])
def test_empty_files(run: Run, tmp_path: Path, text: str) -> None:
    done = run("check", folder(tmp_path, text))
    failed(done, 1, "events.csv")
    assert "empty" in done.stderr or "no rows" in done.stderr


def test_a_table_that_is_no_parquet(run: Run, tmp_path: Path) -> None:
    (tmp_path / "events.parquet").write_bytes(b"user_id,item_id\n1,2\n")
    failed(run("check", tmp_path), 1, "events.parquet", "Parquet")


def test_one_user_trains_and_says_that_nothing_was_tested(run: Run, tmp_path: Path) -> None:
    data = folder(tmp_path / "d", "user_id,item_id,timestamp\nu1,i1,1\n")
    done = run("train", data, "--out", tmp_path / "b", *FAST)
    assert done.exit_code == 0, done.output
    assert "The recipe is not tested: " in done.stderr and "version 1" in done.stdout
    failed(run("compare", data, "--models", "popularity"), 1, "A split by time needs events at different times", "Use")


@pytest.mark.parametrize(
    "events",
    ["".join(f"u{n % 5},i{n % 2},{n}\n" for n in range(10)), "".join(f"u{n % 3},same,{n}\n" for n in range(9))],
    ids=["two events a user", "one item"],
)
def test_too_little_for_the_default_model_says_which_to_take(run: Run, tmp_path: Path, events: str) -> None:
    data = folder(tmp_path / "d", "user_id,item_id,timestamp\n" + events)
    done = run("train", data, "--out", tmp_path / "b", "--no-evaluate", "--set", "modalities.text.encoder=ngram")
    assert done.exit_code == 1 and "three on different items" in done.stderr, done.output
    assert "such as --model cooccurrence" in done.stderr and "data.validation" not in done.stderr
    assert run("train", data, "--out", tmp_path / "b", "--no-evaluate", "--model", "cooccurrence").exit_code == 0


def test_texts_that_are_all_null(run: Run, tmp_path: Path) -> None:
    items = "item_id,title\n" + "".join(f"i{n},\n" for n in range(5))
    data = folder(tmp_path / "d", "user_id,item_id,timestamp\n" + ROWS, items=items)
    assert run("train", data, "--out", tmp_path / "b", "--no-evaluate", *FAST).exit_code == 0
    failed(
        run("recommend", tmp_path / "b", "--text", "rain"),
        1,
        "trained without a modality of text",
        "--history or --user",
    )
    done = run("encode", data, "--modality", "text", "--out", tmp_path / "v.parquet")
    failed(done, 1, "No item has content of the modality text", "Check the columns of items")
    assert not (tmp_path / "v.parquet").exists()


def test_duplicate_ids_with_other_content_are_set_aside_and_counted(run: Run, tmp_path: Path) -> None:
    events = "event_id,user_id,item_id,timestamp\ne1,u1,i1,1\ne1,u2,i2,2\ne1,u1,i1,1\n"
    items = "item_id,title\ni1,Rain\ni1,Sun\n"
    done = run("check", folder(tmp_path, events, items=items))
    assert done.exit_code == 0
    assert "events: 1 in quarantine: event_id" in done.stdout and "items: 1 in quarantine: " in done.stdout
    assert "1 exact duplicates dropped" in done.stdout
    assert run("check", tmp_path, "--strict").exit_code == 1


def test_an_item_in_events_that_items_lacks_is_added_and_said(run: Run, tmp_path: Path) -> None:
    done = run("check", folder(tmp_path, "user_id,item_id,timestamp\n" + ROWS, items="item_id,title\ni1,Rain\n"))
    assert done.exit_code == 0 and "items: 4 more appear in events only and were added" in done.stdout


def test_strict_training_writes_nothing(run: Run, tmp_path: Path) -> None:
    data = folder(tmp_path / "d", "user_id,item_id,timestamp\n,i1,1\n" + ROWS)
    done = run("train", data, "--out", tmp_path / "b", "--strict", *FAST)
    failed(done, 1, "1 rows would be in quarantine")
    assert not (tmp_path / "b").exists()


# calls


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--model", "transfomer"), ("model='transfomer' is not known", "Allowed: popularity", "mean 'transformer'?")),
        (("--model", "popularity", "--set", "day=3"), ("option='day' is not known", "Did you mean 'days'?")),
        (("--set", "popularity.dayz=3"), ("option='popularity.dayz'", "'popularity.days'")),
        (("--model", "popularity", "--set", "days=many"), ("days='many' is not a finite number",)),
        (("--set", "days"), ("--set 'days' is not of the form key=value", "For example: --set dim=64")),
        (("--config", "nowhere.toml"), ("There is no configuration file nowhere.toml",)),
    ],
)
def test_unknown_models_and_options(
    run: Run, shop: Path, tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    failed(run("train", shop, "--out", tmp_path / "b", *words), 2, *parts)
    assert not (tmp_path / "b").exists()


def test_unknown_models_to_compare(run: Run, shop: Path) -> None:
    failed(run("compare", shop, "--models", "popularity,eas"), 2, "model='eas' is not known", "Did you mean 'ease'?")
    failed(run("compare", shop, "--models", " , "), 2, "names no model", "Allowed: popularity")


def test_a_configuration_with_an_unknown_name(run: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[popularity]\ndayz = 3\n")
    done = run("train", shop, "--out", tmp_path / "b", "--config", tmp_path / "c.toml")
    failed(done, 2, "option='popularity.dayz' is not known", "Did you mean 'popularity.days'?")


def test_unknown_users_and_items(run: Run, bundle: Path) -> None:
    failed(
        run("recommend", bundle, "--user", "u00001"), 1, "The user 'u00001' is not known. Nearest: u0000", "--history"
    )
    failed(run("interests", bundle, "--user", "unknown user"), 1, "The user 'unknown user' is not known.")
    failed(
        run("explain", bundle, "--user", "u000001", "--item", "i00001"), 1, "The item 'i00001' is not known. Nearest"
    )
    failed(run("explain", bundle, "--user", "u000001", "--item", "?"), 1, "'?' is not known", "that the data have")
    failed(run("recommend", bundle, "--user", "u000001", "--deny", "zz"), 1, "The item 'zz' is not known", "deny list")


def test_requests_that_contradict_themselves(run: Run, bundle: Path, tmp_path: Path) -> None:
    failed(
        run("recommend", bundle),
        2,
        "Give exactly one of --user, --history, --text, --image, --audio, --users; got none",
    )
    failed(run("recommend", bundle, "--user", "a", "--text", "b"), 2, "got --user and --text")
    failed(run("recommend", bundle, "--users", "all"), 2, "--users needs --out, and --out needs --users")
    failed(run("recommend", bundle, "--user", "a", "--out", "x"), 2, "--users needs --out, and --out needs --users")
    failed(run("recommend", bundle, "--users", "all", "--out", "x", "--explain"), 2, "--explain works for one user")
    failed(run("recommend", bundle, "--user", "a", "--at", "soon"), 2, "'soon' is not understood. Give ISO 8601")
    failed(run("recommend", bundle, "--history", tmp_path / "h.csv"), 2, "h.csv: the file does not exist")
    failed(run("recommend", bundle, "--user", "u000001", "--category", "zz"), 2, "category='zz' is not known")
    failed(run("recommend", bundle, "--user", "u000001", "--where", "zz=1"), 2, "'zz'")
    assert list(tmp_path.iterdir()) == []


def test_a_history_of_several_users_is_rejected(run: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text("user_id,item_id,timestamp\na,i000001,1700000000\nb,i000002,1700000100\n")
    done = run("recommend", bundle, "--history", tmp_path / "h.csv")
    failed(done, 1, "events of 2 users (a, b)", "the events of one user")


# bundles


def test_bundles_that_cannot_be_used(run: Run, bundle: Path, tmp_path: Path) -> None:
    failed(run("recommend", tmp_path / "no", "--user", "a"), 1, "There is no bundle at", "penchant train DATA --out")
    failed(run("recommend", tmp_path, "--user", "a"), 1, "is not a bundle")
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    model = copy / "versions" / "1" / "model.safetensors"
    raw = bytearray(model.read_bytes())
    raw[-1] ^= 1
    model.write_bytes(raw)
    failed(run("interests", copy, "--user", "a"), 1, "model.safetensors was changed", "roll back", "train again")
    manifest = copy / "versions" / "1" / "penchant.json"
    manifest.write_text(manifest.read_text().replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 9'))
    failed(
        run("explain", copy, "--user", "a", "--item", "b"), 1, f"format version 9; this penchant reads {FORMAT_VERSION}"
    )


def test_a_bundle_without_histories_knows_no_user(run: Run, bundle: Path, tmp_path: Path) -> None:
    Recommender.load(bundle).save(tmp_path / "bare", histories=False)
    done = run("recommend", tmp_path / "bare", "--users", "all", "--out", tmp_path / "lists.parquet")
    failed(done, 1, "contains no user", "without --no-histories")
    assert not (tmp_path / "lists.parquet").exists()


def test_a_bundle_with_settings_of_another_version(
    run: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rec = Recommender.load(bundle)
    now = rec.config.to_dict()
    monkeypatch.setattr(Config, "to_dict", lambda self: {**now, "seed": 0, "cooccurrence": {"windows": 3}})
    rec.save(tmp_path / "old")
    says = ("settings that this version of penchant does not know", "cooccurrence.windows", "Train the bundle again")
    failed(run("interests", tmp_path / "old", "--user", "a"), 1, *says)


def test_a_place_that_is_no_bundle_is_refused_before_the_work(run: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    failed(
        run("train", shop, "--out", tmp_path, *FAST), 2, "contains 'thesis.txt'", "nothing was changed", "new folder"
    )
    assert everything(tmp_path) == {"thesis.txt": b"mine"}


@pytest.mark.parametrize("before", [0, 1])
def test_no_space_leaves_the_bundle_as_it_was(
    run: Run, shop: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    copy = tmp_path / "copy"
    if before:
        shutil.copytree(bundle, copy)
    state = everything(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("train", shop, "--out", copy, "--no-evaluate", "--json", *FAST)
    failed(done, 1, "No space left on the disk while writing", "Free space", "what was there before is unchanged")
    done = run("recommend", bundle, "--users", "all", "--out", tmp_path / "lists.parquet")
    failed(done, 1, "No space left on the disk while writing", "lists.parquet")
    done = run("simulate", "--out", tmp_path / "sim", "--users", 5, "--items", 100)
    failed(done, 1, "No space left on the disk while writing", "sim")
    assert everything(tmp_path) == state and (tmp_path / "sim").exists() is False


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("wait_s", [0.3, 1.0, 2.5])
@pytest.mark.parametrize(("number", "codes"), [(signal.SIGINT, (130, -2)), (signal.SIGTERM, (143, -15))])
def test_a_signal_at_any_moment_leaves_nothing_half_written(
    shop: Path, bundle: Path, tmp_path: Path, wait_s: float, number: int, codes: tuple[int, ...]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    code = "from penchant.cli import main; main()"
    words = ["train", str(shop), "--out", str(copy), *FAST]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    time.sleep(wait_s)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (0, *codes), stderr
    from penchant.artifacts.bundle import list_versions, open_bundle, verify

    open_bundle(copy)
    for version in list_versions(copy):
        verify(copy / "versions" / str(version))
    assert not [p for p in copy.rglob("*") if p.name.startswith(".")]
    if process.returncode == 130 and stderr:  # before a command begins there is nothing to say
        assert "penchant: Interrupted. No incomplete file is left behind." in stderr


def test_an_output_table_is_replaced_atomically(run: Run, bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    out.write_bytes(b"old")
    assert run("recommend", bundle, "--users", "all", "-k", 3, "--out", out).exit_code == 0
    assert pl.read_parquet(out).columns == ["user_id", "rank", "item_id", "score"]
    assert [p.name for p in tmp_path.iterdir()] == ["lists.parquet"]
    failed(
        run("recommend", bundle, "--users", "all", "--out", tmp_path), 2, "is a folder, but a file is expected there"
    )
