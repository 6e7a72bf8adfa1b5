"""Every model tuned with the same budget of CPU minutes on validation, then evaluated once on the test.

    python benchmarks/tuned_networks.py [DATA] [--users 1500] [--minutes 6] [--most 40] [--models a,b,…]
        [--split leave-one-out] [--searched]

A sample of the users of a data set with all of their events, so that a search has several trials. The networks are the
transformer, variants with another block (`sasrec`, `hstu`, `fuxi`, `lru`) and `gru`, beside the counting models. Each
is searched in the space of `penchant tune`, from its default settings as the first trial, until the minutes or `--most`
trials are spent; only the counting models reach `--most`. All are fitted on the training part and tested side by side.
Trials are stored in a file in the working directory, so an interrupted run continues. With `--searched` only stored
trials are used, so that models may be searched in separate runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import peak_rss_mb, write

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.evaluation.compare import CompareOptions, compare
from penchant.evaluation.tuning.study import TuneOptions, tune
from penchant.recommender.config import Config

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
KEEP = Path(".penchant-tuned")
MODELS = "transformer,sasrec,hstu,fuxi,lru,gru,als,ease,item_knn,user_knn,cooccurrence"
BLOCKS = ("sasrec", "hstu", "fuxi", "lru")
"""Variants of the transformer with another block."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--users", type=int, default=1500)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--split", default="leave-one-out")
    parser.add_argument("--searched", action="store_true", help="search nothing: test the best of the stored trials")
    args = parser.parse_args()
    dataset = sampled(Dataset.load(args.data), args.users)
    n_users = dataset.events[schema.USER].n_unique()
    print(f"{n_users} users, {dataset.n_events} events, {dataset.n_items} items", flush=True)
    recipes: dict[str, Config] = {}
    searches: dict[str, Any] = {}
    for label in args.models.split(","):
        incumbent = recipe(label)
        searched = tune(
            dataset,
            incumbent,
            options=TuneOptions(
                args.minutes,
                n_trials=1 if args.searched else args.most,
                split=args.split,
                journal=KEEP / f"{args.data.name}_{args.split}_{args.users}_{label}.log",
                clock=time.process_time,
            ),
        )
        recipes |= {f"{label}, as it stands": incumbent, f"{label}, tuned": searched.config}
        searches[label] = searched.to_dict()["models"][incumbent.model]
        print(f"{label:14} {searches[label]}", flush=True)
    tested = compare(dataset, recipes, options=CompareOptions(split=args.split, curves=False))
    print(tested.markdown(("ndcg@10", "hit_rate@10")), flush=True)
    write(
        f"tuned_networks_{args.data.name}_{args.split}",
        {
            "users": n_users,
            "events": dataset.n_events,
            "minutes": args.minutes,
            "most": args.most,
            "searches": searches,
            **tested.to_json(),
            "peak_rss_mb": peak_rss_mb(),
        },
    )


def recipe(label: str) -> Config:
    """The configuration of a row before the search."""
    if label in BLOCKS:
        return Config(model="transformer").with_settings({"transformer.encoder": label})
    return Config(model=label)


def sampled(dataset: Dataset, n_users: int) -> Dataset:
    """Draw `n_users` users with a fixed seed and keep their events."""
    if n_users >= dataset.n_users:
        return dataset
    drawn = np.random.default_rng(0).choice(dataset.n_users, n_users, replace=False)
    return dataset.where(pl.col(schema.USER).is_in(drawn))


if __name__ == "__main__":
    main()
