"""CPU seconds and memory to load, clean and pack synthetic logs of 1 M, 10 M and 100 M events from Parquet.

    python benchmarks/load_scale.py [MILLIONS ...] [--folder DIR]

The number of user ids is a tenth of the number of events (at least a thousand). Items come from a hundred thousand, by
a power law; times from one year; ids are texts, as in real logs. Logs are written below DIR (default: the folder of
temporary files) and removed. A log of 20 M events or more is a folder of parts of 2 M. Each size runs in a separate
process, so that its peak memory is measured alone. Results of other sizes are kept.
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
"""Limits: CPU seconds, peak memory, and peak memory divided by the size of the table in Arrow."""
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
    figures = {
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
    return figures | {"arrow_mb": size, "peak_over_arrow": round((peak - before) / size, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("millions", nargs="*", type=int, default=[1, 10])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return
    if args.make:
        make(args.make, args.millions[0] * 1_000_000)
        return
    known = RESULTS / "load_scale.json"
    result = json.loads(known.read_text(encoding="utf-8"))["result"] if known.is_file() else {}
    for millions in args.millions:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
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
