"""Loss of a list whose interest vector is an hour, a day, a week or a month old.

    python benchmarks/staleness.py [DATA] [--models a,b] [--epochs N] [--keep DIR] [--repeats]

Global time split. The target is the last event of each user after the cut; the history is all events before it. An old
vector lacks the events of the last hour (day, …) before the request: they are removed from the history. The time of the
request is given. Items of the full history are filtered out at every age, so that all ages rank the same items; with
`--repeats` (the default on Online Retail) nothing is filtered. Users without a remaining event are answered as users
without a history. Writes results/staleness_NAME.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from _histories import arguments, fitted, full_histories, score_ndcg, with_defaults, with_interval
from _report import cpu_s, peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.splits import split

HOUR = 3600
AGES = {"now": 0, "hour": HOUR, "day": 24 * HOUR, "week": 7 * 24 * HOUR, "month": 30 * 24 * HOUR}


def main() -> None:
    parser = arguments(__doc__)
    args = parser.parse_args()
    repeats, settings = with_defaults(args)
    cut = split(Dataset.load(args.data), "time", target="last", repeats=repeats)
    curves: dict[str, dict[str, Any]] = {}
    every_row = np.arange(len(cut.test))
    for name, recommender in fitted(cut, settings, args.keep).items():
        histories, now, curves[name] = full_histories(cut, recommender), np.zeros(len(every_row)), {}
        assert histories.query_times_s is not None
        for age, seconds in AGES.items():
            latest = histories.query_times_s[histories.rows] - seconds
            old = histories.keep(histories.times_s <= latest) if seconds else histories
            values = score_ndcg(recommender, cut.test, old, every_row)
            now = values if age == "now" else now
            curves[name][age] = {
                "ndcg@10": with_interval(values),
                "lost": with_interval(now - values),
                "without_history": int((old.lengths == 0).sum()),
                "changed": int((old.lengths < histories.lengths).sum()),
            }
            print(f"{name}, {age}: {curves[name][age]}", flush=True)
    result = {"users": len(cut.test), "epochs": args.epochs, "models": curves, "notes": cut.notes}
    write(f"staleness_{args.data.name}", {**result, "cpu_s": round(cpu_s(), 1), "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
