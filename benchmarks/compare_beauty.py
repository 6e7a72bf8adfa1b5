"""Amazon Beauty (5-core): every model, leave-one-out (stable and random ties, refitted) and the global time split.

    python benchmarks/compare_beauty.py [DATA] [--models a,b] [--scenarios stable,random,refit,time] [--seeds N]

Writes results/compare_amazon-beauty_SCENARIO.json and results/compare_amazon-beauty.md. See `_compare.py`.
"""

from __future__ import annotations

from _compare import LEAVE_ONE_OUT, TIME, run

SETTINGS: dict[str, dict[str, object]] = {}
"""Options of the networks, chosen on validation; defaults for the rest."""

if __name__ == "__main__":
    run("amazon-beauty", {**LEAVE_ONE_OUT, "time": TIME}, SETTINGS)
