from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.cleaning.doctor.advice import RULES, Advice, Machine, Traits, advise, write_command
from penchant.cleaning.doctor.content import find_file_fault
from penchant.cleaning.doctor.doctor import Diagnosis, examine
from penchant.data.dataset import Dataset
from penchant.errors import OptionError
from penchant.messages import load_catalogue
from penchant.models.nn.options import SequenceOptions
from penchant.models.registry import MODELS
from penchant.options import parse_settings
from penchant.recommender.config import Config

START = 1_700_000_000 - 1_700_000_000 % 86_400
ROOT = Path(__file__).resolve().parents[3]


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


def examine_log(log: dict[str, list[Any]], items: object = None, **options: Any) -> Diagnosis:
    return examine(Dataset.from_tables(log, items), **options)  # type: ignore[arg-type]


def with_rows(log: dict[str, list[Any]], *rows: tuple[str, str, Any]) -> dict[str, list[Any]]:
    return {name: values + [row[n] for row in rows] for n, (name, values) in enumerate(log.items())}


def test_a_clean_log_has_no_problem_and_says_the_same_twice() -> None:
    first, second = examine_log(table(), now_s=2_000_000_000), examine_log(table(), now_s=2_000_000_000)
    assert first.count("problem") == 0 and first.find("ties") is None and first.find("days_only") is None
    assert json.dumps(first.to_dict("zh")) == json.dumps(second.to_dict("zh"))


def test_ties_and_users_with_one_event() -> None:
    log = with_rows(table(), ("tie", "i1", START), ("tie", "i2", START), ("one", "i3", START + 7))
    diagnosis = examine_log(log)
    tie, one = diagnosis.find("ties"), diagnosis.find("one_event")
    assert tie and tie.examples == ("tie",) and tie.numbers["events"] == 2 and tie.numbers["last"] == 1
    assert one and one.examples == ("one",) and one.numbers["users"] == 1
    assert diagnosis.find("leak_ties").examples == ("tie",)  # type: ignore[union-attr]
    ordered = Dataset.from_tables({**log, "seq": list(range(len(log["user_id"])))})
    assert examine(ordered).find("ties_ordered")


def test_times_in_the_future_too_old_and_in_another_unit() -> None:
    log = with_rows(table(), ("u1", "i1", START + 90_000_000), ("u2", "i2", 5), ("u3", "i3", START * 1000))
    data = Dataset.from_tables(log)
    diagnosis = examine(data, now_s=START + 80_000_000)
    ids = dict(zip(data.events["time_s"].to_list(), data.events["event_id"].to_list(), strict=True))
    assert diagnosis.find("future").examples == (ids[START + 90_000_000],)  # type: ignore[union-attr]
    assert diagnosis.find("too_old").examples == (ids[5],)  # type: ignore[union-attr]
    assert diagnosis.find("mixed_units").examples == ("row 602",)  # type: ignore[union-attr]
    assert diagnosis.find("quarantine").numbers["rows"] == 1  # type: ignore[union-attr]
    assert diagnosis.count("problem") >= 3
    assert examine_log({**table(), "timestamp": list(range(600))}).find("counters")


def test_days_and_midnights() -> None:
    log = table()
    days = {**log, "timestamp": [t - t % 86_400 + 57_600 for t in log["timestamp"]]}
    assert examine_log(days).find("days_only").numbers["clock"] == "16:00"  # type: ignore[union-attr]
    part = {**log, "timestamp": [t - t % 86_400 if n < 40 else t for n, t in enumerate(log["timestamp"])]}
    assert examine_log(part).find("midnight").numbers["events"] == 40  # type: ignore[union-attr]


def test_hours_that_are_shifted() -> None:
    rng = np.random.default_rng(0)
    n = 4_000
    hour = rng.choice(24, n, p=np.array([*[0.01] * 8, *[0.03] * 4, *[0.1] * 8, 0, 0, 0, 0]))
    times = START + np.arange(n) * 86_400 // 20 // 86_400 * 86_400 + hour * 3600 + rng.integers(1, 3599, n)
    kinds = np.where(np.arange(n) % 2, "like", "view")
    log = {"user_id": rng.integers(0, 50, n), "item_id": rng.integers(0, 99, n), "timestamp": times, "event": kinds}
    assert examine_log(log).find("hours_kind") is None and examine_log(log).find("hours_since") is None
    moved = examine_log({**log, "timestamp": times + (kinds == "like") * 8 * 3600}).find("hours_kind")
    assert moved and moved.examples == ("like",) and moved.numbers["hours"] == 8
    jumped = examine_log({**log, "timestamp": times + (np.arange(n) >= n // 2) * 8 * 3600}).find("hours_since")
    assert jumped and jumped.numbers["hours"] == 8


def test_repeated_events() -> None:
    log = table()
    copies = [(log["user_id"][n], log["item_id"][n], log["timestamp"][n] + 8 * 3600) for n in range(10)]
    diagnosis = examine_log(with_rows(log, *copies)).find("hours_apart")
    assert diagnosis and diagnosis.numbers["events"] == 10 and diagnosis.numbers["hours"] == 8
    data = Dataset.from_tables(with_rows(log, (log["user_id"][0], log["item_id"][0], log["timestamp"][0] + 1)))
    clicks = examine(data).find("double_clicks")
    late = data.events.filter(pl.col("time_s") == log["timestamp"][0] + 1)["event_id"].to_list()
    assert clicks and list(clicks.examples) == late


def test_items_without_a_modality_duplicates_and_odd_ids() -> None:
    things = [f"Thing {n * 7919} of {chr(97 + n % 26) * 9}" for n in range(59)]
    long = "A quiet film about the sea and the families who live beside it"
    items = {
        "item_id": [*(f"i{n}" for n in range(60)), "empty", "copy", "U1", "u1 x", "U1 X"],
        "title": [*things, long, None, long + "!", None, "t", "v"],
        "seen": [*range(60), 0, 0, 0, 0, 0],
    }  # fmt: skip
    items["title"][3] = " "
    diagnosis = examine_log(table(), items)
    assert diagnosis.find("no_modality").examples == ("empty", "U1")  # type: ignore[union-attr]
    assert diagnosis.find("no_content").examples == ("i3",)  # type: ignore[union-attr]
    assert diagnosis.find("duplicates").examples == ("copy = i59",)  # type: ignore[union-attr]
    assert diagnosis.find("ids_items").examples == ("u1 x", "U1 X")  # type: ignore[union-attr]


def test_a_column_that_counts_events_and_a_split_that_leaks() -> None:
    log = table(60, 25)
    counts = pl.Series(log["item_id"]).value_counts()
    items = {"item_id": counts[:, 0], "title": counts[:, 0], "votes": counts["count"], "size": range(counts.height)}
    log["split"] = ["test" if n % 25 == 3 else "train" for n in range(len(log["user_id"]))]
    diagnosis = examine_log(log, pl.DataFrame(items))
    assert diagnosis.find("leak_column").examples == ("votes",)  # type: ignore[union-attr]
    assert diagnosis.find("leak_split").numbers["of"] == 60  # type: ignore[union-attr]


def test_broken_media(tmp_path: Path) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    files = {"good.png": png + b"IEND", "cut.png": png, "zero.png": b"", "text.png": b"hello world, no picture"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    faults = {name: find_file_fault(tmp_path, name, "image") for name in (*files, "gone.png", "../x.png")}
    assert faults == {
        "good.png": "", "cut.png": "cut off", "zero.png": "empty", "text.png": "not a picture",
        "gone.png": "missing", "../x.png": "outside the folder",
    }  # fmt: skip
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x0cftypisom" + b"\0\0\0\x2cmdat" + b"0" * 36)
    (tmp_path / "half.mp4").write_bytes(b"\0\0\0\x0cftypisom\0\0\0\1mdat" + (80).to_bytes(8, "big") + b"0" * 40)
    videos = ("clip.mp4", "half.mp4", "zero.png", "text.png", "gone.mp4")
    faults = {name: find_file_fault(tmp_path, name, "video") for name in videos}
    assert list(faults.values()) == ["", "cut off", "empty", "not a video", "missing"]
    items = {"item_id": ["i0", "i1"], "video": ["text.png", "clip.mp4"]}
    diagnosis = examine(Dataset.from_tables(table(), items, root=tmp_path))
    assert diagnosis.find("broken_media").examples == ("text.png (not a video)",)  # type: ignore[union-attr]
    assert diagnosis.find("broken_media").sentence("zh").endswith("不能用：1 个不是视频。")  # type: ignore[union-attr]
    assert "i0" in diagnosis.find("no_content").examples and "i1" not in diagnosis.find("no_content").examples  # type: ignore[union-attr]
    items = {"item_id": ["i0", "i1"], "image": ["good.png", "zero.png"]}
    diagnosis = examine(Dataset.from_tables(table(), items, root=tmp_path))
    assert diagnosis.find("broken_media").examples == ("zero.png (empty)",)  # type: ignore[union-attr]
    assert "i1" in diagnosis.find("no_content").examples  # type: ignore[union-attr]


def test_bots_languages_gaps_and_kinds() -> None:
    bot = [("bot", f"i{n % 50}", START + 600 * n + 13) for n in range(300)]
    log = with_rows(table(), *bot)
    log["timestamp"] = [t + (40 * 86_400 if t > START + 100 * 86_400 else 0) for t in log["timestamp"]]
    log["event"] = ["like" if n >= 600 and n % 2 else "view" for n in range(900)]
    items = {"item_id": [f"i{n}" for n in range(60)], "title": ["雨" * 5 if n % 3 else "rain" for n in range(60)]}
    diagnosis = examine_log(log, items)
    assert diagnosis.find("bots").examples == ("bot",)  # type: ignore[union-attr]
    assert diagnosis.find("bots").sentence("zh").endswith("的行为像机器人：过于规律、昼夜不停。")  # type: ignore[union-attr]
    assert diagnosis.find("languages").numbers["main"] == "zh"  # type: ignore[union-attr]
    assert diagnosis.find("gap").numbers["days"] in (40, 41)  # type: ignore[union-attr]
    assert diagnosis.find("kind_drift").examples == ("like",)  # type: ignore[union-attr]
    assert next(one.choice for one in diagnosis.advice if one.topic == "encoder").endswith("ngram")


def test_kinds_that_look_negative_and_count_as_positive() -> None:
    log = table()
    words = ["不想看", "video_skipped", "不喜欢", "hide", "view", "收藏", "download"]
    log["event"] = [words[n] if n < len(words) else "view" for n in range(len(log["user_id"]))]
    one = examine_log(log).find("unread_negatives")
    assert one is not None and one.severity == "warn" and one.numbers["events"] == 2
    assert set(one.examples) == {"不想看", "video_skipped"}
    assert '[events.kinds] 下写明："不想看" = "dislike"' in one.remedy("zh")
    assert examine_log(table()).find("unread_negatives") is None


def test_an_empty_catalogue_of_events_is_no_crash() -> None:
    assert examine_log({"user_id": ["a"], "item_id": ["b"], "timestamp": [None]}).find("no_time")


def test_every_finding_has_its_texts() -> None:
    texts = load_catalogue("doctor")
    codes = {key.split(".")[1] for key in texts if key.startswith("finding.")}
    for code in codes:
        assert {f"finding.{code}", f"finding.{code}.sentence", f"finding.{code}.remedy"} <= set(texts)
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/penchant/cleaning/doctor").glob("*.py"))
    assert [code for code in codes if f'"{code}"' not in source] == []
    with pytest.raises(OptionError, match="Allowed: en, zh"):
        examine_log(table()).to_dict("fr")
    with pytest.raises(OptionError, match="It is now called 'duplicates'"):
        examine_log(table()).find("twins")


def test_advice_names_what_exists() -> None:
    for rule in RULES:
        assert Advice(rule.topic, rule.name, rule.choice).to_dict("zh")["why"]
        words = rule.choice.split()
        if rule.topic == "model":
            assert words[1] in MODELS
        default = Config(model="transformer")
        for setting in words[1::2] if "--set" in words else ():
            assert default.with_settings(parse_settings([setting])).changes() != default.changes(), (
                "it sets the default"
            )
    big = Traits(users=10**6, items=10**6, events=10**8, median=50, p90=90, text=1.0)
    assert "--model cooccurrence" in [one.choice for one in advise(big)]
    gpu = advise(Traits(users=10**6, items=10**6, events=10**8, median=50, p90=90, machine=Machine(16, 128, True)))
    assert write_command(gpu).endswith("--set transformer.layers=3 --set transformer.max_length=100")
    usual = advise(Traits(users=10**5, items=10**4, events=10**6, median=50, p90=300, text=1.0))
    assert [(one.topic, one.choice) for one in usual][-2:] == [("size", ""), ("length", "")]
    assert write_command(usual).endswith("transformer --split leave-one-out"), "nothing to set"
    bare, titled = (advise(Traits(users=100, items=50, events=900, median=5, text=share)) for share in (0.0, 1.0))
    assert "content" not in write_command(bare), "content would have nothing to read"
    assert [(one.topic, one.rule) for one in bare][-2:] == [("encoder", "no-text"), ("model", "small")]
    assert write_command(titled, "my shop").startswith(
        "penchant compare 'my shop' --models popularity,cooccurrence,content"
    )
    assert SequenceOptions().max_length == Traits(1, 1, 1, p90=300).max_length


def test_real_data(shared_data: Path) -> None:
    diagnosis = examine(Dataset.load(shared_data / "online-retail"), now_s=1_790_000_000)
    assert diagnosis.find("one_event").numbers["users"] == 78  # type: ignore[union-attr]
    assert diagnosis.find("ties_ordered").numbers["events"] == 396_697  # type: ignore[union-attr]
    assert diagnosis.count("problem") == 0
