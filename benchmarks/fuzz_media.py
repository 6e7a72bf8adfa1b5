"""Broken and hostile media through the encoders: crashes, escapes and memory.

    python benchmarks/fuzz_media.py [--turns N] [--seed S]

Writes N broken files in each of 11 formats of images and sounds and 3 of videos (see `penchant.testing.media` and
`penchant.testing.videos`), known attacks, and names that lead out of the folder. All of them are encoded as columns of
a dataset. The encoder takes the mean colour or level, so the run time is that of decoding. A crash is a decoder process
that died. An escape is a vector for a row whose name leads out of the folder. Memory is the increase of the process,
and of its largest worker, over a run with three files.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from _report import write

from penchant.data.media.decode import MediaOptions
from penchant.data.modalities import Modality
from penchant.embeddings.media import encode_files
from penchant.embeddings.video import encode_videos
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.testing.media import ESCAPES, build_trap, generate_broken_media
from penchant.testing.videos import generate_broken_videos


def _mean(contents: Any, name: str) -> Modality:
    rows = [0.0 if content is None else float(np.mean(content)) for content in contents]
    present = np.array([content is not None for content in contents], dtype=bool)
    return Modality(np.array(rows, dtype=np.float32)[:, None], present, name)


class MeanColour(ImageEncoder):
    fingerprint, dim = "mean", 1  # type: ignore[assignment]

    def encode(self, contents: Any) -> Modality:
        return _mean(contents, self.fingerprint)


class MeanLevel(AudioEncoder):
    fingerprint, dim, sample_rate = "mean", 1, 16_000  # type: ignore[assignment]

    def encode(self, contents: Any) -> Modality:
        return _mean(contents, self.fingerprint)


def memory_mb() -> dict[str, float]:
    """Peak resident memory of this process and of its largest worker, MB (10^6 bytes)."""
    who = {"process": resource.RUSAGE_SELF, "worker": resource.RUSAGE_CHILDREN}
    return {name: resource.getrusage(which).ru_maxrss * 1024 / 1e6 for name, which in who.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    encoders = {"image": MeanColour(ImageOptions("mean")), "audio": MeanLevel(AudioOptions("mean"))}
    encoders["video"] = encoders["image"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        build_trap(root)
        names: dict[str, list[str]] = {"image": [], "audio": [], "video": []}
        rng = np.random.default_rng(args.seed)
        videos = (("video", *one) for one in generate_broken_videos(rng, args.turns))
        for number, (kind, name, data) in enumerate(chain(generate_broken_media(rng, args.turns), videos)):
            (root / f"{number}-{name}").write_bytes(data)
            names[kind].append(f"{number}-{name}")
        for kind, encoder in encoders.items():
            encode_files(encoder, [next(n for n in names[kind] if n.endswith((".bmp", ".wav", ".avi")))], root=root)
        before = memory_mb()
        result = {kind: fuzz(kind, encoders[kind], [*files, *ESCAPES], root) for kind, files in names.items()}
        after = memory_mb()
    result: dict[str, Any] = {
        "files": sum(map(len, names.values())),
        "names_that_lead_out": len(names) * len(ESCAPES),
        "crashes": sum(part["crashes"] for part in result.values()),
        "escapes": sum(part["escapes"] for part in result.values()),
        "memory_more_mb": {name: round(after[name] - before[name], 1) for name in after},
        "by_kind": result,
    }
    print(result)
    write("fuzz_media", result)


def fuzz(kind: str, encoder: Any, names: list[str], root: Path) -> dict[str, Any]:
    """Encode the column `names`, whose last rows lead out of the folder."""
    encode = encode_videos if kind == "video" else encode_files
    modality, report = encode(encoder, names, root=root, options=MediaOptions())
    refused = Counter(problem.kind for problem in report.problems)
    located = {problem.row for problem in report.problems}
    assert located == set(np.flatnonzero(~modality.present).tolist()), "a row that is absent without a reason"
    return {
        "files": len(names) - len(ESCAPES),
        "used": report.used,
        "refused": dict(refused.most_common(8)),
        "crashes": sum("crashed" in problem.reason for problem in report.problems),
        "too_slow": sum(problem.kind == "too slow" for problem in report.problems),
        "escapes": int(modality.present[-len(ESCAPES) :].sum()),
    }


if __name__ == "__main__":
    main()
