from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, SchemaError

Write = Callable[..., Path]
EVENTS = ["user_id", "item_id", "timestamp", "event", "value"]


def test_the_format_of_100k(write: Write, converted: Callable[..., Any]) -> None:
    write("ml-100k/u.data", "196\t242\t3\t881250949\n186\t302\tx\t891717742\n196\t2\t5\n")
    flags = "0|0|0|1|1|" + "0|" * 13 + "0"
    write("ml-100k/u.item", f"242|Café Toy (1995)|01-Jan-1995||http://x|{flags}\n".encode("latin-1"))
    write("ml-100k/u.user", "196|49|M|writer|05201\n")
    done = converted("movielens-100k")
    assert done.table("events").columns == EVENTS
    assert done.rows("events") == [("196", "242", 881250949, "rating", 3.0)]
    assert done.rows("items") == [("242", "Café Toy (1995)", 1995, ["Animation", "Children's"])]
    assert done.rows("users") == [("196", 49, "M", "writer", "05201")]
    assert done.quarantine == [
        ("u.data", 1, "rating is not a number", "186\t302\tx\t891717742"),
        ("u.data", 2, "line with 3 fields where the head has 4", "196\t2\t5"),
    ]


def test_the_format_of_1m_straight_from_the_zip(raw: Path, converted: Callable[..., Any]) -> None:
    """The archive of 1M has a published digest, so another name stands for it here."""
    with zipfile.ZipFile(raw / "mine.zip", "w") as archive:
        archive.writestr("ml-1m/ratings.dat", "1::1193::5::978300760\r\n1::661::3::978302109\r\n")
        archive.writestr("ml-1m/movies.dat", "1193::One Flew (1975)::Drama\n661::Misérables, Les::Musical|War\n")
        archive.writestr("ml-1m/users.dat", "1::F::1::10::48067\n2::M::56::16::70072\n")
        archive.writestr("__MACOSX/ml-1m/._ratings.dat", "x")
    done = converted("movielens-1m")
    assert done.rows("events") == [("1", "1193", 978300760, "rating", 5.0), ("1", "661", 978302109, "rating", 3.0)]
    assert done.rows("items") == [
        ("1193", "One Flew (1975)", 1975, ["Drama"]),
        ("661", "Misérables, Les", None, ["Musical", "War"]),
    ]
    assert done.rows("users") == [
        ("1", "F", "Under 18", "K-12 student", "48067"),
        ("2", "M", "56+", "self-employed", "70072"),
    ]
    assert not (done.folder / ".unpacked").exists()


def test_the_format_of_10m_with_half_stars_and_tags(write: Write, converted: Callable[..., Any]) -> None:
    write("ratings.dat", "1::122::4.5::838985046\n1::122::7::838985046\n")
    write("movies.dat", "122::Boomerang (1992)::Comedy\n")
    write("tags.dat", "1::122::Funny::1\n2::122::funny::2\n3::122::bad::3\n4::122::::4\n")
    done = converted("movielens-10m")
    assert done.rows("events") == [("1", "122", 838985046, "rating", 4.5)]
    assert done.rows("items") == [("122", "Boomerang (1992)", 1992, ["Comedy"], ["funny", "bad"])]
    assert [row[2] for row in done.quarantine] == ["rating outside 0.5 to 5", "no tag"]


@pytest.mark.parametrize("name", ["movielens-20m", "movielens-25m", "movielens-32m", "movielens-latest-small"])
def test_the_format_of_20m_and_later(name: str, write: Write, converted: Callable[..., Any]) -> None:
    write("ratings.csv", "userId,movieId,rating,timestamp\n1,296,5.0,1147880044\n1,306,3.5,1147868817\n")
    write("movies.csv", 'movieId,title,genres\n296,"Fiction, Pulp (1994)",Crime|Drama\n306,Red,(no genres listed)\n')
    write("tags.csv", 'userId,movieId,tag,timestamp\n3,296,"a ""b"", c",1439472355\n')
    done = converted(name)
    assert done.rows("events") == [("1", "296", 1147880044, "rating", 5.0), ("1", "306", 1147868817, "rating", 3.5)]
    assert done.rows("items") == [
        ("296", "Fiction, Pulp (1994)", 1994, ["Crime", "Drama"], ['a "b", c']),
        ("306", "Red", None, [], None),
    ]
    data = Dataset.load(done.folder, strict=True)
    assert (data.n_users, data.n_items, data.n_events) == (1, 2, 2)


def test_many_blocks_become_parts(write: Write, converted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.sources.lines.BLOCK_BYTES", 50)
    lines = [f"{user},{user % 7},4.0,{1_000_000_000 + user}" for user in range(100)]
    write("ratings.csv", "\n".join(["userId,movieId,rating,timestamp", *lines, "x,1,bad,3"]))
    write("movies.csv", "movieId,title,genres\n1,A (2000),Drama\n")
    done = converted("movielens-25m")
    assert len(list((done.folder / "events").iterdir())) > 10
    assert [row[0] for row in done.rows("events")] == [str(user) for user in range(100)]
    assert done.quarantine == [("ratings.csv", 100, "rating is not a number", "x,1,bad,3")]
    assert Dataset.load(done.folder).n_events == 100


def test_what_is_missing_is_said(write: Write, converted: Callable[..., Any], tmp_path: Path) -> None:
    write("readme.txt", "x")
    with pytest.raises(DataError, match=r"has no u.data, ratings.dat or ratings.csv. Give the folder or zip file"):
        converted("movielens-1m")
    write("ratings.csv", "userId,movie,rating,timestamp\n1,2,3,4\n")
    with pytest.raises(SchemaError, match=r"ratings.csv has no column 'movieId'. It has: userId, movie, rating"):
        converted("movielens-20m")
    write("ratings.csv", "userId,movieId,rating,timestamp\n1,2,3,4\n")
    with pytest.raises(DataError, match=r"has no movies.csv. Its files: ratings.csv, readme.txt"):
        converted("movielens-20m")
    assert not (tmp_path / "out").exists()
