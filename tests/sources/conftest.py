"""Small files in the formats of the public data sets, and the tables that come out of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from penchant.sources.convert import convert
from penchant.sources.writer import Conversion

Write = Callable[..., Path]


class Converted:
    """A conversion and its tables as rows."""

    def __init__(self, conversion: Conversion, folder: Path) -> None:
        self.conversion, self.folder = conversion, folder

    def table(self, name: str) -> pl.DataFrame:
        path = self.folder / f"{name}.parquet"
        return pl.read_parquet(path if path.exists() else self.folder / name / "*.parquet")

    def rows(self, name: str) -> list[tuple[object, ...]]:
        return self.table(name).rows()

    @property
    def quarantine(self) -> list[tuple[object, ...]]:
        path = self.folder / "quarantine.parquet"
        return pl.read_parquet(path).rows() if path.exists() else []


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder of downloaded files."""
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder


@pytest.fixture
def write(raw: Path) -> Write:
    """Write a file among the downloaded ones: text as UTF-8, packed where its name ends in .gz."""

    def call(name: str, content: str | bytes) -> Path:
        path = raw / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    return call


@pytest.fixture
def converted(raw: Path, tmp_path: Path) -> Callable[..., Converted]:
    """Convert what was written; every line that was read is used or in quarantine."""

    def call(name: str, part: str = "") -> Converted:
        conversion = convert(name, raw, tmp_path / "out", part=part)
        for count in conversion.files.values():
            assert count.read == count.used + count.rejected
            assert sum(count.reasons.values()) == count.rejected
        return Converted(conversion, tmp_path / "out")

    return call
