from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant import __version__
from penchant.cli.app import app
from penchant.data.dataset import Dataset
from penchant.errors import DataError, UsageError

HEAVY = ("torch", "polars", "transformers", "numpy", "scipy", "pyarrow", "sklearn")
COMMANDS = (
    "demo", "simulate", "check", "train", "evaluate", "compare", "recommend", "interests", "explain", "encode",
    "settings",
)  # fmt: skip


def penchant(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from penchant.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=cwd, timeout=120)


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"], ["recommend", "BUNDLE"], ["trian"]])
def test_nothing_heavy_is_imported_before_a_command_works(words: list[str]) -> None:
    code = f"""
import sys
from penchant.cli import main
try:
    main()
except SystemExit:
    pass
print("\\n" + str([name for name in {HEAVY!r} if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().splitlines()[-1] == "[]", done.stderr


def test_help_names_every_command_and_the_first_step() -> None:
    done = penchant("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f" {command} " in done.stdout
    assert "Start with: penchant demo" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_says_what_it_is_for(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0 and len(done.stdout.splitlines()) > 8


def test_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"{__version__}\n")


def test_a_bad_call_ends_with_2() -> None:
    run = CliRunner().invoke
    assert run(app, ["nothing"]).exit_code == 2
    assert run(app, ["check"]).exit_code == 2
    assert run(app, ["check", "--odd", "x"]).exit_code == 2
    assert run(app, ["simulate", "--out", "x", "--language", "fr"]).exit_code == 2
    assert "'zh', 'en'" in run(app, ["simulate", "--out", "x", "--language", "fr"]).stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("The file x is odd.", remedy="Repair it."), 1, "penchant: The file x is odd. Repair it.\n"),
        (UsageError("No.", remedy="Yes."), 2, "penchant: No. Yes.\n"),
        (KeyboardInterrupt(), 130, "penchant: Interrupted. No incomplete file is left behind.\n"),
    ],
)
def test_an_error_is_one_line_on_stderr_and_a_code(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, message: str
) -> None:
    monkeypatch.setattr(Dataset, "load", lambda *_, **__: (_ for _ in ()).throw(error))
    done = CliRunner().invoke(app, ["check", "x", "--json"])
    assert (done.exit_code, done.stderr, done.stdout) == (code, message, "")


def test_an_unexpected_error_hides_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "load", lambda *_, **__: 1 // 0)
    done = CliRunner().invoke(app, ["check", "x"])
    assert done.exit_code == 1 and "Traceback" not in done.output
    assert "ZeroDivisionError: integer division" in done.stderr and "penchant --debug" in done.stderr
    shown = CliRunner().invoke(app, ["--debug", "check", "x"])
    assert isinstance(shown.exception, ZeroDivisionError)


def test_debug_shows_the_traceback_of_a_known_error_too() -> None:
    done = penchant("--debug", "check", "nowhere")
    assert done.returncode == 1 and "Traceback" in done.stderr and "nowhere does not exist" in done.stderr


def test_results_go_to_stdout_and_notes_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu1,i1,100\nu1,i2,200\n")
    done = penchant("check", str(tmp_path), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["counts"]["events"] == 2
    assert done.stderr == ""
    plain = penchant("check", str(tmp_path))
    assert "Next: penchant train" in plain.stderr and "Next" not in plain.stdout
    assert "\x1b[" not in plain.stdout + plain.stderr


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, "KeyboardInterrupt"), (signal.SIGTERM, "SystemExit 143")])
def test_a_signal_waits_until_torch_is_loaded(number: int, code: str, tmp_path: Path) -> None:
    """A torch that is loaded slowly, and ends the process as its C++ code would where an exception comes out of it."""
    (tmp_path / "torch.py").write_text(
        "import os, signal\n"
        "try:\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    signal.pause()  # until it is looked at again, and waits once more\n"
        "    print('loaded', flush=True)\n"
        "except BaseException:\n"
        "    os.abort()\n"
    )
    script = (
        "import signal\n"
        "from penchant.cli import app\n"
        "app.app = lambda: (__import__('torch'), signal.pause())\n"
        "try:\n    app.run()\n"
        "except BaseException as e:\n    print(type(e).__name__, *e.args)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.stdout.split("\n")[:2] == ["loaded", code], done.stderr
