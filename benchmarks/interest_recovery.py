"""How well each model recovers the interests planted by the simulator, and how soon it detects a change.

    python benchmarks/interest_recovery.py [--seeds 3] [--users 1000] [--items 500]

One platform per seed with the parameters of the demo, 30 events per user, n-gram text vectors of 64 numbers. Every
model has its defaults; networks train for `EPOCHS` epochs. A model is read in two ways. Both fit a linear map on half
of the users and test it on the other half, with 20 random halves per platform:

- *vectors*: the interest vector after every event against the mixture planted at that moment, for models with vectors;
- *ranking*: how high the model ranks the items of each topic at the end of the log, against the mixture at that time,
  for every model.

The vectors also show how soon they turn after the planted interests, how often too early, and how often for users whose
interests stay the same. Intervals are the middle 95 % over the halves of all platforms. Nothing was tuned on this.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from _report import RESULTS, cpu_s, write

from penchant.data.dataset import Dataset
from penchant.evaluation.recovery import HALVES, POPULATION_MEAN, align_truth, estimate, measure_half
from penchant.metrics.interest_recovery import agreement, predict_held_out
from penchant.models.base import DenseModel, ModelEnsemble
from penchant.models.registry import MODELS
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, Truth, simulate

EPOCHS = 8
MEASURES = ("vectors", "ranking", "events", "days", "seen", "early", "decoy")


def settings(model: str, seed: int) -> Config:
    """Defaults, with small text modalities and few epochs."""
    small = {"modalities.text.encoder": "ngram", "modalities.text.dim": "64", "model": model, "seed": str(seed)}
    small |= {"transformer.epochs": str(EPOCHS), "gru.epochs": str(EPOCHS)}
    return Config().with_settings(small)


def dense_expert(rec: Recommender) -> DenseModel | None:
    """The model if it is dense, or the first dense expert of an ensemble."""
    experts = rec.model.experts.values() if isinstance(rec.model, ModelEnsemble) else ()
    models = (rec.model, *experts)
    return next((model for model in models if isinstance(model, DenseModel)), None)


def by_topic(rec: Recommender, users: np.ndarray, truth: Truth) -> np.ndarray:
    """Mean standardised score of the items of each topic `[B, K]` at the end of the log."""
    scores = rec.scores(rec.histories(users).at(None)).astype(np.float64)
    scores -= scores.mean(axis=1, keepdims=True)
    scores /= np.maximum(scores.std(axis=1, keepdims=True), 1e-12)
    topics = dict(zip(truth.items["item_id"], truth.items["main"], strict=True))
    main = np.asarray([topics[name] for name in rec.dataset.items["item_id"]])
    member = main[:, None] == np.arange(main.max() + 1)
    return scores @ (member / np.maximum(member.sum(axis=0), 1))


def platform(
    folder: Path, seed: int, args: argparse.Namespace, results: dict[str, Any], spent: dict[str, float]
) -> None:
    """Fit every model on one platform and append the figures of its halves to `results`."""
    simulate(SimulatorOptions(users=args.users, items=args.items, events=30 * args.users, seed=seed)).write(folder)
    data, truth = Dataset.load(folder), Truth.load(folder / "truth")
    modalities = None
    for name in args.models:
        start = cpu_s()
        rec = Recommender.fit(data, settings(name, seed), modalities=modalities)
        modalities = modalities or (rec.modalities, rec.encoders)
        users = np.arange(data.n_users)
        world, known = align_truth(rec, truth, users, seed)
        last = np.flatnonzero(np.r_[world.users[1:] != world.users[:-1], True])
        owners, ranked = world.users[last], by_topic(rec, users, truth)[world.users[last]]
        dense = dense_expert(rec)
        vectors = dense.interests(rec.histories(users).at(None))[known] if dense else None
        for half in range(HALVES):
            rng = np.random.default_rng([seed, half])
            guess, test = predict_held_out(ranked, world.mixtures[last], rng, users=owners)
            recovered = agreement(guess, world.mixtures[last], test, owners)
            results[name]["ranking"].append(recovered["cosine"])
            results[POPULATION_MEAN]["ranking"].append(recovered["baseline"])
            if vectors is not None:
                figures = measure_half(vectors.reshape(len(vectors), -1), world, [seed, half])
                results[name]["vectors"].append(figures.pop("cosine"))
                results[POPULATION_MEAN]["vectors"].append(figures.pop("baseline"))
                for measure, value in figures.items():
                    results[name][measure].append(value)
        spent[name] += cpu_s() - start
        print(f"seed {seed}, {name}: {spent[name]:.0f} CPU s so far", flush=True)


def page(result: dict[str, Any]) -> str:
    """The result as a table in Markdown."""

    def cell(value: dict[str, float] | None, digits: int) -> str:
        if value is None:
            return "–"
        return f"{value['mean']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"

    digits = dict.fromkeys(MEASURES, 2) | {"vectors": 3, "ranking": 3, "events": 1, "days": 1}
    lines = ["# Recovery of planted interests", "", (__doc__ or "").split("\n\n", 2)[2].strip(), ""]
    size = "{seeds} platform(s) of {users:,} users and {items:,} items, networks for {epochs} epochs".format(**result)
    lines += [f"Here: {size}.", ""]
    lines += ["| model | " + " | ".join(MEASURES) + " |", "|---|" + "---|" * len(MEASURES)]
    for name, values in result["models"].items():
        lines.append(f"| {name} | " + " | ".join(cell(values.get(m), digits[m]) for m in MEASURES) + " |")
    lines += [
        "",
        "*seen*: share of turns detected before the history ends; *early*: share of events before the turn that look",
        "turned; *decoy*: the same for users who keep their interests, measured with the turn of another user.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--models", nargs="*", default=[name for name in MODELS if name != "llm"])
    args = parser.parse_args()
    results: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    spent: dict[str, float] = defaultdict(float)
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as parent:
            platform(Path(parent) / "platform", seed, args, results, spent)
    models = {
        name: {
            m: estimate([v for v in values[m] if np.isfinite(v)]).to_dict()
            for m in MEASURES
            if np.isfinite(values[m]).any()
        }
        for name, values in results.items()
    }
    models = dict(sorted(models.items(), key=lambda pair: -pair[1]["ranking"]["mean"]))
    size = {"seeds": args.seeds, "users": args.users, "items": args.items, "epochs": EPOCHS}
    result = {**size, "cpu_s": {name: round(value, 1) for name, value in spent.items()}, "models": models}
    write("interest_recovery", result)
    text = page(result)
    (RESULTS / "interest_recovery.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
