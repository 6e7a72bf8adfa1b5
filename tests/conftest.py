"""Fixtures shared by all tests. Real data is used where it lies beside the project, and skipped where not."""

from __future__ import annotations

from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"{folder.name}: real data is not beside this checkout (../shared)")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets."""
    return _existing(_SHARED / "data")


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of small pretrained encoders."""
    return _existing(_SHARED / "models")
