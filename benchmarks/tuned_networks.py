"""Every model tuned with the same budget: so many CPU minutes of `tune` on the validation, then one look at the test.

    python benchmarks/tuned_networks.py [DATA] [--people 1500] [--minutes 6] [--most 40] [--models a,b,…]
        [--split leave-one-out] [--searched]

A sample of the people of a data set with all of their events, so that a search comes to several trials; the networks
are the transformer, its block exchanged (`sasrec`, `hstu`, `fuxi`, `lru`) and `gru`, beside the counting models. Each
is searched in the space of `penchant tune`, its settings before the search being the first trial, for so many minutes
or until it has had `--most` trials, which only the counting models come to; both are fitted on the training part and
tested side by side. Trials are kept in a file beside where the script is run: a run that was stopped goes on,
and with `--searched` nothing is tried beyond what is kept, so that models may be searched in runs of their own.
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
"""Networks that are the transformer with another block."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--people", type=int, default=1500)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--most", type=int, default=40)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--split", default="leave-one-out")
    parser.add_argument(
        "--searched", action="store_true", help="of every model, trials are there: test what they found"
    )
    asked = parser.parse_args()
    dataset = sampled(Dataset.load(asked.data), asked.people)
    people = dataset.events[schema.USER].n_unique()
    print(f"{people} people, {dataset.n_events} events, {dataset.n_items} items", flush=True)
    recipes: dict[str, Config] = {}
    found: dict[str, Any] = {}
    for label in asked.models.split(","):
        incumbent = recipe(label)
        searched = tune(
            dataset,
            incumbent,
            options=TuneOptions(
                asked.minutes,
                n_trials=1 if asked.searched else asked.most,
                split=asked.split,
                journal=KEEP / f"{asked.data.name}_{asked.split}_{asked.people}_{label}.log",
                clock=time.process_time,
            ),
        )
        recipes |= {f"{label}, as it stands": incumbent, f"{label}, tuned": searched.config}
        found[label] = searched.to_dict()["models"][incumbent.model]
        print(f"{label:14} {found[label]}", flush=True)
    tested = compare(dataset, recipes, options=CompareOptions(split=asked.split, curves=False))
    print(tested.markdown(("ndcg@10", "hit_rate@10")), flush=True)
    write(
        f"tuned_networks_{asked.data.name}_{asked.split}",
        {
            "people": people,
            "events": dataset.n_events,
            "minutes": asked.minutes,
            "most": asked.most,
            "searches": found,
            **tested.to_json(),
            "peak_rss_mb": peak_rss_mb(),
        },
    )


def recipe(label: str) -> Config:
    """The model of a row as it stands."""
    if label in BLOCKS:
        return Config(model="transformer").with_settings({"transformer.encoder": label})
    return Config(model=label)


def sampled(dataset: Dataset, people: int) -> Dataset:
    """The events of some people, drawn once and for all."""
    if people >= dataset.n_users:
        return dataset
    drawn = np.random.default_rng(0).choice(dataset.n_users, people, replace=False)
    return dataset.where(pl.col(schema.USER).is_in(drawn))


if __name__ == "__main__":
    main()
