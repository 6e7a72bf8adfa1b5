"""The installation looks before it downloads, and says what to do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLAIN = ["filelock", "numpy", "torch"]
CUDA = [*PLAIN, "nvidia-cublas", "nvidia-cudnn", "triton"]


@pytest.fixture
def look_first(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("look_first", ROOT / "tools" / "look_first.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", ["look_first.py", "torch==2.13.0"])
    monkeypatch.setenv("GOAL", "test")
    monkeypatch.delenv("ALLOW_CUDA", raising=False)
    return module


def test_a_plain_torch_is_let_through(
    look_first: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(look_first, "would_install", lambda torch, arguments: PLAIN)
    assert look_first.main() == 0
    assert capsys.readouterr().out == "torch==2.13.0 comes with 2 packages, 0 of them CUDA.\n"


def test_cuda_packages_stop_it_and_the_remedy_is_printed(
    look_first: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(look_first, "would_install", lambda torch, arguments: CUDA)
    assert look_first.main() == 1
    message = capsys.readouterr().err
    assert "would bring 3 CUDA packages (several GB): nvidia-cublas, nvidia-cudnn, triton" in message
    assert 'make test PIP_ARGS="--extra-index-url' in message
    assert "make test ALLOW_CUDA=1" in message


def test_cuda_may_be_allowed(look_first: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_first, "would_install", lambda torch, arguments: CUDA)
    monkeypatch.setenv("ALLOW_CUDA", "1")
    assert look_first.main() == 0


def test_a_torch_that_does_not_exist(
    look_first: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(torch: str, arguments: list[str]) -> list[str]:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(look_first, "would_install", none)
    assert look_first.main() == 1
    assert "pip finds no torch==2.13.0 for CPython" in capsys.readouterr().err


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / "tools" / "environment.sh"), str(tmp_path / "venv"), "."],
        env={**os.environ, "PYTHON": str(old), "TORCH": "torch", "PIP_ARGS": "", "GOAL": "demo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr and "make demo PYTHON=python3.11" in done.stderr
    assert not (tmp_path / "venv").exists()
