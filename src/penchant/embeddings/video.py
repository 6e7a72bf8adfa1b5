"""Videos: an image encoder for sampled frames, an audio encoder for the sound track, one time axis for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from penchant.arrays import Array, Float32s, Progress
from penchant.data.media.decode import AUDIO, IMAGE, MediaOptions
from penchant.data.media.reader import MediaReader, MediaReport, resolve_inside
from penchant.data.media.video import FRAMES, TIMES, TRACK
from penchant.data.modalities import Modality
from penchant.embeddings.media import MediaEncoder, encode_files
from penchant.encoders.cache import EncoderCache
from penchant.errors import MediaError

PARTS: Final = {IMAGE: FRAMES, AUDIO: TRACK}
"""The part of a video that an encoder of images or of sounds reads."""


@dataclass(frozen=True)
class VideoMoments:
    """A video as F moments: `times_s` `[F]` from its start, the vectors of the frames at these times, and of the
    sound around each (absent for a video without sound)."""

    times_s: Float32s
    frames: Modality
    sounds: Modality


def encode_videos(
    encoder: MediaEncoder,
    names: Sequence[str | None],
    *,
    root: Path | None,
    options: MediaOptions = MediaOptions(),  # noqa: B008
    cache: EncoderCache | None = None,
    progress: Progress | None = None,
) -> tuple[Modality, MediaReport]:
    """The modality of N videos by an image encoder (the mean of its frames' vectors) or an audio encoder (its track).

    A failure is absent and has a row in the report, as in `encode_files`; a video without sound fails for an audio
    encoder.
    """
    part = PARTS[encoder.name]
    return encode_files(encoder, names, root=root, options=options, cache=cache, progress=progress, part=part)


def fill_from_videos(
    files: tuple[Modality, MediaReport] | None, videos: tuple[Modality, MediaReport]
) -> tuple[Modality, MediaReport]:
    """The modality of the items' files, where absent that of their videos; and both reports."""
    if files is None:
        return videos
    (modality, report), (other, more) = files, videos
    rows = other.present & ~modality.present
    vectors = np.where(rows[:, None], other.vectors, modality.vectors)
    joined = Modality(vectors, modality.present | rows, modality.encoder)
    used = int(joined.present.sum())
    return joined, MediaReport(used, sorted([*report.problems, *more.problems], key=lambda problem: problem.row))


def encode_video_moments(
    image: MediaEncoder,
    audio: MediaEncoder | None,
    name: str,
    *,
    root: Path,
    window_s: float = 1.0,
    options: MediaOptions = MediaOptions(),  # noqa: B008
) -> VideoMoments:
    """Frames of one video and the sound within `window_s` around each. Raises `MediaError` for an unreadable file.

    Both parts have the time axis of the file: the sound of moment t is that of [t - window / 2, t + window / 2].
    """
    path = resolve_inside(root, name)
    limits = options if audio is None else replace(options, sample_rate=audio.sample_rate)  # type: ignore[union-attr]
    with MediaReader(limits) as reader:
        times, frames = (_read(reader, path, kind) for kind in (TIMES, FRAMES))
        shown = image.encode(list(frames))
        if audio is None:
            return VideoMoments(
                times, shown, Modality(np.zeros((len(times), 1), np.float32), np.zeros(len(times), bool))
            )
        try:
            track = _read(reader, path, TRACK)
        except MediaError as error:
            if not str(error).startswith("no sound"):
                raise
            track = np.empty(0, dtype=np.float32)
    starts = np.maximum(((times - window_s / 2) * limits.sample_rate).astype(np.int64), 0)
    ends = np.maximum(((times + window_s / 2) * limits.sample_rate).astype(np.int64), 0)
    pieces = [track[start:end] if start < len(track) else None for start, end in zip(starts, ends, strict=True)]
    return VideoMoments(times, shown, audio.encode(pieces))


def _read(reader: MediaReader, path: Path, kind: str) -> Array:
    content = next(reader.read([path], kind))
    if isinstance(content, MediaError):
        raise content
    return content
