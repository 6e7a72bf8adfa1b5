"""Recall of the rule `bots` on the bots and spammers of the simulator, and how many humans it flags.

    python benchmarks/simulated_bots.py

Five platforms of 2,000 human users, 40 bots and 40 spammers (seeds 0 to 4); the rule has its defaults, not tuned here.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from _report import write

from penchant.cleaning.clean import find
from penchant.data.dataset import Dataset
from penchant.simulator import SimulatorOptions, Truth, simulate


def main() -> None:
    names = ("bots", "bots_flagged", "spammers", "spammers_flagged", "flagged", "humans_flagged")
    counts = dict.fromkeys(names, 0)
    for seed in range(5):
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "platform"
            simulate(SimulatorOptions(bots=0.02, spammers=0.02, seed=seed)).write(folder)
            truth, data = Truth.load(folder / "truth"), Dataset.load(folder)
            flagged = data.users["user_id"].gather(find("bots", data).rows)
        labels = truth.users.with_columns(pl.col("user_id").is_in(flagged.implode()).alias("flagged"))
        for name in ("bot", "spammer"):
            those = labels.filter(pl.col("label") == name)
            counts[f"{name}s"] += those.height
            counts[f"{name}s_flagged"] += int(those["flagged"].sum())
        counts["flagged"] += int(labels["flagged"].sum())
        counts["humans_flagged"] += int(labels.filter(pl.col("label") == "human")["flagged"].sum())
    result = {
        **counts,
        "recall_bots": counts["bots_flagged"] / counts["bots"],
        "recall_spammers": counts["spammers_flagged"] / counts["spammers"],
        "precision": 1 - counts["humans_flagged"] / max(1, counts["flagged"]),
    }
    print(result)
    write("simulated_bots", result)


if __name__ == "__main__":
    main()
