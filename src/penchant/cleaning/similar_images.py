"""Near-duplicate images: a perceptual hash of 64 bits, compared by Hamming distance.

A bit of the hash says whether one of the 8 × 8 lowest frequencies of the image (cosine transform of 32 × 32 grey
levels) lies above their median: Zauner 2010, "Implementation and benchmarking of perceptual image hash functions".
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dctn

from penchant.arrays import Bools, Float64s, Int64s, UInt64s
from penchant.cleaning.similar_texts import Pairs
from penchant.errors import require_extra

if TYPE_CHECKING:
    from PIL.Image import Image


_FLAT = 2.0
"""Standard deviation in grey levels below which an image shows too little to compare."""

_MOST_PIXELS = 100_000_000


def hash_images(paths: Iterable[Path | None]) -> tuple[UInt64s, Bools]:
    """The hash of every image `[N]`, and which images have one `[N]`."""
    hashes = [hash_image(path) for path in paths]
    present = np.array([one is not None for one in hashes], dtype=bool)
    return np.array([one or 0 for one in hashes], dtype=np.uint64), present


def hash_image(picture: Path | Image | None) -> int | None:
    """The perceptual hash of an image; None for a missing, unreadable, huge or single-coloured one."""
    with require_extra("pillow", "image"):
        from PIL import Image
    if picture is None:
        return None
    try:
        with contextlib.ExitStack() as opened:
            image = picture
            if isinstance(image, Path):
                image = Image.open(opened.enter_context(image.open("rb")))
            if image.width * image.height > _MOST_PIXELS:
                return None
            image.draft("L", (64, 64))
            grey = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if grey.std() < _FLAT:
        return None
    low = dctn(grey, norm="ortho")[:8, :8].ravel()
    bits = low > np.median(low[1:])  # low[0] is the mean brightness, far above all others
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def find_similar_hashes(hashes: UInt64s, present: Bools, *, most_bits: int = 6) -> Pairs:
    """Pairs of hashes that differ in at most `most_bits` of 64 bits; compares every pair, in blocks.

    >>> pairs = find_similar_hashes(np.array([0, 1, 2**63 - 1], dtype=np.uint64), np.array([True, True, True]))
    >>> pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist()
    ([0], [1], [0.984375])
    """
    rows = np.flatnonzero(present)
    known = hashes[rows]
    matches: list[tuple[Int64s, Int64s, Float64s]] = []
    for start in range(0, len(rows), 512):
        block = known[start : start + 512, None] ^ known[None, start:]
        bits = np.bitwise_count(block)
        one, two = np.nonzero(bits <= most_bits)
        later = two > one  # each pair once: the block begins at its first row
        one, two = one[later], two[later]
        matches.append((rows[start + one], rows[start + two], 1 - bits[one, two] / 64))
    if not matches:
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty, np.empty(0))
    return Pairs(*(np.concatenate(part) for part in zip(*matches, strict=True)))
