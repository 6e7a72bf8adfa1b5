"""How well each model shows the interests that the simulator planted, and how soon it sees them turn.

    python benchmarks/interest_recovery.py [--seeds 3] [--users 1000] [--items 500]

So many platforms with the demo's nature (seeds 0, 1, …), 30 events a user, n-gram text of 64 numbers; every model with
its defaults, networks for `EPOCHS` epochs. Two ways to read a model, both through a linear map that is fitted on half
of the users and asked about the other half, 20 halves a platform:

- *vectors*: its interest vector after every event (models that have one), against the mixture planted at that moment;
- *ranking*: how high it ranks the items of each topic for a user at the end of the log, against the mixture then. This
  every model has.

The same vectors are asked how soon they turn after the planted interests did, how often too early, and how often for
people who keep their interests. Intervals are the middle 95 % over halves of all platforms. Nothing was tuned on this.
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
from penchant.models.base import DenseModel
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


def own_vectors(rec: Recommender) -> DenseModel | None:
    """The interest vectors that a model has itself (those of an ensemble are its first dense expert's)."""
    models = (rec.model, *getattr(rec.model, "experts", {}).values())
    return next((model for model in models if isinstance(model, DenseModel)), None)


def by_topic(rec: Recommender, users: np.ndarray, truth: Truth) -> np.ndarray:
    """Mean standardised score of the items of each topic `[B, K]`, at the end of the log."""
    scores = rec.scores(rec.histories(users).at(None)).astype(np.float64)
    scores -= scores.mean(axis=1, keepdims=True)
    scores /= np.maximum(scores.std(axis=1, keepdims=True), 1e-12)
    topics = dict(zip(truth.items["item_id"], truth.items["main"], strict=True))
    main = np.asarray([topics[name] for name in rec.dataset.items["item_id"]])
    member = main[:, None] == np.arange(main.max() + 1)
    return scores @ (member / np.maximum(member.sum(axis=0), 1))


def platform(
    folder: Path, seed: int, asked: argparse.Namespace, found: dict[str, Any], spent: dict[str, float]
) -> None:
    """Fit every model on one platform and add what its halves say to `found`."""
    simulate(SimulatorOptions(users=asked.users, items=asked.items, events=30 * asked.users, seed=seed)).write(folder)
    data, truth = Dataset.load(folder), Truth.load(folder / "truth")
    modalities = None
    for name in asked.models:
        start = cpu_s()
        rec = Recommender.fit(data, settings(name, seed), modalities=modalities)
        modalities = modalities or (rec.modalities, rec.encoders)
        users = np.arange(data.n_users)
        world, known = align_truth(rec, truth, users, seed)
        last = np.flatnonzero(np.r_[world.users[1:] != world.users[:-1], True])
        owners, ranked = world.users[last], by_topic(rec, users, truth)[world.users[last]]
        dense = own_vectors(rec)
        vectors = dense.interests(rec.histories(users).at(None))[known] if dense else None
        for half in range(HALVES):
            rng = np.random.default_rng([seed, half])
            guess, test = predict_held_out(ranked, world.mixtures[last], rng, users=owners)
            told = agreement(guess, world.mixtures[last], test, owners)
            found[name]["ranking"].append(told["cosine"])
            found[POPULATION_MEAN]["ranking"].append(told["baseline"])
            if vectors is not None:
                figures = measure_half(vectors.reshape(len(vectors), -1), world, [seed, half])
                found[name]["vectors"].append(figures.pop("cosine"))
                found[POPULATION_MEAN]["vectors"].append(figures.pop("baseline"))
                for measure, value in figures.items():
                    found[name][measure].append(value)
        spent[name] += cpu_s() - start
        print(f"seed {seed}, {name}: {spent[name]:.0f} CPU s so far", flush=True)


def page(result: dict[str, Any]) -> str:
    """The result as a table in Markdown."""

    def said(value: dict[str, float] | None, digits: int) -> str:
        return (
            "–"
            if value is None
            else f"{value['mean']:.{digits}f} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"
        )

    digits = dict.fromkeys(MEASURES, 2) | {"vectors": 3, "ranking": 3, "events": 1, "days": 1}
    lines = ["# Planted interests found again", "", (__doc__ or "").split("\n\n", 2)[2].strip(), ""]
    size = "{seeds} platform(s) of {users:,} users and {items:,} items, networks for {epochs} epochs".format(**result)
    lines += [f"Here: {size}.", ""]
    lines += ["| model | " + " | ".join(MEASURES) + " |", "|---|" + "---|" * len(MEASURES)]
    for name, values in result["models"].items():
        lines.append(f"| {name} | " + " | ".join(said(values.get(m), digits[m]) for m in MEASURES) + " |")
    lines += [
        "",
        "*seen*: share of turns seen before the history ends; *early*: share of events before the turn that look",
    ]
    lines += ["turned; *decoy*: the same for people who keep their interests, asked about somebody else's.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--models", nargs="*", default=[name for name in MODELS if name != "llm"])
    asked = parser.parse_args()
    found: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    spent: dict[str, float] = defaultdict(float)
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory() as parent:
            platform(Path(parent) / "platform", seed, asked, found, spent)
    models = {
        name: {
            m: estimate([v for v in values[m] if np.isfinite(v)]).to_dict()
            for m in MEASURES
            if np.isfinite(values[m]).any()
        }
        for name, values in found.items()
    }
    models = dict(sorted(models.items(), key=lambda pair: -pair[1]["ranking"]["mean"]))
    size = {"seeds": asked.seeds, "users": asked.users, "items": asked.items, "epochs": EPOCHS}
    result = {**size, "cpu_s": {name: round(value, 1) for name, value in spent.items()}, "models": models}
    write("interest_recovery", result)
    text = page(result)
    (RESULTS / "interest_recovery.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
