"""Cost of training beside peers: CPU seconds and memory per epoch, CPU seconds until a given quality.

    python benchmarks/peers_cost.py --rectools PYTHON --recbole PYTHON [--stages a,b] [--share .25] [--fresh]

`--rectools`: an interpreter that has RecTools and implicit; `--recbole`: one that has RecBole (each needs another
numpy, so they are separate environments). Leave-one-out, stable ties, trained without the validation event, full
ranking with seen items filtered, one evaluator for all, one thread, one seed; two blocks, dim 64, two heads. Stages:

    movielens-50     one epoch of SASRec (softmax) of RecTools, and of ours with the same shape and events, at length
                     50; RecTools runs a `--share` of its batches, scaled
    movielens-200    the same at length 200
    beauty-50        the same on Amazon Beauty at length 50
    default          an epoch of our model with its default options
    best             RecTools for `--minutes` CPU minutes, NDCG@10 after each epoch; ours for `--epochs`, in batches of
                     a three-hundredth of the events; CPU seconds of each until the best NDCG@10 of RecTools
    recbole          SASRec of RecBole at length 50, on `--recbole-share` of an epoch, scaled
    factors          ALS and BPR of implicit, complete fits

RecTools learns from the last length + 1 events of a history; `same_events` gives ours the same. Our default reads every
event, cut into windows. "ours" has the block of RecTools (our encoder `sasrec`). "ours, gated block" has our default
block: a gate, and a feed-forward layer four times as wide. Results in the result file are skipped unless `--fresh`.
Each measurement runs in a separate process. Writes results/peers_cost.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _peer_tables import LeaveOneOut, work
from _report import RESULTS, write

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"
PLAIN = {
    "encoder": "sasrec",
    "fusion": "none",
    "time": False,
    "dropout": 0.2,
    "max_length": 50,
    "n_heads": 2,
    "layers": 2,
    "dim": 64,
}
SOON = {**PLAIN, "batch_tokens": 900}
"""The same in batches that reach a good NDCG@10 soonest."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
MOVIELENS = "movielens-1m"
Part = Callable[[argparse.Namespace], dict[str, Any]]
FLOORS = {"movielens-50": 4.0, "movielens-200": 10.0, "beauty-50": 45.0, "best": 10.0}
"""The aim: how many times fewer CPU seconds ours needs."""


def run(command: Sequence[str], folder: str | None = None) -> str:
    """Run a process with one thread in a folder and return its standard output."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def ours(data: Path, epochs: int, *, same_events: bool, **options: Any) -> dict[str, Any]:
    """Train and test our model with `_sequence_cost.py`."""
    job = {"data": str(data), "epochs": epochs, "same_events": same_events, "options": options}
    out = run([sys.executable, str(HERE / "_sequence_cost.py"), json.dumps(job)])
    cost: dict[str, Any] = json.loads(out.splitlines()[-1])
    cost["options"] = {**options, "epochs": epochs}
    return with_rate(cost, cost["gflop_an_epoch"], per_epoch(cost))


def peer(python: str, script: str, task: LeaveOneOut, *words: str) -> dict[str, Any]:
    """Run a peer and return its costs, with NDCG@10 of its lists."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        task.write(folder)
        run([python, str(HERE / "peers" / script), name, *words], name)
        cost: dict[str, Any] = json.loads(next(folder.glob("cost*.json")).read_text())
        cost["ndcg@10"] = {path.stem.removeprefix("lists_"): task.judged(path) for path in folder.glob("lists_*.npy")}
    return cost


def rectools(python: str, task: LeaveOneOut, length: int, *, share: float = 1.0, minutes: float = 0) -> dict[str, Any]:
    words = ["--length", str(length), "--share", str(share), "--minutes", str(minutes), "--epochs", "1000"]
    cost = peer(python, "rectools_sasrec.py", task, *words)
    scores = cost.pop("ndcg@10")
    for row in cost["epochs"]:
        row["cpu_s"] *= cost["batches"] / cost["batches_run"]
        if str(row["epoch"]) in scores:
            row["ndcg@10"] = scores[str(row["epoch"])]
    lengths = np.minimum(task.cut.train.sequences().lengths, length + 1)
    gflop = work(lengths[lengths >= 2], task.cut.train.n_items, per_block=12)
    cost["gflop_an_epoch"], cost["events_an_epoch"] = round(gflop, 1), int((lengths[lengths >= 2] - 1).sum())
    return with_rate(cost, gflop, per_epoch(cost))


def with_rate(cost: dict[str, Any], gflop: float, seconds: float) -> dict[str, Any]:
    return {**cost, "cpu_s_an_epoch": round(seconds, 2), "effective_gflop_s": round(gflop / seconds, 2)}


def per_epoch(cost: Mapping[str, Any]) -> float:
    """Mean CPU seconds of an epoch. A row of RecTools is one epoch; a row of ours sums all epochs so far."""
    rows = [row["cpu_s"] for row in cost["epochs"]]
    return float(np.mean(rows)) if "batches" in cost else float(rows[-1] / len(rows))


def to_best(theirs: Mapping[str, Any], our_cost: Mapping[str, Any]) -> dict[str, Any]:
    """CPU seconds of RecTools until its best NDCG@10, and of ours until it reaches that."""
    curve = [row["ndcg@10"] for row in theirs["epochs"]]
    best = int(np.argmax(curve))
    passed = next((row for row in our_cost["epochs"] if row["ndcg@10"] >= curve[best]), None)
    spent = float(sum(row["cpu_s"] for row in theirs["epochs"][: best + 1]))
    best_of_rectools = {"ndcg@10": curve[best], "epoch": best + 1, "rectools_cpu_s": round(spent, 1)}
    if passed is None:
        return best_of_rectools
    return {**best_of_rectools, "ours_epoch": passed["epoch"], "ours_cpu_s": round(passed["cpu_s"], 1),
            "ratio": round(spent / passed["cpu_s"], 1)}  # fmt: skip


def compared(name: str, length: int) -> dict[str, Part]:
    """RecTools and ours at one length on one data set.

    Ours has the block of RecTools, our default block, and the block of RecTools in batches of its size (128 histories).
    """
    options = {**PLAIN, "max_length": length}
    return {
        "rectools": lambda args: rectools(args.rectools, LeaveOneOut(args.data / name), length, share=args.share),
        "ours": lambda args: ours(args.data / name, 1, same_events=True, **options),
        "ours, gated block": lambda args: ours(
            args.data / name, 1, same_events=True, **{**options, "encoder": "attention"}
        ),
        "ours, large batches": lambda args: ours(
            args.data / name, 1, same_events=True, **{**options, "batch_tokens": 128 * length}
        ),
    }


def recbole(args: argparse.Namespace) -> dict[str, Any]:
    task = LeaveOneOut(args.data / MOVIELENS)
    words = ["--length", "50", "--share", str(args.recbole_share)]
    return peer(args.recbole, "recbole_sasrec.py", task, *words)


def factors(args: argparse.Namespace, name: str) -> dict[str, Any]:
    return peer(args.rectools, "implicit_factors.py", LeaveOneOut(args.data / MOVIELENS), "--model", name)


STAGES: dict[str, dict[str, Part]] = {
    "movielens-50": compared(MOVIELENS, 50),
    "movielens-200": compared(MOVIELENS, 200),
    "beauty-50": compared("amazon-beauty", 50),
    "default": {"ours": lambda args: ours(args.data / MOVIELENS, 1, same_events=False)},
    "recbole": {"recbole": recbole},
    "factors": {"als": lambda args: factors(args, "als"), "bpr": lambda args: factors(args, "bpr")},
    "best": {
        "rectools": lambda args: rectools(args.rectools, LeaveOneOut(args.data / MOVIELENS), 50, minutes=args.minutes),
        "ours": lambda args: ours(args.data / MOVIELENS, args.epochs, same_events=True, **SOON),
        "ours, gated block": lambda args: ours(
            args.data / MOVIELENS, args.epochs, same_events=True, **{**SOON, "encoder": "attention"}
        ),
    },
}


def summed_up(stage: str, costs: dict[str, Any]) -> dict[str, Any]:
    """CPU seconds of RecTools divided by those of each of our runs."""
    if "rectools" not in costs:
        return {}
    if stage == "best":
        our_costs = {name: part for name, part in costs.items() if name.startswith("ours")}
        return {"to_best": {name: to_best(costs["rectools"], part) for name, part in our_costs.items()}}
    theirs = costs["rectools"]["cpu_s_an_epoch"]
    our_seconds = {name: part["cpu_s_an_epoch"] for name, part in costs.items() if name.startswith("ours")}
    return {"ratios": {name: round(theirs / seconds, 1) for name, seconds in our_seconds.items()}}


def stored() -> dict[str, Any]:
    """Results of earlier runs."""
    path = RESULTS / "peers_cost.json"
    return json.loads(path.read_text(encoding="utf-8"))["result"] if path.is_file() else {"floors": FLOORS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rectools", required=True, type=os.path.abspath)
    parser.add_argument("--recbole", required=True, type=os.path.abspath)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=16, help="of ours in best")
    parser.add_argument("--recbole-share", type=float, default=0.1)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    for stage in args.stages.split(","):
        for name, measure in STAGES[stage].items():
            if name in stored().get(stage, {}) and not args.fresh:
                print(f"{stage}, {name}: in the result file", file=sys.stderr)
                continue
            costs = {**stored().get(stage, {}), name: measure(args)}
            write("peers_cost", {**stored(), stage: {**costs, **summed_up(stage, costs)}})


if __name__ == "__main__":
    main()
