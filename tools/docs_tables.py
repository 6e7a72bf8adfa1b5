"""Tables that the documentation takes from the code, so that they stay current. Called by mkdocs.

`<!-- aliases -->`                     names that readers recognise
`<!-- kinds -->`                       words for kinds of events that readers recognise
`<!-- options: module.Class -->`       one dataclass of options
`<!-- settings: PART -->`              settings of `general`, `modalities`, `training`, `probes` or `models`
`<!-- options of command: NAME -->`    arguments and options of one command
`<!-- findings of the doctor -->`      code and title of every finding
`<!-- rules of the advice -->`         condition, choice and reason of every rule
`<!-- glossary -->`                    terms and left-out words (tools/glossary.toml); `<!-- glossary zh -->` in Chinese
`<!-- imports -->`                     which folder may import what (tools/import_table.toml)
`<!-- spaces of tune -->`              what a search of settings tries, model by model
"""

from __future__ import annotations

import inspect
import itertools
import re
import tomllib
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import penchant
from penchant.cleaning.doctor.advice import RULES, Advice
from penchant.data.ingest.aliases import ALIASES
from penchant.data.kinds import KIND_ALIASES
from penchant.messages import load_catalogue, text
from penchant.models.registry import MODELS, list_searchable
from penchant.models.search_space import Categorical, Dimension, Joint
from penchant.recommender.settings import Setting, describe_options, list_settings


def import_table() -> str:
    """Level, parts, contents and allowed imports, for the parts that exist."""
    table = tomllib.loads((Path(__file__).parent / "import_table.toml").read_text(encoding="utf-8"))
    source = Path(penchant.__file__).parent
    lines = ["| level | part | holds | may import |", "|---|---|---|---|"]
    for row in table["part"]:
        paths = [source / name.replace(".", "/") for name in row["names"]]
        there = [path.is_dir() or path.with_suffix(".py").is_file() for path in paths]
        names = [name for name, exists in zip(row["names"], there, strict=True) if exists]
        imports = ", ".join(f"`{name}`" for name in row["imports"]) or "–"
        if names:
            shown = ", ".join(f"`{name}`" for name in names)
            lines.append(f"| {row['level']} | {shown} | {row['holds']} | {imports} |")
    for entry in table["upward"]:
        lines.append(f"\nUpwards, by name: `{entry['module']}` imports `{entry['imports']}`, since {entry['why']}.")
    return "\n".join([*lines, ""])


def on_page_markdown(markdown: str, page: Any = None, **_: Any) -> str:
    """Fill in the tables, with Chinese headings on pages of docs/zh. mkdocs calls this function by its name."""
    filled = fill_tables(markdown)
    if page is not None and page.file.src_uri.startswith("zh/"):
        for english, chinese in CHINESE_HEADINGS.items():
            filled = filled.replace(english, chinese)
    return filled


def fill_tables(markdown: str) -> str:
    """Replace the marks by their tables."""
    for mark, tables in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, tables())
    markdown = re.sub(r"<!-- options of command: (\w+) -->", lambda m: command_table(m[1]), markdown)
    markdown = re.sub(r"<!-- settings: (\w+) -->", lambda m: setting_tables(m[1]), markdown)
    return re.sub(r"<!-- options: ([\w.]+)\.(\w+) -->", lambda m: options_table(named(m[1], m[2])), markdown)


def named(module: str, name: str) -> type:
    """A class by name."""
    cls: type = getattr(import_module(module), name)
    return cls


def options_table(options: type) -> str:
    """The docstring of a class of options, then key, type, default and meaning of every option."""
    words = re.split(r"\n\s*>>>", inspect.cleandoc(options.__doc__ or ""))[0]
    return "\n".join([words, "", *setting_rows(describe_options(options()))])


def setting_rows(settings: Iterable[Setting]) -> list[str]:
    """A table of settings."""
    rows = ["| option | type | default | meaning |", "|---|---|---|---|"]
    for one in settings:
        default = f"`{one.default_in_words}`" if one.default_in_words else ""
        cells = [cell.replace("|", "\\|") for cell in (f"`{one.key}`", one.type, default, one.meaning)]
        rows.append(f"| {' | '.join(cells)} |")
    return [*rows, ""]


def setting_tables(part: str) -> str:
    """The settings of one part: `general`, a configuration table, or `models` (a section per options class)."""
    parts: list[str] = []
    for section, group in itertools.groupby(list_settings(), key=lambda one: one.key.rpartition(".")[0]):
        settings, head = list(group), section.partition(".")[0]
        if part == ("models" if head in MODELS else head or "general"):
            title = ", ".join(settings[0].models) or section
            parts += [] if section in ("", part) else [f"### {title}", ""]
            parts += setting_rows(settings)
    return "\n".join(parts)


def command_table(name: str) -> str:
    """Arguments and options of a command, as `--help` gives them."""
    import typer

    from penchant.cli.app import app

    group: Any = typer.main.get_command(app)
    command = group.commands[name]
    rows = ["| argument or option | default | |", "|---|---|---|"]
    for parameter in command.params:
        words = str(getattr(parameter, "help", "") or "").replace("|", "\\|")
        names = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        if parameter.param_type_name == "argument":
            names = f"`{parameter.metavar or parameter.name.upper()}`"
        elif values := parameter.metavar or "|".join(literals(parameter)):
            names += " " + values.replace("|", "\\|")
        default = parameter.default
        has_default = default not in (None, "", (), []) and not isinstance(default, bool) and not callable(default)
        shown = f"`{default}`" if has_default else ""
        rows.append(f"| {names} | {shown} | {words} |")
    return "\n".join([*rows, ""])


def literals(parameter: Any) -> list[str]:
    """The allowed values of an option of the type `Literal`."""
    return [str(value) for value in get_args(parameter.type_descriptor.annotation) if isinstance(value, str)]


def alias_tables() -> str:
    """One table for every table of the contract."""
    parts = []
    for table, columns in ALIASES.items():
        parts += [f"| {table} | also read as |", "|---|---|"]
        parts += [f"| `{ours}` | {', '.join(dict.fromkeys(names))} |" for ours, names in columns.items()]
        parts.append("")
    return "\n".join(parts)


def kind_table() -> str:
    """Words that readers recognise as kinds of events."""
    rows = [f"| `{ours}` | {'、'.join(words)} |" for ours, words in KIND_ALIASES.items()]
    return "\n".join(["| kind | also read as |", "|---|---|", *rows, ""])


def finding_table() -> str:
    """Code and title of every finding of the doctor, in the order of the catalogue."""
    rows = ["| code | about |", "|---|---|"]
    keys = [key.split(".") for key in load_catalogue("doctor")]
    rows += [
        f"| `{key[1]}` | {text(f'doctor.finding.{key[1]}', 'en')} |" for key in keys if key[0] == "finding" == key[-2]
    ]
    return "\n".join([*rows, ""])


def advice_table() -> str:
    """Condition, choice and reason of every rule of the doctor's advice."""
    rows = ["| topic | if | choose | because |", "|---|---|---|---|"]
    for rule in RULES:
        advice = Advice(rule.topic, rule.name, rule.choice).to_dict()
        choice = f"`{rule.choice}`" if rule.choice else "the default"
        rows.append(f"| {advice['topic_title']} | {advice['condition']} | {choice} | {advice['why']} |")
    return "\n".join([*rows, ""])


def space_table() -> str:
    """One row per search space, with the models that share it."""
    alike: dict[str, list[str]] = {}
    for name in list_searchable():
        space = MODELS[name].search_space(MODELS[name].default_options())
        words = "<br>".join(f"`{key}`: {values(dimension)}" for key, dimension in space.items())
        alike.setdefault(words, []).append(name)
    rows = [f"| {', '.join(f'`{name}`' for name in names)} | {words} |" for words, names in alike.items()]
    return "\n".join(["| model | tried |", "|---|---|", *rows, ""])


def values(dimension: Dimension) -> str:
    """The values of one dimension in words."""
    if isinstance(dimension, Joint):
        choices = (", ".join(f"{name} {value}" for name, value in each.items()) for each in dimension.values)
        return "; or ".join(choices)
    if isinstance(dimension, Categorical):
        return ", ".join(map(str, dimension.values))
    return f"{dimension.low:g} to {dimension.high:g}" + (", finer at the low end" if dimension.log else "")


def glossary_table(chinese: bool = False) -> str:
    """The terms of tools/glossary.toml: term, meaning, left-out words."""
    terms = tomllib.loads((Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8"))["term"]
    if chinese:
        lines = ["| 中文术语 | 英文术语 | 含义 | 弃用的说法 |", "|---|---|---|---|"]
        rows = [(term["zh"], term["say"], term["means_zh"], term["instead"]) for term in terms]
    else:
        lines = ["| term | meaning | left-out words |", "|---|---|---|"]
        rows = [(term["say"], term["means"], term["instead"]) for term in terms]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


CHINESE_HEADINGS = {
    "| argument or option | default | |": "| 参数或选项 | 默认值 | 说明（英文） |",
    "| option | type | default | meaning |": "| 选项 | 类型 | 默认值 | 含义（英文） |",
    "| kind | also read as |": "| 种类 | 也识别为 |",
    "| model | tried |": "| 模型 | 搜索的取值 |",
    **{f"| {table} | also read as |": f"| {table} 的列 | 也识别为 |" for table in ALIASES},
}
"""Headings of the tables that pages in docs/zh show."""

MARKS = {
    "<!-- glossary -->": glossary_table,
    "<!-- glossary zh -->": partial(glossary_table, chinese=True),
    "<!-- imports -->": import_table,
    "<!-- aliases -->": alias_tables,
    "<!-- kinds -->": kind_table,
    "<!-- findings of the doctor -->": finding_table,
    "<!-- rules of the advice -->": advice_table,
    "<!-- spaces of tune -->": space_table,
}
"""Marks without a parameter, and the functions that return their tables."""
