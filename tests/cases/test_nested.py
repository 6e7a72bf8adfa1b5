"""Lists of lists and records in cells: flattened, left out and named, or refused with the dotted path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.exceptions import PolarsError
from typer.testing import Result

from penchant.data.dataset import Dataset
from penchant.errors import DataError

EVENTS = "user_id,item_id,timestamp\nu1,i1,1600000000\nu2,i1,1600000001\nu1,i2,1600000002\n"
NESTED = {
    "list of lists": ("categories", '{"item_id":"i1","title":"t","categories":[["a","b"],["c"]]}'),
    "record": ("origin", '{"item_id":"i1","title":"t","origin":{"large":"x"}}'),
    "list of records": ("images", '{"item_id":"i1","title":"t","images":[{"large":"x"}]}'),
    "records as categories": ("categories", '{"item_id":"i1","title":"t","categories":[{"name":"a"}]}'),
    "record as title": ("title", '{"item_id":"i1","title":{"en":"t"}}'),
    "list as title": ("title", '{"item_id":"i1","title":["t"]}'),
    "record as id": ("item_id", '{"item_id":{"$oid":"i1"},"title":"t"}'),
}
FAILS_TODAY = set(NESTED)
FAILS_IN_PROGRAM = {"list of lists"}


def write(folder: Path, name: str, kind: str) -> Path:
    (folder / "events.csv").write_text(EVENTS, encoding="utf-8")
    (folder / "items.jsonl").write_text(NESTED[name][1] + "\n", encoding="utf-8")
    if kind == "parquet":
        pl.read_ndjson(folder / "items.jsonl").write_parquet(folder / "items.parquet")
        (folder / "items.jsonl").unlink()
    return folder


def is_nested(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) or (isinstance(dtype, pl.List) and dtype.inner.is_nested())


def cases(failing: set[str]) -> list[object]:
    mark = pytest.mark.xfail(
        strict=True,
        raises=(AssertionError, PolarsError),
        reason="nested cells pass through or end in a native error; fixed by issue 14, point 5",
    )
    return [pytest.param(name, marks=mark if name in failing else ()) for name in NESTED]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", cases(FAILS_TODAY))
def test_no_nested_cell_stays(tmp_path: Path, name: str, kind: str) -> None:
    column = NESTED[name][0]
    try:
        data = Dataset.load(write(tmp_path, name, kind))
    except DataError as refused:
        assert column in str(refused)
        return
    assert not [c for c, dtype in data.items.schema.items() if is_nested(dtype)]
    if name == "list of lists":
        assert data.items.filter(pl.col("item_id") == "i1")["categories"].to_list() == [["a", "b", "c"]]
    else:
        assert column in str(data.report)


@pytest.mark.parametrize("command", ["check", "train"])
@pytest.mark.parametrize("name", cases(FAILS_IN_PROGRAM))
def test_commands_read_it_or_refuse_it(run: Callable[..., Result], tmp_path: Path, name: str, command: str) -> None:
    more = ("--out", tmp_path / "bundle", "--model", "popularity", "--no-evaluate") if command == "train" else ()
    done = run(command, write(tmp_path, name, "jsonl"), *more)
    assert "Error" not in done.stderr
    assert done.exit_code == 0 or NESTED[name][0] in done.stderr
