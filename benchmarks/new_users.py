"""How good lists are for people of whom little is known: histories cut to 1, 2, 5 or 10 events.

    python benchmarks/new_users.py [DATA] [--models a,b] [--epochs N] [--keep DIR] [--split time]

Every tested person with more than ten events is asked with their last 1, 2, 5 and 10 events, with their first ones, and
with all; so each length is asked of the same people. Items seen in the whole history are left out at every length
(nothing with repeats). Bundles are fitted on the training part; nobody's history is shortened there. Writes
results/new_users_NAME.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import numpy as np
from _histories import arguments, fitted, scored, told, with_defaults, with_interval
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
    asked = parser.parse_args()
    repeats, settings = with_defaults(asked)
    cut = split(Dataset.load(asked.data), asked.split, target="last", repeats=repeats)
    rows = np.flatnonzero(cut.test.histories.lengths > max(LENGTHS))
    found: dict[str, dict[str, Any]] = {}
    for name, recommender in fitted(cut, settings, asked.keep).items():
        whole = told(cut, recommender)
        parts = {f"last {n}": whole.last(n) for n in LENGTHS} | {f"first {n}": first(whole, n) for n in LENGTHS}
        parts["all"] = whole
        found[name] = {part: with_interval(scored(recommender, cut.test, kept, rows)) for part, kept in parts.items()}
        print(f"{name}: {found[name]}", flush=True)
    result = {"users": len(rows), "of": len(cut.test), "epochs": asked.epochs, "ndcg@10": found, "notes": cut.notes}
    write(f"new_users_{asked.data.name}", {**result, "cpu_s": round(cpu_s(), 1), "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
