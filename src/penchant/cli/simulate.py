"""`penchant simulate`: a simulated platform with items, users, behaviour and the true interests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from penchant.cli import parameters, terminal

_AT_ONCE = 20_000
"""Largest number of users that is simulated in memory; larger platforms are written block by block."""


def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DATA", help="Folder to write. It must be new or empty.")],
    users: Annotated[int, typer.Option("--users", min=1, help="Number of users.")] = 2_000,
    items: Annotated[int, typer.Option("--items", min=1, help="Number of items.")] = 1_000,
    events: Annotated[
        int | None, typer.Option("--events", min=1, help="Number of events.  [default: 30 per user]")
    ] = None,
    language: Annotated[
        Literal["zh", "en"], typer.Option("--language", help="Language of titles and comments.")
    ] = "en",
    seed: parameters.Seed = 0,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as media=true. May be repeated."),
    ] = None,
) -> None:
    """Write a simulated platform, with the true interests of its users."""
    from penchant.artifacts.atomic import require_free
    from penchant.options import from_dict, parse_settings
    from penchant.simulator import SimulatorOptions, simulate, stream

    require_free(out)
    given = {"users": users, "items": items, "events": events or 30 * users, "language": language, "seed": seed}
    options = from_dict(SimulatorOptions, {**given, **parse_settings(set_ or [])})
    if options.users > _AT_ONCE:
        with terminal.progress() as report:
            stream(options, out, progress=report)
        rows = options.events
    else:
        simulation = simulate(options)
        simulation.write(out)
        rows = simulation.events.height
    terminal.show(f"Wrote {options.users:,} users, {options.items:,} items and {rows:,} events to {out}")
    terminal.note(f"Next: penchant check {out}")
