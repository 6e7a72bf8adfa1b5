"""Imports flow down: the table of tools/import_table.toml, read from the source and checked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "penchant"
TABLE = tomllib.loads((ROOT / "tools" / "import_table.toml").read_text(encoding="utf-8"))
ROWS = TABLE["part"]
LEVELS: dict[str, int] = {name: row["level"] for row in ROWS for name in row["names"]}
ROW_OF: dict[str, int] = {name: number for number, row in enumerate(ROWS) for name in row["names"]}
UPWARD = {(entry["module"], entry["imports"]) for entry in TABLE["upward"]}
AT_TOP = {"reports": {"data", "data.results", "plots", "messages", "options", "arrays", "reports"}}
"""What the top of a module may import where the rest belongs inside functions."""

WITHOUT_TORCH = ("data", "cleaning", "sources", "simulator", "metrics", "store", "plots", "reports", "client")


class Import(NamedTuple):
    """One `penchant` module that a file imports."""

    line: int
    name: str
    typing_only: bool
    at_top: bool


def allowed(part: str) -> set[str]:
    """The parts that `part` may import: its row, and everything of level 0."""
    row = ROWS[ROW_OF[part]]
    lower = {name for name, level in LEVELS.items() if level < row["level"]}
    named = lower if "*" in row["imports"] else set(row["imports"])
    named |= {name for name in LEVELS if name == "data.results" and "data" in named}
    return named | {name for name, level in LEVELS.items() if level == 0} | set(row["names"])


def part_of(dotted: str) -> str:
    """The part a dotted name below `penchant` belongs to: the longest name of the table that begins it."""
    pieces = dotted.split(".")
    for end in range(len(pieces), 0, -1):
        if ".".join(pieces[:end]) in LEVELS:
            return ".".join(pieces[:end])
    return ""


def dotted_of(path: Path, root: Path = SOURCE) -> str:
    """The dotted name of a file below `penchant`."""
    pieces = path.relative_to(root).with_suffix("").parts
    return ".".join(pieces[:-1] if pieces[-1] == "__init__" else pieces)


def modules_imported(path: Path, root: Path = SOURCE) -> Iterator[Import]:
    """Every `penchant` module a file imports; `from package import module` names the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ("penchant", *path.relative_to(root).parts[: -node.level])
                base = ".".join([*package, base]).rstrip(".")
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("penchant."):
                yield Import(node.lineno, name.removeprefix("penchant."), id(node) in typing_only, id(node) in top)


def violations(root: Path) -> list[str]:
    """Imports that the table does not allow."""
    wrong = []
    on_disk = {p.stem for p in root.glob("*.py")} | {p.parent.name for p in root.glob("*/*.py")}
    for path in sorted(root.rglob("*.py")):
        part = part_of(dotted_of(path, root))
        relative = path.relative_to(root).as_posix()
        if not part:
            continue
        for line, name, typing_only, at_top in modules_imported(path, root):
            target = part_of(name)
            where = f"{relative}:{line} imports {name}"
            if not target:
                if name.split(".")[0] in on_disk:
                    wrong.append(f"{where}: {name.split('.')[0]} is not for {part}")
                continue
            if (relative, target) in UPWARD:
                continue
            if target not in allowed(part) and not (typing_only and LEVELS[target] < LEVELS[part]):
                wrong.append(f"{where}: {part} may import {sorted(allowed(part))}")
            elif at_top and not typing_only and part in AT_TOP and LEVELS[target] and target not in AT_TOP[part]:
                wrong.append(f"{where}: inside a function, not at the top of the module")
    return wrong


def test_the_table_is_consistent() -> None:
    for name, level in LEVELS.items():
        for target in ROWS[ROW_OF[name]]["imports"]:
            assert target == "*" or LEVELS[target] < level, f"{name} may not import upwards: {target}"


def test_every_part_stands_in_the_table() -> None:
    files = [dotted_of(path) for path in SOURCE.rglob("*.py")]
    outside = ("testing", "__main__")
    unknown = {name for name in files if name and not part_of(name) and name.split(".")[0] not in outside}
    assert not unknown, f"Not in tools/import_table.toml: {sorted(unknown)}"


def test_folders_are_two_levels_deep_and_not_crowded() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if len(path.relative_to(SOURCE).parts) > 3]
    crowded = {
        str(folder.relative_to(SOURCE)): count
        for folder in [SOURCE, *(p.parent for p in SOURCE.rglob("__init__.py"))]
        if (count := len([p for p in folder.glob("*.py") if p.stem != "__init__"])) > 25
    }
    assert not crowded, f"more than 25 files: {crowded}"


def test_imports_follow_the_table() -> None:
    wrong = violations(SOURCE)
    assert not wrong, "\n" + "\n".join(wrong)


def test_no_file_passes_on_what_it_imports() -> None:
    """`from a import b as b` would let an import of this file stand in for one that the table forbids."""
    passed_on = [
        f"{path.relative_to(SOURCE)}:{node.lineno} {alias.name}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]
    assert not passed_on, "\n".join(passed_on)


def test_files_import_each_other_in_no_circle() -> None:
    """Neither at the top of a module nor inside a function; imports for types alone do not count."""
    from graphlib import CycleError, TopologicalSorter

    files = {dotted_of(path): path for path in SOURCE.rglob("*.py") if path.stem != "__init__"}
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        wanted = {target.name for target in modules_imported(path) if not target.typing_only}
        upward = {wish for module, wish in UPWARD if path.relative_to(SOURCE).as_posix() == module}
        reached = {w if w in files else w.rpartition(".")[0] for w in wanted if part_of(w) not in upward}
        graph[name] = {target for target in reached if target in files and target != name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"files in a circle: {' → '.join(error.args[1])}")


def test_nothing_in_the_package_imports_its_testing_folder() -> None:
    for path in SOURCE.rglob("*.py"):
        if not dotted_of(path).startswith("testing"):
            assert not any(target.name.startswith("testing") for target in modules_imported(path)), path


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("data/x.py", "from penchant.models.base import Model", "data may import"),
        ("models/x.py", "import penchant.training.loop", "models may import"),
        ("metrics/x.py", "from penchant.retrieval import exact", "metrics may import"),
        ("metrics/x.py", "from ..encoders.text import TextEncoder", "metrics may import"),
        ("metrics/x.py", "from penchant import recommender", "metrics may import"),
        ("evaluation/x.py", "def f():\n    from penchant.serving import api", "evaluation may import"),
    ],
)
def test_a_forbidden_import_is_reported(tmp_path: Path, file: str, line: str, reason: str) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(line)
    lines = violations(tmp_path)
    assert lines and reason in lines[0]


@pytest.mark.parametrize("line", ["from penchant.data.ragged import Ragged", "from penchant.errors import DataError"])
def test_an_allowed_import_passes(tmp_path: Path, line: str) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "x.py").write_text(line)
    assert violations(tmp_path) == []


def run_and_list_modules(code: str, watched: tuple[str, ...]) -> list[str]:
    """Run code in a fresh interpreter; which of the watched packages it imported."""
    ending = f"\nimport sys\nprint([m for m in {watched!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + ending], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed: list[str] = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    return listed


def test_light_parts_import_without_torch() -> None:
    modules = [
        "penchant." + ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for part in WITHOUT_TORCH
        for path in sorted((SOURCE / part).rglob("*.py"))
    ]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in modules)
    assert run_and_list_modules(code, ("torch", "transformers")) == []


def test_help_answers_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom penchant.cli import main\nsys.argv = ['penchant', '--help']\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code, done.code"
    )
    heavy = ("torch", "transformers", "matplotlib", "pandas", "sentence_transformers")
    assert run_and_list_modules(code, heavy) == []


def test_the_package_imports_without_heavy_packages() -> None:
    assert run_and_list_modules("import penchant", ("torch", "transformers", "sentence_transformers")) == []


def test_types_are_shipped() -> None:
    assert (SOURCE / "py.typed").is_file()


COMES_WITH = {"tokenizers": "transformers", "huggingface-hub": "transformers", "click": "typer"}
"""Packages that a declared one brings and whose use beside it is meant."""


def third_party() -> set[str]:
    """Top-level packages that the source imports and that are neither ours nor Python's."""
    names = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"penchant"}


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    declared = {re.split(r"[\[<>=]", line)[0].lower().replace("_", "-") for line in lines}
    by_module = packages_distributions()
    for module in sorted(third_party()):
        names = {name.lower().replace("_", "-") for name in by_module.get(module, [module])}
        names |= {COMES_WITH[name] for name in names if name in COMES_WITH}
        assert names & declared, f"{module} ({', '.join(sorted(names))}) is not in pyproject.toml"
