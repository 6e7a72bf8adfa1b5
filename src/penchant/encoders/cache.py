"""Vectors on disk by content: what was encoded once is never encoded again.

The key of a vector is the SHA-256 of the content's bytes, inside a folder named after the encoder's fingerprint (name,
weights, preprocessing). Vectors lie in segments: immutable safetensors files, each named after the SHA-256 of its own
bytes and put in place by a rename.

- Two processes may write at once: each adds segments of its own, and equal ones have equal names.
- A kill at any moment leaves whole segments and at most one temporary file; the next run goes on from there.
- A segment whose bytes do not fit its name is set aside and its contents are computed again.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from penchant.arrays import Progress
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
    """Where a platform keeps caches, below it `penchant`; the place changes no result.

    `~/.cache` or where XDG_CACHE_HOME points; `~/Library/Caches` on macOS, `AppData/Local` on Windows.
    """
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "penchant"
    if sys.platform == "win32":
        return home / "AppData" / "Local" / "penchant" / "cache"
    told = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(told) if os.path.isabs(told) else home / ".cache") / "penchant"


@dataclass
class CacheCounts:
    """What happened so far: vectors found, computed, and segments that were damaged and set aside."""

    found: int = 0
    computed: int = 0
    damaged: int = 0


@dataclass
class _Shelf:
    """What is known of one encoder's folder: names of its segments, and where the vector of each key lies (number of
    the segment, row). The vectors stay on disk."""

    folder: Path
    segments: list[str] = field(default_factory=list)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)


class EncoderCache:
    """A folder of vectors by content. `counts` says what was found and what was computed."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.counts = CacheCounts()
        self._shelves: dict[str, _Shelf] = {}

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
        """Vectors `[N, D]` of N contents; what is new is computed in chunks, each saved before the next begins.

        `content_bytes` gives the bytes that name a content (`encode_utf8` for sentences). Without `keep_absent`, what
        came out absent is not saved and is tried again next time.
        """
        fingerprint = encoder.fingerprint
        told = (contents, content_bytes, chunk, progress, keep_absent)
        try:
            return self._encoded(encoder, fingerprint, *told)
        except FileNotFoundError:  # somebody removed a segment meanwhile: what it held is computed again
            self._shelves.clear()
            return self._encoded(encoder, fingerprint, *told)

    def _encoded(
        self,
        encoder: Encoder[Content],
        fingerprint: str,
        contents: Sequence[Content | None],
        content_bytes: Callable[[Content], bytes],
        chunk: int,
        progress: Progress | None,
        keep_absent: bool,
    ) -> Modality:
        shelf = self._shelf(fingerprint)
        keys = [None if c is None else hashlib.sha256(content_bytes(c)).digest() for c in contents]
        wanted = {key: c for key, c in zip(keys, contents, strict=True) if key is not None}
        missing = [key for key in wanted if key not in shelf.places]
        self.counts.found += len(wanted) - len(missing)
        missing.sort(key=lambda key: len(content_bytes(wanted[key])))  # type: ignore[arg-type]
        for start in range(0, len(missing), chunk):
            part = missing[start : start + chunk]
            modality = encoder.encode([wanted[key] for key in part])
            kept = np.flatnonzero(modality.present | keep_absent)
            self._add(shelf, [part[row] for row in kept], modality.take(kept))
            self.counts.computed += len(part)
            if progress is not None:
                progress(f"encoded {start + len(part)} of {len(missing)}", (start + len(part)) / len(missing))
        return _gathered(shelf, keys, encoder, fingerprint)

    def _shelf(self, fingerprint: str) -> _Shelf:
        """The folder of one encoder, with every segment that is there by now."""
        name = hashlib.sha256(fingerprint.encode()).hexdigest()[:32]
        if name not in self._shelves:
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(folder)
            with atomic_file(folder / "encoder.json") as path:
                path.write_text(json.dumps({"fingerprint": fingerprint}, indent=2), encoding="utf-8")
            self._shelves[name] = _Shelf(folder)
        shelf = self._shelves[name]
        known = set(shelf.segments)
        for path in sorted(shelf.folder.glob(f"*{_SUFFIX}")):
            if path.name not in known:
                self._read(shelf, path)
        return shelf

    def _read(self, shelf: _Shelf, path: Path) -> None:
        """Take a segment in, or set it aside where its bytes are not those that were written."""
        if path.name.startswith("."):
            return
        try:
            if digest_file(path) != path.name.removesuffix(_SUFFIX):
                self.counts.damaged += 1
                path.replace(path.with_suffix(_DAMAGED))
                return
            _enter(shelf, path.name, _arrays(path)["keys"])
        except FileNotFoundError:
            return  # another process set it aside first

    def _add(self, shelf: _Shelf, keys: list[bytes], modality: Modality) -> None:
        """Save one chunk as a segment."""
        if not keys:
            return
        from safetensors.numpy import save

        arrays: dict[str, npt.NDArray[Any]] = {
            "keys": np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, _KEY_BYTES),
            "vectors": np.ascontiguousarray(modality.vectors),
            "present": modality.present.astype(np.uint8),
        }
        data = save(arrays)
        name = hashlib.sha256(data).hexdigest() + _SUFFIX
        with atomic_file(shelf.folder / name) as path:
            path.write_bytes(data)
        _enter(shelf, name, arrays["keys"])


def encode_utf8(text: str) -> bytes:
    """The bytes that name a text."""
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


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors.numpy import load_file

    return dict(load_file(path))


def _enter(shelf: _Shelf, name: str, keys: npt.NDArray[Any]) -> None:
    flat, number = keys.tobytes(), len(shelf.segments)
    shelf.segments.append(name)
    for row in range(len(keys)):
        shelf.places[flat[row * _KEY_BYTES : (row + 1) * _KEY_BYTES]] = (number, row)


def _gathered(shelf: _Shelf, keys: list[bytes | None], encoder: Encoder[Any], fingerprint: str) -> Modality:
    """The vectors of the keys, in order, read segment by segment. Raises `FileNotFoundError` where one is gone."""
    vectors = np.zeros((len(keys), encoder.dim), dtype=np.float32)
    present = np.zeros(len(keys), dtype=bool)
    places = np.array([_NOWHERE if k is None else shelf.places.get(k, _NOWHERE) for k in keys], np.int64).reshape(-1, 2)
    order = np.argsort(places[:, 0], kind="stable")
    numbers, starts = np.unique(places[order, 0], return_index=True)
    for number, rows in zip(numbers, np.split(order, starts)[1:], strict=True):
        if number >= 0:
            arrays, sources = _arrays(shelf.folder / shelf.segments[number]), places[rows, 1]
            vectors[rows] = arrays["vectors"][sources]
            present[rows] = arrays["present"][sources].astype(bool)
    return Modality(vectors, present, fingerprint)
