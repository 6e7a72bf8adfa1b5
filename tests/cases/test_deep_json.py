"""A JSON line with deeply nested objects or lists: refused or set aside within a second, in little memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="depth is not bounded before parsing; fixed by issue 14, point 14"
)
KEYS = {
    "events": '"user_id":"u1","item_id":"i1","timestamp":1714521600',
    "items": '"item_id":"i1"',
    "relations": '"source_id":"i1","target_id":"i2"',
}
SCRIPT = """
import json, resource, time
from penchant.data.dataset import Dataset
from penchant.errors import PenchantError
Dataset.load(sys.argv[1])
def seconds():
    return time.process_time()
start = seconds()
try:
    outcome = str(Dataset.load(sys.argv[2]).report)
except PenchantError as error:
    outcome = f"refused: {error}"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"outcome": outcome, "cpu_s": seconds() - start, "peak_kib": peak}))
"""


def write(folder: Path, table: str, deep: str) -> Path:
    folder.mkdir()
    if table != "events":
        (folder / "events.csv").write_text("user_id,item_id,timestamp\nu1,i1,1714521600\n", encoding="utf-8")
    (folder / f"{table}.jsonl").write_text(f'{{{KEYS[table]},"strange":{deep}}}\n', encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("table", list(KEYS))
@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        pytest.param("objects", 600, marks=TODAY),
        ("objects", 5000),
        pytest.param("lists", 600, marks=TODAY),
        ("objects in lists", 600),
    ],
)
def test_it_is_refused_in_a_second(
    run_python: Callable[..., Any], tmp_path: Path, table: str, kind: str, depth: int
) -> None:
    begin, end = {"objects": ('{"a":', "}"), "lists": ("[", "]"), "objects in lists": ('[{"a":', "}]")}[kind]
    deep = write(tmp_path / "deep", table, begin * depth + "1" + end * depth)
    flat = write(tmp_path / "flat", table, "1")
    done = run_python(SCRIPT, flat, deep, memory=4 << 30, timeout_s=30)
    assert done.returncode == 0, done.stderr[-500:]
    answer = json.loads(done.stdout)
    assert "strange" in answer["outcome"] or "refused" in answer["outcome"]
    assert answer["cpu_s"] < 1 and answer["peak_kib"] < 1 << 20
