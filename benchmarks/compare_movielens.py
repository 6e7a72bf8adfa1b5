"""MovieLens-1M: every model, leave-one-out (stable and random ties, refitted) and the global time split.

    python benchmarks/compare_movielens.py [DATA] [--models a,b] [--scenarios stable,random,refit,time] [--seeds N]

Writes results/compare_movielens-1m_SCENARIO.json and results/compare_movielens-1m.md. See `_compare.py`.
"""

from __future__ import annotations

from _compare import LEAVE_ONE_OUT, TIME, run

SETTINGS: dict[str, dict[str, object]] = {}
"""Options of the networks, chosen on validation; defaults for the rest.

The stored results of the transformer on stable ties and on the time split come from 24 epochs:
`{"transformer": {"epochs": 24}}`.
"""

if __name__ == "__main__":
    run("movielens-1m", {**LEAVE_ONE_OUT, "time": TIME}, SETTINGS)
