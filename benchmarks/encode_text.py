"""Speed of encoding sentences: penchant against a plain float32 loop, in one run, on one thread.

    python benchmarks/encode_text.py DATA [--texts N] [--repeats N]

DATA is a folder of the data contract (the committed result: MovieLens-1M, title and plot of each film). The plain loop
takes batches of 32 in the order of the file, padded to the longest text of the batch, in float32. Prints texts per CPU
second of both, their ratio and the lowest cosine between their vectors.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from _report import cpu_s, peak_rss_mb, write

from penchant.encoders.precision import resolve_precision
from penchant.encoders.pretrained.huggingface import load_minilm
from penchant.encoders.pretrained.minilm import find_minilm_folder
from penchant.encoders.similarity import cosine
from penchant.encoders.text import join_text_fields


def plain_loop(texts: list[str]) -> Callable[[], np.ndarray]:
    """Mean-pooled, normalised vectors in float32, without optimisation."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(find_minilm_folder())
    model = AutoModel.from_pretrained(find_minilm_folder()).eval()

    def encode() -> np.ndarray:
        out = []
        with torch.no_grad():
            for start in range(0, len(texts), 32):
                batch = tokenizer(
                    texts[start : start + 32], padding=True, truncation=True, max_length=256, return_tensors="pt"
                )
                hidden = model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1).float()
                pooled = (hidden * mask).sum(1) / mask.sum(1)
                out.append(torch.nn.functional.normalize(pooled, dim=1))
        return torch.cat(out).numpy()

    return encode


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = cpu_s()
    result = work()
    return cpu_s() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    items = pl.read_parquet(args.data / "items.parquet")
    step = max(items.height // args.texts, 1)
    texts = [t for t in join_text_fields(items.gather_every(step), ("title", "description")) if t][: args.texts]
    plain = plain_loop(texts)
    encoder = load_minilm()
    exact = load_minilm(precision="fp32")
    ours = lambda: encoder.encode(texts).vectors  # noqa: E731
    sorted_only = lambda: exact.encode(texts).vectors  # noqa: E731
    for warm_up in (plain, ours, sorted_only):
        warm_up()
    # alternate the three, so that load from other processes slows all of them
    seconds: dict[str, list[float]] = {"plain": [], "penchant": [], "penchant_fp32": []}
    vectors: dict[str, np.ndarray] = {}
    for _ in range(args.repeats):
        for name, work in (("plain", plain), ("penchant", ours), ("penchant_fp32", sorted_only)):
            took, vectors[name] = timed(work)
            seconds[name].append(took)
    per_s = {name: len(texts) / statistics.median(took) for name, took in seconds.items()}
    agreement = cosine(vectors["plain"], vectors["penchant"])
    result: dict[str, Any] = {
        "data": args.data.name,
        "texts": len(texts),
        "repeats": args.repeats,
        "precision": resolve_precision("auto"),
        "texts_per_cpu_second": {name: round(value, 1) for name, value in per_s.items()},
        "ratio": round(per_s["penchant"] / per_s["plain"], 2),
        "ratio_fp32": round(per_s["penchant_fp32"] / per_s["plain"], 2),
        "cosine_lowest": round(float(agreement.min()), 6),
        "cosine_mean": round(float(agreement.mean()), 6),
        "peak_rss_mb": peak_rss_mb(),
    }
    for key, value in result.items():
        print(f"{key:>22}: {value}", file=sys.stdout)
    write("encode_text", result)


if __name__ == "__main__":
    main()
