"""`timestamp_format` of dataset.toml, for text and for numbers, in CSV and in Parquet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.exceptions import ComputeError

from penchant.data.dataset import Dataset
from penchant.errors import DataError

N = 60
START = dt.datetime(2021, 3, 1, 13, 5, 9)
MOMENTS = [START + dt.timedelta(days=n, hours=n % 7) for n in range(N)]
TEXT = (
    "%Y%m%d",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%y %I:%M %p",
    "%d %b %Y %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%dT%H:%M:%S%z",
    "%d/%b/%Y:%H:%M:%S %z",
)
REASON = "the format is not obeyed for numbers, nor with %H alone; fixed by issue 14, point 5"
HOURS = pytest.mark.xfail(strict=True, raises=ComputeError, reason=REASON)


def today(error: type[Exception]) -> pytest.MarkDecorator:
    return pytest.mark.xfail(strict=True, raises=error, reason=REASON)


def written(moment: dt.datetime, form: str) -> str:
    zone = dt.timezone(dt.timedelta(hours=2)) if "%z" in form else None
    return moment.replace(tzinfo=zone).strftime(form)


def seconds(text: str, form: str) -> int:
    moment = dt.datetime.strptime(text, form)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())


def load(folder: Path, stamps: list[str] | list[int], form: str, kind: str) -> Dataset:
    table = pl.DataFrame(
        {"user_id": [f"u{n % 5}" for n in range(N)], "item_id": [f"i{n % 9}" for n in range(N)], "timestamp": stamps}
    )
    if kind == "csv":
        table.write_csv(folder / "events.csv")
    else:
        table.write_parquet(folder / "events.parquet")
    (folder / "dataset.toml").write_text(f'[events]\ntimestamp_format = "{form}"\n', encoding="utf-8")
    return Dataset.load(folder)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("form", [*TEXT, *(pytest.param(f, marks=HOURS) for f in ("%Y-%m-%d-%H", "%d.%m.%Y %H"))])
def test_text_follows_the_format(tmp_path: Path, form: str, kind: str) -> None:
    stamps = [written(moment, form) for moment in MOMENTS]
    data = load(tmp_path, stamps, form, kind)
    assert sorted(data.events["time_s"].to_list()) == sorted(seconds(stamp, form) for stamp in stamps)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("%Y%m%d", marks=today(AssertionError)),
        pytest.param("%Y%m%d%H%M%S", marks=today(DataError)),
        pytest.param("%Y%m%d%H", marks=today(AssertionError)),
        pytest.param("%y%m%d", marks=today(AssertionError)),
    ],
)
def test_numbers_follow_the_format(tmp_path: Path, form: str) -> None:
    stamps = [written(moment, form) for moment in MOMENTS]
    data = load(tmp_path, [int(stamp) for stamp in stamps], form, "parquet")
    assert sorted(data.events["time_s"].to_list()) == sorted(seconds(stamp, form) for stamp in stamps)


@today(AssertionError)
@pytest.mark.parametrize("form", ["%d-%m-%Y", "%Q", "%Y-%d-%m", "YYYY-MM-DD"])
def test_a_mistyped_format_is_named_with_an_example(tmp_path: Path, form: str) -> None:
    stamps = [written(moment, "%d.%m.%Y") for moment in MOMENTS]
    with pytest.raises(DataError) as refused:
        load(tmp_path, stamps, form, "csv")
    assert form in str(refused.value) and any(stamp in str(refused.value) for stamp in stamps)
