"""The command line: one file per command, nothing heavy imported before a command runs."""

from __future__ import annotations


def main() -> None:
    """Entry point of `penchant`: exit code 0, 1 (the work failed), 2 (a bad call) or 130 (Ctrl-C)."""
    from penchant.cli.app import run

    run()
