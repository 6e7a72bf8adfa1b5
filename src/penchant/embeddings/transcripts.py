"""Transcripts of the sound files of a dataset: decoded in workers, transcribed once, cached by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from penchant.arrays import Progress
from penchant.artifacts.atomic import atomic_file
from penchant.data.media.decode import AUDIO, MediaOptions
from penchant.data.media.reader import MediaProblem, MediaReader, MediaReport
from penchant.embeddings.media import MediaFile, inspect_file
from penchant.encoders.speech import Transcriber
from penchant.errors import DataError, MediaError

FOLDER = "transcripts"
_CHUNK = 16


class TranscriptCache:
    """Transcripts of one transcriber in memory and, with a folder, as one JSON file per clip.

    A file is named after the SHA-256 of the clip and put in place by a rename. A clip whose file cannot be read is
    transcribed again.
    """

    def __init__(self, transcriber: Transcriber, folder: Path | None = None) -> None:
        self._known = transcriber.transcripts
        name = hashlib.sha256(transcriber.fingerprint.encode()).hexdigest()[:32]
        self._folder = None if folder is None else folder / FOLDER / name

    def get(self, digest: str) -> tuple[bool, str | None]:
        """Whether the clip has a transcript, and the transcript."""
        if digest not in self._known and self._folder is not None:
            try:
                saved = json.loads((self._folder / f"{digest}.json").read_text(encoding="utf-8"))
                self._known[digest] = None if saved["text"] is None else str(saved["text"])
            except (OSError, ValueError, KeyError, TypeError):
                return False, None
        return digest in self._known, self._known.get(digest)

    def put(self, digest: str, text: str | None) -> None:
        """Save a transcript (None: no speech)."""
        self._known[digest] = text
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with atomic_file(self._folder / f"{digest}.json") as path:
                path.write_text(json.dumps({"text": text}, ensure_ascii=False), encoding="utf-8")


def transcribe_files(
    transcriber: Transcriber,
    names: Sequence[str | None],
    *,
    root: Path | None,
    folder: Path | None = None,
    options: MediaOptions = MediaOptions(),  # noqa: B008
    progress: Progress | None = None,
) -> tuple[list[str | None], MediaReport]:
    """Transcripts of N files named relative to `root` (None: no file, or no speech), and a report.

    Every distinct clip is transcribed once; transcripts are saved below `folder`. Raises `DataError` without a root.
    """
    if root is None:
        raise DataError(
            "The audio column names files, but the dataset has no folder.",
            remedy="Load it from its folder, or give root=… to Dataset.from_tables.",
        )
    transcripts = TranscriptCache(transcriber, folder)
    limits, report = replace(options, sample_rate=transcriber.sample_rate), MediaReport()
    files = [inspect_file(root, name, row, limits, report) for row, name in enumerate(names)]
    fresh = [file for file in dict.fromkeys(files) if file is not None and not transcripts.get(file.digest)[0]]
    failed: dict[str, str] = {}
    if fresh:
        with MediaReader(limits) as reader:
            for start in range(0, len(fresh), _CHUNK):
                part = fresh[start : start + _CHUNK]
                failed |= _transcribe(transcriber, part, reader, transcripts)
                if progress is not None:
                    done = start + len(part)
                    progress(f"transcribed {done} of {len(fresh)}", done / len(fresh))
    for row, (name, file) in enumerate(zip(names, files, strict=True)):
        if file is not None and file.digest in failed:
            report.problems.append(MediaProblem(row, str(name), failed[file.digest]))
    report.problems.sort(key=lambda problem: problem.row)
    texts = [None if file is None else transcripts.get(file.digest)[1] for file in files]
    report.used = sum(text is not None for text in texts)
    return texts, report


def _transcribe(
    transcriber: Transcriber, files: list[MediaFile], reader: MediaReader, transcripts: TranscriptCache
) -> dict[str, str]:
    """Transcribe some files and save the transcripts; returns the reasons of failed files by digest."""
    decoded = list(reader.read([Path(file.path) for file in files], AUDIO))
    failed = {file.digest: str(bad) for file, bad in zip(files, decoded, strict=True) if isinstance(bad, MediaError)}
    good = [(file, sound) for file, sound in zip(files, decoded, strict=True) if not isinstance(sound, MediaError)]
    spoken = transcriber.transcribe([sound for _, sound in good])
    for (file, _), text in zip(good, spoken, strict=True):
        transcripts.put(file.digest, text)
    return failed
