"""The default model and its experts, with and without the time of the request: full ranking on any data set.

    python benchmarks/accuracy.py [DATA] [--split leave-one-out|time] [--target first|last]
        [--ties stable|random] [--seeds 0,1,2] [--refit] [--fit lite|transformer] [--set KEY=VALUE …]
        [--name NAME]

One fit of `lite` per seed gives all rows: its co-occurrence expert, its transformer, and their sum with the other
experts. Each is evaluated with the time of the request (`given`) and without it (`hidden`). Weights are fitted on the
validation part with the time given. The popularity of the last 7 days stands beside them. Results are averaged over all
seeds that have been run. The results of each fit are stored when it ends, so an interrupted run continues.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _report import cpu_s, peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.splits import Holdout, split
from penchant.embeddings.packing import pack_histories
from penchant.evaluation.run import with_content
from penchant.metrics.ranking import hit_rate, ndcg
from penchant.metrics.significance import bootstrap
from penchant.models.base import Model, ModelEnsemble
from penchant.models.ensemble.ensemble import Ensemble
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
KEEP = Path(".penchant-accuracy")
"""Folder of the results of the users, one file per seed, in the working directory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--split", choices=("leave-one-out", "time"), default="leave-one-out")
    parser.add_argument("--target", choices=("first", "last"), default="first")
    parser.add_argument("--ties", choices=("stable", "random"), default="stable")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--fit", choices=("lite", "transformer"), default="lite")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--name", default="")
    args = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in args.set)
    base = Config(model=args.fit).with_settings(settings)
    parts = (args.data.name, args.split, args.target if args.split == "time" else args.ties)
    name = "_".join(["accuracy", *parts, *(["refit"] if args.refit else []), *([args.name] if args.name else [])])

    cut = split(Dataset.load(args.data), args.split, target=args.target, ties=args.ties, seed=0)
    learn = cut.train_and_validation if args.refit else cut.train
    carrier = Recommender.fit(learn, replace(base, model="popularity"), validation=cut.validation)
    all_histories = pack_histories(cut.dataset, carrier.encoders)
    validation, test = with_content(cut.validation, all_histories), with_content(cut.test, all_histories)
    ways = {"given": test, "hidden": replace(test, histories=test.histories.at(None))}
    for seed in [int(part) for part in args.seeds.split(",")]:
        started = cpu_s()
        recommender = Recommender.fit(
            learn,
            replace(base, seed=seed),
            validation=None if args.refit else validation,
            modalities=(carrier.modalities, carrier.encoders),
            progress=lambda what, share: print(f"{share:4.0%} {what}", flush=True) if "epoch" in what else None,
        )
        fitted = recommender.model
        spent = round(cpu_s() - started)
        users: dict[str, Any] = {}
        for label, model in models_to_test(fitted, learn, carrier, None if args.refit else validation):
            recommender.model = model
            for way, holdout in ways.items():
                users[f"{label} {way}|ndcg@10"], users[f"{label} {way}|hit_rate@10"] = score(recommender, holdout)
            shown = "  ".join(f"{way} {users[f'{label} {way}|ndcg@10'].mean():.4f}" for way in ways)
            print(f"seed {seed}  {label:20} NDCG@10 {shown}", flush=True)
        KEEP.mkdir(exist_ok=True)
        np.savez(KEEP / f"{name}_{seed}.npz", fit=args.fit, cpu_s=spent, peak=peak_rss_mb(), **users)
        write_summary(name, settings, len(test), fitted.weights if isinstance(fitted, ModelEnsemble) else {})


def models_to_test(
    fitted: Model, learn: Dataset, carrier: Recommender, validation: Holdout | None
) -> Iterator[tuple[str, Model]]:
    """Models of one fit: recent popularity first, then the experts and their sum."""
    recent = Config(model="popularity").with_settings({"popularity.window": "recent", "popularity.days": "7"})
    modalities = (carrier.modalities, carrier.encoders)
    yield "popularity (7 days)", Recommender.fit(learn, recent, validation=validation, modalities=modalities).model
    if not isinstance(fitted, Ensemble):
        yield "transformer", fitted
        return
    yield from ((e, fitted.experts[e]) for e in ("cooccurrence", "transformer") if e in fitted.experts)
    yield fitted.name, fitted


def score(recommender: Recommender, holdout: Holdout) -> tuple[np.ndarray, np.ndarray]:
    """NDCG@10 and hit rate@10 of every user of a holdout. Items of the history are filtered out."""
    ranked, _ = recommender.rank(holdout.histories, 10, exclude=holdout.seen)
    return ndcg(ranked, holdout.targets, 10), hit_rate(ranked, holdout.targets, 10)


def write_summary(name: str, settings: dict[str, str], users: int, weights: dict[str, float]) -> None:
    """Write the means over the stored seeds, their spread, and the gains of the sums over their parts."""
    kept = [np.load(path) for path in sorted(KEEP.glob(f"{name}_[0-9]*.npz"))]
    rows, gains = {}, {}
    for key in dict.fromkeys(key for run in kept for key in run if "|" in key):
        per_seed = np.stack([run[key] for run in kept if key in run])
        interval = bootstrap(per_seed.mean(axis=0))
        rows[key] = {
            "mean": interval.mean,
            "low": interval.low,
            "high": interval.high,
            "seeds": per_seed.mean(axis=1).tolist(),
        }
    for way in ("given", "hidden"):
        for one, other in (("lite", "transformer"), ("transformer", "cooccurrence")):
            pair = [f"{one} {way}|ndcg@10", f"{other} {way}|ndcg@10"]
            both = [run[pair[0]] - run[pair[1]] for run in kept if set(pair) <= set(run)]
            if both:
                interval = bootstrap(np.stack(both).mean(axis=0))
                gains[f"{one} - {other}, {way}"] = {"mean": interval.mean, "low": interval.low, "high": interval.high}
    fits = [{"fit": str(run["fit"]), "cpu_s": int(run["cpu_s"]), "peak_rss_mb": float(run["peak"])} for run in kept]
    write(
        name,
        {"settings": settings, "users": users, "rows": rows, "gains": gains, "fits": fits, "weights_of_last": weights},
    )


if __name__ == "__main__":
    main()
