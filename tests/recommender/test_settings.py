from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import penchant
from penchant.errors import OptionError, UsageError
from penchant.models.registry import MODELS
from penchant.recommender.config import Config
from penchant.recommender.settings import find_settings, list_settings

MOST_SETTINGS = 220
SOURCE = sorted(Path(penchant.__file__).parent.rglob("*.py"))


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Dotted keys of a configuration as a dictionary; tables with free names are one key."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_there_are_few_settings_and_each_has_a_meaning() -> None:
    settings = list_settings()
    assert len(settings) < MOST_SETTINGS
    assert len({one.key for one in settings}) == len(settings)
    for one in settings:
        assert one.meaning[:1].strip() and one.meaning.endswith(".") and "\n" not in one.meaning, one
        assert one.type and "object" not in one.default_in_words


def test_the_list_is_what_a_configuration_holds_and_can_set() -> None:
    listed = {one.key for one in list_settings()}
    listed |= {f"{name}.{one.key.partition('.')[2]}" for one in list_settings() for name in one.models}
    values: dict[str, Any] = {}
    for name in MODELS:
        values |= Config(model=name).to_dict()
    assert listed == set(leaves(values))
    for one in list_settings():
        Config().with_settings({one.key: one.default})


def test_a_meaning_names_the_choices_and_the_range_that_are_checked() -> None:
    """What a wrong value is told to be stands in the meaning too: every name of a choice, every bound of a number."""
    checked = 0
    for one in list_settings():
        wrong = "?!" if one.type.startswith(("str", "tuple[str")) else "-5"
        try:
            Config().with_settings({one.key: wrong})
        except UsageError as error:
            choices = re.search(r"Allowed: (.*?)\.(?: |$)", str(error))
            names = [] if one.key == "model" or choices is None else choices[1].split(", ")
            bounds = re.findall(r"\d+ or more|above \d+|at most \d+|below \d+", str(error))
            for part in (*names, *bounds):
                assert re.search(rf"(?<![\w-]){re.escape(part)}(?![\w-])", one.meaning, re.IGNORECASE), (one.key, part)
            checked += bool(names or bounds)
    assert checked > 120


def test_options_that_models_share_are_listed_once_with_the_defaults_that_differ() -> None:
    by_key = {one.key: one for one in list_settings()}
    assert by_key["transformer.layers"].models == {"transformer": 2, "gru": 1, "cnn_rnn": 1}
    assert by_key["transformer.layers"].default_in_words == "2 (gru: 1, cnn_rnn: 1)"
    assert by_key["transformer.encoder"].default_in_words == "attention (gru: gru, cnn_rnn: cnn_rnn)"
    assert not [key for key in by_key if key.startswith("gru.")]


def test_settings_of_one_model_have_its_defaults_and_those_of_its_experts() -> None:
    keys = {one.key: one.default for one in list_settings("gru")}
    assert keys["gru.layers"] == 1 and "transformer.epochs" not in keys and "training.clip" in keys
    assert {"lite.experts", "transformer.dim", "ease.decay"} <= {one.key for one in list_settings("lite")}
    with pytest.raises(OptionError, match="model='light'"):
        list_settings("light")


def test_settings_are_found_by_glob_by_part_and_by_meaning() -> None:
    assert [one.key for one in find_settings("*.n_heads")] == ["transformer.n_heads", "llm.n_heads"]
    assert [one.key for one in find_settings("gru.n_*")] == ["gru.n_heads", "gru.n_interests"]
    assert {"modalities.text.dim", "als.dim"} <= {one.key for one in find_settings("dim")}
    assert [one.key for one in find_settings("Number format of training")] == ["training.precision"]
    assert find_settings() == list_settings()
    with pytest.raises(
        OptionError, match=r"^pattern='drpout' is not known\. Nearest: transformer\.dropout, .* lists all"
    ):
        find_settings("drpout")
    with pytest.raises(OptionError, match="It has a new name: calendar_features"):
        find_settings("clock")


def test_every_field_of_a_dataclass_of_options_has_its_own_description() -> None:
    """In the source: a string under the field, or under the same field of a base."""
    described: dict[str, set[str]] = {}
    classes = [
        node
        for path in SOURCE
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Options")
        if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert len(classes) > 35
    for node in classes:
        described[node.name] = {
            statement.target.id
            for statement, after in zip(node.body, node.body[1:], strict=False)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        }
    bases = {node.name: {base.id for base in node.bases if isinstance(base, ast.Name)} for node in classes}
    for node in classes:
        known = {node.name} | bases[node.name]
        known |= {above for base in bases[node.name] for above in bases.get(base, ())}
        names = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign) and hasattr(part.target, "id")}
        missing = names - set().union(*(described.get(name, set()) for name in known))
        assert not missing, f"{node.name}: {missing}"
