"""RecTools' SASRec (softmax) on exchanged tables; run by `benchmarks/peers_cost.py` with an interpreter that has it.

    PYTHON benchmarks/peers/rectools_sasrec.py FOLDER --length 50 [--epochs N | --share .25] [--minutes M]

One thread. The CPU seconds of an epoch are taken at Lightning's epoch hooks, without setup and ranking. With `--share`,
only this share of the batches of one epoch runs, and no lists are written.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from _exchange import cpu_s, peak_rss_mb, write_costs
from rectools.columns import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Clock(lightning.Callback):
    """CPU seconds of each epoch."""

    def __init__(self) -> None:
        self.started, self.epochs = 0.0, []

    def on_train_epoch_start(self, *_: object) -> None:
        self.started = cpu_s()

    def on_train_epoch_end(self, *_: object) -> None:
        self.epochs.append(cpu_s() - self.started)


def tables(path: Path) -> Dataset:
    user, item, place = np.load(path).T
    times = pd.Timestamp("2000-01-01") + pd.to_timedelta(place, unit="s")
    return Dataset.construct(
        pd.DataFrame({Columns.User: user, Columns.Item: item, Columns.Datetime: times, Columns.Weight: 1.0})
    )


def lists(model: SASRecModel, known: Dataset, users: list[int], path: Path) -> None:
    recommended = model.recommend(users, known, k=10, filter_viewed=True)
    np.save(path, recommended[[Columns.User, Columns.Rank, Columns.Item]].to_numpy(dtype=np.int64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=1e9, help="no further epoch after so many CPU minutes of them")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    lightning.seed_everything(0)

    def trainer() -> lightning.Trainer:
        return lightning.Trainer(
            max_epochs=1, min_epochs=1, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
            enable_model_summary=False, enable_checkpointing=False, callbacks=[Clock()],
            limit_train_batches=args.share,
        )  # fmt: skip

    train, known = tables(args.folder / "train.npy"), tables(args.folder / "known.npy")
    users = sorted(known.user_id_map.external_ids)
    model = SASRecModel(
        n_blocks=2, n_heads=2, n_factors=64, dropout_rate=0.2, session_max_len=args.length, loss="softmax",
        get_trainer_func=trainer,
    )  # fmt: skip
    before = cpu_s()
    rows = []
    for epoch in range(1, args.epochs + 1):
        model.fit_partial(train, min_epochs=1, max_epochs=1)
        used = next(part for part in model.fit_trainer.callbacks if isinstance(part, Clock))
        rows.append({"epoch": epoch, "cpu_s": used.epochs[-1]})
        batches = len(model.data_preparator.get_dataloader_train())
        costs: dict[str, object] = {
            "epochs": rows,
            "batches": batches,
            "batches_run": min(batches, int(model.fit_trainer.num_training_batches)),
            "peak_rss_mb": peak_rss_mb(),
            "fit_cpu_s": cpu_s() - before,
        }
        if args.share == 1.0:
            lists(model, known, users, args.folder / f"lists_{epoch}.npy")
        write_costs(args.folder, "cost", costs)
        print(f"epoch {epoch}: {rows[-1]['cpu_s']:.1f} CPU s", flush=True)
        if sum(row["cpu_s"] for row in rows) > args.minutes * 60:
            break


if __name__ == "__main__":
    main()
