"""MIND, MicroLens, KuaiRec, Online Retail, RecBole and S3-Rec: small files and the exact tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penchant.data.dataset import Dataset
from penchant.errors import DataError, OptionError, UsageError
from penchant.sources.convert import convert

Write = Callable[..., Path]
Make = Callable[..., Any]


def test_mind(write: Write, converted: Make) -> None:
    write("train/behaviors.tsv", "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-0 N4-1\n2\tU2\tyesterday\t\tN1-1\n")
    write("dev/behaviors.tsv", "1\tU1\t11/12/2019 1:00:00 PM\tN1 N2 N4\tN5-1\n")
    news = 'N4\tnews\tworld\tA "title"\tWhat\thttp://x\t[{"Label": "Paris", "Type": "G"}]\t[]\n'
    write("train/news.tsv", news)
    write("dev/news.tsv", news + "N5\tsports\tnba\tB\t\t\t[]\t[]\n")
    done = converted("mind")
    rows = done.table("events").select("user_id", "item_id", "timestamp", "recommendation_id", "seq", "event").rows()
    assert rows == [
        ("U1", "N1", None, None, 0, "click"),
        ("U1", "N2", None, None, 1, "click"),
        ("U1", "N4", 1573463158, "1", 2, "click"),
        ("U1", "N5", 1573563600, "1", 3, "click"),
    ]
    assert done.table("impressions").select("item_id", "position", "clicked").rows() == [
        ("N3", 0, False), ("N4", 1, True), ("N5", 0, True),
    ]  # fmt: skip
    assert done.rows("items") == [
        ("N4", 'A "title"', "What", ["news", "world"], ["Paris"], "http://x"),
        ("N5", "B", None, ["sports", "nba"], [], None),
    ]
    assert done.quarantine[0][:3] == ("train/behaviors.tsv", 1, "time cannot be read")
    assert Dataset.load(done.folder).n_events == 4


def test_microlens(write: Write, converted: Make) -> None:
    write("MicroLens-50k_pairs.csv", "user,item,timestamp\n36121,9580,1583378629552\n36121,,1\n")
    write("MicroLens-50k_titles.csv", 'item,title\n9580,"Who, me?"\n1,\n')
    done = converted("microlens")
    assert done.rows("events") == [("36121", "9580", 1583378629, "comment")]
    assert done.rows("items") == [("9580", "Who, me?")]
    assert [row[2] for row in done.quarantine] == ["no item", "no title"]


def test_microlens_without_times_and_without_a_head(write: Write, converted: Make) -> None:
    write("MicroLens-100k_pairs.tsv", "1\t7 8 9\n2\t\n")
    write("MicroLens-100k_title_en.csv", "7,One, two\n")
    done = converted("microlens")
    assert done.rows("events") == [("1", "7", 0, "comment"), ("1", "8", 1, "comment"), ("1", "9", 2, "comment")]
    assert done.rows("items") == [("7", "One, two")]
    assert [row[2] for row in done.quarantine] == ["no items"]


HEAD = "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"


def test_kuairec(write: Write, converted: Make) -> None:
    plays = "14,148,4381,6067,2020-07-05,20200705,1593878903.438,0.722\n14,9,1,2,,,,0.5\n"
    write("data/big_matrix.csv", HEAD + plays)
    levels = ",".join(
        f"{place}_level_category_id,{place}_level_category_name" for place in ("first", "second", "third")
    )
    captions = '148,UNKNOWN,"狗粮\n慢点",[颜值],1,颜值,2,颜值随拍,3,UNKNOWN\nbad line,,,,,,,,,\n'
    write("kuairec_caption_category.csv", f"video_id,manual_cover_text,caption,topic_tag,{levels}\n{captions}")
    write("user_features.csv", "user_id,user_active_degree,register_days\n14,full_active,107\n")
    write("social_network.csv", 'user_id,friend_list\n14,"[2975, 3]"\n')
    done = converted("kuairec")
    assert done.rows("events") == [("14", "148", 1593878903, "view", 0.722, 4.381)]
    assert done.rows("items") == [("148", "狗粮\n慢点", None, ["颜值", "颜值随拍"], ["颜值"])]
    assert done.rows("users") == [("14", "full_active", 107)]
    assert done.rows("relations") == [("14", "2975", "friend"), ("14", "3", "friend")]
    assert [row[2] for row in done.quarantine] == ["no timestamp", "video_id is not an integer"]
    with pytest.raises(UsageError, match=r"part='big' is not known. Allowed: big_matrix, small_matrix."):
        convert("kuairec", done.folder, done.folder.parent / "x", part="big")


@pytest.mark.parametrize("time", ["2010-12-01 08:26:00", "12/1/2010 8:26"])
def test_online_retail(time: str, write: Write, converted: Make) -> None:
    columns = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    rows = [
        f"536365,85123a,WHITE HOLDER,6,{time},2.55,17850.0,United Kingdom",
        f"C536379,85123A,WHITE HOLDER,-1,{time},2.45,17850,United Kingdom",
        f"536366,22633,HAND WARMER,6,{time},1.85,,United Kingdom",
        f"536370,POST,POSTAGE,3,{time},18,12583,France",
        f"536371,22633,HAND WARMER,-3,{time},0,12583,France",
        "536372,22633,HAND WARMER,3,soon,1,12583,France",
    ]
    write("retail.csv", "\n".join([columns, *rows]))
    done = converted("online-retail")
    assert done.rows("events") == [
        ("17850", "85123A", 1291191960, "purchase", 6.0, "536365", 2.55),
        ("17850", "85123A", 1291191960, "return", -1.0, "C536379", 2.45),
    ]
    assert done.rows("items") == [("85123A", "WHITE HOLDER", [], 2.5)]
    assert done.rows("users") == [("17850", "United Kingdom")]
    reasons = ["no customer", "not a product", "negative quantity outside a cancellation", "time cannot be read"]
    assert [row[2] for row in done.quarantine] == reasons


def test_online_retail_as_a_sheet_is_refused(write: Write, converted: Make) -> None:
    write("Online Retail.xlsx", b"PK")
    with pytest.raises(DataError, match=r"has no CSV file, only Online Retail.xlsx. Open the sheet .* save it as CSV"):
        converted("online-retail")


def test_recbole(write: Write, converted: Make) -> None:
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    write("ml.inter", head + "1\t2\t3.5\t978300760\n1\t3\tx\t978300761\n\t3\t1\t1\n")
    write("ml.item", "item_id:token\tmovie_title:token_seq\tgenre:token_seq\n2\tToy Story\tAnimation Comedy\n")
    done = converted("recbole", part="ml")
    assert done.table("events").columns == ["user_id", "item_id", "value", "timestamp"]
    assert done.rows("events") == [("1", "2", 3.5, 978300760)]
    assert done.table("items")["categories"].to_list() == [["Animation", "Comedy"]]
    assert [row[2] for row in done.quarantine] == ["value is not a number", "no user_id"]
    write("b.inter", head)
    with pytest.raises(DataError, match=r"has 2 files called \*.inter: b.inter, ml.inter. Give the folder of one"):
        convert("recbole", done.folder.parent / "raw", done.folder.parent / "x")


def test_s3rec(write: Write, converted: Make) -> None:
    write("Beauty.txt", "1 10 11\n2\n3 12 <html>\n")
    write("Beauty_item2attributes.json", '{"10": [1, 2], "11": []}')
    done = converted("s3rec", part="Beauty")
    assert done.rows("events") == [("1", "10", 0, "review"), ("1", "11", 1, "review")]
    assert done.rows("items") == [("10", ["attr:1", "attr:2"]), ("11", [])]
    assert [row[2] for row in done.quarantine] == ["no items", "line has other characters than ids"]
    write("Beauty_item2attributes.json", "[1]")
    with pytest.raises(DataError, match=r"is not a JSON object of item id → list of attribute numbers"):
        convert("s3rec", done.folder.parent / "raw", done.folder.parent / "x")


def test_digests_names_and_empty_files(write: Write, converted: Make, raw: Path, tmp_path: Path) -> None:
    write("ml-1m.zip", b"PK")
    with pytest.raises(DataError, match=r"ml-1m.zip"):
        converted("movielens-1m")
    with pytest.raises(OptionError, match=r"name='movielens-1mm' is not known.*Did you mean 'movielens-1m'"):
        converted("movielens-1mm")
    (raw / "ml-1m.zip").unlink()
    write("Beauty.txt", "1\n")
    with pytest.raises(DataError, match=r"No event could be read for s3rec. Beauty.txt: 1 × no items"):
        converted("s3rec")
    with pytest.raises(DataError, match=r"Beauty.txt is not the file that was expected: its digest is sha256:"):
        convert("s3rec", raw, tmp_path / "out", digests={"Beauty.txt": "0" * 64})
    with pytest.raises(UsageError, match=r"A digest was given for 'x', which is not among the files"):
        convert("s3rec", raw, tmp_path / "out", digests={"x": "0" * 64})
    assert not (tmp_path / "out").exists()
