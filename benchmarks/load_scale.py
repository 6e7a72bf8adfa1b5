"""CPU seconds and memory to load, clean and pack made-up logs of 1 M, 10 M and 100 M events from Parquet.

    python benchmarks/load_scale.py [MILLIONS ...] [--folder DIR]

Users are drawn from a tenth as many ids as there are events (at least a thousand), items from a hundred thousand
(popular ones more often), times from a year; text ids, as logs have them. Logs are made below DIR (default: where
temporary files go) and removed; one of 20 M or more is a folder of parts of 2 M. Each size runs in a process of its
own, so that its peak memory is its own. Sizes that are not asked for keep their results.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from _report import RESULTS, cpu_s, peak_rss_mb, write

LIMITS = {
    "10 M": {"cpu_s": 60.0, "peak_over_arrow": 4.0},
    "100 M": {"peak_rss_mb": 16_000.0},
}
"""CPU seconds, peak memory, and peak memory over the size of the table in Arrow that may not be passed."""
PART = 2_000_000


def make(folder: Path, events: int) -> None:
    if events < 10 * PART:
        _part(np.random.default_rng(0), events, events).write_parquet(folder / "events.parquet")
        return
    (folder / "events").mkdir()
    for number in range(-(-events // PART)):
        rows = min(PART, events - number * PART)
        part = _part(np.random.default_rng([0, number]), rows, events)
        part.write_parquet(folder / "events" / f"part-{number:03d}.parquet")


def _part(rng: np.random.Generator, rows: int, events: int) -> pl.DataFrame:
    items = np.minimum((rng.pareto(1.2, rows) * 300).astype(np.int64), 99_999)
    return pl.DataFrame(
        {
            "user_id": pl.Series(rng.integers(0, max(1000, events // 10), rows)).cast(pl.String),
            "item_id": pl.Series(items).cast(pl.String),
            "timestamp": rng.integers(1_700_000_000, 1_731_536_000, rows),
            "event": pl.Series(rng.integers(0, 3, rows)).replace_strict({0: "view", 1: "click", 2: "like"}),
        }
    )


def arrow_mb(folder: Path) -> float:
    """Size of the table of events in Arrow, summed over the row groups of its parts."""
    total = 0
    for path in sorted(folder.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        total += sum(pl.from_arrow(file.read_row_group(n)).to_arrow().nbytes for n in range(file.num_row_groups))
    return round(total / 1e6, 1)


def measure(folder: Path) -> dict[str, float]:
    import penchant.data.ingest.load  # noqa: F401  (imports are not what is timed)
    from penchant.data.dataset import Dataset

    before, start = peak_rss_mb(), cpu_s()
    data = Dataset.load(folder)
    loaded = cpu_s() - start
    batch = data.sequences()
    seconds, peak = cpu_s() - start, peak_rss_mb()
    assert data.report is not None
    found = {
        "events": batch.n_events,
        "users": data.n_users,
        "rows_quarantined": data.report.rows_quarantined,
        "duplicates_dropped": data.report.tables["events"].duplicates_dropped,
        "cpu_s": round(seconds, 2),
        "of_which_packing_cpu_s": round(seconds - loaded, 2),
        "peak_rss_mb": peak,
    }
    del data, batch
    size = arrow_mb(folder)
    return found | {"arrow_mb": size, "peak_over_arrow": round((peak - before) / size, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", nargs="*", type=int, default=[1, 10])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    if asked.make:
        make(asked.make, asked.millions[0] * 1_000_000)
        return
    known = RESULTS / "load_scale.json"
    result = json.loads(known.read_text(encoding="utf-8"))["result"] if known.is_file() else {}
    for millions in asked.millions:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            script = [sys.executable, __file__]
            subprocess.run([*script, str(millions), "--make", folder], check=True)
            done = subprocess.run([*script, "--measure", folder], check=True, stdout=subprocess.PIPE, text=True)
        result[f"{millions} M"] = json.loads(done.stdout)
        print(f"{millions} M events: {result[f'{millions} M']}")
    sizes = sorted((name for name in result if name.endswith(" M")), key=lambda name: int(name.split()[0]))
    write("load_scale", {name: result[name] for name in sizes} | {"limits": LIMITS})
    over = [
        f"{name}: {what} {result[name][what]} > {limit}"
        for name, limits in LIMITS.items()
        for what, limit in limits.items()
        if name in result and result[name][what] > limit
    ]
    if over:
        raise SystemExit("Over the limit: " + "; ".join(over))


if __name__ == "__main__":
    main()
