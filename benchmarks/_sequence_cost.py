"""Train our sequence model in a separate process: CPU seconds and NDCG@10 after every epoch, memory, operations.

python benchmarks/_sequence_cost.py JSON     the job, as `peers_cost.py` writes it; prints one line of JSON
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peer_tables import LeaveOneOut, work
from _report import cpu_s, peak_rss_mb

from penchant.data.splits import Holdout
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.modalities import embed_items
from penchant.embeddings.packing import attach_content, default_cache, pack_histories
from penchant.models.nn.windows import draw_windows
from penchant.models.sequence import SequenceModel
from penchant.recommender.config import Config
from penchant.training import fit
from penchant.training.selection import measure_ndcg


class Watched(SequenceModel):
    """CPU seconds of the epochs and NDCG@10 on the test.

    An epoch is timed from its first batch to its last, as the hooks of the peers do. The test runs when the loop hands
    over averaged weights, outside the time of any epoch.
    """

    def watch(self, test: Validation) -> None:
        self.test, self.rows, self.spent = test, [], 0.0
        self.began: float | None = None

    def begin_epoch(self) -> None:
        self._stop()
        self.began = cpu_s()

    def _stop(self) -> None:
        if self.began is not None:
            self.spent, self.began = self.spent + cpu_s() - self.began, None

    def finish(self) -> None:
        self._stop()
        super().finish()
        if len(self.rows) == self.options.epochs:
            return
        value = measure_ndcg(self, self.test, users=len(self.test.histories))
        self.rows.append({"epoch": len(self.rows) + 1, "cpu_s": self.spent, "ndcg@10": value})
        print(f"epoch {len(self.rows)}: {self.rows[-1]}", file=sys.stderr, flush=True)


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Train one job: `data`, `options`, `epochs`, `same_events` (only the last max_length + 1 events of a history)."""
    torch.set_num_threads(1)
    cut = LeaveOneOut(Path(job["data"])).cut
    config = Config(model="transformer").with_settings(
        {f"transformer.{name}": value for name, value in {**job["options"], "epochs": job["epochs"]}.items()}
    )
    options = config.options()
    modalities, encoders = embed_items(cut.train, config.modalities, default_cache())
    learned, all_histories = pack_histories(cut.train, encoders), pack_histories(cut.dataset, encoders)
    if job["same_events"]:
        learned = learned.last(options.max_length + 1)
    test = _hidden(cut.test, all_histories, hide=not options.time)
    data = TrainingData(
        learned,
        cut.train.n_items,
        cut.train.kinds.ids.to_list(),
        int(learned.times_s.max()),
        modalities=modalities,
        validation=Validation(test.histories.take([0]), test.targets.take([0]), test.seen.take([0])),
    )
    model = Watched(options)
    model.watch(test)
    fit(model, data, device="cpu")
    starts, stops = draw_windows(learned.offsets, options.max_length + 1, np.random.default_rng(0))
    return {
        "epochs": model.rows,
        "peak_rss_mb": peak_rss_mb(),
        "events_an_epoch": int((stops - starts - 1).sum()),
        "gflop_an_epoch": round(
            work(stops - starts, cut.train.n_items, per_block=12 if options.encoder == "sasrec" else 26), 1
        ),
        "product_gflop_s": product_rate(),
    }


def product_rate(size: int = 2048, times: int = 10) -> float:
    """10^9 operations per CPU second in large float32 products on one thread."""
    a, b = torch.rand(size, size), torch.rand(size, size)
    torch.mm(a, b)
    began = cpu_s()
    for _ in range(times):
        torch.mm(a, b)
    return round(times * 2 * size**3 / (cpu_s() - began) / 1e9, 1)


def _hidden(holdout: Holdout, all_histories: Any, *, hide: bool) -> Validation:
    histories = attach_content(holdout.histories, all_histories)
    return Validation(histories.at(None) if hide else histories, holdout.targets, holdout.seen)


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
