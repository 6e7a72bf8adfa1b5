"""CPU seconds to load, clean and pack MovieLens-1M: read Parquet, recognise, check every row, code, sort, pack.

    python benchmarks/load_movielens.py [FOLDER]

FOLDER holds events.parquet and its kin (default: ../shared/data/movielens-1m beside the project).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from _report import cpu_s, peak_rss_mb, write

EVENTS = 999_611
LIMIT_S = 5.0
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not folder.is_dir():
        print(f"{folder} is not there. Give the folder of MovieLens-1M in the data contract.", file=sys.stderr)
        return 2
    import penchant.data.ingest.load  # noqa: F401  (imports are not what is timed)
    from penchant.data.dataset import Dataset

    seconds, walls = [], []
    for _ in range(5):
        start, wall = cpu_s(), time.perf_counter()
        data = Dataset.load(folder)
        batch = data.sequences()
        seconds.append(cpu_s() - start)
        walls.append(time.perf_counter() - wall)
        assert data.n_events == batch.n_events == EVENTS, f"{data.n_events:,} events, not {EVENTS:,}"
        assert data.report is not None and data.report.rows_quarantined == 0
    first, median = seconds[0], sorted(seconds)[2]
    result = {
        "data": "movielens-1m",
        "events": EVENTS,
        "cpu_s_first": round(first, 3),
        "cpu_s_median_of_5": round(median, 3),
        "wall_s_median_of_5": round(sorted(walls)[2], 3),
        "limit_cpu_s": LIMIT_S,
        "peak_rss_mb": peak_rss_mb(),
    }
    print(f"{EVENTS:,} events loaded, cleaned and packed in {first:.2f} CPU s (median of 5: {median:.2f})")
    write("load_movielens", result)
    return 0 if first < LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
