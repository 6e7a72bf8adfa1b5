"""Language models as user models beside others, at a small budget, in English and Chinese.

    python benchmarks/llm_users.py [--data simulator-en,simulator-zh,amazon-beauty] [--users N] [--models 'a;b']

The platform of the simulator in both languages (500 items, 30 events per user) and Amazon Beauty, N users of each.
Leave-one-out, stable ties. Every model has its defaults except for the options in `VARIANTS`. Epochs are chosen on
validation; the test part is evaluated once. Writes results/llm_users.json and keeps the data sets of earlier runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import RESULTS, write

from penchant.data.dataset import Dataset
from penchant.data.splits import split
from penchant.metrics.ranking import ndcg
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, simulate

BEAUTY = Path(__file__).resolve().parents[2] / "shared" / "data" / "amazon-beauty"
VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "popularity": ("popularity", {}),
    "content": ("content", {}),
    "cooccurrence": ("cooccurrence", {}),
    "transformer": ("transformer", {}),
    "llm, text, GPT": ("llm", {}),
    "llm, text, BERT": ("llm", {"architecture": "bert"}),
    "llm, text, T5": ("llm", {"architecture": "t5"}),
    "llm, two levels": ("llm", {"levels": 2, "epochs": 16}),
    "llm, two levels, no ids": ("llm", {"levels": 2, "epochs": 16, "ids": False}),
    "llm, two levels, no pre-training": ("llm", {"levels": 2, "epochs": 16, "pretrain": "none"}),
}


def dataset(name: str, users: int) -> Dataset:
    """Load or simulate a data set by name."""
    if name.startswith("simulator-"):
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "platform"
            options = SimulatorOptions(
                users=users, items=500, events=30 * users, language=name.removeprefix("simulator-")
            )
            simulate(options).write(folder)
            return Dataset.load(folder)
    events = pl.read_parquet(BEAUTY / "events.parquet")
    items = pl.read_parquet(BEAUTY / "items.parquet")
    users_in_order = events["user_id"].unique(maintain_order=True)
    chosen = users_in_order.gather(
        np.unique(np.linspace(0, len(users_in_order) - 1, min(users, len(users_in_order))).astype(np.int64))
    )
    events = events.filter(pl.col("user_id").is_in(chosen.implode()))
    items = items.filter(pl.col("item_id").is_in(events["item_id"].unique().implode()))
    return Dataset.from_tables(events, items)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="simulator-en,simulator-zh,amazon-beauty")
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--models", default=";".join(VARIANTS), help="names with semicolons between them")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    path = RESULTS / "llm_users.json"
    for name in args.data.split(","):
        data = dataset(name, args.users)
        results = run(data, args.models.split(";"), args.seed)
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["result"] if path.is_file() else {}
        size = {"users": data.n_users, "items": data.n_items, "events": data.n_events, "seed": args.seed}
        kept[name] = size | {"models": kept.get(name, {}).get("models", {}) | results}
        write("llm_users", kept)


def run(data: Dataset, names: list[str], seed: int) -> dict[str, Any]:
    """NDCG@10 on validation and test, CPU seconds and the losses of pre-training, by model."""
    cut = split(data, "leave-one-out")
    carrier = Recommender.fit(cut.train, Config(model="popularity"), validation=cut.validation)
    rows = {}
    for name in names:
        model, options = VARIANTS[name]
        settings = {f"{model}.{key}": value for key, value in options.items()}
        config = Config(model=model, seed=seed).with_settings(settings)
        fitted = Recommender.fit(
            cut.train, config, validation=cut.validation, modalities=(carrier.modalities, carrier.encoders)
        )
        ranked, _ = fitted.rank(cut.test.histories, 10, exclude=cut.test.seen)
        log = fitted.record.training
        rows[name] = {
            "validation_ndcg@10": round(float(log.validation_ndcg or 0.0), 4),
            "test_ndcg@10": round(float(ndcg(ranked, cut.test.targets, 10).mean()), 4),
            "best_epoch": log.best_epoch,
            "fit_cpu_s": fitted.record.fit_cpu_s,
            "pretraining": {
                key: log.pretraining.get(key)
                for key in ("objective", "perplexity_before", "perplexity_after")
                if log.pretraining
            },
        }
        print(name, rows[name], flush=True)
    return rows


if __name__ == "__main__":
    main()
