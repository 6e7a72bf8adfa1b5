"""Generated broken and hostile images and sounds that a decoder must survive."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from penchant.arrays import Float64s

IMAGE_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
AUDIO_FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")

ESCAPES = (
    *("../secret.png", "a/../../secret.png", "..\\secret.png", "/etc/hostname", "~/secret.png", "C:\\secret.png"),
    *(
        "file:///etc/hostname",
        "//host/share/secret.png",
        "secret\0.png",
        "out.png",
        "up/secret.png",
        "loop",
        "pipe.png",
    ),
)
"""Names that must not be read in a folder of `build_trap`."""


def build_trap(root: Path) -> None:
    """Make `root` a folder of data with links that lead out of it, and a secret image beside it."""
    from PIL import Image

    root.mkdir(parents=True, exist_ok=True)
    (root / "a").mkdir(exist_ok=True)
    Image.new("RGB", (8, 8), (250, 0, 250)).save(root.parent / "secret.png")
    (root / "out.png").symlink_to(root.parent / "secret.png")
    (root / "up").symlink_to(root.parent)
    (root / "loop").symlink_to(root / "loop")
    (root / "pipe.png").mkdir()


def generate_broken_media(rng: np.random.Generator, turns: int = 20) -> Iterator[tuple[str, str, bytes]]:
    """Kind (`image` or `audio`), name and bytes of broken files: `turns` of each format, and the known tricks.

    Of each format a good file is cut, has bytes changed anywhere or in its head, or has parts shuffled and repeated.
    """
    yield from generate_hostile_media()
    formats = [("image", name) for name in IMAGE_FORMATS] + [("audio", name) for name in AUDIO_FORMATS]
    for kind, name in formats:
        good = np.frombuffer(_good(kind, name, rng), dtype=np.uint8)
        for turn in range(turns):
            data = good.copy()
            if turn % 4 == 0:
                data = data[: rng.integers(0, len(data))]
            elif turn % 4 == 1:
                data[rng.integers(4, len(data), 20)] = rng.integers(0, 256, 20)
            elif turn % 4 == 2:
                data[4 : min(60, len(data))] = rng.integers(0, 256, min(60, len(data)) - 4)
            else:
                data = np.concatenate([data[:40], rng.permutation(data), data])
            yield kind, f"{turn}.{name.lower()}", data.tobytes()


def generate_hostile_media() -> Iterator[tuple[str, str, bytes]]:
    """Empty files, other files under these names, headers that promise too much, and chunks that never end."""
    page = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/hostname'/></svg>"
    for kind, suffix in (("image", "png"), ("audio", "wav")):
        others = {"empty": b"", "nul": bytes(4096), "text": b"no media", "page": page, "pdf": b"%PDF-1.7\n%%EOF"}
        others |= {
            "archive": b"PK\3\4" + bytes(60),
            "program": b"\x7fELF" + bytes(200),
            "pack": b"\x1f\x8b" + bytes(40),
        }
        for name, data in others.items():
            yield kind, f"{name}.{suffix}", data
    yield "image", "sound.png", _good("audio", "WAV", np.random.default_rng(0))
    yield "audio", "picture.wav", _good("image", "PNG", np.random.default_rng(0))
    for side in (50_000, 2**31 - 1):
        yield "image", f"bomb-{side}.png", build_png_bomb(side)
    yield (
        "image",
        "bomb.gif",
        b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b"," + bytes(9),
    )
    yield (
        "image",
        "bomb.bmp",
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHH", 40, 60_000, 60_000, 1, 24),
    )
    yield "image", "negative.bmp", b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHH", 40, -1, -1, 1, 24)
    yield "image", "circle.tiff", b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0) + struct.pack("<I", 8)
    yield "image", "text.png", _png_with_text(1 << 24)
    for name, rate, channels, size in (
        ("rate-0", 0, 1, 100),
        ("rate-high", 2**32 - 1, 1, 100),
        ("channels-0", 8_000, 0, 100),
        ("channels-many", 8_000, 65_535, 100),
        ("long", 8_000, 1, 2**32 - 1),
    ):
        yield "audio", f"{name}.wav", _wav(rate, channels, size)


def build_png_bomb(side: int) -> bytes:
    """A header that promises side² pixels, and a few kilobytes that unpack to a megabyte."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + _chunk(b"IEND", b"")


def _png_with_text(size: int) -> bytes:
    """An image of 8 x 8 with a compressed comment that unpacks to `size` bytes."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    comment = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size), 9))
    return b"\x89PNG\r\n\x1a\n" + head + comment + _chunk(b"IDAT", zlib.compress(bytes(72))) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _wav(rate: int, channels: int, size: int) -> bytes:
    wide = (rate * channels * 2) % 2**32
    form = struct.pack("<HHIIHH", 1, channels, rate, wide, (channels * 2) % 2**16, 16)
    data = b"data" + struct.pack("<I", size) + bytes(100)
    return b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + form + data


def _good(kind: str, name: str, rng: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    if kind == "image":
        from PIL import Image

        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(stream, name)
    else:
        import soundfile

        samples: Float64s = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1_600) / 8_000)
        soundfile.write(stream, samples, 8_000, format=name)
    return stream.getvalue()
