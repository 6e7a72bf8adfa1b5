"""Fixtures shared by all tests. Real data is used where it lies beside the project, and skipped where not."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from beartype import BeartypeConf, beartype
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes and dtypes in signatures are checked at run time, so this comes before anything of penchant is imported.
_CHECKER = ModuleType("shape_checker")
_CHECKER.check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # type: ignore[attr-defined]  # an int is a float too
sys.modules[_CHECKER.__name__] = _CHECKER
install_import_hook(["penchant.fusion", "penchant.losses", "penchant.models.nn"], "shape_checker.check")

settings.register_profile("no clock", deadline=None)  # a busy machine is no failure
settings.load_profile("no clock")

_SHARED = Path(__file__).resolve().parents[2] / "shared"
_CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"{folder.name}: real data is not beside this checkout (../shared)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Vectors that tests encode stay out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def two_ranks() -> list[dict[str, str]]:
    """The environments of two processes as torchrun starts them, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    both = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [{**os.environ, **both, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    return _existing(_SHARED / "data")


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of small pretrained encoders."""
    return _existing(_SHARED / "models")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium (playwright's `Browser`); tests that take it carry the mark `browser`."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make dev)")
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=list(_CHROMIUM_FLAGS))
        yield opened
        opened.close()
