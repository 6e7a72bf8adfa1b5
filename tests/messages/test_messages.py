"""Every catalogue of texts: both languages, the same placeholders; a wrong look-up says what is missing."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from penchant.errors import MessageError, OptionError
from penchant.messages import (
    LANGUAGES,
    Note,
    has_text,
    list_catalogues,
    load_catalogue,
    parse_catalogue,
    text,
    translate,
)

SOURCE = Path(__file__).resolve().parents[2] / "src" / "penchant"


@pytest.mark.parametrize("name", list_catalogues())
def test_every_text_is_written_in_both_languages(name: str) -> None:
    texts = load_catalogue(name)  # unequal placeholders are an error
    assert texts
    for key, translations in texts.items():
        assert all(translations[language].strip() for language in LANGUAGES), key
        assert not re.search("[\u3400-\u9fff]", translations["en"]), f"Chinese in the English of {key}"


@pytest.mark.parametrize("name", list_catalogues())
def test_no_text_is_left_over(name: str) -> None:
    """Every key stands in the source, or begins as a key that the source puts together (`f"meaning.{measure}"`)."""
    constants = {
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80
    }
    constants |= {constant.removeprefix(f"{name}.") for constant in constants}
    begun = {constant for constant in constants if constant.endswith(".")}
    left = [key for key in load_catalogue(name) if key not in constants and not key.startswith(tuple(begun))]
    assert not left


def test_a_text_without_its_second_language_is_refused() -> None:
    with pytest.raises(MessageError, match=r"demo\.lead is written in en"):
        parse_catalogue('lead.en = "one"', "demo")
    with pytest.raises(MessageError, match=r"demo\.lead has a placeholder in one language only: n"):
        parse_catalogue('lead.en = "{n} films"\nlead.zh = "电影"', "demo")


def test_a_wrong_look_up_says_what_is_missing() -> None:
    with pytest.raises(MessageError, match=r"'report' has no text 'no\.such\.key'"):
        text("report.no.such.key", "en")
    with pytest.raises(MessageError, match="no catalogue of texts 'nowhere'"):
        text("nowhere.key", "en")
    with pytest.raises(MessageError, match="needs a value for 'n'"):
        text("report.slices.count", "en")
    with pytest.raises(OptionError, match="Allowed: en, zh"):
        text("report.report", "fr")
    assert not has_text("nowhere.key")


def test_chinese_has_no_space_between_its_own_characters() -> None:
    assert text("report.interests.moved", "zh", user="u1", first="喜剧", last="war") == "u1：从喜剧转向 war"


def test_a_note_is_english_until_it_is_written_in_another_language() -> None:
    count = Note("notes.split.tested", tested=1200, validated=3)
    note = pickle.loads(pickle.dumps(Note("notes.compare.left_out", model="m", error=count)))
    assert note == "m was left out: Tested: 1,200 users; validated: 3."
    assert translate(note, "zh") == "m 没有参与：测试 1,200 位用户，验证 3 位。" and translate("other", "zh") == "other"


def test_spaces_inside_a_value_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = parse_catalogue('[liked]\nen = "liked {title} again"\nzh = "喜欢 {title} 很久"', "demo")
    monkeypatch.setattr("penchant.messages.load_catalogue", lambda name: demo)
    assert text("demo.liked", "zh", title="春 夏 秋") == "喜欢春 夏 秋很久"
    assert text("demo.liked", "zh", title="Heat 盗火线") == "喜欢 Heat 盗火线很久"
    assert text("demo.liked", "en", title="春 夏") == "liked 春 夏 again"
