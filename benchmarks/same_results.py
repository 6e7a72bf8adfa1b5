"""Whether a restructuring changes results: short fits of all models, every figure printed to the last bit.

    python -W ignore benchmarks/same_results.py > after.txt && diff benchmarks/results/same_results.txt after.txt

300 users of MovieLens-1M and a small simulated platform; about two CPU minutes on one thread. Times go to stderr. The
last bits depend on the processor: if the recorded file differs, run the state before the change on the same machine.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XDG_CACHE_HOME", tempfile.mkdtemp())  # every run encodes its vectors

from typing import Any

import numpy as np
import polars as pl

from penchant import Config, Dataset, Recommender
from penchant.evaluation.compare import CompareOptions, compare
from penchant.simulator import SimulatorOptions, simulate
from penchant.training.continuing import UpdateOptions


def config(model: str, **values: Any) -> Config:
    return Config(model=model).with_settings({key.replace("__", "."): str(value) for key, value in values.items()})


def compare_one(data: Dataset, model: str, conf: Config, **options: Any) -> tuple[float, float, float, int]:
    comparison = compare(data, {model: conf}, conf, CompareOptions(curves=False, threads=1, **options))
    metrics = comparison.models[model]
    return metrics["ndcg@10"].mean, metrics["mrr@10"].mean, metrics["hit_rate@10"].mean, comparison.users


def digest_lists(rec: Recommender) -> tuple[str, str]:
    """Digests of the top 20 of all users: item ids, and the bytes of their scores."""
    histories = rec.histories(np.arange(rec.dataset.n_users))
    items, scores = rec.rank(histories, 20)
    ids = [rec.dataset.item_vocabulary.ids[int(c)] if c >= 0 else "" for c in items.ravel()]
    return digest("\n".join(ids).encode()), digest(np.ascontiguousarray(scores, dtype=np.float32).tobytes())


def update(rec: Recommender, data: Dataset) -> Recommender:
    return rec.update(data, UpdateOptions(epochs=1))


SMALL = {
    "modalities__text__encoder": "ngram", "modalities__text__dim": 16,
    "transformer__dim": 32, "transformer__epochs": 1, "transformer__batch_tokens": 1000,
    "gru__dim": 32, "gru__epochs": 1, "gru__batch_tokens": 1000,
}  # fmt: skip
CHEAP = ("popularity", "cooccurrence", "item_knn", "user_knn", "content", "ease", "als")
CLOCK = time.process_time()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def show(*values: object) -> None:
    global CLOCK
    now = time.process_time()
    print(*values, flush=True)
    print(f"  {now - CLOCK:.1f} CPU s", values[0], values[1], file=sys.stderr, flush=True)
    CLOCK = now


def movielens(folder: Path) -> Dataset:
    """300 users of MovieLens-1M and the films of their events, without posters."""
    source = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
    events = pl.read_parquet(source / "events.parquet")
    users = events["user_id"].unique().sort().to_list()
    chosen = [users[n] for n in np.sort(np.random.default_rng(7).permutation(len(users))[:300])]
    events = events.filter(pl.col("user_id").is_in(chosen))
    items = pl.read_parquet(source / "items.parquet").filter(
        pl.col("item_id").is_in(events["item_id"].unique().implode())
    )
    folder.mkdir()
    events.write_parquet(folder / "events.parquet")
    items.drop([c for c in items.columns if c == "image"]).write_parquet(folder / "items.parquet")
    pl.read_parquet(source / "users.parquet").filter(pl.col("user_id").is_in(chosen)).write_parquet(
        folder / "users.parquet"
    )
    return Dataset.load(folder)


def run_movielens(root: Path) -> None:
    data = movielens(root / "ml")
    show("movielens", "rows", data.n_users, data.n_items, data.n_events)
    for request_time in ("given", "hidden"):
        for model in (*CHEAP, "gru", "transformer", "lite"):
            figures = compare_one(data, model, config(model, **SMALL), split="leave-one-out", request_time=request_time)
            show("movielens", request_time, model, *map(repr, figures))
    for model in CHEAP:
        figures = compare_one(data, model, config(model, **SMALL), split="time", ties="random")
        show("movielens", "time-random-ties", model, *map(repr, figures))
    for model in CHEAP:
        show("movielens", "lists", model, *digest_lists(Recommender.fit(data, config(model, **SMALL))))


def run_platform(root: Path) -> None:
    simulate(SimulatorOptions(users=120, items=100, events=3000, seed=5, media=True, searches=0.05)).write(root / "sim")
    data = Dataset.load(root / "sim")
    show("platform", "rows", data.n_users, data.n_items, data.n_events)
    show("platform", "tables", digest(data.events.write_csv(include_header=False).encode()))
    options = {
        **SMALL,
        "probes__fit": "interest,category",
        "modalities__image__encoder": "cnn",
        "modalities__audio__encoder": "crnn",
    }
    for split in ("leave-one-out", "cold-items"):
        show("platform", split, "lite", *map(repr, compare_one(data, "lite", config("lite", **options), split=split)))
    rec = Recommender.fit(data, config("lite", **options))
    show("platform", "lists", "lite", *digest_lists(rec))
    user, items = data.user_vocabulary.ids[3], data.items["item_id"].to_list()
    show("platform", "interested", digest(np.asarray(rec.interested(user, items), np.float32).tobytes()))
    likely = rec.next_category(user)
    show("platform", "next_category", digest(repr(sorted(likely.items())).encode()))
    vectors = rec.dense_model().interests(rec.histories(np.arange(data.n_users)))
    show("platform", "interests", digest(np.ascontiguousarray(vectors, dtype=np.float32).tobytes()))
    show("platform", "explain", repr(rec.explain(user, items[7]).score))
    rec.save(root / "bundle")
    show("platform", "save+load", digest_lists(Recommender.load(root / "bundle")) == digest_lists(rec))
    words = dict(llm__width=16, llm__layers=1, llm__dim=16, llm__epochs=1, llm__vocabulary=200, llm__max_length=96,
                 llm__batch_tokens=2048, llm__pretrain_tokens=5000)  # fmt: skip
    show("platform", "lists", "llm", *digest_lists(Recommender.fit(data, config("llm", **SMALL, **words))))


def run_updates(root: Path) -> None:
    folder = root / "sim"
    events = pl.read_parquet(folder / "events.parquet") if (folder / "events.parquet").exists() else None
    if events is None:
        events = pl.read_csv(next(folder.glob("events.csv*")))
    events = events.sort("timestamp", maintain_order=True)
    items = next(folder.glob("items.*"))
    for name, part in (("old", events[: 4 * events.height // 5]), ("new", events[4 * events.height // 5 :])):
        (root / name).mkdir()
        part.drop([c for c in part.columns if c in ("image", "audio")]).write_parquet(root / name / "events.parquet")
        table = pl.read_parquet(items) if items.suffix == ".parquet" else pl.read_csv(items)
        table.drop([c for c in table.columns if c in ("image", "audio")]).write_parquet(root / name / "items.parquet")
    for model in ("cooccurrence", "gru", "lite"):
        rec = Recommender.fit(Dataset.load(root / "old"), config(model, **SMALL))
        rec.save(root / f"bundle-{model}")
        fresh = update(Recommender.load(root / f"bundle-{model}"), Dataset.load(root / "new"))
        show("update", model, "before", *digest_lists(rec), "after", *digest_lists(fresh))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        for part in (run_movielens, run_platform, run_updates):
            part(Path(name))


if __name__ == "__main__":
    main()
