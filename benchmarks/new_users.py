"""Quality of lists for users with few events: histories cut to 1, 2, 5 or 10 events.

    python benchmarks/new_users.py [DATA] [--models a,b] [--epochs N] [--keep DIR] [--split time]

Every test user with more than ten events is evaluated with their last 1, 2, 5 and 10 events, with their first ones, and
with all, so that each length has the same users. Items of the full history are filtered out at every length (nothing is
with repeats). Bundles are fitted on the training part, whose histories are not cut. Writes results/new_users_NAME.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from _histories import arguments, fitted, full_histories, score_ndcg, with_defaults, with_interval
from _report import cpu_s, peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import split

LENGTHS = (1, 2, 5, 10)


def first(histories: SequenceBatch, count: int) -> SequenceBatch:
    """The first events of each history."""
    place = np.arange(histories.n_events) - np.repeat(histories.offsets[:-1], histories.lengths)
    return histories.keep(place < count)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--split", choices=("time", "leave-one-out"), default="time")
    args = parser.parse_args()
    repeats, settings = with_defaults(args)
    cut = split(Dataset.load(args.data), args.split, target="last", repeats=repeats)
    rows = np.flatnonzero(cut.test.histories.lengths > max(LENGTHS))
    results: dict[str, dict[str, Any]] = {}
    for name, recommender in fitted(cut, settings, args.keep).items():
        histories = full_histories(cut, recommender)
        parts = {f"last {n}": histories.last(n) for n in LENGTHS} | {f"first {n}": first(histories, n) for n in LENGTHS}
        parts["all"] = histories
        results[name] = {
            part: with_interval(score_ndcg(recommender, cut.test, kept, rows)) for part, kept in parts.items()
        }
        print(f"{name}: {results[name]}", flush=True)
    result = {"users": len(rows), "of": len(cut.test), "epochs": args.epochs, "ndcg@10": results, "notes": cut.notes}
    write(f"new_users_{args.data.name}", {**result, "cpu_s": round(cpu_s(), 1), "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
