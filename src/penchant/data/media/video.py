"""Decodes a video file into frames, their times or its sound track, within limits, in a worker process (see `media`).

Duration and image size are read from the header before anything is decoded; one thread, a few frames in memory.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from penchant.arrays import Float32s, UInt8s
from penchant.errors import MediaError, require_extra

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from penchant.data.media.decode import Decoded, MediaOptions

FRAMES: Final = "video_frames"
TIMES: Final = "video_times"
TRACK: Final = "video_track"
KINDS: Final = (FRAMES, TIMES, TRACK)

_MOST_BETWEEN: Final = 1_000
"""Maximum number of frames decoded between a key frame and the wanted frame."""
_MOST_BOXES: Final = 64


def is_video(head: bytes) -> bool:
    """True where the first 16 bytes are of MP4 or QuickTime, Matroska or WebM, or AVI.

    >>> is_video(b"....ftypisom...."), is_video(b"RIFF1234WAVEfmt ")
    (True, False)
    """
    return head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def is_cut_off(file: BinaryIO, size: int) -> bool:
    r"""Whether a box of an MP4 or QuickTime file of `size` bytes ends beyond it; always False for other formats.

    >>> import io
    >>> is_cut_off(io.BytesIO(b"\0\0\0\x0cftypisom" + b"\0\0\1\0mdat"), 20)
    True
    """
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8 or (place == 0 and head[4:8] != b"ftyp"):
            return False
        length = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
        if length == 0:  # the last box: up to the end
            return False
        place += max(length, 8)
        if place > size:
            return True
    return False


def decode_video(path: Path, kind: str, options: MediaOptions) -> Decoded:
    """By `kind`: frames uint8 `[F, height, width, 3]` (`FRAMES`), the seconds from the start they stand for, float32
    `[F]` (`TIMES`), or the sound float32 `[samples]` in [-1, 1], mono, at `options.sample_rate` (`TRACK`).

    F = `options.frames`, at (i + ½) / F of the duration. Raises `MediaError`.
    """
    with require_extra("av", "video"):
        import av
    av.logging.set_level(None)
    with av.open(str(path), metadata_errors="ignore") as container:
        if kind == TRACK:
            return _decode_track(container, options)
        if not container.streams.video:
            raise MediaError("no image: the file holds no video stream.")
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        width, height = int(stream.codec_context.width), int(stream.codec_context.height)
        if width * height > options.max_pixels:
            raise MediaError(f"too large: {width} x {height} pixels; allowed: {options.max_pixels:,}.")
        duration_s = _read_duration_s(container, stream)
        if duration_s > options.max_seconds:
            raise MediaError(f"too long: {duration_s:.0f} seconds; allowed: {options.max_seconds:g}.")
        times = (np.arange(options.frames) + 0.5) / options.frames * duration_s
        if kind == TIMES:
            return times.astype(np.float32)
        return np.stack([_decode_frame(container, stream, float(time_s), options) for time_s in times])


def _read_duration_s(container: InputContainer, stream: VideoStream) -> float:
    """Duration in seconds from the header. Raises `MediaError` if the header has none."""
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / 1_000_000
    else:
        seconds = 0.0
    if not math.isfinite(seconds) or seconds <= 0:
        raise MediaError("damaged: its header gives no duration.")
    return seconds


def _decode_frame(container: InputContainer, stream: VideoStream, time_s: float, options: MediaOptions) -> UInt8s:
    """The frame shown at a time: the last one that does not begin later."""
    start = stream.start_time or 0
    if stream.time_base is None:
        raise MediaError("damaged: its header gives no time base.")
    wanted = start + int(time_s / stream.time_base)
    container.seek(wanted, stream=stream, backward=True)
    shown = None
    for count, frame in enumerate(container.decode(stream)):
        if frame.pts is not None and frame.pts > wanted and shown is not None:
            break
        shown = frame
        if count >= _MOST_BETWEEN:
            raise MediaError("too large: its key frames lie too far apart.")
    if shown is None:
        raise MediaError("damaged: a frame that the header promises is missing.")
    if shown.width * shown.height > options.max_pixels:
        raise MediaError(f"too large: {shown.width} x {shown.height} pixels; allowed: {options.max_pixels:,}.")
    share = min(1.0, options.max_side / max(shown.width, shown.height))
    size = {"width": max(int(shown.width * share), 1), "height": max(int(shown.height * share), 1)}
    picture = shown.reformat(**size, format="rgb24").to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, round(getattr(shown, "rotation", 0) / 90) % 4))


def _decode_track(container: InputContainer, options: MediaOptions) -> Float32s:
    """The first sound stream, channels averaged, resampled, bounded while it is read."""
    import av

    if not container.streams.audio:
        raise MediaError("no sound: the video has no sound track.")
    limit = math.floor(options.max_seconds * options.sample_rate)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=options.sample_rate)
    parts: list[Float32s] = []
    count = 0
    for frame in container.decode(audio=0):
        for piece in resampler.resample(frame):
            parts.append(piece.to_ndarray().ravel().astype(np.float32))
            count += len(parts[-1])
        if count > limit:
            raise MediaError(f"too long: more than {options.max_seconds:g} seconds.")
    parts += [piece.to_ndarray().ravel().astype(np.float32) for piece in resampler.resample(None)]
    samples = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
    if not len(samples):
        raise MediaError("damaged: it holds no sound.")
    if not np.isfinite(samples).all():
        raise MediaError("damaged: it holds samples that are not finite.")
    return np.clip(samples, -1.0, 1.0)
