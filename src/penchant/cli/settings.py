"""`penchant settings`: what `--set` and a configuration file can set, and what it means."""

from __future__ import annotations

from typing import Annotated

import typer

from penchant.cli import parameters, terminal


def settings(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN", help="Part of a key or of its meaning, or a key with * in it; empty: all settings."
        ),
    ] = "",
    model: parameters.ModelName = None,
    json: parameters.AsJson = False,
) -> None:
    """List settings: key, default, type and meaning."""
    from penchant.recommender.settings import find_settings

    found = find_settings(pattern, model)
    if json:
        terminal.show_json(
            [
                {"key": one.key, "default": one.default, "type": one.type, "meaning": one.meaning}
                | ({"models": one.models} if one.models else {})
                for one in found
            ]
        )
        return
    columns = ("key", "default", "type", "meaning")
    terminal.show_table(columns, [(one.key, one.default_in_words, one.type, one.meaning) for one in found])
    shared = {tuple(one.models) for one in found if one.models}
    for first, *others in sorted(shared):
        terminal.note(f"Options {first}.* are also those of {', '.join(others)}: write the name of that model.")
