"""Fusions and options of the modalities in the semi-real world of `semi_real.py`, with one modality for few items.

    python benchmarks/semi_real_options.py --photos FOLDER --sounds FOLDER --image MODEL --audio MODEL [--seeds N]

Every item has a sound; seven of ten lack a photograph, so the modalities are unbalanced. One small transformer with ids
and both modalities is fitted per variant: every fusion, every normalisation, dropout of modalities, and the remedies
for unbalanced modalities. Printed: NDCG@10 on validation and on the last event of every user, the latter also for the
users whose target has a photograph, and the recovery of planted interests.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Mapping
from typing import Any

import numpy as np
from _report import cpu_s, write
from semi_real import CLASSES, RECIPE, arguments, encoded, recovered, thinned

from penchant.data.modalities import Modalities
from penchant.data.splits import Split, split
from penchant.embeddings.fitted import FittedEncoders
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import evaluate_ranking
from penchant.metrics.significance import bootstrap, mean_over_seeds, paired_differences
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.simulator import Simulation, SimulatorOptions, simulate

MISSING = 0.7
DEFAULT = "weighted_sum"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: {},
    "concat": {"fusion": "concat"},
    "product": {"fusion": "product"},
    "bilinear": {"fusion": "bilinear"},
    "gated": {"fusion": "gated"},
    "attention": {"fusion": "attention"},
    "decision": {"fusion": "decision"},
    "fixed equal weights": {"fusion_weights": "behaviour:1,image:1,audio:1"},
    "modality_norm layer_norm": {"modality_norm": "layer_norm"},
    "modality_norm standardise": {"modality_norm": "standardise"},
    "modality_norm none": {"modality_norm": "none"},
    "modality_balance loss": {"modality_balance": "loss"},
    "cnn_rnn": {"encoder": "cnn_rnn"},
}


def main() -> None:
    """Fit every variant, print and write."""
    args = arguments()
    world = simulate(
        SimulatorOptions(users=600, items=400, events=24_000, topics=CLASSES, style=0.5, seed=0, follows=0)
    )
    complete = encoded(world, args)
    modalities = complete.with_modality("image", thinned(complete["image"], MISSING, 0))
    cut = split(world.dataset(), "leave-one-out")
    shown = modalities["image"].present[cut.test.targets.values[cut.test.targets.offsets[:-1]]]
    runs: dict[str, dict[str, Any]] = {}
    for name, options in VARIANTS.items():
        runs[name] = variant(world, cut, modalities, options, args.seeds)
        print(f"{name}: {runs[name]['cpu_s']} CPU seconds", flush=True)
    pairs = [(runs[name]["values"], runs[DEFAULT]["values"]) for name in VARIANTS if name != DEFAULT]
    gaps = dict(zip([name for name in VARIANTS if name != DEFAULT], paired_differences(pairs), strict=True))
    rows = []
    for name, run in runs.items():
        values = run.pop("values")
        row = {"variant": name, "ndcg@10": bootstrap(values).to_dict(), **run}
        row["ndcg@10 where the target has a photograph"] = bootstrap(values[shown]).to_dict()
        if name in gaps:
            row["minus default"] = {**gaps[name].interval.to_dict(), "p_holm": gaps[name].p_holm}
        rows.append(row)
        print(f"{name}: {row['ndcg@10']['mean']:.4f} (validation {row['validation_ndcg@10']:.4f})", flush=True)
    write("semi_real_options", {"recipe": RECIPE, "seeds": args.seeds, "photographs missing": MISSING, "rows": rows})


def variant(
    world: Simulation, cut: Split, modalities: Modalities, options: Mapping[str, Any], seeds: int
) -> dict[str, Any]:
    """One variant over the seeds: NDCG@10 of every user and on validation, recovery, cost."""
    ranked, validation, recoveries, before = [], [], [], cpu_s()
    catalogue = measure_background(cut.train, modalities)
    for seed in range(seeds):
        settings = {f"transformer.{name}": value for name, value in {**RECIPE, **options}.items()}
        config = Config(model="transformer", seed=seed).with_settings(settings)
        rec = Recommender.fit(cut.train, config, validation=cut.validation, modalities=(modalities, FittedEncoders()))
        ranked.append(evaluate_ranking(rec, cut.test, (10,), background=catalogue, threads=1).values["ndcg@10"])
        validation.append(rec.record.training.validation_ndcg)
        recoveries += [result["cosine"] for result in recovered(world, rec, seed)]
    return {
        "values": mean_over_seeds(ranked),
        "validation_ndcg@10": float(np.mean(validation)),
        "recovery": float(np.mean(recoveries)),
        "cpu_s": round(cpu_s() - before, 1),
    }


if __name__ == "__main__":
    main()
