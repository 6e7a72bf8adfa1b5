"""Train as one call: test the recipe, fit it on everything, write the report and the bundle."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from penchant.arrays import Progress
from penchant.artifacts.bundle import TRAINING, refuse_foreign
from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.splits import How
from penchant.errors import DataError
from penchant.evaluation.compare import CompareOptions, compare
from penchant.messages import check_language
from penchant.models.probes.options import ProbeOptions
from penchant.models.registry import names_with
from penchant.recommender.config import Config
from penchant.recommender.fit import select_probe_events
from penchant.recommender.recommender import Recommender
from penchant.training.distributed import is_first_process
from penchant.workflows.report import ReportOptions, report


@dataclass(frozen=True)
class TrainOptions:
    """Options of training and of the bundle."""

    evaluate: bool = True
    """Whether the recipe is first tested on a held-out part, beside the reference models."""
    split: How = "time"
    """How that part is held out."""
    histories: bool = True
    """Whether the bundle keeps the events that known users are answered from."""
    title: str = ""
    """Name of the data in the report."""
    command: str = ""
    """The command that the report names."""
    language: str = "en"
    """Language of the report: en or zh."""


@dataclass(frozen=True)
class TrainResult:
    """The recommender, the folder of the bundle's new version, and the test of the recipe on a held-out part.

    `not_tested` is the reason where the data are too few for a test.
    """

    recommender: Recommender
    folder: Path
    comparison: Comparison | None = None
    not_tested: str = ""

    @property
    def report(self) -> Path:
        """The file of the report."""
        return self.folder / "report.html"


def train(
    dataset: Dataset,
    config: Config,
    out: Path,
    options: TrainOptions | None = None,
    *,
    progress: Progress | None = None,
) -> TrainResult | None:
    """Add a version to the bundle at `out`: a recommender fitted on everything, with a report of its held-out test.

    A killed training resumes when it is called again. Under torchrun all processes train together, and the first one
    writes and gets the result; the others get None. Raises `UsageError` if `out` holds something else, `DataError` /
    `ModelError` if the data do not allow the model.
    """
    options = options or TrainOptions()
    check_language(options.language)
    refuse_foreign(out)
    select_probe_events(dataset, config)
    checkpoints = out / TRAINING
    comparison, not_tested = None, ""
    if options.evaluate:
        try:
            comparison = compare_with_references(dataset, config, options.split, progress, checkpoints)
        except DataError as error:
            not_tested = str(error)
    records = comparison.records if comparison else {}
    chosen = records[config.model].training if config.model in records else None
    recommender = Recommender.fit(dataset, config, chosen=chosen, progress=progress, checkpoints=checkpoints)
    if not is_first_process():
        return None
    page = ReportOptions(options.title, options.language, command=options.command, shows_users=options.histories)
    html = report(recommender, comparison, page, dataset=dataset)
    if comparison:
        metrics = comparison.models.get(config.model, {})
        recommender = recommender.with_record(replace(recommender.record, metrics=metrics))
    folder = recommender.save(out, histories=options.histories, report_html=html)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return TrainResult(recommender, folder, comparison, not_tested)


def compare_with_references(
    dataset: Dataset, config: Config, split: How, progress: Progress | None = None, checkpoints: Path | None = None
) -> Comparison:
    """The recipe beside the reference models on a held-out part. Raises `DataError` if the data are too few."""
    recipes = {config.model: config}
    for name in names_with("reference"):
        recipes.setdefault(name, replace(config, model=name, probes=ProbeOptions()))
    options = CompareOptions(split=split, ablate="masked", checkpoints=checkpoints)
    return compare(dataset, recipes, config, options, progress=progress)


def describe_unfinished_training(out: Path) -> str:
    """A sentence about a training at `out` that was killed; empty where there is none."""
    folder = out / TRAINING
    if not folder.is_dir():
        return ""
    from penchant.training.checkpoints import explain_version_mismatch

    resumes = "It resumes if the data and options are the same."
    return f"{out} holds an unfinished training. {explain_version_mismatch(folder) or resumes}"
