"""dataset.toml: what it may say, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.data.dataset import Dataset
from penchant.data.ingest.mapping import read_mapping
from penchant.errors import DataError, OptionError, PenchantError, SchemaError


def test_everything_it_may_say(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(
        "谁;KUNNR;MATNR;wann;art\nx;甲;i1;01/05/2026;3\nx;乙;i2;02/05/2026;buy\n".encode("gbk")
    )
    (tmp_path / "films.csv").write_text("item_id,jahr\ni1,1999\n", encoding="utf-8")
    (tmp_path / "dataset.toml").write_text(
        """
        [events]
        file = "log.txt"
        delimiter = ";"
        encoding = "gbk"
        timestamp_format = "%d/%m/%Y"
        timezone = "Asia/Shanghai"
        [events.columns]
        KUNNR = "user_id"
        MATNR = "item_id"
        wann = "timestamp"
        art = "event"
        "谁" = ""
        [events.kinds]
        3 = "purchase"
        [items]
        file = "films.csv"
        columns = { jahr = "year" }
        """,
        encoding="utf-8",
    )
    data = Dataset.load(tmp_path)
    assert data.users["user_id"].to_list() == ["甲", "乙"]
    assert data.kinds.ids.to_list() == ["purchase", "buy"]
    assert data.events["time_s"].to_list() == [1_777_564_800, 1_777_651_200]
    assert data.items["year"].to_list() == [1999, None]
    assert data.report is not None
    assert data.report.tables["events"].aliases["KUNNR"] == "user_id"
    assert data.report.tables["events"].timestamp == "text as '%d/%m/%Y' without zone, taken as Asia/Shanghai"


def test_kind_of_every_event(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp,rating\nu,i,1,5\n", encoding="utf-8")
    assert Dataset.load(tmp_path).kinds.ids.to_list() == ["rating"]
    (tmp_path / "dataset.toml").write_text('[events]\nkind = "purchase"\n', encoding="utf-8")
    assert Dataset.load(tmp_path).kinds.ids.to_list() == ["purchase"]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("[events\n", DataError, "is not valid TOML"),
        (
            "[event]\n",
            OptionError,
            "section='event' is not known. Allowed: events, items, users, relations. .*'events'",
        ),
        ('[events]\nfil = "x"\n', OptionError, r"key of \[events\]='fil' is not known.*Did you mean 'file'"),
        ("[events]\nfile = 3\n", SchemaError, "events.file = 3 is not text in quotes"),
        ('[events]\ncolumns = "x"\n', SchemaError, "events.columns = 'x' is not a section"),
        ("[events.columns]\na = 1\n", SchemaError, "events.columns.a = 1 is not text in quotes"),
        ("events = 3\n", SchemaError, r"events must be a section. Write \[events\]"),
        (
            '[events]\nfile = "log.csv"\n',
            DataError,
            "gives 'log.csv' as the file of events, but .* does not exist.* The folder holds",
        ),
        ('[events]\ntimestamp_unit = "sec"\n', OptionError, "timestamp_unit='sec'"),
        (
            '[events]\nencoding = "klingon"\n',
            OptionError,
            "encoding='klingon' is not known. Use a name such as 'utf-8'",
        ),
        ('[events]\nencoding = "ascii"\n', DataError, "is not ascii: byte 28 cannot be read. Correct `encoding`"),
        ('[events]\ndelimiter = "::"\n', OptionError, "delimiter='::' is not known. Give one character"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, kind: type[PenchantError], message: str) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu,é,1\n", encoding="utf-8")
    (tmp_path / "dataset.toml").write_text(text, encoding="utf-8")
    with pytest.raises(kind, match=message):
        Dataset.load(tmp_path)


def test_without_a_file_every_section_is_empty(tmp_path: Path) -> None:
    assert not any(section.file or section.columns for section in read_mapping(tmp_path).values())
