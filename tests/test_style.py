"""House rules that a linter does not know."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = sorted((ROOT / "src" / "penchant").rglob("*.py"))
CODE = [*SOURCE, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring: a command's options are declared in its signature."""
    documented = ast.get_docstring(function, clean=False) is not None
    body = function.body[1:] if documented else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_files_are_short(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MOST_LINES, f"{lines} lines, at most {MOST_LINES}: split it by concept"


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    long = {f.name: length(f) for f in functions(path) if length(f) > MOST_LINES_OF_A_FUNCTION}
    assert not long, f"more than {MOST_LINES_OF_A_FUNCTION} lines: {long}"


def test_no_file_is_named_after_nothing() -> None:
    assert not [path for path in CODE if path.stem in ("utils", "util", "common", "helpers", "misc")]


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_nothing_is_pickled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert not imported & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    assert "torch.load(" not in text and "torch.save(" not in text
    assert "allow_pickle=True" not in text


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_time_and_chance_are_arguments(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"np\.random\.(?!default_rng|Generator|SeedSequence|PCG64)\w+", text)
    assert not re.search(r"^\s*(import random|from random import)", text, flags=re.MULTILINE)


def test_pins_are_names_and_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins and all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    names = [pin.split("==")[0].lower().replace("_", "-") for pin in pins]
    assert len(names) == len(set(names))
    assert "torch" not in names, "torch is installed first, by the Makefile's TORCH"


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    names = {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in wanted} - {"penchant", "torch"}
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().replace("_", "-")
    assert not [name for name in names if f"\n{name}==" not in pinned]


def test_missing_extras_are_named_as_they_are() -> None:
    """An error that says `pip install 'penchant[x]'` names an extra that exists."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("MissingExtraError", "require_extra")):
                extra = node.args[1] if len(node.args) > 1 else None
                if isinstance(extra, ast.Constant):
                    assert extra.value in project["optional-dependencies"], name_of(path)
