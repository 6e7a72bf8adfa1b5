"""`penchant tune`: search for the best settings on a data set, within a time limit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.evaluation.tuning.study import Tuned


def tune(
    data: parameters.DataFolder,
    minutes: Annotated[float, typer.Option("--minutes", min=0.001, help="Time limit of the search, per model.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE.toml", help="File for the best settings; penchant train --config reads it."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="A,B", help="Model names, separated by commas. [default: that of --config]"),
    ] = None,
    split: parameters.Split = "time",
    target: parameters.Target = "first",
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="Largest number of trials, per model.")] = None,
    config: parameters.ConfigFile = None,
    set_: parameters.Settings = None,
    seed: parameters.SeedOfConfig = None,
    strict: parameters.Strict = False,
    json: parameters.AsJson = False,
) -> None:
    """Search the settings of one or more models on the validation part of a split.

    Every model gets the same time. The same command resumes from its earlier trials. Ctrl-C keeps the best settings
    so far.
    """
    from penchant.cli.compare import names_of
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.evaluation.tuning.study import TuneOptions
    from penchant.evaluation.tuning.study import tune as search
    from penchant.training.distributed import refuse_several

    refuse_several("penchant tune")
    names = names_of(model) if model else []
    settings = configuration(config, set_, names[0] if len(names) == 1 else None, seed)
    journal = out.with_suffix(".trials.log")
    options = TuneOptions(minutes, n_trials=trials, split=split, target=target, journal=journal)
    dataset = Dataset.load(data, strict=strict)
    with terminal.progress() as report:
        tuned = search(
            dataset,
            settings,
            names,
            options=options,
            on_better=lambda better: write(out, better),
            progress=report,
        )
    if tuned.best:
        write(out, tuned)
    if json:
        terminal.show_json({"out": str(out), **tuned.to_dict()})
    else:
        show(out, tuned)
    if tuned.interrupted:
        terminal.note("Interrupted. The best settings so far are kept, and the same command resumes the search.")
        raise typer.Exit(130)


def show(out: Path, tuned: Tuned) -> None:
    """Print one line per model: NDCG@10 of the incumbent and of the best settings."""
    rows = [
        (
            name + (" ←" if name == tuned.config.model else ""),
            tuned.counts[name],
            tuned.incumbent(name),
            trial.value,
            ", ".join(f"{key}={_short(value)}" for key, value in trial.settings.items()) or "the incumbent",
        )
        for name, trial in tuned.best.items()
    ]
    if rows:
        terminal.show_table(("model", "trials", "incumbent", "ndcg@10", "settings"), rows)
    for name, reason in tuned.left_out.items():
        terminal.show(f"{name} is left out: {reason}")
    terminal.show("NDCG@10 is measured on validation, over the full catalogue. The test part is not used.")
    if tuned.best:
        terminal.show(f"Wrote {out}")
        terminal.note(f"Next: penchant train DATA --out BUNDLE --config {out}")


def write(out: Path, tuned: Tuned) -> None:
    """Write the best settings as TOML, atomically."""
    from penchant.artifacts.atomic import atomic_file
    from penchant.artifacts.toml import to_toml

    lines = ["Settings of penchant tune: NDCG@10 on validation (of the incumbent), trials."]
    for name, trial in tuned.best.items():
        value = tuned.incumbent(name)
        lines.append(f"  {name}: {trial.value:.4f}{'' if value is None else f' ({value:.4f})'}, {tuned.counts[name]}")
    with atomic_file(out) as temporary:
        temporary.write_text(to_toml(tuned.config.changes(), comment="\n".join(lines)), encoding="utf-8")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
