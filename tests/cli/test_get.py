from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from penchant.cli.get import NAMES
from penchant.data.dataset import Dataset
from penchant.sources.catalogue import PUBLIC_SETS

Run = Callable[..., Result]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "Beauty.txt").write_text("1 10 11\n2 11\n3\n")
    (folder / "Beauty_item2attributes.json").write_text('{"10": [1]}')
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def address(raw: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(raw))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_names_in_the_help_are_those_of_the_catalogue() -> None:
    listed, base = [], ""
    for name in NAMES.split(", "):
        base = base if name.startswith("-") else name.split("-")[0] if name[-1].isdigit() or "100k" in name else name
        listed.append(base + name if name.startswith("-") else name)
    assert listed == list(PUBLIC_SETS)


def test_from_a_folder(run: Run, raw: Path, tmp_path: Path) -> None:
    done = run("get", "s3rec", "--from", raw, "--to", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == {"events": 3, "items": 1}
    assert "Licence: The repository states none" in done.stderr
    assert Dataset.load(tmp_path / "out").n_events == 3
    metadata = json.loads((tmp_path / "out" / "source.json").read_text(encoding="utf-8"))
    assert [(f["name"], f["bytes"]) for f in metadata["files"]] == [
        ("Beauty_item2attributes.json", 11),
        ("Beauty.txt", 15),
    ]
    assert "## Licence and use" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_downloaded_from_an_address(run: Run, address: str, tmp_path: Path) -> None:
    words = ("get", "s3rec", "--from", address, "--part", "Beauty", "--to", tmp_path / "out")
    refused = run(*words)
    assert refused.exit_code == 2
    assert "The licence of s3rec must be accepted before the download" in refused.stderr
    assert "add --accept-licence" in refused.stderr and not (tmp_path / "out.download").exists()
    done = run(*words, "--accept-licence")
    assert done.exit_code == 0, done.output
    assert "events: 3 rows" in done.stdout and "1 in quarantine: no items" in done.stdout
    assert "Next: penchant check" in done.stderr and not (tmp_path / "out.download").exists()


def test_what_cannot_be_downloaded_says_how_by_hand(run: Run, address: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words, code, message in (
        (("get", "mind", "--to", out), 1, "mind can only be downloaded in a browser. Agree to the terms"),
        (("get", "mind", "--to", out), 1, f"Then: penchant get mind --from FOLDER --to {out}"),
        (("get", "s3rec", "--to", out), 2, "s3rec comes in parts; choose one. Add --part NAME, such as Beauty"),
        (("get", "s3rec", "--part", "../x", "--to", out), 2, "part='../x' is not the name of a part."),
        (("get", "nothing", "--to", out), 2, "name='nothing' is not known. Allowed: movielens-100k"),
        (("get", "s3rec", "--to", out, "--sha256", "x"), 2, "--sha256 'x' is not FILE=HEX."),
        (("get", "s3rec", "--to", out, "--sha256", "a=1"), 2, "'1' is no digest. Give 64 hexadecimal characters"),
        (("get", "s3rec", "--from", tmp_path / "no", "--to", out), 1, "no does not exist. Give the folder that holds"),
        (("get", "s3rec", "--from", "ftp://x/y.txt", "--to", out, "--accept-licence"), 2, "is not an address to"),
        (
            ("get", "s3rec", "--from", address, "--part", "Toys", "--to", out, "--accept-licence"), 1,
            "the server answers 404 File not found. Repeat the command to continue, or download the file in a browser. "
            "By hand: Download NAME.txt",
        ),
        (
            ("get", "movielens-1m", "--from", f"{address}Beauty.txt", "--to", out, "--accept-licence"), 1,
            "has no u.data, ratings.dat or ratings.csv",
        ),
        (("get", "s3rec", "--to", tmp_path), 2, "is not empty; nothing was changed"),
    ):  # fmt: skip
        done = run(*words)
        assert done.exit_code == code and message in done.stderr, done.stderr
        assert not out.exists()
