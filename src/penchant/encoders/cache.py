"""A cache of vectors on disk, addressed by content.

The cache key of a vector is the SHA-256 of the content's bytes. Each encoder has a folder, named after its fingerprint
(name, weights, preprocessing). Vectors lie in segments: immutable safetensors files, each named after the SHA-256 of
its bytes and put in place by a rename.

- Several processes may write at once: each adds segments, and equal segments have equal names.
- A kill at any moment leaves complete segments and at most one temporary file; the next run continues from them.
- A segment whose bytes do not match its name is set aside, and its contents are computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from penchant.arrays import Array, Progress
from penchant.artifacts.atomic import atomic_file, remove_leftovers
from penchant.artifacts.digests import digest_file
from penchant.data.modalities import Modality
from penchant.encoders.protocol import Encoder

Content = TypeVar("Content")

_SUFFIX: Final = ".safetensors"
_DAMAGED: Final = ".damaged"
_KEY_BYTES: Final = 32
_NOWHERE: Final = (-1, -1)


def find_cache_folder() -> Path:
    """The cache folder of the platform: `~/.cache` or XDG_CACHE_HOME, `~/Library/Caches` on macOS, `AppData/Local` on
    Windows, and `penchant` below it. It changes no result."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "penchant"
    if sys.platform == "win32":
        return home / "AppData" / "Local" / "penchant" / "cache"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if os.path.isabs(named) else home / ".cache") / "penchant"


@dataclass
class CacheCounts:
    """Vectors read from the cache and computed, and segments that were damaged and set aside."""

    reused: int = 0
    computed: int = 0
    damaged: int = 0


@dataclass
class _Index:
    """The index of one encoder's folder: names of its segments, and the position of each key (number of the segment,
    row). The vectors stay on disk."""

    folder: Path
    segments: list[str] = field(default_factory=list)
    positions: dict[bytes, tuple[int, int]] = field(default_factory=dict)


class EncoderCache:
    """A folder of vectors by content."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.counts = CacheCounts()
        self._indexes: dict[str, _Index] = {}

    def encode(
        self,
        encoder: Encoder[Content],
        contents: Sequence[Content | None],
        *,
        content_bytes: Callable[[Content], bytes],
        chunk: int = 1024,
        progress: Progress | None = None,
        keep_absent: bool = True,
    ) -> Modality:
        """Vectors `[N, D]` of N contents; new ones are computed in chunks, and each chunk is saved before the next.

        `content_bytes` gives the bytes that identify a content (`encode_utf8` for sentences). Without `keep_absent`,
        a content without a vector is not saved and is tried again next time.
        """
        attempt = partial(self._encode, encoder, contents, content_bytes, chunk, progress, keep_absent)
        try:
            return attempt()
        except FileNotFoundError:  # another process removed a segment or the folder: index again, compute what is gone
            self._indexes.clear()
            return attempt()

    def _encode(
        self,
        encoder: Encoder[Content],
        contents: Sequence[Content | None],
        content_bytes: Callable[[Content], bytes],
        chunk: int,
        progress: Progress | None,
        keep_absent: bool,
    ) -> Modality:
        fingerprint = encoder.fingerprint
        index = self._open_index(fingerprint)
        keys = [None if c is None else hashlib.sha256(content_bytes(c)).digest() for c in contents]
        wanted = {key: c for key, c in zip(keys, contents, strict=True) if key is not None}
        missing = [key for key in wanted if key not in index.positions]
        self.counts.reused += len(wanted) - len(missing)
        # contents of similar length share a chunk, so little padding is computed
        missing.sort(key=lambda key: len(content_bytes(wanted[key])))  # type: ignore[arg-type]
        for start in range(0, len(missing), chunk):
            part = missing[start : start + chunk]
            modality = encoder.encode([wanted[key] for key in part])
            kept = np.flatnonzero(modality.present | keep_absent)
            self._write_segment(index, [part[row] for row in kept], modality.take(kept))
            self.counts.computed += len(part)
            if progress is not None:
                progress(f"encoded {start + len(part)} of {len(missing)}", (start + len(part)) / len(missing))
        return _gather(index, keys, encoder, fingerprint)

    def _open_index(self, fingerprint: str) -> _Index:
        """The index of one encoder's folder, with every segment that it holds now."""
        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:32]
        if name not in self._indexes:
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            with atomic_file(folder / "encoder.json") as path:
                path.write_text(json.dumps({"fingerprint": fingerprint}, indent=2), encoding="utf-8")
            self._indexes[name] = _Index(folder)
        index = self._indexes[name]
        known = set(index.segments)
        for path in sorted(index.folder.glob(f"*{_SUFFIX}")):
            if path.name not in known:
                self._read_segment(index, path)
        return index

    def _read_segment(self, index: _Index, path: Path) -> None:
        """Add a segment to the index, or set it aside where its bytes do not match its name."""
        if path.name.startswith("."):
            return
        try:
            if digest_file(path) != path.name.removesuffix(_SUFFIX):
                self.counts.damaged += 1
                path.replace(path.with_suffix(_DAMAGED))
                return
            _register(index, path.name, _load_arrays(path)["keys"])
        except FileNotFoundError:
            return  # another process set it aside first

    def _write_segment(self, index: _Index, keys: list[bytes], modality: Modality) -> None:
        """Save one chunk as a segment."""
        if not keys:
            return
        from safetensors.numpy import save

        arrays: dict[str, Array] = {
            "keys": np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY_BYTES),
            "vectors": np.ascontiguousarray(modality.vectors),
            "present": modality.present.astype(np.uint8),
        }
        data = save(arrays)
        name = hashlib.sha256(data).hexdigest() + _SUFFIX
        with atomic_file(index.folder / name) as path:
            path.write_bytes(data)
        _register(index, name, arrays["keys"])


def encode_utf8(text: str) -> bytes:
    """The bytes that identify a text; lone surrogates are kept."""
    return text.encode("utf-8", "surrogatepass")


def encode_in_chunks(
    encoder: Encoder[Content],
    contents: Sequence[Content | None],
    *,
    chunk: int = 1024,
    progress: Progress | None = None,
) -> Modality:
    """`encoder.encode` without a cache, with progress between chunks."""
    parts = []
    for start in range(0, max(len(contents), 1), chunk):
        parts.append(encoder.encode(contents[start : start + chunk]))
        if progress is not None and len(contents):
            progress(f"encoded {min(start + chunk, len(contents))} of {len(contents)}", (start + chunk) / len(contents))
    vectors = np.concatenate([part.vectors for part in parts])
    return Modality(vectors, np.concatenate([part.present for part in parts]), encoder.fingerprint)


def _load_arrays(path: Path) -> dict[str, Array]:
    from safetensors.numpy import load_file

    return dict(load_file(path))


def _register(index: _Index, name: str, keys: Array) -> None:
    flat, number = keys.tobytes(), len(index.segments)
    index.segments.append(name)
    for row in range(len(keys)):
        index.positions[flat[row * _KEY_BYTES : (row + 1) * _KEY_BYTES]] = (number, row)


def _gather(index: _Index, keys: list[bytes | None], encoder: Encoder[Any], fingerprint: str) -> Modality:
    """The vectors of the keys, in order, read segment by segment. Raises `FileNotFoundError` for a removed segment."""
    vectors = np.zeros((len(keys), encoder.dim), dtype=np.float32)
    present = np.zeros(len(keys), dtype=bool)
    positions = np.array([_NOWHERE if k is None else index.positions.get(k, _NOWHERE) for k in keys], np.int64).reshape(
        -1, 2
    )
    order = np.argsort(positions[:, 0], kind="stable")
    numbers, starts = np.unique(positions[order, 0], return_index=True)
    for number, rows in zip(numbers, np.split(order, starts)[1:], strict=True):
        if number >= 0:
            arrays, sources = _load_arrays(index.folder / index.segments[number]), positions[rows, 1]
            vectors[rows] = arrays["vectors"][sources]
            present[rows] = arrays["present"][sources].astype(bool)
    return Modality(vectors, present, fingerprint)
