from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Run = Callable[..., Result]

EVENTS = "user_id,item_id,timestamp,event\nu1,i1,100,view\nu1,i2,200,like\nu2,i1,x,view\nu2,i9,400,view\n"


def write(folder: Path) -> Path:
    (folder / "events.csv").write_text(EVENTS)
    (folder / "items.csv").write_text("item_id,title\ni1,Rain\ni2,\n")
    return folder


def test_it_prints_counts_and_quarantine(run: Run, tmp_path: Path) -> None:
    done = run("check", write(tmp_path))
    assert done.exit_code == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "events events.csv 4 3 0 1" in lines
    assert "2 3 3 1970-01-01 1970-01-01 1.5 1" in lines
    assert "kinds: view 2, like 1" in lines
    assert any("events: 1 in quarantine: timestamp cannot be read" in line for line in lines)
    assert any("items: 1 more appear in events only and were added" in line for line in lines)
    assert done.stderr == f"Next: penchant train {tmp_path} --out BUNDLE\n"


def test_the_terminal_speaks_chinese_too(run: Run, tmp_path: Path) -> None:
    done = run("check", write(tmp_path), "--language", "zh", "--page", tmp_path / "p.html")
    for words in ("行为类型：view 2, like 1", "有文字的物品", "events: 隔离 1 行：", "items: 另有 1 个只在行为中出现"):
        assert words in done.stdout
    assert f"penchant compare {tmp_path} --models" in done.stdout
    assert done.stderr == f"已写入：{tmp_path / 'p.html'}\n下一步：penchant train {tmp_path} --out BUNDLE\n"


def test_json_has_the_same(run: Run, tmp_path: Path) -> None:
    result = json.loads(run("check", write(tmp_path), "--json").stdout)
    assert result["counts"] == {
        "users": 2, "items": 3, "events": 3, "kinds": {"view": 2, "like": 1},
        "first_time": "1970-01-01T00:01:40Z", "last_time": "1970-01-01T00:06:40Z",
        "events_a_user": {"median": 1.5, "most": 2}, "items_with_events": 3, "items_with_text": 1, "relations": 0,
    }  # fmt: skip
    assert result["rows_quarantined"] == 1
    assert result["tables"]["events"]["quarantined"] == {"timestamp cannot be read": 1}


def test_strict_shows_everything_and_fails(run: Run, tmp_path: Path) -> None:
    done = run("check", write(tmp_path), "--strict")
    assert done.exit_code == 1 and "in quarantine" in done.stdout
    assert "1 rows of" in done.stderr and "Correct the rows that the table above names" in done.stderr
    assert run("check", write(tmp_path), "--strict", "--json").exit_code == 1
    (tmp_path / "events.csv").write_text(EVENTS.replace(",x,", ",300,"))
    assert run("check", tmp_path, "--strict").exit_code == 0


def test_a_platform_that_was_simulated_is_clean(run: Run, shop: Path) -> None:
    assert run("check", shop, "--strict").exit_code == 0
