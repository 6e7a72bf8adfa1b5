"""Imports flow down: the table of docs/architecture.md, read from the source and checked."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "penchant"

LEVELS: dict[str, int] = {
    "errors": 0,
    "messages": 0,
    "losses": 0,
    "fusion": 0,
    "data": 1,
    "llm": 1,
    "cleaning": 2,
    "sources": 2,
    "simulator": 2,
    "metrics": 2,
    "encoders": 2,
    "store": 2,
    "retrieval": 2,
    "plots": 2,
    "models": 3,
    "reranking": 3,
    "profiles": 4,
    "training": 4,
    "recommender": 5,
    "config": 5,
    "persistence": 5,
    "fitting": 5,
    "update": 5,
    "evaluation": 6,
    "applications": 6,
    "privacy": 6,
    "serving": 7,
    "cli": 8,
}

EVERYTHING = frozenset(LEVELS) - {"errors", "messages"}

FITTED = frozenset({"data", "cleaning", "encoders", "fusion", "models", "training", "metrics", "retrieval"})
"""What the one class that knows the order of the stages is built from, besides re-ranking and profiles."""

ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "messages": frozenset(),
    "losses": frozenset(),
    "fusion": frozenset(),
    "data": frozenset(),
    "llm": frozenset(),
    "cleaning": frozenset({"data"}),
    "sources": frozenset({"data"}),
    "simulator": frozenset({"data"}),
    "metrics": frozenset({"data"}),
    "encoders": frozenset({"data", "llm"}),
    "store": frozenset({"data"}),
    "retrieval": frozenset({"data"}),
    "plots": frozenset({"data"}),
    "models": frozenset({"data", "encoders", "fusion", "losses", "llm"}),
    "reranking": frozenset({"data"}),
    "profiles": frozenset({"data", "llm", "encoders", "models"}),
    "training": frozenset({"data", "cleaning", "encoders", "fusion", "models", "losses", "metrics", "retrieval"}),
    "config": FITTED | {"reranking", "profiles"},
    "persistence": FITTED | {"config"},
    "fitting": FITTED | {"config", "persistence"},
    "update": FITTED | {"config", "persistence"},
    "recommender": FITTED | {"reranking", "profiles", "config", "persistence", "fitting", "update"},
    "evaluation": frozenset({"data", "metrics", "plots", "recommender", "config", "training"}),
    "applications": frozenset({"data", "metrics", "profiles", "recommender", "config"}),
    "privacy": frozenset({"data", "store", "encoders", "models", "profiles", "training", "recommender", "config"}),
    "serving": EVERYTHING - {"serving", "cli"},
    "cli": EVERYTHING - {"cli"},
}

SAME_LEVEL = {
    *(("recommender", "config"), ("recommender", "persistence"), ("recommender", "update")),
    *(("recommender", "fitting"), ("fitting", "config"), ("fitting", "persistence")),
    *(("update", "config"), ("update", "persistence"), ("persistence", "config")),
}
"""The modules of level 5, in their own order; folders of one level never import each other."""

WITHOUT_TORCH = ("messages", "data", "cleaning", "sources", "simulator", "metrics", "store", "plots")


def parts_of(folder: Path) -> list[str]:
    """The parts that lie on disk: folders with an `__init__.py`, and modules beside them."""
    folders = [path.parent.name for path in folder.glob("*/__init__.py")]
    return sorted([*folders, *(path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "__main__"))])


def part_of(path: Path, root: Path = SOURCE) -> str:
    """The part a file belongs to (`data`, `recommender` …)."""
    relative = path.relative_to(root)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def modules_imported(path: Path, root: Path = SOURCE) -> Iterator[tuple[int, str, bool]]:
    """Every `penchant` module a file imports: line, dotted name, whether for type checking alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ("penchant", *path.relative_to(root).parts[: -node.level])
                base = ".".join([*package, base]).rstrip(".")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)] if base == "penchant" else [base]
        else:
            continue
        for name in names:
            if name == "penchant" or name.startswith("penchant."):
                yield node.lineno, name, id(node) in typing_only


def violations(root: Path) -> list[str]:
    """Imports that the table does not allow."""
    found = []
    for path in sorted(root.rglob("*.py")):
        part = part_of(path, root)
        if part in ("__init__", "__main__", "testing"):
            continue
        for line, name, typing_only in modules_imported(path, root):
            pieces = name.split(".")
            target = pieces[1] if len(pieces) > 1 else ""
            if target in ("", part, "errors", "messages", "__version__"):
                continue
            where = f"{path.relative_to(root)}:{line} imports {name}"
            if target not in LEVELS:
                if target in parts_of(root):
                    found.append(f"{where}: {target} is not for {part}")
                continue
            if target not in ALLOWED[part] and not (typing_only and LEVELS[target] <= LEVELS[part]):
                found.append(f"{where}: {part} may import {sorted(ALLOWED[part])}")
            elif LEVELS[target] == LEVELS[part] and (part, target) not in SAME_LEVEL:
                found.append(f"{where}: a folder of the same level")
    return found


def test_the_table_is_consistent() -> None:
    for part, allowed in ALLOWED.items():
        for target in allowed:
            down = LEVELS[target] < LEVELS[part] or (part, target) in SAME_LEVEL
            assert down, f"{part} may not import upwards: {target}"


def test_every_part_stands_in_the_table() -> None:
    unknown = set(parts_of(SOURCE)) - set(LEVELS) - {"testing"}
    assert not unknown, f"Not in the table of docs/architecture.md: {sorted(unknown)}"


def test_folders_are_one_level_deep() -> None:
    deep = [path for path in SOURCE.rglob("*.py") if len(path.relative_to(SOURCE).parts) > 2]
    assert not deep


def test_imports_follow_the_table() -> None:
    found = violations(SOURCE)
    assert not found, "\n" + "\n".join(found)


def test_nothing_in_the_package_imports_its_testing_folder() -> None:
    for path in SOURCE.rglob("*.py"):
        if part_of(path) != "testing":
            names = [name for _, name, _ in modules_imported(path)]
            assert not any(name.startswith("penchant.testing") for name in names), path


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        ("data/x.py", "from penchant.models.base import Model", "data may import []"),
        ("models/x.py", "import penchant.training.loop", "models may import"),
        ("metrics/x.py", "from penchant.retrieval import exact", "metrics may import ['data']"),
        ("metrics/x.py", "from ..encoders.text import TextEncoder", "metrics may import ['data']"),
        ("metrics/x.py", "from penchant import recommender", "metrics may import ['data']"),
        ("evaluation/x.py", "def f():\n    from penchant.serving import api", "evaluation may import"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, line: str, reason: str) -> None:
    path = tmp_path / file
    path.parent.mkdir()
    path.write_text(line)
    found = violations(tmp_path)
    assert found and reason in found[0]


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
        for path in sorted((SOURCE / part).glob("*.py"))
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
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"penchant"}


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
