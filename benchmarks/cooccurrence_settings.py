"""Windowed co-occurrence on leave-one-out: settings chosen on validation, evaluated once on the test.

    python benchmarks/cooccurrence_settings.py [movielens-1m amazon-beauty …]

Trained without the validation event, full ranking, seen items filtered, stable ties; NDCG@10. Beside it stand the
settings of the textbook, a refit with the validation event, random ties, EASE, item-kNN and popularity.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from _report import peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.splits import Holdout, split
from penchant.data.training import TrainingData
from penchant.models.base import ClosedForm
from penchant.models.cooccurrence import Cooccurrence, CooccurrenceOptions
from penchant.models.ease import EASE
from penchant.models.item_knn import ItemKNN
from penchant.models.popularity import Popularity
from penchant.retrieval.exact import top_k

ROOT = Path(__file__).resolve().parents[2] / "shared/data"
TEXTBOOK = CooccurrenceOptions(power=1.0, shrinkage=0.0, decay=0.6)
GRID: dict[str, tuple[float, ...]] = {
    "power": (0.4, 0.5, 0.6, 0.7, 0.85, 1.0),
    "shrinkage": (0.0, 10.0, 20.0, 50.0, 100.0),
    "decay": (0.4, 0.5, 0.6, 0.7, 0.8),
    "window": (5, 10, 20),
    "distance_power": (0.7, 1.0, 1.3),
    "column_power": (0.0, 0.1),
}
"""Searched one option after another, in this order; each option keeps its best value on validation."""


def training(dataset: Dataset) -> TrainingData:
    sequences = dataset.sequences()
    return TrainingData(sequences, dataset.n_items, dataset.kinds.ids.to_list(), int(sequences.times_s.max()))


def ndcg(model: ClosedForm, held_out: Holdout) -> float:
    total = 0.0
    for rows, histories in held_out.histories.blocks(2048):
        taken = np.arange(rows.start, rows.stop)
        ranked, _ = top_k(model.score(histories), 10, held_out.seen.take(taken))
        hits = np.argwhere(ranked == held_out.targets.take(taken).values[:, None])[:, 1]
        total += float((1 / np.log2(hits + 2)).sum())
    return total / len(held_out.histories)


def fitted(model: ClosedForm, data: TrainingData) -> float:
    """Fit, and return the CPU seconds."""
    started = time.process_time()
    model.fit(data)
    return time.process_time() - started


def chosen(data: TrainingData, validation: Holdout) -> tuple[CooccurrenceOptions, list[dict[str, Any]]]:
    """Search by coordinates: the best settings on validation, and every trial."""
    best, trials = CooccurrenceOptions(), []
    top = -1.0
    for option, values in GRID.items():
        for value in values:
            options = replace(best, **{option: value})
            model = Cooccurrence(options)
            model.fit(data)
            score = ndcg(model, validation)
            trials.append({option: value, "validation": round(score, 5)})
            if score > top:
                top, best = score, options
    return best, trials


def study(folder: Path) -> dict[str, Any]:
    cut = split(Dataset.load(folder), "leave-one-out")
    data, refit = training(cut.train), training(cut.train_and_validation)
    options, trials = chosen(data, cut.validation)
    models: dict[str, tuple[ClosedForm, TrainingData]] = {
        "cooccurrence, chosen on validation": (Cooccurrence(options), data),
        "cooccurrence, defaults": (Cooccurrence(), data),
        "cooccurrence, textbook (power 1, no shrinkage, decay .6)": (Cooccurrence(TEXTBOOK), data),
        "cooccurrence, chosen, refitted with the validation event": (Cooccurrence(options), refit),
        "item_knn": (ItemKNN(), data),
        "popularity": (Popularity(), data),
    }
    if data.n_items <= 5_000:
        models["ease"] = (EASE(), data)
    table = {}
    for name, (model, seen) in models.items():
        spent = fitted(model, seen)
        held_out = {"validation": cut.validation, "test": cut.test} if seen is data else {"test": cut.test}
        scores = {part: round(ndcg(model, rows), 4) for part, rows in held_out.items()}
        table[name] = {**scores, "fit_cpu_s": round(spent, 2)}
        print(f"{folder.name}: {name}: {table[name]}", flush=True)
    shuffled = split(Dataset.load(folder), "leave-one-out", ties="random", seed=0)
    model = Cooccurrence(options)
    model.fit(training(shuffled.train))
    table["cooccurrence, chosen, random ties"] = {"test": round(ndcg(model, shuffled.test), 4)}
    print(f"{folder.name}: random ties: {table['cooccurrence, chosen, random ties']}", flush=True)
    return {"users": len(cut.test.histories), "items": data.n_items, "options": asdict(options), "ndcg@10": table,
            "trials": trials}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["movielens-1m", "amazon-beauty"])
    parser.add_argument("--data", type=Path, default=ROOT)
    arguments = parser.parse_args()
    result: dict[str, Any] = {name: study(arguments.data / name) for name in arguments.names}
    write("cooccurrence_settings", {**result, "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
