from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError

Write = Callable[..., Path]


def lines(*objects: object) -> str:
    return "".join((json.dumps(o) if isinstance(o, dict) else str(o)) + "\n" for o in objects)


REVIEW = {
    "reviewerID": "A1", "asin": "B1", "reviewerName": "Ann", "helpful": [0, 0], "reviewText": "It's \"fine\"\nreally",
    "overall": 5.0, "summary": "ok", "unixReviewTime": 1400000000, "reviewTime": "05 13, 2014",
}  # fmt: skip


def test_2014_with_products_written_as_python(write: Write, converted: Callable[..., Any]) -> None:
    broken = {key: value for key, value in REVIEW.items() if key != "asin"}
    write("reviews_Beauty_5.json.gz", lines(REVIEW, '{"reviewerID": "A2", ', broken))
    product = {
        "asin": "B1",
        "title": 'Bob\'s "best" crème\\',
        "description": "He said, 'title': no",
        "price": 12.5,
        "imUrl": "http://x/y.jpg",
        "related": {"also_bought": ["B9"]},
        "salesRank": {"Beauty": 3},
        "categories": [["Beauty", "Men's"], ["Beauty", "Hair [new]"]],
        "brand": "",
    }
    write("meta_Beauty.json.gz", f"{product!r}\n{{'title': 'x'}}\n{{'asin': 'B2'}}\n")
    done = converted("amazon-2014")
    assert done.table("events").columns == ["user_id", "item_id", "timestamp", "event", "value", "text", "summary"]
    assert done.rows("events") == [("A1", "B1", 1400000000, "rating", 5.0, 'It\'s "fine"\nreally', "ok")]
    assert done.rows("items") == [
        (
            "B1", "Bob's \"best\" crème\\", "He said, 'title': no", ["Beauty", "Men's", "Hair [new]"], None, 12.5,
            "http://x/y.jpg",
        ),
        ("B2", None, None, None, None, None, None),
    ]  # fmt: skip
    assert [row[:3] for row in done.quarantine] == [
        ("reviews_Beauty_5.json.gz", 1, "line is not a JSON object"),
        ("reviews_Beauty_5.json.gz", 2, "no asin"),
        ("meta_Beauty.json.gz", 1, "no asin"),
    ]
    assert "Ann" not in (done.folder / "events.parquet").read_bytes().decode("latin-1")


def test_2018(write: Write, converted: Callable[..., Any]) -> None:
    review = {**REVIEW, "verified": True, "vote": "1,204", "style": {"Size:": " 2"}, "image": ["http://p"]}
    write("All_Beauty_5.json.gz", lines(review, {**REVIEW, "overall": "bad"}))
    product = {
        "asin": "B1", "title": "Soap", "brand": "Me", "price": "$1,234.50", "category": ["Beauty", "Soap"],
        "description": ["One.", "Two."], "imageURL": ["http://i", "http://j"], "also_buy": ["B2"],
    }  # fmt: skip
    write("meta_All_Beauty.json.gz", lines(product, {"asin": "B2", "price": "$1 - $2", "description": "text"}))
    done = converted("amazon-2018")
    assert done.rows("events") == [("A1", "B1", 1400000000, "rating", 5.0, 'It\'s "fine"\nreally', "ok", True, 1204.0)]
    assert done.rows("items") == [
        ("B1", "Soap", "One.\nTwo.", ["Beauty", "Soap"], "Me", 1234.5, "http://i"),
        ("B2", None, None, None, None, None, None),
    ]
    assert [row[2] for row in done.quarantine] == ["overall is not a number"]


def test_2023(write: Write, converted: Callable[..., Any]) -> None:
    review = {
        "rating": 4.0, "title": "Nice", "text": "Works", "images": [], "asin": "V1", "parent_asin": "P1",
        "user_id": "U1", "timestamp": 1588687728923, "helpful_vote": 2, "verified_purchase": True,
    }  # fmt: skip
    write("All_Beauty.jsonl", lines(review, {**review, "timestamp": None}))
    product = {
        "main_category": "All Beauty", "title": "Comb", "average_rating": 4.1, "features": ["soft"], "description": [],
        "price": 9.99, "images": [{"thumb": "t", "large": "http://l", "variant": "MAIN"}], "store": "S",
        "categories": [], "details": {"Color": "red"}, "parent_asin": "P1",
    }  # fmt: skip
    write("meta_All_Beauty.jsonl", lines(product))
    done = converted("amazon-2023", part="All_Beauty")
    assert done.rows("events") == [("U1", "P1", 1588687728, "rating", 4.0, "Works", "Nice", "V1", True, 2.0)]
    assert done.rows("items") == [("P1", "Comb", "soft", ["All Beauty"], "S", 9.99, "http://l")]
    assert [row[2] for row in done.quarantine] == ["timestamp is not an integer"]
    data = Dataset.load(done.folder, strict=True)
    assert (data.n_users, data.n_items, data.n_events) == (1, 1, 1)


def test_products_may_be_left_out_and_are_never_taken_for_reviews(write: Write, converted: Callable[..., Any]) -> None:
    write("meta_Beauty.json", lines({"asin": "B1"}))
    with pytest.raises(DataError, match=r"has no \*_5.json or \*_5.json.gz or \*.json or \*.json.gz. Its files: meta_"):
        converted("amazon-2018")
    write("Beauty.json", lines(REVIEW))
    (write("meta_Beauty.json", "x")).unlink()
    done = converted("amazon-2018")
    assert done.conversion.notes == ["meta_*.json is missing: items have no title, description, categories or price"]


def test_a_cut_off_archive_is_refused(write: Write, converted: Callable[..., Any], tmp_path: Path) -> None:
    path = write("Beauty_5.json.gz", lines(*[{**REVIEW, "reviewerID": f"A{n}"} for n in range(2000)]))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"Beauty_5.json.gz is not a complete gzip file"):
        converted("amazon-2018")
    assert not (tmp_path / "out").exists()
