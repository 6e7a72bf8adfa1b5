"""Id embeddings initialised at random or with the principal components of the item texts: NDCG@10 on validation.

    python benchmarks/id_init.py [DATA] [--epochs N] [--seed S]

The sequence model on Amazon Beauty, leave-one-out, stable ties, with the text modality in the item tower (the default)
and with ids alone. Every validated epoch of each run is written. The test part is not used.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from pathlib import Path

from _report import cpu_s, write

from penchant.data.dataset import Dataset
from penchant.data.splits import split
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazon-beauty"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cut = split(Dataset.load(args.data), "leave-one-out")
    carrier = Recommender.fit(cut.train, Config(model="popularity"), validation=cut.validation)
    runs = []
    for fusion in ("weighted_sum", "none"):
        for start in ("random", "pca"):
            config = Config(model="transformer", seed=args.seed).with_settings(
                {"id_init": start, "fusion": fusion, "epochs": args.epochs}
            )
            begun = cpu_s()
            fitted = Recommender.fit(
                cut.train, config, validation=cut.validation, modalities=(carrier.modalities, carrier.encoders)
            )
            log = fitted.record.training
            row = {
                "fusion": fusion,
                "id_init": start,
                "validation_ndcg": log.validation_ndcg,
                "epochs": {int(e["epoch"]): round(e["ndcg"], 4) for e in log.epochs if "ndcg" in e},
                "cpu_s": round(cpu_s() - begun, 1),
            }
            print(row, flush=True)
            runs.append(row)
    write("id_init", {"data": "amazon-beauty", "epochs": args.epochs, "seed": args.seed, "runs": runs})


if __name__ == "__main__":
    main()
