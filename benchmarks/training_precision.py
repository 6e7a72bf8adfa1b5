"""Effect of mixed precision and compilation on this machine: CPU seconds of an epoch, and of the first one.

    python benchmarks/training_precision.py [--users N] [--length T] [--items N]

The sequence model with its default shape on random histories. The first epoch includes compilation; the third shows the
steady cost. Losses are printed, so that one can see that they agree.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse

import numpy as np
from _report import cpu_s, write

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.training import fit
from penchant.training.options import TrainingOptions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--items", type=int, default=3416)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = rng.integers(0, args.items, (args.users, args.length))
    data = TrainingData(SequenceBatch.of_items(rows.tolist()), args.items, ["view"], 0)
    runs = []
    for precision, compiling in (("float32", "off"), ("auto", "off"), ("float32", "on")):
        marks = [cpu_s()]
        log = fit(
            SequenceModel(SequenceOptions(epochs=3, batch_tokens=6400)),
            data,
            options=TrainingOptions(precision=precision, compile=compiling),
            on_epoch=lambda row, marks=marks: marks.append(cpu_s()),
        )
        spent = np.diff(marks).round(1).tolist()
        row = {"precision": precision, "compile": compiling, "first_epoch_cpu_s": spent[0], "epoch_cpu_s": spent[-1]}
        runs.append({**row, "loss": round(log.epochs[-1]["loss"], 4)})
        print(runs[-1], flush=True)
    write("training_precision", {"events": int(rows.size), "items": args.items, "runs": runs})


if __name__ == "__main__":
    main()
