from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from penchant.cli import terminal
from penchant.errors import DataError


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_numbers_stand_to_the_right_and_chinese_lines_up(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_table(("title", "n", "share"), [("雨夜", 12345, 0.5), ("rain", 7, float("nan")), ("x", None, 1.0)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["title       n   share", "雨夜   12,345  0.5000", "rain        7       –", "x              1.0000"]


def test_a_wide_table_is_not_cut_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_table(("a", "b"), [("x" * 70, "y" * 70)])
    assert "y" * 70 in capsys.readouterr().out


def test_json_holds_no_nan_and_knows_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_json(
        {"a": np.float32(0.5), "b": [np.nan, (1, np.int64(2))], "c": Path("x/y"), 3: np.ones(2), "d": True}
    )
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": 0.5, "b": [None, [1, 2]], "c": "x/y", "3": [1.0, 1.0], "d": True}


def test_a_json_file_is_written_atomically(tmp_path: Path) -> None:
    terminal.write_json(tmp_path / "a" / "r.json", {"名": 1})
    assert json.loads((tmp_path / "a" / "r.json").read_text(encoding="utf-8")) == {"名": 1}
    with pytest.raises(DataError, match=r"cannot be written: .* Choose a place"):
        (tmp_path / "f").write_text("")
        terminal.write_json(tmp_path / "f" / "r.json", {})


def test_progress_is_silent_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress() as report:
        report("read", 0.5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("no_color", [False, True])
def test_progress_on_a_terminal_is_one_line_a_stage(monkeypatch: pytest.MonkeyPatch, no_color: bool) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    with terminal.progress() as report:
        report("read", 0.5)
        report("train: epoch 1, loss 3.25", 0.1)
        report("train: epoch 2, loss 2.5", 2.0)
    text = screen.getvalue()
    last = text[text.rindex("read") :]
    assert "epoch 2" in last and "epoch 1" not in last and last.count("100 %") == 2
    assert ("\x1b[38" in text or "\x1b[3" in text) is not no_color
