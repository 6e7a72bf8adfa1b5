"""Recall and precision of each cleaning rule on errors planted in real data.

    python benchmarks/cleaning_rules.py [FOLDER]

FOLDER holds Online Retail in the data contract (default: ../shared/data/online-retail beside the project).
Nothing was tuned on the planted errors; seed 0.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import cpu_s, write

from penchant.cleaning.bots import find_bots
from penchant.cleaning.copied_texts import find_copied_texts
from penchant.cleaning.duplicates import find_duplicates
from penchant.cleaning.impossible import ImpossibleOptions, find_events_before_item, find_impossible_events
from penchant.cleaning.misspellings import find_misspellings
from penchant.cleaning.repeated_events import find_repeated_events
from penchant.cleaning.text_noise import remove_column_noise
from penchant.data.dataset import Dataset

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "online-retail"
Outcome = tuple[set[Any], set[Any], float]
"""Planted ids, flagged ids, CPU seconds."""


def events_table(data: Dataset) -> pl.DataFrame:
    """Events with external ids, as in a file."""
    return data.events.select(
        "event_id",
        pl.Series("user_id", data.user_vocabulary.ids.gather(data.events["user"])),
        pl.Series("item_id", data.item_vocabulary.ids.gather(data.events["item"])),
        pl.col("time_s").alias("timestamp"),
        pl.Series("event", data.kinds.ids.gather(data.events["kind"])),
        "value",
    )


def timed(call: Any) -> tuple[Any, float]:
    start = cpu_s()
    out = call()
    return out, cpu_s() - start


def planted_events(clean: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> dict[str, Outcome]:
    """Plant double clicks, values off the scale, events before their item, copied comments."""
    chosen = clean.sample(2_000, seed=0).with_row_index("n")
    doubles = chosen.head(500).with_columns(
        pl.format("double{}", "n").alias("event_id"), pl.col("timestamp") + pl.Series(rng.integers(1, 3, 500))
    )
    wrong = chosen[500:1000].with_columns(
        pl.format("value{}", "n").alias("event_id"), pl.lit(1e7, pl.Float32).alias("value")
    )
    first = clean.group_by("item_id").agg(pl.col("timestamp").min().alias("created_at"))
    early = (
        chosen[1000:1500]
        .join(first, on="item_id", maintain_order="left")
        .with_columns(
            pl.format("early{}", "n").alias("event_id"), (pl.col("created_at") - 5 * 86_400).alias("timestamp")
        )
    )
    spam = chosen[1500:1600].with_columns(pl.format("spam{}", "n").alias("event_id"))
    spam = spam.with_columns(
        pl.Series("text", [f"Visit my shop for the best prices in town {'!' * k}" for k in rng.integers(1, 9, 100)])
    )
    talk = chosen[1600:].with_columns(
        pl.Series(
            "text", [f"remark {k} about {t}, quite unlike another" for k, t in enumerate(rng.integers(0, 10**9, 400))]
        )
    )
    parts = [part.select(pl.exclude("n", "created_at")) for part in (doubles, wrong, early, spam, talk)]
    known = clean.join(chosen[500:].select("event_id"), on="event_id", how="anti")  # only doubles keep their first
    data = Dataset.from_tables(pl.concat([known, *parts], how="diagonal"), items.join(first, on="item_id", how="left"))
    out: dict[str, Outcome] = {}
    for name, plants, call in (
        ("repeated_events", doubles, lambda: find_repeated_events(data)),
        ("impossible_events", wrong, lambda: find_impossible_events(data, ImpossibleOptions(value=(-1e6, 1e6)))),
        ("events_before_item", early, lambda: find_events_before_item(data)),
        ("copied_texts", spam, lambda: find_copied_texts(data)),
    ):
        finding, seconds = timed(call)
        out[name] = (set(plants["event_id"]), set(finding.details["event_id"]), seconds)
    return out


def planted_users(clean: pl.DataFrame, rng: np.random.Generator) -> Outcome:
    """Plant bots: timers with jitter, floods, bots without sleep, bots on one item."""
    items = clean["item_id"].unique().sort().to_numpy()
    start, tables = int(clean["timestamp"].min()), []  # type: ignore[arg-type]
    for n in range(40):
        size = int(rng.integers(60, 400))
        times = {
            0: start + np.arange(size) * 600 + rng.integers(0, 20, size),
            1: start + rng.integers(0, 1800, size + 1200),
            2: start + rng.integers(0, 4 * 86_400, size + 400),
            3: start + rng.integers(0, 300, size) * 86_400 + rng.integers(8 * 3600, 20 * 3600, size),
        }[n % 4]
        wanted = np.repeat(items[n], len(times)) if n % 4 == 3 else rng.choice(items, len(times))
        tables.append(pl.DataFrame({"user_id": f"bot{n}", "item_id": wanted, "timestamp": np.sort(times)}))
    data = Dataset.from_tables(pl.concat([clean.select("user_id", "item_id", "timestamp"), *tables]))
    finding, seconds = timed(lambda: find_bots(data))
    return {f"bot{n}" for n in range(40)}, set(finding.details["user_id"]), seconds


def planted_items(items: pl.DataFrame, rng: np.random.Generator) -> Outcome:
    """Plant near duplicates: another id, the title in another case with two words swapped. Exact ones do not count."""
    base = items.unique("title", keep="first", maintain_order=True).filter(pl.col("title").str.len_chars() >= 20)
    quiet = Dataset.from_tables({"user_id": ["u"], "item_id": [base["item_id"][0]], "timestamp": [1]}, base)
    alike = set(find_duplicates(quiet).details.select("item_id", "replaced_by").unpivot()["value"])
    base = base.filter(~pl.col("item_id").is_in(list(alike)))
    copies = base.sample(300, seed=1).with_columns(
        pl.format("copy-{}", "item_id").alias("item_id"),
        pl.format("{} *", pl.col("title").str.to_titlecase()).alias("title"),
    )
    data = replace_items(quiet, pl.concat([base, copies]))
    finding, seconds = timed(lambda: find_duplicates(data))
    return set(copies["item_id"]), set(finding.details["item_id"]), seconds


def replace_items(data: Dataset, items: pl.DataFrame) -> Dataset:
    replaced = Dataset.from_tables({"user_id": ["u"], "item_id": [items["item_id"][0]], "timestamp": [1]}, items)
    return replace(replaced, report=data.report)


def planted_texts(items: pl.DataFrame, rng: np.random.Generator) -> dict[str, Outcome]:
    """Plant titles with markup, wrong encoding, full-width letters, long runs, and one slip in a frequent word."""
    titles = items["title"].drop_nulls().unique(maintain_order=True).str.strip_chars().str.replace_all(r"\s+", " ")
    rows = rng.permutation(len(titles))[:400]
    dirty = titles.to_list()
    for n, row in enumerate(rows):
        dirty[row] = {
            0: f"<b>{dirty[row]}</b>",
            1: (dirty[row] + " café").encode().decode("cp1252"),
            2: "".join(chr(ord(c) + 0xFEE0) if c.isalnum() and c.isascii() else c for c in dirty[row]),
            3: dirty[row] + "!" * 8,
        }[n % 4]
    column = pl.Series("title", dirty)
    (after, _), seconds = timed(lambda: remove_column_noise(column))
    changed = set(np.flatnonzero((after != column).to_numpy()).tolist())
    out: dict[str, Outcome] = {"text_noise": ({int(row) for row in rows}, changed, seconds)}
    words = titles.str.to_lowercase().str.split(" ").explode().value_counts().sort("count", "title", descending=True)
    common = words.filter((pl.col("count") >= 40) & pl.col("title").str.contains(r"^[a-z]{6,}$"))["title"].to_list()[
        :60
    ]
    slips = {}
    for word in common:
        at = int(rng.integers(1, len(word) - 2))
        slip = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if slip != word:
            slips[slip] = word
    before = set(find_misspellings(titles)["word"])
    flagged, seconds = timed(lambda: find_misspellings([*titles.to_list(), *slips]))
    out["misspellings"] = (set(slips), set(flagged["word"]) - before, seconds)
    return out


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not folder.is_dir():
        print(f"{folder} is not there. Give the folder of Online Retail in the data contract.", file=sys.stderr)
        return 2
    rng = np.random.default_rng(0)
    data = Dataset.load(folder)
    clean = events_table(data)
    already = set(find_repeated_events(data).details["event_id"])
    clean = clean.filter(~pl.col("event_id").is_in(list(already)))
    outcomes = planted_events(clean, data.items, rng) | {"bots": planted_users(clean, rng)}
    outcomes |= {"duplicates": planted_items(data.items, rng)} | planted_texts(data.items, rng)
    result = {}
    for name, (planted, flagged, seconds) in outcomes.items():
        correct = len(planted & flagged)
        result[name] = {
            "planted": len(planted),
            "flagged": len(flagged),
            "recall": round(correct / len(planted), 4),
            "precision": round(correct / len(flagged), 4) if flagged else None,
            "cpu_s": round(seconds, 2),
        }
        print(f"{name:20} {result[name]}")
    write("cleaning_rules", {"data": "online-retail with planted dirt, seed 0", "rules": result})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
