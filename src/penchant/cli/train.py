"""`penchant train`: from a folder of data to a bundle with a model and an honest report."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant.cli import cleaned, parameters, terminal
from penchant.cli.probes import show_left_out, show_probes
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.arrays import Progress
    from penchant.data.dataset import Dataset
    from penchant.data.results.comparison import Comparison
    from penchant.recommender.config import Config


def train(
    data: parameters.DataFolder,
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Folder of the bundle; a new version is added.")],
    config: parameters.ConfigFile = None,
    set_: parameters.Settings = None,
    model: parameters.ModelName = None,
    seed: parameters.SeedOfConfig = None,
    strict: parameters.Strict = False,
    clean: parameters.Clean = None,
    evaluate: Annotated[
        bool,
        typer.Option(
            "--evaluate/--no-evaluate",
            help="First test the same recipe on a held-out part, beside simple models, for the report.",
        ),
    ] = True,
    split: parameters.Split = "time",
    histories: Annotated[
        bool, typer.Option("--histories/--no-histories", help="Keep the events that known users are answered from.")
    ] = True,
    json: parameters.AsJson = False,
) -> None:
    """Learn from a folder of data and write a bundle, with a report of what to expect of it.

    A training that was killed goes on where it stood when the same command is given again. Under torchrun several
    processes train together, and the first one speaks and writes.
    """
    from penchant.artifacts.bundle import TRAINING, refuse_foreign

    refuse_foreign(out)
    from penchant.cli.check import show_dataset
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.recommender.fit import events_for_probes
    from penchant.recommender.recommender import Recommender
    from penchant.training.distributed import is_first_process
    from penchant.workflows.check import describe_dataset
    from penchant.workflows.report import ReportOptions
    from penchant.workflows.report import report as render

    settings = configuration(config, set_, model, seed)
    cleaning = cleaned.parse(clean)
    dataset = cleaned.clean_dataset(Dataset.load(data, strict=strict), cleaning)
    speaks = is_first_process()
    if not json and speaks:
        show_dataset(dataset)
        terminal.show()
    events_for_probes(dataset, settings)
    kept = out / TRAINING
    if kept.is_dir() and speaks:
        from penchant.training.checkpoints import of_another_version

        goes_on = "It goes on if the data and options are the same."
        terminal.note(f"{out} holds an unfinished training. {of_another_version(kept) or goes_on}")
    with terminal.progress(shown=speaks) as report:
        found = held_out(dataset, settings, split, report, kept) if evaluate else None
        chosen = found.records[settings.model].training if found and settings.model in found.records else None
        rec = Recommender.fit(dataset, settings, chosen=chosen, progress=report, checkpoints=kept)
        if not speaks:
            return
        command = _command(data, out, settings)
        options = ReportOptions(title=data.resolve().name, command=command, shows_users=histories)
        html = render(rec, found, options, dataset=dataset)
        if found:
            rec = rec.with_record(replace(rec.record, metrics=found.models.get(settings.model, {})))
        folder = rec.save(out, histories=histories, report_html=html)
    shutil.rmtree(kept, ignore_errors=True)
    report_file = folder / "report.html"
    ndcg = rec.record.training.validation_ndcg
    if json:
        summary = {"bundle": str(out), "version": folder.name, "report": str(report_file)}
        results = {"record": rec.record.to_dict(), "test": found.to_json() if found else None}
        terminal.show_json({**describe_dataset(dataset), **summary, **results})
        return
    if found:
        show_tested(found, settings.model)
    for line in rec.record.notes:
        terminal.show(line)
    show_left_out(rec.record)
    if ndcg is not None:
        terminal.show(f"NDCG@10 on validation {ndcg:.4f}; then learned again from everything")
    terminal.show(f"Wrote version {folder.name} of the bundle {out}; its report: {report_file}")
    asked = f"--user {dataset.user_vocabulary.ids[0]}" if histories else "--history FILE"
    terminal.note(f"Next: penchant recommend {out} {asked} --explain")


def held_out(
    dataset: Dataset, settings: Config, split: Any, report: Progress, checkpoints: Path | None = None
) -> Comparison | None:
    """The recipe beside simple models on a held-out part; None, with a note, where the data are too few for that."""
    from penchant.evaluation.compare import CompareOptions, compare
    from penchant.models.probes.options import ProbeOptions
    from penchant.models.registry import names_with

    simple = [name for name in names_with("reference") if name != settings.model]
    recipes = {settings.model: settings}
    recipes |= {name: replace(settings, model=name, probes=ProbeOptions()) for name in simple}
    try:
        options = CompareOptions(split=split, ablate="masked")
        return compare(dataset, recipes, settings, options, progress=report, checkpoints=checkpoints)
    except DataError as error:
        terminal.note(f"Nothing was tested: {error}")
        return None


def show_tested(comparison: Comparison, model: str) -> None:
    """One table of the held-out test."""
    metrics = [f"{name}@{comparison.k}" for name in ("ndcg", "hit_rate", "mrr")]
    models = comparison.models
    best_first = sorted(models, key=lambda name: -models[name][metrics[0]].mean)
    rows = [(name + (" ←" if name == model else ""), *(models[name][m].mean for m in metrics)) for name in best_first]
    terminal.show_table(("model", *metrics), rows)
    terminal.show(
        f"on {comparison.users:,} held-out users (split {comparison.split}), trained without their test events"
    )
    for name, results in comparison.probes.items():
        show_probes(name, results)


def _command(data: Path, out: Path, settings: Config) -> str:
    return f"penchant train {data.name} --out {out.name} --model {settings.model} --seed {settings.seed}"
