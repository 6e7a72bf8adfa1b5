"""List the packages that an installation of torch would bring, before anything is downloaded.

Called by the Makefile with the Python of a fresh environment: look_first.py TORCH [pip arguments …].
Exit 0: continue. Exit 1: it would bring CUDA packages without ALLOW_CUDA=1, or pip finds no such torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ADVICE = """
Installing {torch} here would bring {count} CUDA packages (several GB): {names} …
Nothing was installed. Choose one:

  No NVIDIA GPU: point pip at PyTorch's CPU wheel index (its address is on PyTorch's "Get Started" page)
      make {goal} PIP_ARGS="--extra-index-url ADDRESS_OF_THE_CPU_INDEX"
  A CPU wheel on disk (it must fit your Python, {python}):
      make {goal} PIP_ARGS="--find-links FOLDER"
  Install the CUDA packages:
      make {goal} ALLOW_CUDA=1
"""


def would_install(torch: str, pip_arguments: list[str]) -> list[str]:
    """Names of the packages that pip would bring for torch into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        subprocess.run([*command, "--report", str(report), *pip_arguments, torch], check=True)
        packages = json.loads(report.read_text(encoding="utf-8"))["install"]
    return sorted(package["metadata"]["name"].lower() for package in packages)


def main() -> int:
    """Print what would be installed; stop at CUDA packages unless ALLOW_CUDA is set."""
    torch, *pip_arguments = sys.argv[1:]
    goal = os.environ.get("GOAL", "demo")
    python = f"CPython {sys.version_info.major}.{sys.version_info.minor}"
    try:
        names = would_install(torch, pip_arguments)
    except subprocess.CalledProcessError:
        print(
            f"pip finds no {torch} for {python}. Python 3.11 is tested. Set another version with "
            f"TORCH=torch==X.Y.Z (2.8 up to 3), or another package source with PIP_ARGS.",
            file=sys.stderr,
        )
        return 1
    cuda = [name for name in names if name.startswith(("nvidia-", "nvidia_", "cuda-", "triton"))]
    if cuda and not os.environ.get("ALLOW_CUDA"):
        first = ", ".join(cuda[:4])
        print(ADVICE.format(torch=torch, count=len(cuda), names=first, goal=goal, python=python), file=sys.stderr)
        return 1
    print(f"{torch} comes with {len(names) - 1} packages, {len(cuda)} of them CUDA.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
