"""What training costs, ours and peers' side by side: CPU seconds and memory an epoch, and CPU seconds to a quality.

    python benchmarks/peers_cost.py --rectools PYTHON --recbole PYTHON [--stages a,b] [--share .25] [--fresh]

`--rectools`: an interpreter that has RecTools and implicit; `--recbole`: one that has RecBole (each wants another
numpy, so each has an environment of its own). Leave-one-out, stable ties, learned without the validation event, full
ranking with seen items left out, one evaluator for all, one thread, one seed; two blocks, dim 64, two heads. Stages:

    movielens-50     one epoch of RecTools' SASRec with softmax and of ours at the same shape on the same events, at
                     length 50; RecTools' on a `--share` of its batches, scaled
    movielens-200    the same at length 200
    beauty-50        the same on Amazon Beauty at length 50
    default          an epoch of our model with its default options
    best             RecTools for so many epochs as fit in `--minutes` CPU minutes, NDCG@10 after each; ours for
                     `--epochs`, in batches of a three-hundredth of the events; CPU seconds of each to RecTools' best
    recbole          RecBole's SASRec at length 50, on `--recbole-share` of an epoch, scaled
    factors          ALS and BPR of implicit, whole fits

RecTools learns from the last length + 1 events of a history, so `same_events` gives ours the same; our default reads
every event, cut into windows. "ours" has RecTools' block (our encoder `sasrec`), "ours, gated block" our default one:
a gate, and a feed-forward layer four times as wide. What is in the result file is skipped unless `--fresh`.
Each measurement is a process of its own. Writes results/peers_cost.json.
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
"""The same in batches that come to a good list soonest."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
MOVIELENS = "movielens-1m"
Part = Callable[[argparse.Namespace], dict[str, Any]]
FLOORS = {"movielens-50": 4.0, "movielens-200": 10.0, "beauty-50": 45.0, "best": 10.0}
"""How many times fewer CPU seconds ours is to need."""


def run(command: Sequence[str], folder: str | None = None) -> str:
    """A process of one thread that works in a folder; its standard output."""
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def ours(data: Path, epochs: int, *, same_events: bool, **options: Any) -> dict[str, Any]:
    """Our model, trained and tested by `_sequence_cost.py`."""
    asked = {"data": str(data), "epochs": epochs, "same_events": same_events, "options": options}
    out = run([sys.executable, str(HERE / "_sequence_cost.py"), json.dumps(asked)])
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    found["options"] = {**options, "epochs": epochs}
    return with_rate(found, found["gflop_an_epoch"], per_epoch(found))


def peer(python: str, script: str, task: LeaveOneOut, *words: str) -> dict[str, Any]:
    """A peer's costs, with NDCG@10 of the lists that it wrote."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        task.write(folder)
        run([python, str(HERE / "peers" / script), name, *words], name)
        found: dict[str, Any] = json.loads(next(folder.glob("cost*.json")).read_text())
        found["ndcg@10"] = {path.stem.removeprefix("lists_"): task.judged(path) for path in folder.glob("lists_*.npy")}
    return found


def rectools(python: str, task: LeaveOneOut, length: int, *, share: float = 1.0, minutes: float = 0) -> dict[str, Any]:
    words = ["--length", str(length), "--share", str(share), "--minutes", str(minutes), "--epochs", "1000"]
    found = peer(python, "rectools_sasrec.py", task, *words)
    scores = found.pop("ndcg@10")
    for row in found["epochs"]:
        row["cpu_s"] *= found["batches"] / found["batches_run"]
        if str(row["epoch"]) in scores:
            row["ndcg@10"] = scores[str(row["epoch"])]
    lengths = np.minimum(task.cut.train.sequences().lengths, length + 1)
    gflop = work(lengths[lengths >= 2], task.cut.train.n_items, per_block=12)
    found["gflop_an_epoch"], found["events_an_epoch"] = round(gflop, 1), int((lengths[lengths >= 2] - 1).sum())
    return with_rate(found, gflop, per_epoch(found))


def with_rate(found: dict[str, Any], gflop: float, seconds: float) -> dict[str, Any]:
    return {**found, "cpu_s_an_epoch": round(seconds, 2), "effective_gflop_s": round(gflop / seconds, 2)}


def per_epoch(found: Mapping[str, Any]) -> float:
    """Mean CPU seconds of an epoch: RecTools' rows are of one epoch each, ours of all so far."""
    rows = [row["cpu_s"] for row in found["epochs"]]
    return float(np.mean(rows)) if "batches" in found else float(rows[-1] / len(rows))


def to_best(theirs: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """CPU seconds until RecTools' own best NDCG@10, and until ours has passed that."""
    curve = [row["ndcg@10"] for row in theirs["epochs"]]
    best = int(np.argmax(curve))
    passed = next((row for row in own["epochs"] if row["ndcg@10"] >= curve[best]), None)
    spent = float(sum(row["cpu_s"] for row in theirs["epochs"][: best + 1]))
    found = {"ndcg@10": curve[best], "epoch": best + 1, "rectools_cpu_s": round(spent, 1)}
    if passed is None:
        return found
    return {**found, "ours_epoch": passed["epoch"], "ours_cpu_s": round(passed["cpu_s"], 1),
            "ratio": round(spent / passed["cpu_s"], 1)}  # fmt: skip


def compared(name: str, length: int) -> dict[str, Part]:
    """RecTools and ours at one length on one data set: the same block, our default one, and the same block in batches
    as large as RecTools' own (128 histories)."""
    options = {**PLAIN, "max_length": length}
    return {
        "rectools": lambda asked: rectools(asked.rectools, LeaveOneOut(asked.data / name), length, share=asked.share),
        "ours": lambda asked: ours(asked.data / name, 1, same_events=True, **options),
        "ours, gated block": lambda asked: ours(
            asked.data / name, 1, same_events=True, **{**options, "encoder": "attention"}
        ),
        "ours, large batches": lambda asked: ours(
            asked.data / name, 1, same_events=True, **{**options, "batch_tokens": 128 * length}
        ),
    }


def recbole(asked: argparse.Namespace) -> dict[str, Any]:
    task = LeaveOneOut(asked.data / MOVIELENS)
    words = ["--length", "50", "--share", str(asked.recbole_share)]
    return peer(asked.recbole, "recbole_sasrec.py", task, *words)


def factors(asked: argparse.Namespace, name: str) -> dict[str, Any]:
    return peer(asked.rectools, "implicit_factors.py", LeaveOneOut(asked.data / MOVIELENS), "--model", name)


STAGES: dict[str, dict[str, Part]] = {
    "movielens-50": compared(MOVIELENS, 50),
    "movielens-200": compared(MOVIELENS, 200),
    "beauty-50": compared("amazon-beauty", 50),
    "default": {"ours": lambda asked: ours(asked.data / MOVIELENS, 1, same_events=False)},
    "recbole": {"recbole": recbole},
    "factors": {"als": lambda asked: factors(asked, "als"), "bpr": lambda asked: factors(asked, "bpr")},
    "best": {
        "rectools": lambda asked: rectools(
            asked.rectools, LeaveOneOut(asked.data / MOVIELENS), 50, minutes=asked.minutes
        ),
        "ours": lambda asked: ours(asked.data / MOVIELENS, asked.epochs, same_events=True, **SOON),
        "ours, gated block": lambda asked: ours(
            asked.data / MOVIELENS, asked.epochs, same_events=True, **{**SOON, "encoder": "attention"}
        ),
    },
}


def summed_up(stage: str, found: dict[str, Any]) -> dict[str, Any]:
    """How many times the CPU seconds of ours RecTools takes, for each of ours that is there."""
    if "rectools" not in found:
        return {}
    if stage == "best":
        own_parts = {name: part for name, part in found.items() if name.startswith("ours")}
        return {"to_best": {name: to_best(found["rectools"], part) for name, part in own_parts.items()}}
    theirs = found["rectools"]["cpu_s_an_epoch"]
    own = {name: part["cpu_s_an_epoch"] for name, part in found.items() if name.startswith("ours")}
    return {"ratios": {name: round(theirs / seconds, 1) for name, seconds in own.items()}}


def stored() -> dict[str, Any]:
    """What earlier runs found."""
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
    asked = parser.parse_args()
    for stage in asked.stages.split(","):
        for name, measure in STAGES[stage].items():
            if name in stored().get(stage, {}) and not asked.fresh:
                print(f"{stage}, {name}: in the result file", file=sys.stderr)
                continue
            found = {**stored().get(stage, {}), name: measure(asked)}
            write("peers_cost", {**stored(), stage: {**found, **summed_up(stage, found)}})


if __name__ == "__main__":
    main()
