"""Speed of encoding images and sounds: penchant against a plain loop, in one run, on one thread.

    python benchmarks/encode_media.py MODELS --images DIR [--sounds DIR] [--files N]

MODELS holds the folders of two encoders, `mobilenet-v2-imagenet` and `yamnet-audioset`. The plain loop opens each file,
preprocesses it, and runs PyTorch in float32 on batches of 16. Both read every file from disk. The CPU time of the
worker processes that decode is included. Then the same files are read from the cache.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _report import peak_rss_mb, write

from penchant.embeddings.media import encode_files
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.cache import EncoderCache
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.log_mel import compute_log_mel_patches
from penchant.encoders.similarity import cosine


def cpu_with_children_s() -> float:
    import resource

    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = cpu_with_children_s()
    vectors = work()
    return cpu_with_children_s() - start, vectors


def plain_images(folder: Path, files: list[Path]) -> Callable[[], np.ndarray]:
    import torch
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModel

    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    model = AutoModel.from_pretrained(folder).eval()

    def encode() -> np.ndarray:
        out = []
        with torch.no_grad():
            for start in range(0, len(files), 16):
                pictures = [Image.open(path).convert("RGB") for path in files[start : start + 16]]
                out.append(model(**processor(pictures, return_tensors="pt")).pooler_output.flatten(1))
        return torch.cat(out).numpy()

    return encode


def plain_sounds(folder: Path, files: list[Path]) -> Callable[[], np.ndarray]:
    import soundfile
    import soxr
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()

    def encode() -> np.ndarray:
        out = []
        with torch.no_grad():
            for path in files:
                samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
                sound = soxr.resample(samples.mean(axis=1), rate, 16_000)
                out.append(model(torch.from_numpy(compute_log_mel_patches(sound)[:, None])).pooler_output.mean(0))
        return torch.stack(out).flatten(1).numpy()

    return encode


def compare(encoder: Any, plain: Callable[[], np.ndarray], root: Path, files: list[Path]) -> dict[str, Any]:
    names = [path.relative_to(root).as_posix() for path in files]
    note = encoder.note
    with tempfile.TemporaryDirectory() as folder:
        cache = EncoderCache(folder)
        ours_s, ours = timed(lambda: encode_files(encoder, names, root=root, cache=cache)[0].vectors)
        plain_s, expected = timed(plain)
        cached_s, _ = timed(lambda: encode_files(encoder, names, root=root, cache=EncoderCache(folder))[0].vectors)
    return {
        "files": len(files),
        "backend": note,
        "files_per_cpu_second": {"plain": round(len(files) / plain_s, 1), "penchant": round(len(files) / ours_s, 1)},
        "ratio": round(plain_s / ours_s, 2),
        "cached_files_per_cpu_second": round(len(files) / cached_s, 1),
        "cosine_lowest": round(float(cosine(ours, expected).min()), 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--files", type=int, default=200)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    result: dict[str, Any] = {}
    if args.images:
        files = sorted(path for path in args.images.rglob("*.jpg"))[: args.files]
        folder = args.models / "mobilenet-v2-imagenet"
        image = ImageEncoder(ImageOptions(str(folder)))
        result["images"] = compare(image, plain_images(folder, files), args.images, files)
    if args.sounds:
        files = sorted(path for path in args.sounds.rglob("*.ogg"))[: args.files // 2]
        folder = args.models / "yamnet-audioset"
        audio = AudioEncoder(AudioOptions(str(folder)))
        result["sounds"] = compare(audio, plain_sounds(folder, files), args.sounds, files)
    result["peak_rss_mb"] = peak_rss_mb()
    for name, values in result.items():
        print(name, values)
    write("encode_media", result)


if __name__ == "__main__":
    main()
