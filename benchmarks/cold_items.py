"""Cold items on MovieLens-1M: a tenth of the films is held out of training.

    python benchmarks/cold_items.py [DATA] [--image FOLDER] [--modalities all|image] [--set KEY=VALUE …] [--seed N]

The models learn from the other films, without the last two choices of each user. Two targets are ranked:

- `cold`: the first held-out film that each user chose, ranked among all films;
- `warm`: the last warm film of each user, ranked among all films, and among warm films only (`warm alone`). The
  difference is what the cold films cost.

`lite` and its transformer stand beside the cosine of contents. The curve shows the gain on cold films against the
expected loss on warm ones (`max_known_loss`). `among` ranks the held-out films alone, so it measures their order
without their placement. Everything is chosen on choices of warm films; no model sees a held-out film before the test.
`--seed` draws other films; each seed but 0 writes a result file with the seed in its name.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _report import cpu_s, peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.splits import Holdout, split
from penchant.embeddings.packing import pack_histories
from penchant.evaluation.run import with_content
from penchant.metrics.ranking import ndcg
from penchant.metrics.significance import bootstrap
from penchant.models.base import Model
from penchant.models.ensemble.ensemble import Ensemble
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.retrieval.exact import top_k

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
COSTS = (0.0, 0.005, 0.01, 0.02, 0.04)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--image", default="none", help="encoder of the posters: a folder or a hub name")
    parser.add_argument("--modalities", choices=("all", "image"), default="all")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    settings = dict(pair.split("=", 1) for pair in args.set) | {"modalities.image.encoder": args.image}
    if args.modalities == "image":
        settings |= {"modalities.text.encoder": "none", "modalities.attributes.enabled": "false"}
    base = Config(model="lite", seed=args.seed).with_settings(settings)

    dataset = Dataset.load(args.data)
    outer = split(dataset, "cold-items", seed=args.seed)
    inner = split(outer.train_and_validation, "leave-one-out")
    carrier = Recommender.fit(inner.train, replace(base, model="popularity"), validation=inner.validation)
    all_histories = pack_histories(outer.dataset, carrier.encoders)
    inner_histories = pack_histories(inner.dataset, carrier.encoders)
    cold, warm = with_content(outer.test, all_histories), with_content(inner.test, inner_histories)
    shared: dict[str, Any] = {
        "validation": with_content(inner.validation, inner_histories),
        "modalities": (carrier.modalities, carrier.encoders),
    }
    known = np.bincount(inner.train.sequences().items, minlength=dataset.n_items) > 0

    def row(name: str, model: Model) -> dict[str, Any]:
        values = {
            "cold": score(model, cold),
            "among": score(model, cold, allowed=~known),
            "warm": score(model, warm),
            "warm alone": score(model, warm, allowed=known),
        }
        print(f"{name:24}" + "  ".join(f"{key} {value['mean']:.4f}" for key, value in values.items()), flush=True)
        return values

    started = cpu_s()
    content = replace(base, model="content")
    result: dict[str, Any] = {"models": {}, "costs": {}}
    for name, recipe in [("content", content)] + [
        (f"content, {modality} alone", content.with_settings({"content.modalities": modality}))
        for modality in carrier.modalities
        if len(carrier.modalities) > 2 and modality != "behaviour"
    ]:
        result["models"][name] = row(name, Recommender.fit(inner.train, recipe, **shared).model)
    lite = Recommender.fit(inner.train, base, **shared).model
    assert isinstance(lite, Ensemble)
    if "transformer" in lite.experts:
        result["models"]["transformer"] = row("transformer", lite.experts["transformer"])
    result["models"]["lite"] = row("lite", lite)
    chosen = lite.options
    for cost in COSTS:
        lite.options = replace(chosen, max_known_loss=cost)
        lite.fit_thresholds(shared["validation"].histories)
        result["costs"][str(cost)] = row(f"  max_known_loss={cost:g}", lite)
    result |= {
        "users": {"cold": len(cold), "warm": len(warm)},
        "new_items": int((~known).sum()),
        "items": dataset.n_items,
        "modalities": list(carrier.modalities),
        "settings": settings | {"modalities.image.encoder": Path(args.image).name},
        "weights": lite.weights,
        "cold_start": dict(lite.cold_start.state().metadata) if lite.cold_start is not None else None,
        "cpu_s": round(cpu_s() - started),
        "peak_rss_mb": peak_rss_mb(),
    }
    write(f"cold_items_{args.modalities}" + (f"_{args.seed}" if args.seed else ""), result)


def score(model: Model, holdout: Holdout, allowed: np.ndarray | None = None) -> dict[str, float]:
    """NDCG@10 over the users of a holdout with its 95 % interval. Items of the history are filtered out."""
    values = []
    for start in range(0, len(holdout), 512):
        rows = np.arange(start, min(start + 512, len(holdout)))
        ranked, _ = top_k(
            model.score(holdout.histories.take(rows)), 10, exclude=holdout.seen.take(rows), allowed=allowed
        )
        values.append(ndcg(ranked, holdout.targets.take(rows), 10))
    interval = bootstrap(np.concatenate(values))
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


if __name__ == "__main__":
    main()
