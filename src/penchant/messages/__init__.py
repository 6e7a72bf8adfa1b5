"""Texts in English and Chinese: one TOML catalogue per subject, one look-up.

`messages/NAME.toml` holds the texts whose keys begin with `NAME.`. A text is a table with `en` and `zh`; a table may
hold further texts beside its own two:

    [ties]
    en = "Events at the same moment"
    zh = "同一时刻的行为"
    remedy.en = "Add a column {column} with the true order."
    remedy.zh = "请加一列 {column} 写明真实顺序。"

These are `text("NAME.ties", "en")` and `text("NAME.ties.remedy", "en", column="seq")`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Final

from penchant.errors import MessageError, OptionError
from penchant.options import JsonMapping

LANGUAGES: Final = ("en", "zh")

_CHINESE: Final = "[\u3400-\u9fff\u3001-\u301f\uff00-\uffef]"
_EDGE: Final = "\ufdd0"
"""Marks both edges of a value while a text is put together (a code point that no text has)."""
_GAP: Final = re.compile(f"(?<={_CHINESE}) (?={_EDGE}{_CHINESE})|(?<={_CHINESE}{_EDGE}) (?={_CHINESE})")
"""Chinese has a space beside Latin words and digits and none between its characters: the gap beside a value goes where
the value is Chinese there. Spaces inside a value, such as a title, stay."""


def text(key: str, language: str, **values: object) -> str:
    """The text of a key in a language, with the values put in.

    >>> text("report.slices.count", "zh", n=3)
    '3 位'
    """
    template = _find(key)[check_language(language)]
    if language == "zh":
        values = {name: _Marked(value) for name, value in values.items()}
    try:
        filled = template.format(**values)
    except KeyError as missing:
        raise MessageError(f"The text {key!r} needs a value for {missing}.") from missing
    return _GAP.sub("", filled).replace(_EDGE, "")


class Note(str):
    """A text in English that keeps its key and its values, so that it can be written in another language too.

    A value may itself be a note.

    >>> note = Note("notes.split.tested", tested=40, validated=38)
    >>> note, note.to("zh")
    ('Tested: 40 users; validated: 38.', '测试 40 位用户，验证 38 位。')
    """

    key: str
    values: Mapping[str, object]

    def __new__(cls, key: str, **values: object) -> Note:
        """Write the text of the key in English."""
        note = super().__new__(cls, text(key, "en", **values))
        note.key, note.values = key, values
        return note

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, object]]:
        """What a copy or a pickle is built from."""
        return (self.key,), dict(self.values)

    def to(self, language: str) -> str:
        """The text in a language."""
        return text(self.key, language, **{name: translate(value, language) for name, value in self.values.items()})


def translate(value: object, language: str) -> Any:
    """A note in a language; anything else as it is."""
    return value.to(language) if isinstance(value, Note) else value


class _Marked:
    """A value between two marks, formatted as its own type formats it."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __format__(self, spec: str) -> str:
        return f"{_EDGE}{format(self.value, spec)}{_EDGE}"


def has_text(key: str) -> bool:
    """Whether a catalogue holds a text of this key.

    >>> has_text("report.compare.lead"), has_text("report.nothing.like.it"), has_text("nowhere.at.all")
    (True, False, False)
    """
    name, _, rest = key.partition(".")
    return name in list_catalogues() and rest in load_catalogue(name)


@cache
def list_catalogues() -> tuple[str, ...]:
    """The names of all catalogues, sorted."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def load_catalogue(name: str) -> Mapping[str, Mapping[str, str]]:
    """Every text of a catalogue: key (without the catalogue's name) → language → template."""
    file = resources.files(__name__) / f"{name}.toml"
    if not file.is_file():
        raise MessageError(f"There is no catalogue of texts {name!r}.")
    return parse_catalogue(file.read_text(encoding="utf-8"), name)


def parse_catalogue(content: str, name: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of a TOML document; both languages must be there and name the same placeholders.

    >>> parse_catalogue('[lead]\\nen = "{n} films"\\nzh = "{n} 部电影"', "demo")
    {'lead': {'en': '{n} films', 'zh': '{n} 部电影'}}
    """
    texts = dict(_flatten(tomllib.loads(content), ""))
    for key, translations in texts.items():
        if set(translations) != set(LANGUAGES):
            raise MessageError(f"The text {name}.{key} is written in {', '.join(translations)}, not in en and zh.")
        english, chinese = (_placeholders(translations[language]) for language in LANGUAGES)
        if english != chinese:
            differing = ", ".join(sorted(english ^ chinese))
            raise MessageError(f"The text {name}.{key} has a placeholder in one language only: {differing}.")
    return texts


def _find(key: str) -> Mapping[str, str]:
    name, _, rest = key.partition(".")
    catalogue = load_catalogue(name)
    if rest not in catalogue:
        raise MessageError(f"The catalogue {name!r} has no text {rest!r}.")
    return catalogue[rest]


def check_language(language: str) -> str:
    """The language itself, where texts are written in it.

    Raises `OptionError` for another one.
    """
    if language not in LANGUAGES:
        raise OptionError("language", language, allowed=LANGUAGES)
    return language


def _flatten(table: JsonMapping, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    translations = {key: value for key, value in table.items() if isinstance(value, str)}
    if translations:
        yield prefix, translations
    for key, value in table.items():
        if not isinstance(value, str):
            yield from _flatten(value, f"{prefix}.{key}" if prefix else key)


def _placeholders(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field}
