"""Effect of each option of the network: one change of the default at a time, same data, same epochs.

    python benchmarks/network_options.py [DATA] [--set KEY=VALUE …] [--rows a,b,…] [--seed 0] [--fresh]

Leave-one-out, stable ties, trained without the validation event, full ranking. All rows share `--set` (default: `dim=64
layers=1 max_length=50 epochs=6`, about two CPU minutes of training on MovieLens-1M). A row changes one option: depth,
width, heads, interests, losses, precision, batches. Columns: NDCG@10 with the time of the request given and hidden, the
difference from the default over the same users, the diversity of a list of ten (one minus the mean cosine of the item
texts), and CPU seconds. Each row is stored when it ends, under its settings, so an interrupted run continues. The test
figures show what matters; choose on validation, whose figure stands beside.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _report import cpu_s, write

from penchant.data.dataset import Dataset
from penchant.data.splits import Split, split
from penchant.embeddings.packing import pack_histories
from penchant.evaluation.run import with_content
from penchant.metrics.beyond import intra_list_diversity
from penchant.metrics.ranking import ndcg
from penchant.metrics.significance import bootstrap
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
KEEP = Path(".penchant-options")
SHARED = {"dim": "64", "layers": "1", "max_length": "50", "epochs": "6"}
ROWS: dict[str, dict[str, str]] = {
    "default": {},
    "2 layers": {"layers": "2"},
    "4 layers": {"layers": "4"},
    "dim 32": {"dim": "32"},
    "dim 128": {"dim": "128"},
    "length 200": {"max_length": "200"},
    "mixture of logits": {"head": "mol"},
    "4 interests": {"n_interests": "4"},
    "label smoothing .1": {"label_smoothing": "0.1"},
    "sampled softmax": {"loss": "sampled_softmax"},
    "gBCE": {"loss": "gbce"},
    "BCE": {"loss": "bce"},
    "BPR": {"loss": "bpr"},
    "contrastive .1": {"contrastive_weight": "0.1"},
    "no bfloat16": {"mixed_precision": "false"},  # from dim 128 on it applies to the encoder too
    "all in bfloat16": {"training.precision": "bfloat16"},
    "half the batch": {"batch_tokens": "1600"},
    "twice the batch": {"batch_tokens": "6400"},
    "twice the rate": {"learning_rate": "0.004"},
    "calendar features": {"calendar_features": "true"},
    "no modalities": {"fusion": "none"},
    "no time": {"time": "false"},
    "no time bias": {"time_bias": "false"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    if unknown := set(args.rows.split(",")) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    shared = SHARED | dict(pair.split("=", 1) for pair in args.set)
    cut = split(Dataset.load(args.data), "leave-one-out", seed=0)
    carrier = Recommender.fit(cut.train, Config(model="popularity"), validation=cut.validation)
    KEEP.mkdir(exist_ok=True)
    for name in args.rows.split(","):
        kept = kept_at(args.data.name, shared, args.seed, name)
        if args.fresh or not kept.is_file():
            np.savez(kept, **measure(cut, carrier, settings_of(shared | ROWS[name]), args.seed))
            write_rows(args.data.name, shared, args.seed, name)


def kept_at(data: str, shared: dict[str, str], seed: int, name: str) -> Path:
    """Path of a stored row. Other settings give another path."""
    settings = zlib.crc32(json.dumps(settings_of(shared | ROWS[name]), sort_keys=True).encode())
    return KEEP / f"{data}_{name.replace(' ', '_')}_{settings:08x}_{seed}.npz"


def settings_of(options: dict[str, str]) -> dict[str, str]:
    """Full setting keys: a name without a dot is an option of the transformer."""
    return {key if "." in key else f"transformer.{key}": value for key, value in options.items()}


def measure(cut: Split, carrier: Recommender, settings: dict[str, str], seed: int) -> dict[str, Any]:
    """Train once: NDCG@10 of every test user, NDCG@10 on validation, and the cost."""
    all_histories = pack_histories(cut.dataset, carrier.encoders)
    validation, test = with_content(cut.validation, all_histories), with_content(cut.test, all_histories)
    config = Config(model="transformer", seed=seed).with_settings(settings)
    started = cpu_s()
    recommender = Recommender.fit(
        cut.train, config, validation=validation, modalities=(carrier.modalities, carrier.encoders)
    )
    spent = cpu_s() - started
    users: dict[str, Any] = {}
    for way, holdout in {"given": test, "hidden": replace(test, histories=test.histories.at(None))}.items():
        ranked, _ = recommender.rank(holdout.histories, 10, exclude=holdout.seen)
        users[way] = ndcg(ranked, holdout.targets, 10)
        if "text" in carrier.modalities:
            users[f"{way} diversity"] = intra_list_diversity(ranked, carrier.modalities["text"])
    return {**users, "validation": recommender.record.training.validation_ndcg, "cpu_s": round(spent)}


def write_rows(data: str, shared: dict[str, str], seed: int, last: str) -> None:
    """Write and print the stored rows, each beside the default."""
    runs = {name: kept_at(data, shared, seed, name) for name in ROWS}
    kept = {name: np.load(path) for name, path in runs.items() if path.is_file()}
    rows: dict[str, Any] = {}
    for name, run in kept.items():
        rows[name] = {"validation": float(run["validation"]), "cpu_s": int(run["cpu_s"])}
        for way in ("given", "hidden"):
            rows[name][way] = float(run[way].mean())
            if f"{way} diversity" in run:
                rows[name][f"{way} diversity"] = float(np.nanmean(run[f"{way} diversity"]))
            if name != "default" and "default" in kept:
                gain = bootstrap(run[way] - kept["default"][way])
                rows[name][f"{way} - default"] = {"mean": gain.mean, "low": gain.low, "high": gain.high}
    print(f"{last:20} {rows[last]}", flush=True)
    write(f"network_options_{data}", {"shared": shared, "seed": seed, "rows": rows})


if __name__ == "__main__":
    main()
