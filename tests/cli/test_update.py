from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from penchant.data.bundle import open_bundle, versions

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
    told = json.loads(done.stdout)
    assert (told["version"], told["new"]) == ("2", {"events": 4, "items": 1, "users": 1}) and told["drift"][
        "users"
    ] >= 1
    assert (open_bundle(tmp_path / "b") / "report.html").is_file()
    assert run("recommend", tmp_path / "b", "--user", "stranger").exit_code == 0
    again = run("update", tmp_path / "b", new)
    assert again.exit_code == 0 and "New: nothing; 4 events were known" in again.stdout
    assert versions(tmp_path / "b") == [1, 2]


def test_it_says_what_is_new_and_refuses_what_cannot_be(run: Run, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    (tmp_path / "items.csv").write_text("item_id,title\nfresh,Something new\n")
    done = run("update", tmp_path / "b", tmp_path)
    assert done.exit_code == 0, done.output
    assert "New: 1 items; 0 events were known" in done.stdout and "Wrote version 2" in done.stdout
    assert run("update", tmp_path / "b", tmp_path / "nowhere").exit_code == 1
    assert run("update", tmp_path / "nowhere", tmp_path).exit_code == 1
    assert run("update", tmp_path / "b", tmp_path, "--replay", "-1").exit_code == 2
