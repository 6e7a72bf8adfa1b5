"""Broken and hostile videos, generated with PyAV, that the decoder of videos must survive."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

VIDEO_FORMATS = ("mp4", "matroska", "avi")


def generate_broken_videos(rng: np.random.Generator, turns: int = 8) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of broken videos: `turns` of each format, and the known tricks.

    Of each format a good video is cut, has bytes changed anywhere or in its head, or is empty from somewhere on.
    """
    yield from generate_hostile_videos()
    for form in VIDEO_FORMATS:
        good = np.frombuffer(encode_good_video(form), dtype=np.uint8)
        for turn in range(turns):
            data = good.copy()
            if turn % 4 == 0:
                data = data[: rng.integers(16, len(data))]
            elif turn % 4 == 1:
                data[rng.integers(16, len(data), 40)] = rng.integers(0, 256, 40)
            elif turn % 4 == 2:
                data[16:120] = rng.integers(0, 256, 104)
            else:
                data[rng.integers(16, len(data)) :] = 0
            yield f"{turn}.{form}", data.tobytes()


def generate_hostile_videos() -> Iterator[tuple[str, bytes]]:
    """Heads without a body, boxes that promise too much or hold themselves, and images that no memory holds."""
    kind = _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41")
    nested = b""
    for _ in range(2_000):
        nested = _box(b"moov", nested)
    yield "head.mp4", kind
    yield "endless.mp4", kind + struct.pack(">I4sQ", 1, b"moov", 2**63 - 1) + bytes(64)
    yield "nested.mp4", kind + nested
    yield "table.mp4", kind + _box(b"moov", _box(b"trak", _box(b"stsz", struct.pack(">III", 0, 0, 2**32 - 1))))
    yield "head.webm", b"\x1aE\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff"
    yield "nul.webm", b"\x1aE\xdf\xa3" + bytes(4_096)
    yield "head.avi", b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffhdrlavih"
    large = bytearray(encode_good_video("avi", codec="rawvideo", pixels="bgr24"))  # whose size the head alone tells
    for mark, skip in ((b"avih", 40), (b"strf", 12)):  # the two places that tell width and height
        place = large.index(mark) + skip
        large[place : place + 8] = struct.pack("<II", 16_000, 16_000)
    yield "bomb.avi", bytes(large)


def encode_good_video(form: str, *, codec: str = "mpeg4", pixels: str = "yuv420p") -> bytes:
    """Two seconds of four images of 32 × 32, in a container of `VIDEO_FORMATS`."""
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format=form) as container:
        shown: Any = container.add_stream(codec, rate=2)
        shown.width, shown.height, shown.pix_fmt = 32, 32, pixels
        for step in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 60 * step, dtype=np.uint8), format="rgb24")
            frame.pts, frame.time_base = step, Fraction(1, 2)
            container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
    return stream.getvalue()


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), name) + data
