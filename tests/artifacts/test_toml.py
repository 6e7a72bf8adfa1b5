"""TOML that is written is TOML that is read."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.artifacts.toml import to_toml
from penchant.errors import UsageError

PLAIN = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)
VALUES = st.recursive(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), PLAIN | st.lists(PLAIN), max_size=4),
    lambda inner: st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), PLAIN | inner, max_size=4),
    max_leaves=8,
)


@given(VALUES)
def test_round_trip(values: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(values)) == values


def test_comments_and_refusals() -> None:
    assert to_toml({"a": 1}, comment="one\n\ntwo") == "# one\n#\n# two\na = 1\n"
    with pytest.raises(UsageError, match="cannot be written as TOML"):
        to_toml({"a": float("nan")})
