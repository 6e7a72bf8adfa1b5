"""Online Retail: every model, global time split, repeat purchases allowed (bought items are ranked and may be targets).

    python benchmarks/compare_retail.py [DATA] [--models a,b] [--seeds N]

Writes results/compare_online-retail_repeats.json and results/compare_online-retail.md. See `_compare.py`.
"""

from __future__ import annotations

from _compare import Scenario, run

SETTINGS: dict[str, dict[str, object]] = {}
"""Options of the networks, chosen on validation; defaults for the rest."""

REPEATS = Scenario(
    "Global time split, first target after the cut, repeat purchases allowed", {"split": "time", "repeats": True}
)

if __name__ == "__main__":
    run("online-retail", {"repeats": REPEATS}, SETTINGS)
