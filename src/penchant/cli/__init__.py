"""The command line: one file per command; heavy packages are imported only when a command needs them."""

from __future__ import annotations


def main() -> None:
    """Entry point of `penchant`: exit code 0, 1 (the work failed), 2 (an invalid call) or 130 (Ctrl-C)."""
    import os
    import sys

    # Numerical libraries wait for a busy core instead of burning it: on a shared machine that is ten times faster.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from penchant.cli.app import run

        run()
    except KeyboardInterrupt:  # before a command began, or after it ended
        sys.stderr.write("penchant: Interrupted. No incomplete file is left behind.\n")
        sys.exit(130)
