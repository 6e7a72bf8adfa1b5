"""The program with all commands, and its handling of errors."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from penchant import __version__
from penchant.cli import terminal
from penchant.cli.check import check
from penchant.cli.compare import compare
from penchant.cli.demo import demo
from penchant.cli.encode import encode
from penchant.cli.evaluate import evaluate
from penchant.cli.explain import explain
from penchant.cli.get import get
from penchant.cli.interests import interests
from penchant.cli.recommend import recommend
from penchant.cli.settings import settings
from penchant.cli.simulate import simulate
from penchant.cli.train import train
from penchant.cli.tune import tune
from penchant.cli.update import update
from penchant.errors import PenchantError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells know it: 128 + the number of the signal."""


class Commands(TyperGroup):
    """Turns every error into one message on stderr and an exit code; `--debug` keeps the traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the arguments as they were given, for the pages that name their command."""
        ctx.meta[terminal.ARGUMENTS] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the user gave."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            _fail("Interrupted. No incomplete file is left behind.", INTERRUPTED)
        except PenchantError as error:
            if ctx.params.get("debug"):
                raise
            _fail(str(error), error.exit_code)
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            if hasattr(error, "show"):  # a bad call, which typer reports itself
                _fail_wrong_choice(error)
                raise
            _fail(
                f"{type(error).__name__}: {' '.join(str(error).split())[:500]}. This error is unexpected. "
                "Run the command again as penchant --debug … to see the traceback, and please report it.",
                1,
            )


app = typer.Typer(
    cls=Commands,
    help="Interests from what users write, look at, listen to and do, as they change over time.",
    epilog="Start with: penchant demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Interests from what users write, look at, listen to and do, as they change over time."""


for _command in (
    demo,
    get,
    simulate,
    check,
    train,
    update,
    tune,
    evaluate,
    compare,
    recommend,
    interests,
    explain,
    encode,
    settings,
):
    app.command()(_command)


SOON_S = 0.05
"""Seconds until a signal that arrives too early is handled again."""


def run() -> None:
    """Run the program on the arguments of the command line."""
    with contextlib.suppress(ValueError, OSError, AttributeError):
        signal.signal(signal.SIGTERM, _stop)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise the caller ignores it
            signal.signal(signal.SIGINT, _stop)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    app()


def _stop(number: int, frame: object) -> None:
    """A kill or Ctrl-C unwinds the stack, so that temporary files are removed.

    It waits while torch is being imported: an exception raised inside its C++ code would abort the process.
    """
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    if getattr(spec, "_initializing", False) and hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: _stop(number, frame))
        signal.setitimer(signal.ITIMER_REAL, SOON_S)
        return
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _fail_wrong_choice(error: Any) -> None:
    """Report the value of an option that is not among its choices, without the words that pydantic adds."""
    message = str(getattr(error, "message", ""))
    if " is not one of " in message and getattr(error, "param", None) is not None:
        _fail(f"{error.param.opts[0]}: {message.removeprefix('Value error, ')}", 2)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"penchant: {message}", err=True)
    raise typer.Exit(code)
