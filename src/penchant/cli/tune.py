"""`penchant tune`: settings that suit the data, found in a given time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.evaluation.tuning.study import Tuned


def tune(
    data: parameters.DataFolder,
    minutes: Annotated[float, typer.Option("--minutes", min=0.001, help="Time for the search of each model.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.toml", help="Settings found, for train --config.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="A,B", help="Names with commas between them. [default: that of --config]"),
    ] = None,
    split: parameters.Split = "time",
    target: parameters.Target = "first",
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Stop after so many trials of a model, if it comes first.")
    ] = None,
    config: parameters.ConfigFile = None,
    set_: parameters.Settings = None,
    seed: parameters.SeedOfConfig = None,
    strict: parameters.Strict = False,
    json: parameters.AsJson = False,
) -> None:
    """Search the settings of models on the validation part of the data; every model is given the same time.

    The search goes on where it was when the same command is given again, and keeps what it found when interrupted.
    """
    from penchant.cli.compare import names_of
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.evaluation.tuning.study import tune as search
    from penchant.training.distributed import refuse_several

    refuse_several("penchant tune")
    names = names_of(model) if model else []
    settings = configuration(config, set_, names[0] if len(names) == 1 else None, seed)
    dataset = Dataset.load(data, strict=strict)
    with terminal.progress() as report:
        found = search(
            dataset,
            settings,
            names,
            minutes=minutes,
            how=split,
            target=target,
            trials=out.with_suffix(".trials.jsonl"),
            most=trials,
            on_better=lambda better: write(out, better),
            progress=report,
        )
    if found.best:
        write(out, found)
    if json:
        terminal.show_json({"out": str(out), **found.to_dict()})
    else:
        show(out, found)
    if found.interrupted:
        terminal.note("Interrupted; what was found so far is kept, and the same command goes on from it.")
        raise typer.Exit(130)


def show(out: Path, found: Tuned) -> None:
    """One line a model: what it reached as it stood and with the settings found."""
    rows = [
        (
            name + (" ←" if name == found.config.model else ""),
            found.counts[name],
            found.standing[name].value if name in found.standing else None,
            trial.value,
            ", ".join(f"{key}={_short(value)}" for key, value in trial.settings.items()) or "as it stood",
        )
        for name, trial in found.best.items()
    ]
    if rows:
        terminal.show_table(("model", "trials", "as it stood", "ndcg@10", "settings"), rows)
    for name, reason in found.left_out.items():
        terminal.show(f"{name} was left out: {reason}")
    terminal.show("NDCG@10 on validation, over the full catalogue; the test part was not looked at.")
    if found.best:
        terminal.show(f"Wrote {out}")
        terminal.note(f"Next: penchant train DATA --out BUNDLE --config {out}")


def write(out: Path, found: Tuned) -> None:
    """The settings found as TOML, whole or not at all."""
    from penchant.artifacts.atomic import atomic_file
    from penchant.artifacts.toml import to_toml

    lines = ["Found by penchant tune: NDCG@10 on validation (as it stood), trials."]
    for name, trial in found.best.items():
        stood = f" ({found.standing[name].value:.4f})" if found.standing[name].value is not None else ""
        lines.append(f"  {name}: {trial.value:.4f}{stood}, {found.counts[name]}")
    with atomic_file(out) as temporary:
        temporary.write_text(to_toml(found.config.changes(), comment="\n".join(lines)), encoding="utf-8")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
