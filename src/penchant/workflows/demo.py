"""The demo as one call: compare models, rank cold items, fit, measure planted interests, write the report."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from penchant.arrays import Progress
from penchant.data.dataset import Dataset
from penchant.data.results.comparison import Comparison
from penchant.data.results.recovery import Recovery
from penchant.errors import DataError
from penchant.evaluation.compare import CompareOptions, compare
from penchant.evaluation.recovery import measure_recovery
from penchant.messages import text
from penchant.models.registry import names_with
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, Truth, simulate
from penchant.workflows.report import ReportOptions, report

NO_TRUTH = "Planted interests: left out. The data are real, and the interests behind them are unknown."
USERS_SHOWN = 3


@dataclass(frozen=True)
class DemoResult:
    """The result of the demo: measurements, the recommender and the folder of its bundle version.

    `cold` compares the models on cold items, `not_cold` is the reason where the data are too few for that. `recovery`
    is empty where the data keep no truth.
    """

    comparison: Comparison
    cold: Comparison | None
    not_cold: str
    recovery: Recovery
    recommender: Recommender
    folder: Path


@dataclass(frozen=True)
class SimulatedFiles:
    """The numbers of images and sounds written with a simulated platform."""

    pictures: int
    sounds: int


def write_platform(folder: Path, users: int, items: int, language: str, seed: int) -> SimulatedFiles:
    """Simulate a platform into a folder; it has images and sounds where Pillow is installed."""
    media = importlib.util.find_spec("PIL") is not None
    options = SimulatorOptions(users=users, items=items, events=30 * users, language=language, seed=seed, media=media)
    platform = simulate(options)
    platform.write(folder)
    if not media:
        return SimulatedFiles(0, 0)
    paths = platform.files["path"].str
    return SimulatedFiles(*(int(paths.ends_with(ending).sum()) for ending in (".png", ".wav")))


def run_demo(
    dataset: Dataset,
    config: Config,
    data: Path,
    bundle: Path,
    options: ReportOptions,
    *,
    progress: Progress | None = None,
) -> DemoResult:
    """Compare, fit and measure on `dataset`, read from the folder `data`, and add a version to the `bundle`.

    Of `options` the language and the command are read.
    """
    names = list(dict.fromkeys([config.model, *names_with("reference")]))
    comparison = compare(dataset, names, config, CompareOptions(ablate="masked"), progress=progress)
    cold, not_cold = _compare_cold_items(dataset, [*names, "content"], config, progress)
    chosen = comparison.records[config.model].training if config.model in comparison.records else None
    recommender = Recommender.fit(dataset, config, chosen=chosen, progress=progress)
    has_truth = (data / "truth").is_dir()
    truth = Truth.load(data / "truth") if has_truth else None
    recovery = measure_recovery(recommender, truth, seed=config.seed) if truth else Recovery()
    page = replace(
        options,
        title=text("report.simulated", options.language) if has_truth else data.resolve().name,
        recovery=recovery,
        cold=cold,
        left_out=[*([f"Cold items: {not_cold}"] if not_cold else []), *([] if has_truth else [NO_TRUTH])],
    )
    folder = recommender.save(bundle, report_html=report(recommender, comparison, page, dataset=dataset))
    return DemoResult(comparison, cold, not_cold, recovery, recommender, folder)


def select_users(recommender: Recommender) -> list[str]:
    """Users whose history is neither short nor long: a quarter, a half and three quarters down the list."""
    lengths = recommender.dataset.sequences().lengths
    suited = np.flatnonzero((lengths >= 10) & (lengths <= 60))
    suited = suited if len(suited) >= USERS_SHOWN else np.arange(len(lengths))
    chosen = suited[np.linspace(0, len(suited) - 1, USERS_SHOWN + 2).astype(int)[1:-1]]
    return list(dict.fromkeys(recommender.dataset.user_vocabulary.decode(chosen)))


def _compare_cold_items(
    dataset: Dataset, names: Sequence[str], config: Config, progress: Progress | None
) -> tuple[Comparison | None, str]:
    """The models on items kept out of training; the reason where the data are too few."""
    options = CompareOptions(split="cold-items", curves=False)
    try:
        return compare(dataset, list(dict.fromkeys(names)), config, options, progress=progress), ""
    except DataError as error:
        return None, str(error)
