"""Shared by the kinds of input: the program in this process, and Python in a separate bounded process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from penchant.cli.app import app

LIMITS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({cpu_s}, {cpu_s}))
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
"""


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """Run the program on words in this process; the exit code, stdout and stderr come back."""

    def call(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def run_python() -> Callable[..., Any]:
    """Run a script in a separate process with limits on its time and memory."""

    def call(
        script: str, *words: object, memory: int = 16 << 30, timeout_s: int = 100, answer: str = ""
    ) -> subprocess.CompletedProcess[str]:
        code = LIMITS.format(cpu_s=timeout_s, memory=memory) + script
        command = [sys.executable, "-W", "ignore", "-c", code, *(str(word) for word in words)]
        return subprocess.run(command, input=answer, capture_output=True, text=True, timeout=timeout_s)

    return call


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of data: tables by file name, and the text of its dataset.toml."""

    def write(mapping: str = "", **tables: str) -> Path:
        for name, text in tables.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        if mapping:
            (tmp_path / "dataset.toml").write_text(mapping, encoding="utf-8")
        return tmp_path

    return write
