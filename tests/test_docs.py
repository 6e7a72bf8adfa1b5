"""The documentation speaks of what there is: names, links, commands and code are checked against the source."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "penchant"
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
CHINESE = sorted((DOCS / "zh").glob("*.md"))
PAGES = sorted([*DOCS.glob("*.md"), *CHINESE, *READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"])

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str | None = None) -> list[str]:
    return [body for _, kind, body in FENCE.findall(read(page)) if language is None or kind == language]


def prose(page: Path) -> str:
    return FENCE.sub("", read(page))


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", head.lower())).strip("-") for head in heads}


def public(path: Path) -> list[str]:
    tree = ast.parse(read(path))
    nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return [node.name for node in nodes if not node.name.startswith("_")]


@cache
def commands() -> dict[str, Any]:
    import typer

    from penchant.cli.app import app

    group: Any = typer.main.get_command(app)
    return dict(group.commands)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        assert not link.startswith(("http:", "//")), link
        if link.startswith("https:"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{link}: there is no {file}"
        if anchor:
            assert anchor in anchors(target), f"{link}: {target.name} has no heading for it"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_scripts_that_are_named_exist(page: Path) -> None:
    for script in re.findall(r"`(benchmarks/[\w/]+\.(?:py|json|sh)|tests/[\w/]+\.py|tools/[\w/.]+)`", read(page)):
        if "NAME" not in script:
            assert (ROOT / script).exists(), script


def test_every_command_is_documented() -> None:
    heads = re.findall(r"^## penchant (\S+)$", read(DOCS / "commands.md"), re.MULTILINE)
    assert heads == [name for name in heads if name in commands()], "a command that does not exist"
    assert set(heads) == set(commands())
    for name in heads:
        assert f"<!-- options of command: {name} -->" in read(DOCS / "commands.md")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_calls_of_commands_are_right(page: Path) -> None:
    """Every `penchant …` line of a code block names a command and options that exist."""
    for block in blocks(page, ""):
        for line in block.splitlines():
            if not line.strip().startswith("penchant ") or "COMMAND" in line:
                continue
            words = shlex.split(line.split("  #")[0])[1:]
            assert words[0] in commands(), line
            known = {o for p in commands()[words[0]].params for o in [*p.opts, *p.secondary_opts]}
            assert not [word for word in words[1:] if word.startswith("-") and word not in known], line


def test_every_model_is_documented() -> None:
    from penchant.models.registry import MODELS

    text = read(DOCS / "models.md")
    for name in MODELS:
        assert f"| `{name}` |" in text, f"{name} has no row"
        assert f"\n## {name}\n" in text, f"{name} has no section"


@pytest.mark.parametrize("folder", ["losses", "fusion"])
def test_every_loss_and_fusion_is_documented(folder: str) -> None:
    text = read(DOCS / "models.md")
    for path in (SOURCE / folder).glob("[a-z]*.py"):
        assert f"`{path.stem}`" in text, f"{folder}/{path.name} is not in docs/models.md"


def test_every_metric_is_documented() -> None:
    text = read(DOCS / "metrics.md")
    internal = {"Hits", "Curve", "GroupGap", "quotient"}
    for path in (SOURCE / "metrics").glob("[a-z]*.py"):
        for name in public(path):
            assert name in internal or f"`{name}" in text, f"{path.name}: {name} is not in docs/metrics.md"


def test_every_split_is_documented() -> None:
    from typing import get_args

    from penchant.data.splits import How

    for name in get_args(How):
        assert f"| `{name}` |" in read(DOCS / "evaluation.md")


def test_the_table_of_imports_is_generated() -> None:
    assert "<!-- imports -->" in read(DOCS / "architecture.md")


def test_the_two_readmes_have_the_same_shape() -> None:
    english, chinese = READMES

    def shape(page: Path) -> list[str]:
        return [mark for mark in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]

    assert shape(english) == shape(chinese)
    assert len(blocks(english)) == len(blocks(chinese))
    assert blocks(english, "python") == blocks(chinese, "python")
    links = [sorted(link.replace("docs/zh/", "docs/") for link in LINK.findall(prose(page))) for page in READMES]
    assert [link for link in links[0] if "README" not in link] == [link for link in links[1] if "README" not in link]


@pytest.mark.parametrize("page", CHINESE, ids=name_of)
def test_chinese_pages_have_the_headings_of_the_english_ones(page: Path) -> None:
    def levels(path: Path) -> list[str]:
        return re.findall(r"^(#+) ", prose(path), re.MULTILINE)

    assert levels(page) == levels(DOCS / page.name)
    assert len(blocks(page)) == len(blocks(DOCS / page.name))
    assert blocks(page, "python") == blocks(DOCS / page.name, "python")


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_tree_of_the_readme_has_every_folder(page: Path) -> None:
    folders = {p.parent.name for p in SOURCE.glob("*/__init__.py")}
    listed = set(re.findall(r"^ *(\w+)/ ", "\n".join(blocks(page, "text")), re.MULTILINE))
    assert folders <= listed, f"missing: {sorted(folders - listed)}"
    gone = [
        f for f in listed if not (SOURCE / f).is_dir() and not (ROOT / f).is_dir() and not (ROOT / "src" / f).is_dir()
    ]
    assert not gone, f"not on disk: {gone}"


@pytest.mark.parametrize("page", READMES, ids=name_of)
def test_the_two_commands_stand_in_the_readme(page: Path) -> None:
    calls = "\n".join(blocks(page, ""))
    assert "make demo" in calls and "make test" in calls
    targets = re.findall(r"^make (\w+)", calls, re.MULTILINE)
    makefile = read(ROOT / "Makefile")
    assert not [target for target in targets if f"\n{target}:" not in makefile]


@pytest.mark.parametrize("page", [*READMES, *sorted(DOCS.glob("*.md"))], ids=name_of)
def test_pages_speak_of_the_project_alone(page: Path) -> None:
    text = read(page)
    for word in ("TODO", "FIXME", "TBD", "lorem", "/work/", "/root/", "/home/"):
        assert word not in text, word


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `shop/` that the examples speak of: 40 users, u1 among them, and 30 items with titles."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "shop").mkdir()
    rng = np.random.default_rng(0)
    users, length, items = 40, 12, 30
    rows = np.arange(users * length)
    tastes = (rows // length) % 3
    picked = tastes * 10 + rng.integers(0, 10, len(rows))
    pl.DataFrame(
        {
            "user_id": [f"u{r // length}" for r in rows],
            "item_id": [f"i{i}" for i in picked],
            "timestamp": 1_700_000_000 + rng.permutation(len(rows)) * 3600,
        }
    ).write_csv(folder / "shop" / "events.csv")
    words = ["quiet film about the sea", "loud record of drums", "warm bread with seeds"]
    pl.DataFrame(
        {"item_id": [f"i{i}" for i in range(items)], "title": [f"A {words[i // 10]}, part {i}" for i in range(items)]}
    ).write_csv(folder / "shop" / "items.csv")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", [READMES[0], DOCS / "python.md", DOCS / "data.md"], ids=name_of)
def test_python_examples_run(page: Path, shop: Path, tmp_path: Path) -> None:
    code = "\n".join(blocks(page, "python"))
    assert code
    (tmp_path / "shop").symlink_to(shop / "shop")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
