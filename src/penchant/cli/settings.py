"""`penchant settings`: the keys of `--set` and of a configuration file, and their meaning."""

from __future__ import annotations

from typing import Annotated

import typer

from penchant.cli import parameters, terminal


def settings(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="Part of a key or of a meaning, or a key with *. Without it, all settings are listed.",
        ),
    ] = "",
    model: parameters.ModelName = None,
    json: parameters.AsJson = False,
) -> None:
    """List settings: key, default, type and meaning."""
    from penchant.recommender.settings import find_settings

    matches = find_settings(pattern, model)
    if json:
        terminal.show_json(
            [
                {"key": one.key, "default": one.default, "type": one.type, "meaning": one.meaning}
                | ({"models": one.models} if one.models else {})
                for one in matches
            ]
        )
        return
    columns = ("key", "default", "type", "meaning")
    terminal.show_table(columns, [(one.key, one.default_in_words, one.type, one.meaning) for one in matches])
    shared = {tuple(one.models) for one in matches if one.models}
    for first, *others in sorted(shared):
        terminal.note(f"The settings {first}.* also exist for {', '.join(others)}, under the name of that model.")
