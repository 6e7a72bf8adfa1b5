"""CPU seconds and memory to load, clean and pack made-up logs of 1 M and 10 M events from Parquet.

    python benchmarks/load_scale.py [MILLIONS ...]

Users are drawn from a million ids, items from a hundred thousand (popular ones more often), times from a year; text
ids, as logs have them. Each size runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
from _report import cpu_s, peak_rss_mb, write

LIMIT_CPU_S, LIMIT_TIMES = 60.0, 4.0
"""For 10 M events: CPU seconds, and peak memory over the size of the table in Arrow."""


def make(folder: Path, events: int) -> None:
    rng = np.random.default_rng(0)
    items = np.minimum((rng.pareto(1.2, events) * 300).astype(np.int64), 99_999)
    pl.DataFrame(
        {
            "user_id": pl.Series(rng.integers(0, max(1000, events // 10), events)).cast(pl.String),
            "item_id": pl.Series(items).cast(pl.String),
            "timestamp": rng.integers(1_700_000_000, 1_731_536_000, events),
            "event": pl.Series(rng.integers(0, 3, events)).replace_strict({0: "view", 1: "click", 2: "like"}),
        }
    ).write_parquet(folder / "events.parquet")


def measure(folder: Path) -> dict[str, float]:
    import penchant.data.ingest  # noqa: F401  (imports are not what is timed)
    from penchant.data.dataset import Dataset

    before, start = peak_rss_mb(), cpu_s()
    data = Dataset.load(folder)
    batch = data.sequences()
    seconds, peak = cpu_s() - start, peak_rss_mb()
    assert data.report is not None
    table = pl.read_parquet(folder / "events.parquet").to_arrow()
    return {
        "events": batch.n_events,
        "rows_quarantined": data.report.rows_quarantined,
        "cpu_s": round(seconds, 2),
        "peak_rss_mb": peak,
        "arrow_mb": round(table.nbytes / 1e6, 1),
        "peak_over_arrow": round((peak - before) * 1.048576 / (table.nbytes / 1e6), 2),
    }


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    result = {}
    for millions in [int(word) for word in sys.argv[1:]] or [1, 10]:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), millions * 1_000_000)
            done = subprocess.run(
                [sys.executable, __file__, "--measure", folder], check=True, capture_output=True, text=True
            )
        result[f"{millions} M"] = json.loads(done.stdout)
        print(f"{millions} M events: {result[f'{millions} M']}")
    write("load_scale", {**result, "limits_10_m": {"cpu_s": LIMIT_CPU_S, "peak_over_arrow": LIMIT_TIMES}})


if __name__ == "__main__":
    main()
