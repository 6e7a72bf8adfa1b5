"""Incremental updates beside a full training: NDCG@10 on held-out newest events, overlap of lists and vectors, CPU
seconds.

    penchant simulate --out simulated-platform --users 2000 --items 1000 --events 40000 --seed 0
    python benchmarks/update_drift.py [DATA] [--model NAME] [--epochs N] [--quantile Q] [--seed S]

The bundle learns the events before a quantile of the times. The later ones are the new data, with new users and items
among them. The newest event of every second user with new events is held out. An update with several options takes in
the rest; a full training uses the same modalities and the same number of epochs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from pathlib import Path

import numpy as np
import polars as pl
from _report import cpu_s, write

from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import merge
from penchant.data.results.records import TrainingRecord
from penchant.evaluation.drift import hold_out_targets, measure_drift, measure_ndcg
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training.continuing import UpdateOptions

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazon-beauty"
OPTIONS = ((0, 1.0, 0.3), (1, 1.0, 0.3), (2, 0.0, 0.3), (2, 1.0, 0.1), (2, 1.0, 1.0), (2, 4.0, 0.3), (4, 1.0, 0.3))


def part(data: Dataset, mask: np.ndarray) -> Dataset:
    """Select events as a separate dataset with only the items and users in them."""
    chosen = data.events.filter(pl.Series(mask))
    events = pl.DataFrame(
        {
            "event_id": chosen["event_id"],
            "user_id": data.user_vocabulary.decode(chosen["user"].to_numpy()),
            "item_id": data.item_vocabulary.decode(chosen["item"].to_numpy()),
            "event": data.kinds.decode(chosen["kind"].to_numpy()),
            "timestamp": chosen["time_s"],
            "seq": chosen["seq"],
        }
    )
    items = data.items.filter(pl.col("item_id").is_in(events["item_id"].implode()))
    return Dataset.from_tables(events, items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--model", default="transformer")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--quantile", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = Dataset.load(args.data)
    times = data.events["time_s"].to_numpy()
    cut = np.quantile(times, args.quantile, method="lower")
    old, new = part(data, times < cut), part(data, times >= cut)
    config = Config(model=args.model, seed=args.seed).with_settings(
        {"transformer.dim": 64, "transformer.epochs": args.epochs, "modalities.text.encoder": "ngram"}
    )
    begun = cpu_s()
    rec = Recommender.fit(old, config, chosen=TrainingRecord(best_epoch=args.epochs))
    print({"first training": round(cpu_s() - begun, 1), "counts": merge(old, new).counts}, flush=True)
    rows = [{"update": "epochs 2, replay 1.0, rate 0.3", **measure_drift(rec, new).to_dict()}]
    print(rows[0], flush=True)
    holdout = hold_out_targets(rec, new)
    for epochs, replay, rate in OPTIONS:
        begun = cpu_s()
        updated = rec.update(holdout.rest, UpdateOptions(epochs, replay, rate))
        spent = round(cpu_s() - begun, 1)
        row = {
            "update": f"epochs {epochs}, replay {replay}, rate {rate}",
            "ndcg_updated": measure_ndcg(updated, holdout),
        }
        rows.append({**row, "update_cpu_s": spent})
        print(rows[-1], flush=True)
    run_settings = {"data": args.data.name, "model": args.model, "epochs": args.epochs, "seed": args.seed}
    write(f"update_drift_{args.data.name}_{args.seed}", {**run_settings, "new": merge(old, new).counts, "runs": rows})


if __name__ == "__main__":
    main()
