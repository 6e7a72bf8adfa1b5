"""Peak memory of encoding N image files: constant except for the vectors.

    python benchmarks/encode_memory.py [--counts 1000,4000,16000] [--dim 1280]

Each count runs in a separate process. It writes N distinct small images, then reads, decodes (in the worker) and
encodes them through the cache to `dim` numbers each. The encoder is a fixed projection of 8 × 8 pixels, since the
memory of a network does not depend on N. Printed: peak resident memory of the process, the size of the N × dim vectors,
and the rest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _report import peak_rss_mb, write

from penchant.data.modalities import Modality
from penchant.embeddings.media import encode_files
from penchant.encoders.cache import EncoderCache
from penchant.encoders.image import ImageEncoder, ImageOptions


class Projection(ImageEncoder):
    """Images of 8 × 8 pixels times a fixed matrix."""

    fingerprint = "projection"  # type: ignore[assignment]
    dim = 0  # type: ignore[assignment]

    def __init__(self, dim: int) -> None:
        super().__init__(ImageOptions("projection"))
        self.dim = dim  # type: ignore[misc]
        self.matrix = np.random.default_rng(0).standard_normal((192, dim), dtype=np.float32)

    def encode(self, contents: Any) -> Modality:
        rows = [np.zeros(192) if c is None else c.ravel() for c in contents]
        return Modality(
            np.array(rows, np.float32) @ self.matrix, np.array([c is not None for c in contents]), "projection"
        )


def one(count: int, dim: int) -> dict[str, float]:
    """Encode `count` files in this process."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for row in range(count):
            pixels = np.random.default_rng(row).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"{row}.bmp")
        names = [f"{row}.bmp" for row in range(count)]
        before = peak_rss_mb()
        modality, _ = encode_files(Projection(dim), names, root=root, cache=EncoderCache(root / "cache"))
    vectors = modality.vectors.nbytes / 1e6
    return {"files": count, "before_mb": before, "peak_mb": peak_rss_mb(), "vectors_mb": round(vectors, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1000,4000,16000")
    parser.add_argument("--dim", type=int, default=1280)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(one(args.one, args.dim)))
        return
    rows = []
    for count in args.counts.split(","):
        command = [sys.executable, __file__, "--one", count, "--dim", str(args.dim)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        row["rest_mb"] = round(row["peak_mb"] - row["before_mb"] - row["vectors_mb"], 1)
        rows.append(row)
        print(row, flush=True)
    write("encode_memory", {"rows": rows})


if __name__ == "__main__":
    main()
