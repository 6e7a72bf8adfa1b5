"""`penchant train DATA` without options, as a user calls it: its cost, and the quality of the lists of its bundle.

    python benchmarks/train_command.py [DATA] [--threads 2] [--set KEY=VALUE …]

The folder is copied without the last event of each user. The command tests, trains and writes a bundle from the copy.
The bundle then ranks for those events: full ranking, items of the history filtered out, the time of the request given
and hidden. Wall time and CPU seconds are those of the complete command, with its test beside simple models.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import write

from penchant.data.dataset import Dataset
from penchant.data.splits import split
from penchant.embeddings.packing import pack_histories
from penchant.evaluation.run import with_content
from penchant.metrics.ranking import hit_rate, ndcg
from penchant.metrics.significance import bootstrap
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
KEEP = Path(".penchant-train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    shutil.rmtree(KEEP, ignore_errors=True)
    known, bundle = without_last(args.data, KEEP / "data"), KEEP / "bundle"
    command = [sys.executable, "-m", "penchant", "train", str(known), "--out", str(bundle)]
    threads = {name: str(args.threads) for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS")}
    begun = time.monotonic()
    subprocess.run([*command, *(f"--set={pair}" for pair in args.set)], check=True, env=os.environ | threads)
    wall = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = {"wall_s": round(wall), "cpu_s": round(used.ru_utime + used.ru_stime), "threads": args.threads}
    cost["peak_rss_mb"] = round(used.ru_maxrss * 1024 / 1e6)
    result = {"settings": args.set, **cost, **evaluate_bundle(args.data, bundle)}
    print(result, flush=True)
    write(f"train_command_{args.data.name}", result)


def without_last(data: Path, folder: Path) -> Path:
    """Copy a folder of data without the last event of each user (ties in the order of `seq` or of the file)."""
    shutil.copytree(data, folder, symlinks=True, ignore=shutil.ignore_patterns("events.*"))
    events = pl.read_parquet(data / "events.parquet").with_row_index("_row")
    order = [name for name in ("timestamp", "seq", "_row") if name in events.columns]
    last = events.sort(order).group_by("user_id", maintain_order=True).agg(pl.col("_row").last())
    events.join(last, on="_row", how="anti").sort("_row").drop("_row").write_parquet(folder / "events.parquet")
    return folder


def evaluate_bundle(data: Path, bundle: Path) -> dict[str, Any]:
    """NDCG@10 and hit rate@10 on the last events, by a bundle trained on all others."""
    recommender = Recommender.load(bundle)
    cut = split(Dataset.load(data), "leave-one-out")
    if cut.dataset.item_vocabulary != recommender.dataset.item_vocabulary:
        raise SystemExit("The bundle has other items than the data.")
    test = with_content(cut.test, pack_histories(cut.dataset, recommender.encoders))
    rows: dict[str, Any] = {"users": len(test)}
    for way, holdout in {"given": test, "hidden": replace(test, histories=test.histories.at(None))}.items():
        ranked, _ = recommender.rank(holdout.histories, 10, exclude=holdout.seen)
        interval = bootstrap(ndcg(ranked, holdout.targets, 10))
        rows[way] = {
            "ndcg@10": {"mean": interval.mean, "low": interval.low, "high": interval.high},
            "hit_rate@10": float(np.mean(hit_rate(ranked, holdout.targets, 10))),
        }
    return rows


if __name__ == "__main__":
    main()
