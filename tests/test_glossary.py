"""One word a meaning: left-out words of tools/glossary.toml stand in no identifier, message, help text or page."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = sorted((ROOT / "src" / "penchant").rglob("*.py"))
SCRIPTS = sorted([*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "examples").glob("*.py")])
CATALOGUES = sorted((ROOT / "src" / "penchant" / "messages").glob("*.toml"))
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PAGES = [page for page in PAGES if page.name not in ("log.md", "glossary.md")]
MOST_HOUSE_WORDS = 4.0
"""A thousand lines; LensKit has 2.0."""
SEARCHED = (
    *("cold start", "multi-interest", "fine-tuning", "embedding", "two-tower", "look-alike", "drift", "A/B test"),
    *("off-policy", "differential privacy"),
)
"""Search terms: the documentation of a stage that exists must contain its terms."""
NOT_YET = ("look-alike", "A/B test", "off-policy", "differential privacy")
"""Stages that are still to come, so their words are too."""


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


house = _load("measure_house")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def list_left_out(path: Path) -> list[str]:
    return [
        f"{piece.line}: {words} in {piece.kind} {piece.text[:80]!r}"
        for piece in house.texts(path)
        if (words := house.left_out(piece.text))
    ]


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_source_has_no_left_out_words(path: Path) -> None:
    assert not (wrong := list_left_out(path)), "\n".join(wrong)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_benchmarks_and_examples_have_no_left_out_words(path: Path) -> None:
    assert not (wrong := list_left_out(path)), "\n".join(wrong)


@pytest.mark.parametrize("path", [*CATALOGUES, *PAGES], ids=name_of)
def test_messages_and_pages_have_no_left_out_words(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    wrong = [
        f"{number}: {words}: {line[:90]}" for number, line in enumerate(lines, 1) if (words := house.left_out(line))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_dialect_stays_rare() -> None:
    """Ordinary words that once stood for everything: measured together."""
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in SOURCE)
    words = house.house_words(ROOT)
    assert 1000 * sum(words.values()) / lines <= MOST_HOUSE_WORDS, words.most_common(20)


def test_every_allowed_phrase_says_why() -> None:
    entries = [*house.GLOSSARY["term"], house.GLOSSARY["dialect"]]
    assert all(each["reason"] for entry in entries for each in entry.get("allow", ()))


def test_the_documentation_holds_the_words_of_searches() -> None:
    text = " ".join(page.read_text(encoding="utf-8") for page in PAGES).lower()
    missing = [word for word in SEARCHED if word not in NOT_YET and word.lower() not in text]
    assert not missing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foretold", ["foretold"]),
        ("nobody in particular", ["nobody in particular"]),
        ("the person", ["person"]),
        ("personal", []),
        ("the identity matrix", []),
        ("facts", ["facts"]),
        ("artefacts", []),
        ("understanding", []),
    ],
)
def test_words_match_as_complete_words(text: str, expected: list[str]) -> None:
    assert house.left_out(text) == expected


def test_identifiers_are_read_word_by_word() -> None:
    assert house.split_identifier("_HeldOutRows_s") == "held out rows s"
    assert house.left_out(house.split_identifier("known_items"), house.DIALECT) == []
