"""Arguments and options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from penchant.models.registry import MODELS

MODEL_NAMES = ", ".join(MODELS)
"""Model names for the help text."""

CLEANING = (
    "repair, spelling, simplified, traditional, impossible_events, events_before_item, repeated_events, copied_texts, "
    "bots, duplicates, k_core"
)
"""Names that `--clean` accepts; a test compares them with the rules, so that the help needs no import."""

DataFolder = Annotated[
    Path,
    typer.Argument(
        metavar="DATA", help="Data folder with a table of events and, optionally, items, users and relations."
    ),
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Bundle folder, written by penchant train.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result to FILE as JSON (- for stdout).")
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail if any row of the data is rejected.")]
Clean = Annotated[
    str | None,
    typer.Option(
        "--clean",
        metavar="RULES",
        help=f"Cleaning rules, separated by commas: {CLEANING}. items.price=median imputes missing values.",
    ),
]


def _seed_option(default: str = "") -> Any:
    help_text = f"Random seed. The same seed gives the same result.{default}"
    return typer.Option("--seed", min=0, max=2**32 - 1, help=help_text)


Seed = Annotated[int, _seed_option()]
SeedOfConfig = Annotated[int | None, _seed_option(" [default: that of --config, or 0]")]
SeedOfBundle = Annotated[int | None, _seed_option(" [default: that of the bundle]")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings from a TOML file; --set overrides them.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="One setting, such as dim=32 or transformer.dim=32. May be repeated."
    ),
]
ModelName = Annotated[str | None, typer.Option("--model", metavar="NAME", help=f"Model to use: {MODEL_NAMES}.")]
Many = Annotated[int, typer.Option("-k", "--k", min=1, max=100_000, help="Number of items in a list.")]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="A user that the bundle knows.")]
History = Annotated[
    Path | None,
    typer.Option(
        "--history", metavar="FILE", help="Ad-hoc history: a table of one user's events. It needs no user_id."
    ),
]
Text = Annotated[
    str | None,
    typer.Option("--text", metavar="SENTENCE", help="Cold query: a sentence that describes what the user wants."),
]
Image = Annotated[
    Path | None, typer.Option("--image", metavar="FILE", help="Cold query: an image of what the user wants.")
]
Audio = Annotated[Path | None, typer.Option("--audio", metavar="FILE", help="Cold query: a sound or a voice note.")]
At = Annotated[
    str | None, typer.Option("--at", metavar="TIME", help="Time of the request: ISO 8601, or seconds since 1970 (UTC).")
]
Split = Annotated[
    Literal["time", "leave-one-out", "users", "cold-items"],
    typer.Option("--split", help="Split that holds out the test part."),
]
Target = Annotated[
    Literal["first", "last", "all"],
    typer.Option("--target", help="Events after the cut that are targets (split time only)."),
]
Ties = Annotated[
    Literal["stable", "random"],
    typer.Option(
        "--ties", help="Order of a user's events with equal times: stable keeps that of the file, random shuffles."
    ),
]
Repeats = Annotated[
    bool, typer.Option("--repeats", help="Allow items of the history as recommendations and as targets.")
]
Refit = Annotated[
    bool, typer.Option("--refit/--no-refit", help="Before the test, fit again on training and validation events.")
]
