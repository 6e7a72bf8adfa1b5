"""Figures of the house, kept from growing back: printed by tools/measure_house.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CEILINGS = {
    "lines of source": 43_500,
    "house words per thousand lines": 2.0,
    "module lines, most": 400,
    "functions with more than seven parameters": 14,
    "uses of Any": 161,
    "capabilities found by getattr or hasattr": 0,
    "cycles of files": 0,
    "source files that name item_knn": 2,
}
"""The most that each figure may be; lower one where it falls."""


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    path = ROOT / "tools" / "measure_house.py"
    spec = importlib.util.spec_from_file_location("measure_house", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["measure_house"] = module
    spec.loader.exec_module(module)
    measured: dict[str, object] = module.measure(ROOT)
    return measured


@pytest.mark.parametrize("name", CEILINGS)
def test_no_figure_grows_back(figures: dict[str, object], name: str) -> None:
    assert float(str(figures[name])) <= CEILINGS[name], f"{name}: {figures[name]}, at most {CEILINGS[name]}"
