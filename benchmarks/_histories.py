"""Recommenders fitted once on a split, and asked with histories that something has been hidden from."""

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
    """The arguments that scripts about histories share; `with_defaults` reads them."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--models", default="popularity,cooccurrence,transformer")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="a folder for the fitted bundles, taken from there when they exist")
    parser.add_argument("--repeats", action=argparse.BooleanOptionalAction)
    return parser


def with_defaults(asked: argparse.Namespace) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Whether items may be recommended again, and the settings of each model."""
    repeats = asked.data.name == "online-retail" if asked.repeats is None else asked.repeats
    return repeats, {
        n: {"dim": 64, "epochs": asked.epochs} if n == "transformer" else {} for n in asked.models.split(",")
    }


def fitted(cut: Split, models: Mapping[str, Mapping[str, Any]], keep: Path | None) -> dict[str, Recommender]:
    """Each model with its settings, selected on the validation; bundles in `keep` are taken from there."""
    found, modalities = {}, None
    for name, settings in models.items():
        kept = keep / name if keep else None
        if kept is not None and (kept / "current").is_file():
            found[name] = penchant.load(kept)
            continue
        modalities = modalities or embed_items(cut.train, Config().modalities, default_cache())
        config = Config(model=name).with_settings(settings)
        found[name] = Recommender.fit(cut.train, config, validation=cut.validation, modalities=modalities)
        print(f"{name}: {found[name].record.fit_cpu_s} CPU s", file=sys.stderr, flush=True)
        if kept is not None:
            found[name].save(kept)
    return found


def told(cut: Split, recommender: Recommender) -> SequenceBatch:
    """The histories of the test with what events and users carry themselves."""
    return attach_content(cut.test.histories, pack_histories(cut.dataset, recommender.encoders))


def scored(
    recommender: Recommender, holdout: Holdout, histories: SequenceBatch, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """NDCG@10 of some tested people `[rows]`, asked with these histories; items seen in the whole are left out."""
    asked = replace(
        holdout, histories=histories.take(rows), targets=holdout.targets.take(rows), seen=holdout.seen.take(rows)
    )
    lists = rank_holdout(recommender, asked, 10, n_items=recommender.dataset.n_items, threads=1)
    return ndcg(lists, asked.targets, 10)


def with_interval(values: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean over people and its 95 % bootstrap interval."""
    found = bootstrap_intervals({"": values})[""]
    return {"mean": round(found.mean, 4), "low": round(found.low, 4), "high": round(found.high, 4)}
