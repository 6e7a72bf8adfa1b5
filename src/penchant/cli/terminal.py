"""Output of the commands: results on stdout as tables or JSON, progress and notes on stderr."""

from __future__ import annotations

import contextlib
import json
import math
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from penchant.artifacts.atomic import atomic_file

if TYPE_CHECKING:
    from rich.console import Console

    from penchant.arrays import Progress


ARGUMENTS = "penchant.arguments"
"""Where the context of the command line keeps its arguments."""

_WIDTH_OF_A_FILE = 400
_NUMBERS = re.compile(r"\d[\d.,]*")


def write_command(ctx: typer.Context) -> str:
    """The command as it was given, for a page; of an absolute path only the name."""
    return shlex.join(["penchant", *map(_shorten_path, ctx.meta[ARGUMENTS])])


def _shorten_path(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    return option + equals + (Path(value).name if Path(value).is_absolute() else value)


def note(message: str) -> None:
    """Print one line on stderr, so that stdout stays machine-readable."""
    typer.echo(message, err=True)


def show(message: str = "") -> None:
    """Print one line of the result on stdout."""
    typer.echo(message)


def show_json(content: object) -> None:
    """Print a result as JSON on stdout: UTF-8, no NaN."""
    typer.echo(dumps(content))


def write_json(path: Path, content: object) -> None:
    """Write a result as a JSON file, completely or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes((dumps(content) + "\n").encode("utf-8", "backslashreplace"))


def dumps(content: object) -> str:
    """JSON text; numpy numbers become numbers, NaN and infinities become null."""
    return json.dumps(_plain(content), ensure_ascii=False, indent=2, allow_nan=False)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "") -> None:
    """Print a small table on stdout; columns of numbers are aligned to the right."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        values = [row[number] for row in rows if row[number] not in (None, "")]
        numeric = bool(values) and all(isinstance(value, int | float) or _intervals(value) for value in values)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", header_style="dim")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    _console(sys.stdout).print(table)


@contextlib.contextmanager
def progress(*, shown: bool = True) -> Iterator[Progress]:
    """One line per phase on stderr, with the share done and the time left; silent if stderr is not a terminal.

    Without `shown` it is always silent: only the first of several processes reports.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda stage, share: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    stages: dict[str, TaskID] = {}
    with Progress(*columns, console=_console(sys.stderr)) as bars:

        def report(message: str, share: float) -> None:
            stage = _NUMBERS.sub("#", message)  # "epoch 3 of 24" and "epoch 4 of 24" are one stage
            if stage not in stages:
                for earlier in stages.values():
                    bars.update(earlier, completed=1.0)
                    bars.stop_task(earlier)
                stages[stage] = bars.add_task(message, total=1.0)
            bars.update(stages[stage], description=message, completed=min(max(share, 0.0), 1.0))

        yield report
        for task in stages.values():
            bars.update(task, completed=1.0)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(
        file=stream, width=None if stream.isatty() else _WIDTH_OF_A_FILE, highlight=False, markup=False, emoji=False
    )


def _intervals(value: object) -> bool:
    return isinstance(value, str) and value[:1].isdigit() and " " not in value.split("[")[0].strip()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else "–"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _plain(value: object) -> Any:
    import numpy as np

    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return str(value)
