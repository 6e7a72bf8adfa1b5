from __future__ import annotations

import json
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.cleaning.doctor import Diagnosis, examine
from penchant.cleaning.doctor_advice import RULES, TOPICS, Machine, Traits, advise, command
from penchant.cleaning.doctor_content import file_fault
from penchant.cleaning.doctor_strings import STRINGS
from penchant.config import Config
from penchant.data.dataset import Dataset
from penchant.data.options import settings
from penchant.errors import OptionError
from penchant.models.registry import MODELS
from penchant.models.sequence_options import SequenceOptions

START = 1_700_000_000 - 1_700_000_000 % 86_400
ROOT = Path(__file__).resolve().parents[2]


def table(users: int = 30, length: int = 20, seed: int = 0) -> dict[str, list[Any]]:
    """A clean log: every user has other items at other odd seconds."""
    rng = np.random.default_rng(seed)
    n = users * length
    items = np.concatenate([rng.choice(60, length, replace=False) for _ in range(users)])
    times = START + np.sort(rng.choice(200 * 86_400, n, replace=False))
    order = rng.permutation(n)
    return {
        "user_id": [f"u{k // length}" for k in range(n)],
        "item_id": [f"i{k}" for k in items],
        "timestamp": times[order].tolist(),
    }


def looked(log: dict[str, list[Any]], items: object = None, **options: Any) -> Diagnosis:
    return examine(Dataset.from_tables(log, items), **options)  # type: ignore[arg-type]


def with_rows(log: dict[str, list[Any]], *rows: tuple[str, str, Any]) -> dict[str, list[Any]]:
    return {name: values + [row[n] for row in rows] for n, (name, values) in enumerate(log.items())}


def test_a_clean_log_has_no_problem_and_says_the_same_twice() -> None:
    first, second = looked(table(), now_s=2_000_000_000), looked(table(), now_s=2_000_000_000)
    assert first.count("problem") == 0 and first.find("ties") is None and first.find("days_only") is None
    assert json.dumps(first.to_dict("zh")) == json.dumps(second.to_dict("zh"))


def test_ties_and_people_with_one_event() -> None:
    log = with_rows(table(), ("tie", "i1", START), ("tie", "i2", START), ("one", "i3", START + 7))
    found = looked(log)
    tie, one = found.find("ties"), found.find("one_event")
    assert tie and tie.examples == ("tie",) and tie.numbers["events"] == 2 and tie.numbers["last"] == 1
    assert one and one.examples == ("one",) and one.numbers["users"] == 1
    assert found.find("leak_ties").examples == ("tie",)  # type: ignore[union-attr]
    ordered = Dataset.from_tables({**log, "seq": list(range(len(log["user_id"])))})
    assert examine(ordered).find("ties_ordered")


def test_times_in_the_future_too_old_and_in_another_unit() -> None:
    log = with_rows(table(), ("u1", "i1", START + 90_000_000), ("u2", "i2", 5), ("u3", "i3", START * 1000))
    data = Dataset.from_tables(log)
    found = examine(data, now_s=START + 80_000_000)
    ids = dict(zip(data.events["time_s"].to_list(), data.events["event_id"].to_list(), strict=True))
    assert found.find("future").examples == (ids[START + 90_000_000],)  # type: ignore[union-attr]
    assert found.find("too_old").examples == (ids[5],)  # type: ignore[union-attr]
    assert found.find("mixed_units").examples == ("row 602",)  # type: ignore[union-attr]
    assert found.find("quarantine").numbers["rows"] == 1  # type: ignore[union-attr]
    assert found.count("problem") >= 3
    assert looked({**table(), "timestamp": list(range(600))}).find("counters")


def test_days_and_midnights() -> None:
    log = table()
    days = {**log, "timestamp": [t - t % 86_400 + 57_600 for t in log["timestamp"]]}
    assert looked(days).find("days_only").numbers["clock"] == "16:00"  # type: ignore[union-attr]
    part = {**log, "timestamp": [t - t % 86_400 if n < 40 else t for n, t in enumerate(log["timestamp"])]}
    assert looked(part).find("midnight").numbers["events"] == 40  # type: ignore[union-attr]


def test_hours_that_are_shifted() -> None:
    rng = np.random.default_rng(0)
    n = 4_000
    hour = rng.choice(24, n, p=np.array([*[0.01] * 8, *[0.03] * 4, *[0.1] * 8, 0, 0, 0, 0]))
    times = START + np.arange(n) * 86_400 // 20 // 86_400 * 86_400 + hour * 3600 + rng.integers(1, 3599, n)
    kinds = np.where(np.arange(n) % 2, "like", "view")
    log = {"user_id": rng.integers(0, 50, n), "item_id": rng.integers(0, 99, n), "timestamp": times, "event": kinds}
    assert looked(log).find("hours_kind") is None and looked(log).find("hours_since") is None
    moved = looked({**log, "timestamp": times + (kinds == "like") * 8 * 3600}).find("hours_kind")
    assert moved and moved.examples == ("like",) and moved.numbers["hours"] == 8
    jumped = looked({**log, "timestamp": times + (np.arange(n) >= n // 2) * 8 * 3600}).find("hours_since")
    assert jumped and jumped.numbers["hours"] == 8


def test_the_same_event_again() -> None:
    log = table()
    twice = [(log["user_id"][n], log["item_id"][n], log["timestamp"][n] + 8 * 3600) for n in range(10)]
    found = looked(with_rows(log, *twice)).find("hours_apart")
    assert found and found.numbers["events"] == 10 and found.numbers["hours"] == 8
    data = Dataset.from_tables(with_rows(log, (log["user_id"][0], log["item_id"][0], log["timestamp"][0] + 1)))
    clicks = examine(data).find("double_clicks")
    late = data.events.filter(pl.col("time_s") == log["timestamp"][0] + 1)["event_id"].to_list()
    assert clicks and list(clicks.examples) == late


def test_items_without_views_twins_and_odd_ids() -> None:
    things = [f"Thing {n * 7919} of {chr(97 + n % 26) * 9}" for n in range(59)]
    long = "A quiet film about the sea and the people who live beside it"
    items = {
        "item_id": [*(f"i{n}" for n in range(60)), "empty", "copy", "U1", "u1 x", "U1 X"],
        "title": [*things, long, None, long + "!", None, "t", "v"],
        "seen": [*range(60), 0, 0, 0, 0, 0],
    }  # fmt: skip
    items["title"][3] = " "
    found = looked(table(), items)
    assert found.find("no_view").examples == ("empty", "U1")  # type: ignore[union-attr]
    assert found.find("no_content").examples == ("i3",)  # type: ignore[union-attr]
    assert found.find("twins").examples == ("copy = i59",)  # type: ignore[union-attr]
    assert found.find("ids_items").examples == ("u1 x", "U1 X")  # type: ignore[union-attr]


def test_a_column_that_counts_events_and_a_split_that_leaks() -> None:
    log = table(60, 25)
    counts = pl.Series(log["item_id"]).value_counts()
    items = {"item_id": counts[:, 0], "title": counts[:, 0], "votes": counts["count"], "size": range(counts.height)}
    log["split"] = ["test" if n % 25 == 3 else "train" for n in range(len(log["user_id"]))]
    found = looked(log, pl.DataFrame(items))
    assert found.find("leak_column").examples == ("votes",)  # type: ignore[union-attr]
    assert found.find("leak_split").numbers["of"] == 60  # type: ignore[union-attr]


def test_broken_media(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    files = {"good.png": png + b"IEND", "cut.png": png, "zero.png": b"", "text.png": b"hello world, no picture"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    faults = {name: file_fault(tmp_path, name, "image") for name in (*files, "gone.png", "../x.png")}
    assert faults == {
        "good.png": "", "cut.png": "cut off", "zero.png": "empty", "text.png": "not a picture",
        "gone.png": "missing", "../x.png": "outside the folder",
    }  # fmt: skip
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x0cftypisom" + b"\0\0\0\x2cmdat" + b"0" * 36)
    (tmp_path / "half.mp4").write_bytes(b"\0\0\0\x0cftypisom\0\0\0\1mdat" + (80).to_bytes(8, "big") + b"0" * 40)
    videos = ("clip.mp4", "half.mp4", "zero.png", "text.png", "gone.mp4")
    faults = {name: file_fault(tmp_path, name, "video") for name in videos}
    assert list(faults.values()) == ["", "cut off", "empty", "not a video", "missing"]
    items = {"item_id": ["i0", "i1"], "video": ["text.png", "clip.mp4"]}
    found = examine(Dataset.from_tables(table(), items, root=tmp_path))
    assert found.find("broken_media").examples == ("text.png (not a video)",)  # type: ignore[union-attr]
    assert "i0" in found.find("no_content").examples and "i1" not in found.find("no_content").examples  # type: ignore[union-attr]
    items = {"item_id": ["i0", "i1"], "image": ["good.png", "zero.png"]}
    found = examine(Dataset.from_tables(table(), items, root=tmp_path))
    assert found.find("broken_media").examples == ("zero.png (empty)",)  # type: ignore[union-attr]
    assert "i1" in found.find("no_content").examples  # type: ignore[union-attr]


def test_suspicious_users_languages_gaps_and_kinds() -> None:
    bot = [("bot", f"i{n % 50}", START + 600 * n + 13) for n in range(300)]
    log = with_rows(table(), *bot)
    log["timestamp"] = [t + (40 * 86_400 if t > START + 100 * 86_400 else 0) for t in log["timestamp"]]
    log["event"] = ["like" if n >= 600 and n % 2 else "view" for n in range(900)]
    items = {"item_id": [f"i{n}" for n in range(60)], "title": ["雨" * 5 if n % 3 else "rain" for n in range(60)]}
    found = looked(log, items)
    assert found.find("suspicious_users").examples == ("bot",)  # type: ignore[union-attr]
    assert found.find("languages").numbers["main"] == "zh"  # type: ignore[union-attr]
    assert found.find("gap").numbers["days"] in (40, 41)  # type: ignore[union-attr]
    assert found.find("kind_drift").examples == ("like",)  # type: ignore[union-attr]
    assert next(one.choice for one in found.advice if one.topic == "encoder").endswith("ngram")


def test_kinds_that_read_like_a_refusal_and_count_as_wanted() -> None:
    log = table()
    words = ["不想看", "video_skipped", "不喜欢", "hide", "view", "收藏", "download"]
    log["event"] = [words[n] if n < len(words) else "view" for n in range(len(log["user_id"]))]
    one = looked(log).find("unread_refusals")
    assert one is not None and one.severity == "warn" and one.numbers["events"] == 2
    assert set(one.examples) == {"不想看", "video_skipped"}
    assert '[events.kinds] "不想看" = "dislike"' in one.remedy("zh")
    assert looked(table()).find("unread_refusals") is None


def test_an_empty_catalogue_of_events_is_no_crash() -> None:
    assert looked({"user_id": ["a"], "item_id": ["b"], "timestamp": [None]}).find("no_time")


def test_texts_are_whole_in_both_languages() -> None:
    for code, parts in STRINGS.items():
        assert set(parts) == {"title", "sentence", "remedy"}, code
        for english, chinese in parts.values():
            names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
            assert names[0] == names[1], code
    with pytest.raises(OptionError, match="Allowed: en, zh"):
        looked(table()).to_dict("fr")


def test_advice_names_what_exists_and_is_documented() -> None:
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    for rule in RULES:
        assert rule.topic in TOPICS and rule.condition[0] in page and rule.why[0] in page, rule.name
        assert f"| {rule.condition[0]} | {f'`{rule.choice}`' if rule.choice else 'the default'} |" in page, rule.name
        words = rule.choice.split()
        if rule.topic == "model":
            assert words[1] in MODELS
        standing = Config(model="transformer")
        for setting in words[1::2] if "--set" in words else ():
            assert standing.with_settings(settings([setting])).changes() != standing.changes(), "it sets the default"
    big = Traits(users=10**6, items=10**6, events=10**8, median=50, p90=90, text=1.0)
    assert "--model cooccurrence" in [one.choice for one in advise(big)]
    gpu = advise(Traits(users=10**6, items=10**6, events=10**8, median=50, p90=90, machine=Machine(16, 128, True)))
    assert command(gpu).endswith("--set transformer.layers=3 --set transformer.max_length=100")
    usual = advise(Traits(users=10**5, items=10**4, events=10**6, median=50, p90=300, text=1.0))
    assert [(one.topic, one.choice) for one in usual][-2:] == [("size", ""), ("length", "")]
    assert command(usual).endswith("transformer --split leave-one-out"), "nothing to set"
    assert SequenceOptions().max_length == Traits(1, 1, 1, p90=300).max_length


def test_real_data(shared_data: Path) -> None:
    found = examine(Dataset.load(shared_data / "online-retail"), now_s=1_790_000_000)
    assert found.find("one_event").numbers["users"] == 78  # type: ignore[union-attr]
    assert found.find("ties_ordered").numbers["events"] == 396_697  # type: ignore[union-attr]
    assert found.count("problem") == 0
