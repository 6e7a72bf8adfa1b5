"""What a list loses when the interest vector behind it is an hour, a day, a week or a month old.

    python benchmarks/staleness.py [DATA] [--models a,b] [--epochs N] [--keep DIR] [--repeats]

Global time split, each person's last event after the cut as target, all events before it as history. An old vector has
not seen the events of the last hour (day, …) before the request: they are hidden from the history. The time of the
request is still given. Items seen in the whole history are left out at every age, so that all ages ask the same
question; with `--repeats` (the default on Online Retail) nothing is left out. People without any event left are
answered as anybody without a history is. Writes results/staleness_NAME.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from _histories import arguments, fitted, scored, told, with_defaults, with_interval
from _report import cpu_s, peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.splits import split

HOUR = 3600
AGES = {"now": 0, "hour": HOUR, "day": 24 * HOUR, "week": 7 * 24 * HOUR, "month": 30 * 24 * HOUR}


def main() -> None:
    parser = arguments(__doc__)
    asked = parser.parse_args()
    repeats, settings = with_defaults(asked)
    cut = split(Dataset.load(asked.data), "time", target="last", repeats=repeats)
    curves: dict[str, dict[str, Any]] = {}
    everybody = np.arange(len(cut.test))
    for name, recommender in fitted(cut, settings, asked.keep).items():
        whole, now, curves[name] = told(cut, recommender), np.zeros(len(everybody)), {}
        assert whole.query_times_s is not None
        for age, seconds in AGES.items():
            old = whole.keep(whole.times_s <= whole.query_times_s[whole.rows] - seconds) if seconds else whole
            values = scored(recommender, cut.test, old, everybody)
            now = values if age == "now" else now
            curves[name][age] = {
                "ndcg@10": with_interval(values),
                "lost": with_interval(now - values),
                "without_history": int((old.lengths == 0).sum()),
                "changed": int((old.lengths < whole.lengths).sum()),
            }
            print(f"{name}, {age}: {curves[name][age]}", flush=True)
    result = {"users": len(cut.test), "epochs": asked.epochs, "models": curves, "notes": cut.notes}
    write(f"staleness_{asked.data.name}", {**result, "cpu_s": round(cpu_s(), 1), "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
