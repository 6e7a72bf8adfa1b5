"""`penchant train`: from a data folder to a bundle with a model and a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from penchant.cli import cleaned, parameters, terminal
from penchant.cli.probes import show_left_out, show_probes
from penchant.options import Json

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset
    from penchant.data.results.comparison import Comparison
    from penchant.workflows.train import TrainResult


def train(
    ctx: typer.Context,
    data: parameters.DataFolder,
    out: Annotated[Path, typer.Option("--out", metavar="BUNDLE", help="Bundle folder. A new version is added to it.")],
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
            help="First test the recipe and baselines on a held-out part, for the report.",
        ),
    ] = True,
    split: parameters.Split = "time",
    histories: Annotated[
        bool, typer.Option("--histories/--no-histories", help="Store the histories of known users in the bundle.")
    ] = True,
    language: Annotated[Literal["en", "zh"], typer.Option("--language", help="Language of the report.")] = "en",
    json: parameters.AsJson = False,
) -> None:
    """Train a model on a data folder and write a bundle with a report.

    The same command resumes a training that was interrupted. Under torchrun several processes train together; the
    first one prints and writes.
    """
    from penchant.artifacts.bundle import refuse_foreign

    refuse_foreign(out)
    from penchant.cli.check import show_dataset
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.training.distributed import is_first_process
    from penchant.workflows import train as workflow

    recipe = configuration(config, set_, model, seed)
    cleaning = cleaned.parse(clean)
    dataset = cleaned.clean_dataset(Dataset.load(data, strict=strict), cleaning)
    prints = is_first_process()
    if prints and not json:
        show_dataset(dataset)
        terminal.show()
    unfinished = workflow.describe_unfinished_training(out)
    if prints and unfinished:
        terminal.note(unfinished)
    options = workflow.TrainOptions(
        evaluate,
        split,
        histories,
        title=data.resolve().name,
        command=terminal.write_command(ctx),
        language=language,
    )
    with terminal.progress(shown=prints) as report:
        result = workflow.train(dataset, recipe, out, options, progress=report)
    if result is None:
        return
    if result.not_tested:
        terminal.note(f"The recipe is not tested: {result.not_tested}")
    if json:
        terminal.show_json(_as_json(result, dataset, out))
        return
    _show_result(result, out)
    request = f"--user {dataset.user_vocabulary.ids[0]}" if histories else "--history FILE"
    terminal.note(f"Next: penchant recommend {out} {request} --explain")


def _as_json(result: TrainResult, dataset: Dataset, out: Path) -> Json:
    from penchant.workflows.check import describe_dataset

    return {
        **describe_dataset(dataset),
        "bundle": str(out),
        "version": result.folder.name,
        "report": str(result.report),
        "record": result.recommender.record.to_dict(),
        "test": result.comparison.to_json() if result.comparison else None,
    }


def _show_result(result: TrainResult, out: Path) -> None:
    record = result.recommender.record
    if result.comparison:
        show_tested(result.comparison, record.model)
    for line in record.notes:
        terminal.show(line)
    show_left_out(record)
    if record.training.validation_ndcg is not None:
        ndcg = record.training.validation_ndcg
        terminal.show(f"NDCG@10 on validation {ndcg:.4f}; then trained again on all data")
    terminal.show(f"Wrote version {result.folder.name} of the bundle {out}; its report: {result.report}")


def show_tested(comparison: Comparison, model: str) -> None:
    """Print the table of the held-out test."""
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
