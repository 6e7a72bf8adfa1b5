"""Arguments and options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from penchant.models.registry import ALIASES, MODELS

MODEL_NAMES = ", ".join([*MODELS, *ALIASES])
"""Names of the models for the help text."""

CLEANING = (
    "repair, spelling, simplified, traditional, impossible_events, events_before_item, repeated_events, copied_texts, "
    "bots, duplicates, k_core"
)
"""Names that `--clean` takes; a test compares them with the rules, which are not imported for it."""

DataFolder = Annotated[
    Path, typer.Argument(metavar="DATA", help="Folder of tables: events, and items, users, relations where there are.")
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder that penchant train wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable result on stdout.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result to FILE as JSON (-: to stdout).")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse data where any row would go to quarantine.")]
Clean = Annotated[
    str | None,
    typer.Option(
        "--clean",
        metavar="RULES",
        help=f"Cleaning rules to apply, separated by commas: {CLEANING}; items.price=median imputes missing cells.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same result.")]
SeedOfConfig = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same result. [default: that of --config, or 0]"),
]
SeedOfBundle = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**32 - 1, help="Same seed, same result. [default: that of the bundle]"),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Options from a file; --set goes before it.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One option, as dim=32 or transformer.dim=32; may be repeated."),
]
ModelName = Annotated[str | None, typer.Option("--model", metavar="NAME", help=f"One of {MODEL_NAMES}.")]
Many = Annotated[int, typer.Option("-k", "--k", min=1, max=100_000, help="Length of the list.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="A user the bundle knows.")]
History = Annotated[
    Path | None,
    typer.Option("--history", metavar="FILE", help="Events of one person: a table like events, user_id not needed."),
]
Text = Annotated[str | None, typer.Option("--text", metavar="WORDS", help="What somebody wants, in a sentence.")]
Image = Annotated[Path | None, typer.Option("--image", metavar="FILE", help="A picture of what somebody wants.")]
Audio = Annotated[Path | None, typer.Option("--audio", metavar="FILE", help="A sound, or a voice note, of it.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="As of this time: ISO 8601 or seconds since 1970 (UTC).")
]
Split = Annotated[
    Literal["time", "leave-one-out", "users", "cold-items"], typer.Option("--split", help="How the test is held out.")
]
Target = Annotated[
    Literal["first", "last", "all"], typer.Option("--target", help="Which events after the cut are to be found (time).")
]
Ties = Annotated[
    Literal["stable", "random"],
    typer.Option("--ties", help="Order of one user's events at one time: file or shuffled."),
]
Repeats = Annotated[bool, typer.Option("--repeats", help="Items of the history may be recommended again.")]
Refit = Annotated[
    bool, typer.Option("--refit/--no-refit", help="Learn from the validation events too before the test.")
]
