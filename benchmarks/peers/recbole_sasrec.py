"""RecBole's SASRec (cross-entropy) on exchanged tables; run by `benchmarks/peers_cost.py`.

    PYTHON benchmarks/peers/recbole_sasrec.py FOLDER --length 50 [--share .1]

One thread. RecBole 1.2.1 was written for an older numpy and torch: names that these have removed are restored before
the import. RecBole makes one row of every prefix of a history, so only a `--share` of the batches of an epoch is run,
and its CPU seconds are scaled to an epoch.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _exchange import cpu_s, peak_rss_mb, write_costs

for name, kept in {
    "float_": np.float64, "complex_": np.complex128, "object_": object, "unicode_": np.str_, "bool8": np.bool_,
    "float": float, "int": int, "bool": bool, "object": object, "str": str, "long": np.int64,
}.items():  # fmt: skip
    if name not in np.__dict__:
        setattr(np, name, kept)


class Part:
    """The first share of a loader's batches."""

    def __init__(self, loader: Any, share: float) -> None:
        self.loader, self.size = loader, max(1, round(len(loader) * share))

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.loader), self.size)


def atomic_file(events: Path, folder: Path) -> None:
    """Write the known events as an atomic file of RecBole, which holds out the last event of each user again."""
    out = folder / "exchanged" / "exchanged.inter"
    out.parent.mkdir(parents=True)
    lines = (f"u{user}\ti{item}\t{place}\n" for user, item, place in np.load(events).tolist())
    with out.open("w", encoding="utf-8") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        file.writelines(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.model.sequential_recommender import SASRec
    from recbole.trainer import Trainer

    with tempfile.TemporaryDirectory() as folder:
        atomic_file(args.folder / "known.npy", Path(folder))
        settings = {
            "data_path": folder, "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "use_gpu": False,
            "n_layers": 2, "n_heads": 2, "hidden_size": 64, "inner_size": 256, "hidden_dropout_prob": 0.2,
            "attn_dropout_prob": 0.2, "loss_type": "CE", "MAX_ITEM_LIST_LENGTH": args.length, "worker": 0,
            "train_neg_sample_args": None, "show_progress": False, "checkpoint_dir": folder, "seed": 0,
            "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full", "group_by": "user"},
        }  # fmt: skip
        config = Config(model="SASRec", dataset="exchanged", config_dict=settings)
        dataset = create_dataset(config)
        loader = data_preparation(config, dataset)[0]
        model = SASRec(config, loader.dataset)
        trainer = Trainer(config, model)
        part = Part(loader, args.share)
        before = cpu_s()
        trainer._train_epoch(part, 0, show_progress=False)
        spent = cpu_s() - before
    costs: dict[str, object] = {
        "batches": len(loader), "batches_run": len(part), "cpu_s_run": spent, "cpu_s": spent * len(loader) / len(part),
        "rows": len(loader.dataset), "peak_rss_mb": peak_rss_mb(),
    }  # fmt: skip
    write_costs(args.folder, "cost_recbole", costs)


if __name__ == "__main__":
    main()
