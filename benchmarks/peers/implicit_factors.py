"""implicit's ALS and BPR on exchanged tables; run by `benchmarks/peers_cost.py` with an interpreter that has it.

    PYTHON benchmarks/peers/implicit_factors.py FOLDER --model als|bpr

64 factors, otherwise the defaults of the library, one thread. ALS folds in the known history; BPR has a vector of each
user.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from _exchange import cpu_s, peak_rss_mb, write_costs
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from scipy.sparse import csr_matrix


def matrix(path: Path, shape: tuple[int, int] | None = None) -> csr_matrix:
    user, item, _ = np.load(path).T
    return csr_matrix((np.ones(len(user), dtype=np.float32), (user, item)), shape=shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=("als", "bpr"), required=True)
    args = parser.parse_args()
    known = matrix(args.folder / "known.npy")
    train = matrix(args.folder / "train.npy", known.shape)
    kinds = {"als": AlternatingLeastSquares, "bpr": BayesianPersonalizedRanking}
    model = kinds[args.model](factors=64, random_state=0, num_threads=1)
    before = cpu_s()
    model.fit(train, show_progress=False)
    spent = cpu_s() - before
    users = np.flatnonzero(np.diff(known.indptr))
    fold_in = {"recalculate_user": True} if args.model == "als" else {}
    items, _ = model.recommend(users, known[users], N=10, filter_already_liked_items=True, **fold_in)
    ranks = np.tile(np.arange(1, 11), len(users))
    rows = np.stack([np.repeat(users, 10), ranks, np.asarray(items).ravel()], axis=1)
    np.save(args.folder / f"lists_{args.model}.npy", rows.astype(np.int64))
    write_costs(args.folder, f"cost_{args.model}", {"fit_cpu_s": spent, "peak_rss_mb": peak_rss_mb()})


if __name__ == "__main__":
    main()
