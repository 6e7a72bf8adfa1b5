"""Versions of penchant, Python and the libraries that a result depends on."""

from __future__ import annotations

import platform
from importlib import metadata

LIBRARIES = ("numpy", "polars", "safetensors", "scipy", "torch", "transformers")


def collect_library_versions() -> dict[str, str]:
    """Version by name; `not installed` for an optional library that is missing."""
    from penchant import __version__

    versions = {"penchant": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
