"""Images and sounds in the folder of a dataset → modalities: decoded in workers, encoded through the cache, with a
report of failed files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from penchant.arrays import Progress
from penchant.artifacts.digests import digest_file
from penchant.data.media.decode import AUDIO, MediaOptions
from penchant.data.media.reader import MediaProblem, MediaReader, MediaReport, resolve_inside
from penchant.data.media.video import FRAMES
from penchant.data.modalities import Modality
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.cache import EncoderCache, encode_in_chunks
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.protocol import EncoderState
from penchant.encoders.trainable import NETWORKS, TrainableEncoder, TrainableOptions
from penchant.errors import DataError, MediaError

MediaEncoder = ImageEncoder | AudioEncoder | TrainableEncoder

_CHUNK = 64


def build_media_encoder(
    kind: str, options: ImageOptions | AudioOptions, trainable: TrainableOptions, *, seed: int = 0
) -> MediaEncoder:
    """The encoder that the options name: an untrained small network, or a pretrained model."""
    if options.encoder in NETWORKS[kind]:
        return TrainableEncoder(options.encoder, trainable, seed=seed)
    return ImageEncoder(options) if isinstance(options, ImageOptions) else AudioEncoder(options)


def restore_media_encoder(state: EncoderState) -> MediaEncoder:
    """The encoder of a `state`."""
    kinds: dict[str, type[ImageEncoder] | type[AudioEncoder]] = {
        ImageEncoder.name: ImageEncoder,
        AudioEncoder.name: AudioEncoder,
    }
    name = str(state.metadata["name"])
    return kinds[name].from_state(state) if name in kinds else TrainableEncoder.from_state(state)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file by content: files of equal content are equal. Its fields are strings because a catalogue has many
    files."""

    digest: str
    path: str = field(compare=False)


def encode_files(
    encoder: MediaEncoder,
    names: Sequence[str | None],
    *,
    root: Path | None,
    options: MediaOptions = MediaOptions(),  # noqa: B008
    cache: EncoderCache | None = None,
    progress: Progress | None = None,
    part: str | None = None,
) -> tuple[Modality, MediaReport]:
    """The modality of N files named relative to `root` (None: no file), and a report.

    A file that fails is absent in the modality and has a row in the report. `part` names the part of a video that is
    decoded (see `video`). Raises `DataError` without a root.
    """
    if root is None:
        raise DataError(
            f"The {encoder.name} column names files, but the dataset has no folder.",
            remedy="Load it from its folder, or give root=… to Dataset.from_tables.",
        )
    limits = options if isinstance(encoder, ImageEncoder) else replace(options, sample_rate=encoder.sample_rate)
    report = MediaReport()
    files = [inspect_file(root, name, row, limits, report) for row, name in enumerate(names)]
    with MediaReader(limits) as reader:
        decoding = _FileEncoder(encoder, reader, limits, part or encoder.name)
        modality = _encode(decoding, files, cache, progress)
    for row, (name, file) in enumerate(zip(names, files, strict=True)):
        if file is not None and file.digest in decoding.failed:
            report.problems.append(MediaProblem(row, str(name), decoding.failed[file.digest]))
    report.problems.sort(key=lambda problem: problem.row)
    report.used = int(modality.present.sum())
    return modality, report


class _FileEncoder:
    """Decodes, then encodes; `failed` has the reason of each failed file."""

    def __init__(self, encoder: MediaEncoder, reader: MediaReader, options: MediaOptions, part: str) -> None:
        form = f"rate={options.sample_rate}" if encoder.name == AUDIO else f"side={options.max_side}"
        video = "" if part == encoder.name else f" {part} {options.frames}"
        self.fingerprint = f"{encoder.fingerprint} decoded 1 {form}{video}"
        self._part = part
        self.failed: dict[str, str] = {}
        self._encoder = encoder
        self._reader = reader

    @property
    def dim(self) -> int:
        return self._encoder.dim

    def encode(self, contents: Sequence[MediaFile | None]) -> Modality:
        files = [file for file in contents if file is not None]
        decoded = dict(zip(files, self._reader.read([Path(file.path) for file in files], self._part), strict=True))
        self.failed.update({file.digest: str(bad) for file, bad in decoded.items() if isinstance(bad, MediaError)})
        good: list[Any] = [None if file is None or file.digest in self.failed else decoded[file] for file in contents]
        if self._part == FRAMES:
            return self._encode_frames(good)
        return self._encoder.encode(good)

    def _encode_frames(self, videos: list[Any]) -> Modality:
        """The mean of each video's frames, one video at a time in memory."""
        vectors = np.zeros((len(videos), self.dim), dtype=np.float32)
        present = np.array([frames is not None for frames in videos], dtype=bool)
        for row in np.flatnonzero(present):
            vectors[row] = self._encoder.encode(list(videos[row])).vectors.mean(axis=0)
        return Modality(vectors, present, self._encoder.fingerprint)


def inspect_file(
    root: Path, name: str | None, row: int, options: MediaOptions, report: MediaReport
) -> MediaFile | None:
    """The file that a row names; None without one. None with a row in the report where the file cannot be used."""
    if not name or not name.strip():
        return None
    try:
        path = resolve_inside(root, name)
        size = path.stat().st_size
        if size > options.max_bytes:
            raise MediaError(f"too large: {size:,} bytes; allowed: {options.max_bytes:,}.")
        return MediaFile(digest_file(path), str(path))
    except (MediaError, OSError) as error:
        report.problems.append(MediaProblem(row, name, str(error)))
        return None


def _encode(
    encoder: _FileEncoder, files: list[MediaFile | None], cache: EncoderCache | None, progress: Progress | None
) -> Modality:
    """Vectors of the files; every distinct file is encoded once."""
    if cache is not None:
        return cache.encode(
            encoder, files, content_bytes=_hash_digest, chunk=_CHUNK, progress=progress, keep_absent=False
        )
    rows = {file: row for row, file in enumerate(dict.fromkeys(file for file in files if file is not None))}
    index = np.array([-1 if file is None else rows[file] for file in files], dtype=np.int64)
    vectors = np.zeros((len(files), encoder.dim), dtype=np.float32)
    present = np.zeros(len(files), dtype=bool)
    if rows:
        distinct = encode_in_chunks(encoder, list(rows), chunk=_CHUNK, progress=progress)
        vectors[index >= 0] = distinct.vectors[index[index >= 0]]
        present[index >= 0] = distinct.present[index[index >= 0]]
    return Modality(vectors, present, encoder.fingerprint)


def _hash_digest(file: MediaFile) -> bytes:
    return hashlib.sha256(file.digest.encode()).digest()
