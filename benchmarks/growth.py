"""How training of the sequence model scales: CPU seconds per million events and memory, from 100 k to 10 M events and
from 1 k to 1 M items.

    python benchmarks/growth.py [--events 100000,1000000,10000000] [--items 1000,10000,100000,1000000] [--fresh]

Synthetic logs: item frequencies follow a power law, a user has about 50 events, there are no modalities. The runs over
events have 10,000 items, the runs over items 300,000 events. Above 20,000 items the loss is the sampled softmax, as by
default. Each point runs in a separate process on one thread. A long epoch is measured on a random share of its batches;
the cost of making the batches, once an epoch, is divided by all of its events. Beside each time stands the time of one
large matrix product, which shows a busy machine. Writes results/growth.json and docs/images/growth_events.svg,
growth_items.svg.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from _report import RESULTS, cpu_s, peak_rss_mb, write
from _sequence_cost import product_rate

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.nn.options import SequenceOptions
from penchant.models.nn.windows import Window
from penchant.models.sequence import SequenceModel
from penchant.training import fit

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
FIXED_ITEMS, FIXED_EVENTS = 10_000, 300_000
STEPS = 60
"""Most batches of a run. `WARM` batches before them allocate the memory and are not timed."""
WARM = 5


def log(events: int, items: int) -> TrainingData:
    """A synthetic log: lengths from a geometric distribution around 50, items by a power law, one event a minute."""
    rng = np.random.default_rng(0)
    lengths = np.minimum(1 + rng.geometric(1 / 50, size=events // 50 + 10), 500)
    lengths = lengths[np.cumsum(lengths) <= events]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    n = int(offsets[-1])
    order = rng.permutation(items)
    chosen = order[np.minimum((items ** rng.random(n)).astype(np.int64), items - 1)]
    times = 60 * (np.arange(n) - np.repeat(offsets[:-1], lengths)) + rng.integers(0, 60, n)
    sequences = SequenceBatch(
        offsets,
        chosen.astype(np.int32),
        times.astype(np.int64),
        np.zeros(n, dtype=np.int16),
        np.full(n, np.nan, dtype=np.float32),
        np.arange(len(lengths), dtype=np.int32),
    )
    return TrainingData(sequences, items, ["view"], int(times.max()))


class Timed(SequenceModel):
    """Run a share of an epoch; time its steps and the making of its batches in CPU seconds."""

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Window]:
        began = cpu_s()
        all_batches = super().batches(data, rng)
        self.making = cpu_s() - began
        self.total = int(sum((stops - starts - 1).sum() for starts, stops in all_batches))
        part = all_batches[: STEPS + WARM]
        self.run = int(sum((stops - starts - 1).sum() for starts, stops in part[WARM:]))
        self.number, self.seen = len(all_batches), 0
        return part

    def loss(self, data: TrainingData, batch: Window, rng: np.random.Generator) -> torch.Tensor:
        if self.seen == WARM:
            self.began = cpu_s()
        self.seen += 1
        return super().loss(data, batch, rng)

    def finish(self) -> None:
        self.spent = cpu_s() - self.began
        super().finish()


def measure(events: int, items: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    data = log(events, items)
    before = peak_rss_mb()
    model = Timed(SequenceOptions(dim=64, epochs=1))
    fit(model, data, device="cpu")
    a_million = 1e6 * (model.spent / model.run + model.making / model.total)
    return {
        "events": data.sequences.n_events,
        "items": items,
        "batches": model.number,
        "batches_run": model.seen - WARM,
        "cpu_s_a_million_events": round(a_million, 1),
        "making_batches_cpu_s": round(model.making, 3),
        "log_rss_mb": before,
        "peak_rss_mb": peak_rss_mb(),
        "loss": "softmax" if items <= 20_000 else "sampled_softmax",
        "product_gflop_s": product_rate(),
    }


def draw(name: str, rows: list[dict[str, Any]], x: str) -> None:
    """CPU seconds per million events against events or items, beside a proportional line."""
    from penchant.plots.curves import draw_growth
    from penchant.plots.svg import Labels
    from penchant.reports.page import make_standalone

    seconds = [row["cpu_s_a_million_events"] for row in rows]
    times, sizes = seconds[-1] / seconds[0], rows[-1][x] / rows[0][x]
    table = pl.DataFrame({"series": "penchant", "x": [float(row[x]) for row in rows], "y": seconds})
    labels = Labels(
        f"{sizes:,.0f} times the {x}: {times:.1f} times the CPU seconds an event",
        f"CPU seconds of training a million events over the number of {x}: "
        + ", ".join(f"{row[x]:,}: {row['cpu_s_a_million_events']:.0f}" for row in rows),
        x,
        "CPU seconds per million events",
    )
    drawn = draw_growth(table, labels, chosen="penchant")
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / f"{name}.svg").write_text(make_standalone(drawn) + "\n", encoding="utf-8")


def main() -> None:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", default="100000,1000000,10000000")
    parser.add_argument("--items", default="1000,10000,100000,1000000")
    parser.add_argument("--fresh", action="store_true")
    args = parser.parse_args()
    path = RESULTS / "growth.json"
    result: dict[str, Any] = {"of_events": {}, "of_items": {}}
    if path.is_file() and not args.fresh:
        result = json.loads(path.read_text(encoding="utf-8"))["result"]
    wanted = [("of_events", n, (int(n), FIXED_ITEMS)) for n in args.events.split(",")]
    wanted += [("of_items", n, (FIXED_EVENTS, int(n))) for n in args.items.split(",")]
    for part, key, sizes in wanted:
        if key in result[part]:
            continue
        words = [sys.executable, __file__, "--measure", *(str(size) for size in sizes)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        result[part][key] = json.loads(done.stdout.splitlines()[-1])
        print(f"{part} {key}: {result[part][key]}", flush=True)
        write("growth", result)
    for part, x in (("of_events", "events"), ("of_items", "items")):
        rows = sorted(result[part].values(), key=lambda row: int(row[x]))
        if len(rows) > 1:
            draw(f"growth_{x}", rows, x)


if __name__ == "__main__":
    main()
