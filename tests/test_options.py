from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant import options
from penchant.errors import DataError, OptionError, UsageError


@dataclass(frozen=True)
class Inner:
    epochs: int = 3
    rates: tuple[float, ...] = (0.1,)


@dataclass(frozen=True)
class Outer:
    dim: int = 64
    dropout: float = 0.2
    time: bool = True
    fusion: Literal["concat", "weighted_sum"] = "concat"
    encoder: str = "auto"
    window: int | None = None
    split: tuple[int, int] = (1, 2)
    names: list[str] = field(default_factory=list)
    weights: Mapping[str, float] = field(default_factory=dict)
    folder: Path | None = None
    either: int | str = 0
    inner: Inner = field(default_factory=Inner)


text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=5)
number = st.floats(allow_nan=False, allow_infinity=False)
outers = st.builds(
    Outer,
    dim=st.integers(),
    dropout=number,
    time=st.booleans(),
    fusion=st.sampled_from(["concat", "weighted_sum"]),
    encoder=text,
    window=st.none() | st.integers(),
    split=st.tuples(st.integers(), st.integers()),
    names=st.lists(text, max_size=3),
    weights=st.dictionaries(text, number, max_size=3),
    folder=st.none() | st.sampled_from([Path("a/b"), Path("x")]),
    either=st.integers(),
    inner=st.builds(Inner, epochs=st.integers(), rates=st.lists(number, max_size=3).map(tuple)),
)


@given(outers)
def test_dictionaries_and_json_bring_options_back(value: Outer) -> None:
    assert options.from_dict(Outer, options.to_dict(value)) == value
    assert options.from_dict(Outer, json.loads(json.dumps(options.to_dict(value)))) == value


@pytest.mark.parametrize(
    ("path", "given_text", "expected"),
    [
        ("dim", "32", 32),
        ("dropout", "1e-3", 0.001),
        ("dropout", "1", 1.0),
        ("time", "off", False),
        ("time", "Yes", True),
        ("fusion", "weighted_sum", "weighted_sum"),
        ("encoder", "32", "32"),
        ("window", "none", None),
        ("window", "7", 7),
        ("split", "3, 4", (3, 4)),
        ("names", "['a', \"b\"]", ["a", "b"]),
        ("names", "", []),
        ("weights", "like:2,view:0.5", {"like": 2.0, "view": 0.5}),
        ("weights.like", "2", {"like": 2.0}),
        ("folder", "a/b", Path("a/b")),
        ("either", "x", "x"),
        ("inner.epochs", "9", 9),
        ("inner.rates", "(.1, .2)", (0.1, 0.2)),
    ],
)
def test_text_is_converted_by_the_type_of_the_option(path: str, given_text: str, expected: Any) -> None:
    changed: Any = options.replace_option(Outer(), path, given_text)
    for part in path.split("."):
        changed = getattr(changed, part) if dataclasses.is_dataclass(changed) else {part: changed[part]}
    assert changed == expected and type(changed) is type(expected)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("dim", "big", r"dim='big' is not a whole number\. Give a whole number for 'dim'\."),
        ("dim", 2.5, r"dim=2\.5 is not a whole number"),
        ("dim", True, "dim=True is not a whole number"),
        ("dropout", "nan", "dropout='nan' is not a finite number"),
        ("dropout", "half", "is not a finite number"),
        ("time", "maybe", "time='maybe' is not true or false"),
        ("time", 1, "time=1 is not true or false"),
        ("encoder", 3, "encoder=3 is not text"),
        ("folder", 3, "folder=3 is not a path"),
        ("fusion", "conct", r"fusion='conct' is not known\. Allowed: concat, weighted_sum\. Did you mean 'concat'\?"),
        ("window", "x", "window='x' is not a whole number"),
        ("split", "1,2,3", r"split='1,2,3' has 3 values\. Give 2 of them"),
        ("split", 1, "split=1 is not a list"),
        ("weights", "like", "weights='like' is not a table. Write it as a:1,b:2"),
        ("weights", 3, "weights=3 is not a table of options. Set one of them: weights.NAME=VALUE"),
        ("inner", "9", "inner='9' is not a table of options. Set one of them: inner.NAME=VALUE"),
        ("dropuot", "1", r"option='dropuot' is not known\. Allowed: dim, dropout, .*Did you mean 'dropout'\?"),
        ("inner.epoch", "1", r"option='inner\.epoch' is not known.*Did you mean 'inner\.epochs'\?"),
        ("dim.x", "1", r"dim has no option 'x' inside\. Set dim itself"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(path: str, value: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        options.replace_option(Outer(), path, value)


def test_integers_beyond_every_float_are_rejected() -> None:
    """Where limits are checked a number of 400 digits is one like any other: it does not break the check."""
    for value in (10**400, -(10**400), float("inf"), float("nan")):
        with pytest.raises(UsageError, match=r"dim=\S+ is out of range\. Give 1 or more, at most 1\.8e\+308\."):
            options.require_range(Outer(dim=value), "dim", least=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"dim=1000\d+ is out of range\. Give at most 9\."):
        options.require_range(Outer(dim=10**400), "dim", most=9)
    options.require_range(Outer(dim=10**300), "dim", least=1)


def test_unknown_keys_of_a_dictionary_are_refused() -> None:
    with pytest.raises(OptionError, match=r"option='inner\.rate' is not known.*'inner\.rates'"):
        options.from_dict(Outer, {"inner": {"rate": 1}})


def test_only_dataclasses_are_options() -> None:
    for thing in (3, Outer):
        with pytest.raises(UsageError, match="is no dataclass of options"):
            options.to_dict(thing)
    with pytest.raises(UsageError, match="cannot be set from text"):
        options.convert(bytes, "x", "raw")


def test_values_that_are_right_already_pass() -> None:
    assert options.convert(Inner, Inner(7), "inner") == Inner(7)
    assert options.convert(Any, (1,), "x") == (1,)
    assert options.convert(int | str, "5", "x") == "5"


def test_settings() -> None:
    assert options.parse_settings(["a.b = c=d", "a.b=e"]) == {"a.b": "e"}
    for bad in ("dim", "=3"):
        with pytest.raises(UsageError, match=r"is not of the form key=value\. For example: --set dim=64"):
            options.parse_settings([bad])


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    with pytest.raises(UsageError, match=r"There is no configuration file .*c\.toml"):
        options.read_toml(file)
    file.write_text("dim = \n")
    with pytest.raises(DataError, match=r"c\.toml is not valid TOML: .*line 1.*Correct that line"):
        options.read_toml(file)
    file.write_text("dim = 3\n[inner]\nepochs = 4\nrates = [1, 0.5]\n")
    assert options.from_dict(Outer, options.read_toml(file)) == Outer(dim=3, inner=Inner(4, (1.0, 0.5)))


@dataclass(frozen=True)
class Base:
    decay: float = 0.8
    """Weight of an event,
    relative to the next."""
    window: int = 5
    """Events."""


@dataclass(frozen=True)
class Derived(Base):
    decay: float = 0.5
    window: int = 7
    """Events apart."""
    seed: int = 0


def test_a_meaning_is_the_docstring_under_the_field_or_under_that_of_a_base() -> None:
    assert options.option_meanings(Derived) == {
        "decay": "Weight of an event, relative to the next.",
        "window": "Events apart.",
        "seed": "",
    }
