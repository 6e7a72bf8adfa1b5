"""`penchant demo`: the whole job on a simulated platform, from raw files to a report and lists with reasons."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from penchant.cli import parameters, terminal
from penchant.messages import text

if TYPE_CHECKING:
    from penchant.arrays import Progress
    from penchant.data.dataset import Dataset
    from penchant.data.results.comparison import Comparison
    from penchant.recommender.config import Config
    from penchant.recommender.recommender import Recommender

NO_TRUTH = "Planted interests: left out. These are real data, and nobody knows the interests behind them."


def demo(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Data to use; simulated and written there where nothing is."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where everything is written.")] = Path(
        "penchant-demo"
    ),
    language: Annotated[Literal["zh", "en"], typer.Option("--language", help="Language of the platform.")] = "en",
    model: parameters.ModelName = None,
    users: Annotated[int, typer.Option("--users", min=1, help="Number of simulated users.")] = 2_000,
    items: Annotated[int, typer.Option("--items", min=1, help="Number of simulated items.")] = 1_000,
    set_: parameters.Settings = None,
    seed: parameters.Seed = 0,
) -> None:
    """See the whole job: simulate, check, train, compare, report and recommend, in a few minutes."""
    started = time.monotonic()
    folder, bundle = data or out / "data", out / "bundle"
    from penchant.cli.check import show_dataset
    from penchant.cli.configuration import configuration
    from penchant.data.dataset import Dataset
    from penchant.data.results.recovery import Recovery
    from penchant.evaluation.compare import CompareOptions, compare
    from penchant.evaluation.recovery import measure_recovery
    from penchant.models.registry import names_with
    from penchant.recommender.recommender import Recommender
    from penchant.simulator import Truth
    from penchant.workflows.report import ReportOptions
    from penchant.workflows.report import report as render

    _refuse(bundle)
    settings = configuration(None, set_, model, seed)
    step("1", "The data")
    if not folder.is_dir() or not any(folder.iterdir()):
        _simulated(folder, users=users, items=items, language=language, seed=seed)
    else:
        terminal.show(f"using what is in {folder}")
    dataset = Dataset.load(folder)
    show_dataset(dataset)
    has_truth = (folder / "truth").is_dir()
    with terminal.progress() as report:
        names = list(dict.fromkeys([settings.model, *names_with("reference")]))
        found = compare(dataset, names, settings, CompareOptions(ablate="masked"), progress=report)
        step("2", f"What each model finds, on the {found.users:,} people's next choices that it had not seen")
        terminal.show_table(*found.table([f"ndcg@{found.k}", f"hit_rate@{found.k}", f"mrr@{found.k}"]))
        cold, left_out = _on_new_items(dataset, [*names, "content"], settings, report)
        chosen = found.records[settings.model].training if settings.model in found.records else None
        rec = Recommender.fit(dataset, settings, chosen=chosen, progress=report)
        recovery = measure_recovery(rec, Truth.load(folder / "truth"), seed=seed) if has_truth else Recovery()
        if not has_truth:
            left_out.append(NO_TRUTH)
        source = f" --data {data.name}" if data is not None else ""
        command = f"penchant demo{source} --language {language} --seed {seed}"
        options = ReportOptions(
            title=_title(folder, language),
            language=language,
            command=command,
            recovery=recovery,
            cold=cold,
            left_out=left_out,
        )
        html = render(rec, found, options, dataset=dataset)
        version = rec.save(bundle, report_html=html)
    step("4", "How well interest vectors show the interests that were planted, and how soon they turn with them")
    terminal.show_table(*recovery.table()) if recovery else terminal.show(NO_TRUTH)
    _show_result(rec, bundle, folder, version)
    terminal.note(f"Done in {time.monotonic() - started:.0f} s.")


def _show_result(rec: Recommender, bundle: Path, folder: Path, version: Path) -> None:
    """Three users with their lists and reasons, where everything lies, and what to type next."""
    step("5", f"What the {rec.config.model} recommends, and why")
    people = _people(rec)
    for user in people:
        show_person(rec, user)
    terminal.show()
    terminal.show(f"Report   {version / 'report.html'}")
    terminal.show(f"Bundle   {bundle}")
    terminal.show(f"Data     {folder}")
    terminal.note("Open the report in a browser; then type:")
    for line in _next(bundle, folder, people[0], rec):
        terminal.note(f"  {line}")


def _refuse(bundle: Path) -> None:
    """Raise `UsageError` where the bundle's folder is something else, or several processes were started."""
    from penchant.artifacts.bundle import refuse_foreign
    from penchant.training.distributed import refuse_several

    refuse_several("penchant demo")
    refuse_foreign(bundle)


def _on_new_items(
    dataset: Dataset, names: Sequence[str], settings: Config, report: Progress
) -> tuple[Comparison | None, list[str]]:
    """The comparison on items kept out of training, shown; None, and why, where the data are too few."""
    from penchant.errors import DataError
    from penchant.evaluation.compare import CompareOptions, compare
    from penchant.models.ensemble.options import EnsembleOptions

    try:
        options = CompareOptions(split="cold-items", curves=False)
        found = compare(dataset, list(dict.fromkeys(names)), settings, options, progress=report)
    except DataError as error:
        step("3", "How items fare that nobody had touched")
        terminal.show(f"Left out: {error}")
        return None, [f"Cold items: {error}"]
    step(
        "3", f"How items fare that nobody had touched: a tenth is kept from training, {found.users:,} people chose one"
    )
    terminal.show_table(*found.table([f"ndcg@{found.k}", f"hit_rate@{found.k}", f"mrr@{found.k}"]))
    for name in names:
        options = settings.options(name)
        if isinstance(options, EnsembleOptions):
            terminal.show(
                f"{name}: known items may lose {100 * options.max_known_loss:.1f} % of NDCG@10 to cold ones; "
                f"{name}.max_known_loss sets how much"
            )
    return found, []


def _title(folder: Path, language: str) -> str:
    if not (folder / "truth").is_dir():
        return folder.resolve().name
    return text("report.simulated", language)


def step(number: str, title: str) -> None:
    """A heading on stdout."""
    terminal.show(f"\n{number}. {title}\n")


def show_person(rec: Recommender, user: str, *, k: int = 3) -> None:
    """What somebody did last, and their list with a reason an item."""
    history = rec.dataset.sequences(rec.dataset.user_codes([user])).items
    titles = rec.titles
    recent = [titles[code] for code in history[history >= 0][-3:]]
    terminal.show(f"{user}, who last chose {'; '.join(recent)}")
    found = rec.recommend([user], k=k, explain=True)
    rows: Sequence[Sequence[Any]] = [
        (place + 1, titles[int(code)], found.reasons[0][place].sentence)
        for place, code in enumerate(found.items[0])
        if code >= 0
    ]
    terminal.show_table(("rank", "title", "why"), rows)
    terminal.show()


def _simulated(folder: Path, *, users: int, items: int, language: str, seed: int) -> None:
    from penchant.simulator import SimulatorOptions, simulate

    drawn = importlib.util.find_spec("PIL") is not None
    options = SimulatorOptions(users=users, items=items, events=30 * users, language=language, seed=seed, media=drawn)
    made = simulate(options)
    made.write(folder)
    terminal.show(f"simulated a platform of {users:,} users and {items:,} items, nobody in it is real: {folder}")
    if drawn:
        pictures, sounds = (int(made.files["path"].str.ends_with(end).sum()) for end in (".png", ".wav"))
        terminal.show(f"drew {pictures:,} pictures and made {sounds:,} sounds that carry the topic of their item")
    else:
        terminal.show("no pictures and sounds: they need Pillow, pip install 'penchant[image]'")


def _people(rec: Recommender) -> list[str]:
    """Three users whose history is neither short nor long: a quarter, a half and three quarters down the list."""
    import numpy as np

    lengths = rec.dataset.sequences().lengths
    suited = np.flatnonzero((lengths >= 10) & (lengths <= 60))
    suited = suited if len(suited) >= 3 else np.arange(len(lengths))
    chosen = suited[np.linspace(0, len(suited) - 1, 5).astype(int)[1:4]]
    return list(dict.fromkeys(rec.dataset.user_vocabulary.decode(chosen)))


def _next(bundle: Path, folder: Path, user: str, rec: Recommender) -> list[str]:
    words = rec.titles[0]
    return [
        f"penchant recommend {bundle} --user {user} --explain",
        *([f'penchant recommend {bundle} --text "{words}"'] if "text" in rec.modalities else []),
        f"penchant interests {bundle} --user {user}",
        f"penchant compare {folder} --models popularity,cooccurrence,ease,lite",
        "penchant train YOUR_DATA --out BUNDLE",
    ]
