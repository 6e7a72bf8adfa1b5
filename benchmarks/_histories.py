"""Fit recommenders once on a split, and rank with histories from which events have been removed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import penchant
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, Split
from penchant.embeddings.modalities import embed_items
from penchant.embeddings.packing import attach_content, default_cache, pack_histories
from penchant.evaluation.backtest import rank_holdout
from penchant.metrics.ranking import ndcg
from penchant.metrics.significance import bootstrap_intervals
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "online-retail"


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Arguments that the scripts about histories share; `with_defaults` reads them."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--models", default="popularity,cooccurrence,transformer")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="a folder for the fitted bundles; existing ones are loaded")
    parser.add_argument("--repeats", action=argparse.BooleanOptionalAction)
    return parser


def with_defaults(args: argparse.Namespace) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Return whether items may be recommended again, and the settings of each model."""
    repeats = args.data.name == "online-retail" if args.repeats is None else args.repeats
    return repeats, {
        n: {"dim": 64, "epochs": args.epochs} if n == "transformer" else {} for n in args.models.split(",")
    }


def fitted(cut: Split, models: Mapping[str, Mapping[str, Any]], keep: Path | None) -> dict[str, Recommender]:
    """Fit each model with its settings, or load its bundle from `keep`. Epochs are selected on validation."""
    recommenders, modalities = {}, None
    for name, settings in models.items():
        kept = keep / name if keep else None
        if kept is not None and (kept / "current").is_file():
            recommenders[name] = penchant.load(kept)
            continue
        modalities = modalities or embed_items(cut.train, Config().modalities, default_cache())
        config = Config(model=name).with_settings(settings)
        recommenders[name] = Recommender.fit(cut.train, config, validation=cut.validation, modalities=modalities)
        print(f"{name}: {recommenders[name].record.fit_cpu_s} CPU s", file=sys.stderr, flush=True)
        if kept is not None:
            recommenders[name].save(kept)
    return recommenders


def full_histories(cut: Split, recommender: Recommender) -> SequenceBatch:
    """Test histories with the content of events and users attached."""
    return attach_content(cut.test.histories, pack_histories(cut.dataset, recommender.encoders))


def score_ndcg(
    recommender: Recommender, holdout: Holdout, histories: SequenceBatch, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """NDCG@10 `[rows]` of some test users with these histories. Items of the full history are filtered out."""
    cut_holdout = replace(
        holdout, histories=histories.take(rows), targets=holdout.targets.take(rows), seen=holdout.seen.take(rows)
    )
    lists = rank_holdout(recommender, cut_holdout, 10, n_items=recommender.dataset.n_items, threads=1)
    return ndcg(lists, cut_holdout.targets, 10)


def with_interval(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean over users and its 95 % bootstrap interval."""
    interval = bootstrap_intervals({"": values})[""]
    return {"mean": round(interval.mean, 4), "low": round(interval.low, 4), "high": round(interval.high, 4)}
