"""`penchant demo`: every step on a simulated platform, from raw files to a report and lists with reasons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from penchant.cli import parameters, terminal

if TYPE_CHECKING:
    from penchant.data.results.comparison import Comparison
    from penchant.recommender.recommender import Recommender
    from penchant.workflows.demo import DemoResult, SimulatedFiles


def demo(
    ctx: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Data folder to use. If it is empty or missing, simulated data are written there.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Output folder.")] = Path("penchant-demo"),
    language: Annotated[
        Literal["zh", "en"], typer.Option("--language", help="Language of the simulated platform and of the report.")
    ] = "en",
    model: parameters.ModelName = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Number of simulated users.")] = 2_000,
    items: Annotated[int, typer.Option("--items", min=1, help="Number of simulated items.")] = 1_000,
    set_: parameters.Settings = None,
    seed: parameters.Seed = 0,
) -> None:
    """Run every step in a few minutes: simulate, check, compare, train, report and recommend."""
    started = time.monotonic()
    folder, bundle = data or out / "data", out / "bundle"
    from penchant.artifacts.bundle import refuse_foreign
    from penchant.cli.check import show_dataset
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.training.distributed import refuse_several
    from penchant.workflows.demo import run_demo, write_platform
    from penchant.workflows.report import ReportOptions

    refuse_several("penchant demo")
    refuse_foreign(bundle)
    config = configuration(None, set_, model, seed)
    show_heading(1, "The data")
    if folder.is_dir() and any(folder.iterdir()):
        terminal.show(f"using the data in {folder}")
    else:
        files = write_platform(folder, users, items, language, seed)
        terminal.show(f"simulated a platform of {users:,} users and {items:,} items, none of them real: {folder}")
        show_files(files)
    dataset = Dataset.load(folder)
    show_dataset(dataset)
    options = ReportOptions(language=language, command=terminal.write_command(ctx))
    with terminal.progress() as report:
        result = run_demo(dataset, config, folder, bundle, options, progress=report)
    show_result(result)
    user = show_lists(result.recommender)
    terminal.show(f"Report   {result.folder / 'report.html'}")
    terminal.show(f"Bundle   {bundle}")
    terminal.show(f"Data     {folder}")
    terminal.note(f"Done in {time.monotonic() - started:.0f} s. Open the report in a browser. Then try:")
    for line in next_commands(bundle, folder, user, result.recommender):
        terminal.note(f"  {line}")


def show_heading(number: int, title: str) -> None:
    """Print a heading."""
    terminal.show(f"\n{number}. {title}\n")


def show_files(files: SimulatedFiles) -> None:
    """Print the numbers of images and sounds on the platform."""
    if files.pictures or files.sounds:
        terminal.show(
            f"generated {files.pictures:,} images and {files.sounds:,} sounds that show the topic of their item"
        )
    else:
        terminal.show("no images and sounds: they need Pillow, pip install 'penchant[image]'")


def show_result(result: DemoResult) -> None:
    """Print one table each for the comparison, cold items and the recovery of true interests."""
    from penchant.models.ensemble.options import EnsembleOptions
    from penchant.workflows.demo import NO_TRUTH

    comparison, cold = result.comparison, result.cold
    show_heading(2, f"Comparison of the models on the held-out next events of {comparison.users:,} users")
    show_comparison(comparison)
    if cold is None:
        show_heading(3, "Cold items")
        terminal.show(f"Left out: {result.not_cold}")
    else:
        show_heading(
            3, f"Cold items: a tenth of the items is not in training, and {cold.users:,} users chose one of them"
        )
        show_comparison(cold)
        for name in cold.models:
            options = result.recommender.config.options(name)
            if isinstance(options, EnsembleOptions):
                terminal.show(
                    f"{name}: warm items may lose {100 * options.max_known_loss:.1f} % of NDCG@10 to cold ones; "
                    f"{name}.max_known_loss sets this budget"
                )
    show_heading(
        4, "Recovery of the true interests: how well interest vectors match them, and how soon they follow a change"
    )
    if result.recovery:
        terminal.show_table(*result.recovery.table())
    else:
        terminal.show(NO_TRUTH)


def show_comparison(comparison: Comparison) -> None:
    """Print the main metrics of every model."""
    terminal.show_table(*comparison.table([f"{name}@{comparison.k}" for name in ("ndcg", "hit_rate", "mrr")]))


def show_lists(recommender: Recommender, *, k: int = 3) -> str:
    """Print the last items of a few users and their lists with reasons; return the first user."""
    from penchant.workflows.demo import select_users

    show_heading(5, f"Recommendations of {recommender.config.model}, with reasons")
    users, titles = select_users(recommender), recommender.titles
    for user in users:
        history = recommender.dataset.sequences(recommender.dataset.encode_users([user])).items
        recent = [titles[code] for code in history[history >= 0][-3:]]
        terminal.show(f"{user}, last items: {'; '.join(recent)}")
        answer = recommender.recommend([user], k=k, explain=True)
        codes = [int(code) for code in answer.items[0] if code >= 0]
        rows = [(n + 1, titles[code], answer.reasons[0][n].sentence) for n, code in enumerate(codes)]
        terminal.show_table(("rank", "title", "why"), rows)
        terminal.show()
    terminal.show()
    return users[0]


def next_commands(bundle: Path, folder: Path, user: str, recommender: Recommender) -> list[str]:
    """Commands to try next."""
    title = recommender.titles[0]
    return [
        f"penchant recommend {bundle} --user {user} --explain",
        *([f'penchant recommend {bundle} --text "{title}"'] if "text" in recommender.modalities else []),
        f"penchant interests {bundle} --user {user}",
        f"penchant compare {folder} --models popularity,cooccurrence,ease,lite",
        "penchant train YOUR_DATA --out BUNDLE",
    ]
