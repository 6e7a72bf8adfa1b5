"""Full ranking and top ten with seen items filtered: users per CPU second, one thread, beside two others in one run.

    python benchmarks/rank_throughput.py [--data ../shared/data/movielens-1m] [--users 200000]

Two sizes: MovieLens-1M (6,040 × 3,416, vectors by ALS, the real histories), and `--users` × 100,000 items × 64
dimensions (random vectors, 50 seen items each; the others are timed on 4,096 of the users). Contestants: `ExactIndex`
of penchant, `implicit.cpu.topk`, and a plain matrix product with `torch.topk` into reused buffers.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from _report import peak_rss_mb, write

from penchant.data.dataset import Dataset
from penchant.data.ragged import Ragged
from penchant.data.training import TrainingData
from penchant.models.als import ALS
from penchant.retrieval.exact import ExactIndex, Ranked, top_k

K = 10
ROUNDS = 3
SAMPLE = 4_096
BLOCK = 512


@dataclass(frozen=True)
class Case:
    """User vectors `[B, D]`, item vectors `[N, D]` and the seen items of each user."""

    name: str
    users: npt.NDArray[np.float32]
    items: npt.NDArray[np.float32]
    seen: Ragged

    def first(self, n: int) -> Case:
        rows = np.arange(min(n, len(self.users)))
        return Case(self.name, self.users[rows], self.items, self.seen.take(rows))


def movielens(folder: Path) -> Case:
    data = Dataset.load(folder)
    histories = data.sequences()
    model = ALS()
    model.fit(TrainingData(histories, data.n_items, data.kinds.ids.to_list(), int(histories.times_s.max())))
    return Case("movielens-1m", model.user_vectors(histories), model.item_vectors, histories.history_items.unique())


def synthetic(n_users: int, n_items: int = 100_000, dim: int = 64, seen: int = 50) -> Case:
    rng = np.random.default_rng(0)
    items = rng.standard_normal((n_items, dim), dtype=np.float32)
    users = rng.standard_normal((n_users, dim), dtype=np.float32)
    codes = rng.integers(0, n_items, n_users * seen).astype(np.int32)
    seen_items = Ragged(np.arange(n_users + 1, dtype=np.int64) * seen, codes).unique()
    return Case(f"{n_users:,} x {n_items:,} x {dim}", users, items, seen_items)


def ours(case: Case) -> Callable[[], Ranked]:
    index = ExactIndex(case.items)
    return lambda: index.search(case.users, K, exclude=case.seen)


def by_implicit(case: Case) -> Callable[[], Ranked]:
    import scipy.sparse as sp
    from implicit.cpu.topk import topk

    shape = (len(case.users), len(case.items))
    ones = np.ones(len(case.seen.values), dtype=np.float32)
    seen = sp.csr_matrix((ones, case.seen.values, case.seen.offsets), shape=shape)

    def run() -> Ranked:
        items, scores = topk(case.items, case.users, K, filter_query_items=seen, num_threads=1)
        return items, scores

    return run


def by_torch(case: Case) -> Callable[[], Ranked]:
    import torch

    torch.set_num_threads(1)
    users, items = torch.from_numpy(case.users), torch.from_numpy(case.items).T
    rows, codes = torch.from_numpy(case.seen.rows), torch.from_numpy(case.seen.values.astype(np.int64))
    buffer = torch.empty(BLOCK, items.shape[1])

    def run() -> Ranked:
        indices, scores = [], []
        for start in range(0, len(users), BLOCK):
            part = users[start : start + BLOCK]
            block = buffer[: len(part)]
            torch.mm(part, items, out=block)
            inside = slice(int(case.seen.offsets[start]), int(case.seen.offsets[start + len(part)]))
            block[rows[inside] - start, codes[inside]] = -torch.inf
            best = torch.topk(block, K)
            indices.append(best.indices)
            scores.append(best.values)
        return torch.cat(indices).numpy().astype(np.int32), torch.cat(scores).numpy()

    return run


def rates(case: Case, contestants: dict[str, Callable[[Case], Callable[[], Ranked]]]) -> dict[str, Any]:
    """Users per CPU second (the best of several alternating rounds), and the share of ranks that equal ours."""
    calls = {name: make(case) for name, make in contestants.items()}
    lists = {name: call()[0] for name, call in calls.items()}
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - started)
    speed = {name: round(len(case.users) / spent) for name, spent in best.items()}
    same = {name: round(float((items == lists["penchant"]).mean()), 5) for name, items in lists.items()}
    ratio = {f"penchant / {name}": round(speed["penchant"] / speed[name], 2) for name in speed if name != "penchant"}
    return {"users": len(case.users), "items": len(case.items), "users_per_cpu_s": speed, **ratio, "same_item": same}


def rank_all(case: Case) -> dict[str, Any]:
    """Rank for every user once: CPU seconds and peak memory of the process."""
    index = ExactIndex(case.items)
    started = time.process_time()
    index.search(case.users, K, exclude=case.seen)
    spent = time.process_time() - started
    return {
        "users": len(case.users),
        "cpu_s": round(spent, 1),
        "users_per_cpu_s": round(len(case.users) / spent),
        "peak_rss_mb": peak_rss_mb(),
    }


def of_scores(case: Case) -> dict[str, Any]:
    """`top_k` over a matrix of scores that is computed before."""
    scores = case.users @ case.items.T
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        top_k(scores, K, case.seen)
        spent.append(time.process_time() - started)
    return {"users_per_cpu_s": round(len(case.users) / min(spent))}


def approximate(n_items: int = 100_000, dim: int = 64) -> dict[str, Any]:
    """The approximate index on clustered vectors: seconds to build, recall, CPU milliseconds a query."""
    from penchant.retrieval.ann import ANNIndex

    rng = np.random.default_rng(1)
    centres = rng.standard_normal((1000, dim))
    items = (centres[rng.integers(0, 1000, n_items)] + 0.7 * rng.standard_normal((n_items, dim))).astype(np.float32)
    users = (centres[rng.integers(0, 1000, 1000)] + 0.7 * rng.standard_normal((1000, dim))).astype(np.float32)
    started = time.process_time()
    index = ANNIndex(items, queries=users[:256])
    built = time.process_time() - started
    started = time.process_time()
    approximate_lists, _ = index.search(users[256:], K)
    spent = time.process_time() - started
    right, _ = index.exact.search(users[256:], K)
    recall = float((approximate_lists[:, :, None] == right[:, None, :]).any(axis=1).mean())
    return {
        "items": n_items,
        "build_cpu_s": round(built, 2),
        "lists": index.lists,
        "probes": index.probes,
        "recall_at_10_at_build": round(index.recall, 4),
        "recall_at_10": round(recall, 4),
        "cpu_ms_a_query": round(1000 * spent / len(approximate_lists), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared/data/movielens-1m")
    parser.add_argument("--users", type=int, default=200_000)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    large = synthetic(arguments.users)
    result: dict[str, Any] = {"k": K, "threads": 1, large.name: rank_all(large)}
    contestants = {"penchant": ours, "implicit": by_implicit, "torch": by_torch}
    result[f"{large.name}, {SAMPLE:,} of the users"] = rates(large.first(SAMPLE), contestants)
    if arguments.data.is_dir():
        case = movielens(arguments.data)
        result[case.name] = rates(case, contestants)
        result[f"{case.name}, scores given"] = of_scores(case)
    result["approximate index"] = approximate()
    for name, value in result.items():
        print(f"{name}: {value}")
    write("rank_throughput", result)


if __name__ == "__main__":
    main()
