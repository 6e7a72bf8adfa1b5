"""The binary and the multi-class probe on interest vectors, beside popularity and the dot product.

    python benchmarks/linear_probes.py [--users N] [--models content,transformer] [--seed S]

The platform of the simulator (English, 500 items, 30 events per user). Models learn from the first 80 % of the log's
time, probes from the next 10 %; the last 10 % is the test. Negatives are hidden and disliked items, and in a second run
sampled ones. Classes are the first categories of the items. Writes results/linear_probes.json.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import cpu_s, write

from penchant.data.dataset import Dataset
from penchant.embeddings.packing import pack_histories
from penchant.metrics.beyond import expected_calibration_error
from penchant.metrics.classification import accuracy, auc, confusion_matrix, log_loss, precision_recall_f1
from penchant.models.probes.categories import encode_first_categories
from penchant.models.probes.linear import LinearProbe
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.pairs import TargetEvents, build_category_pairs, build_interest_pairs
from penchant.models.probes.probes import Probes, build_interest_inputs
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import SimulatorOptions, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--models", default="content,transformer")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "platform"
        simulate(SimulatorOptions(users=args.users, items=500, events=30 * args.users, seed=args.seed)).write(folder)
        data = Dataset.load(folder)
    results = {name: run(data, name, args.seed) for name in args.models.split(",")}
    size = {"users": data.n_users, "items": data.n_items, "events": data.n_events, "seed": args.seed}
    write("linear_probes", size | {"models": results})


def run(data: Dataset, name: str, seed: int) -> dict[str, Any]:
    """All results of the probes on one model."""
    times = np.sort(data.events["time_s"].to_numpy())
    first, second = (int(times[int(len(times) * share)]) for share in (0.8, 0.9))
    begun = cpu_s()
    before = data.with_events(data.events.filter(pl.col("time_s") <= first))
    rec = Recommender.fit(before, Config(model=name, seed=seed).with_settings({"transformer.dim": 64}))
    rows: dict[str, Any] = {"fit_cpu_s": round(cpu_s() - begun, 1)}
    histories, kinds = pack_histories(data, rec.encoders), data.kinds.ids.to_list()
    ends = np.full(len(histories), second, dtype=np.int64)
    input_histories = histories.before(ends).at(None)
    model = rec.dense_model()
    training = TargetEvents.select(input_histories, kinds, input_histories.times_s > first, ProbeOptions().users)
    testing = TargetEvents.select(histories, kinds, histories.times_s > second, ProbeOptions().users)
    popularity = np.bincount(before.sequences().items, minlength=data.n_items)
    for negatives in ("real", "sampled"):
        for weights in ("none", "balanced"):
            options = ProbeOptions(negatives=negatives, class_weights=weights)
            learnt = build_interest_pairs(model, training, options, seed)
            test = build_interest_pairs(model, testing, options, seed + 1)
            items = model.item_vectors
            inputs = build_interest_inputs(learnt.interests, items[learnt.items])
            probe = LinearProbe.fit(inputs, learnt.labels, 1, options, n_free=1, seed=seed)
            likelihoods = probe.probabilities(build_interest_inputs(test.interests, items[test.items]))[:, 1]
            base = np.full(len(likelihoods), learnt.labels.mean())
            row = {
                "pairs": len(test.labels),
                "interested": round(float(test.labels.mean()), 4),
                "auc": round(auc(test.labels, likelihoods), 4),
                "auc_dot": round(auc(test.labels, (test.interests * items[test.items]).sum(axis=1)), 4),
                "auc_popularity": round(auc(test.labels, popularity[test.items].astype(float)), 4),
                "log_loss": round(log_loss(test.labels, likelihoods), 4),
                "log_loss_of_the_share": round(log_loss(test.labels, base), 4),
                "calibration_error": round(expected_calibration_error(likelihoods.astype(np.float64), test.labels), 4),
            }
            rows[f"{negatives}, weights {weights}"] = row
            print(name, negatives, weights, row, flush=True)
    rows["category"] = _category(rec, model, training, testing)
    print(name, {key: value for key, value in rows["category"].items() if key != "confusion_matrix"}, flush=True)
    return rows


def _category(rec: Recommender, model: Any, training: TargetEvents, testing: TargetEvents) -> dict[str, Any]:
    """Results of the category probe: the category of the next item."""
    items = rec.dataset.items
    probes = Probes.fit(model, training, items, ProbeOptions(fit=("category",)))
    pairs, likely = probes.predict_class_pairs(model, testing, items)
    actual, predicted = pairs.classes, likely.argmax(axis=1)
    counts = np.asarray(probes.records["category"].counts)
    learnt = build_category_pairs(model, training, encode_first_categories(items, probes.classes))
    alone = LinearProbe.fit(learnt.interests, learnt.classes, len(probes.classes), ProbeOptions())
    predicted_alone = alone.probabilities(pairs.interests).argmax(axis=1)
    return {
        "classes": len(probes.classes),
        "events": len(actual),
        "accuracy": round(accuracy(actual, predicted), 4),
        "accuracy_of_the_vector_alone": round(accuracy(actual, predicted_alone), 4),
        "accuracy_of_the_commonest": round(float((actual == counts.argmax()).mean()), 4),
        "accuracy_of_the_class_before": round(float((actual == pairs.previous).mean()), 4),
        "macro_f1": round(precision_recall_f1(actual, predicted, "macro")[2], 4),
        "confusion_matrix": confusion_matrix(actual, predicted, len(probes.classes)).tolist(),
    }


if __name__ == "__main__":
    main()
