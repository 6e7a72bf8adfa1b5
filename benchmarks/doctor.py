"""Findings of the data doctor on three public sets, and its CPU time.

    python benchmarks/doctor.py [FOLDER]

FOLDER holds movielens-1m, amazon-beauty and online-retail in the data contract (default: ../shared/data beside the
project).
"""

from __future__ import annotations

import sys
from pathlib import Path

from _report import cpu_s, peak_rss_mb, write

NOW_S = 1_790_000_000
LIMIT_S = 10.0
SETS = ("movielens-1m", "amazon-beauty", "online-retail")
FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    missing = [name for name in SETS if not (folder / name).is_dir()]
    if missing:
        print(f"{folder} lacks {', '.join(missing)}.", file=sys.stderr)
        return 2
    from penchant.cleaning.doctor.doctor import examine
    from penchant.data.dataset import Dataset

    result = {}
    for name in SETS:
        start = cpu_s()
        data = Dataset.load(folder / name)
        loaded = cpu_s()
        diagnosis = examine(data, now_s=NOW_S)
        values = diagnosis.to_dict()
        keys = ("code", "severity", "sentence", "numbers")
        result[name] = {
            "events": data.n_events,
            "load_cpu_s": round(loaded - start, 2),
            "examine_cpu_s": round(cpu_s() - loaded, 2),
            "severities": values["severities"],
            "findings": [{key: one[key] for key in keys} for one in values["findings"]],
            "advice": {one.topic: one.choice for one in diagnosis.advice},
        }
        print(f"{name}: {values['severities']} in {result[name]['examine_cpu_s']} CPU s")
    write("doctor", {"limit_cpu_s": LIMIT_S, "peak_rss_mb": peak_rss_mb(), "sets": result})
    return 0 if all(one["load_cpu_s"] + one["examine_cpu_s"] < LIMIT_S for one in result.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
