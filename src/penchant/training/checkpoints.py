"""Checkpoints: a killed training resumes at the batch where it stopped, with the same result."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from penchant.artifacts.atomic import atomic_file, remove_leftovers
from penchant.data.modalities import Modalities
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.options import Json, JsonMapping
from penchant.training.cpu_seconds import CpuSeconds

FILE = "checkpoint.safetensors"
FORMAT = 5
"""Raise it for a change of the order or size of batches, of random draws, of a step or of selection: an older
checkpoint would resume as another training."""
ANEW = "the training begins anew"
SHARE = 0.05
"""Share of the time that writing checkpoints may take."""
Clock = Callable[[], float]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """The content of one checkpoint: tensors by name, and metadata."""

    tensors: Mapping[str, Tensor]
    metadata: JsonMapping


@dataclass(frozen=True)
class Checkpoints:
    """A folder for the checkpoints of one training; those of its parts are in folders inside.

    A file is replaced in one step, so a kill at any moment leaves the last complete one. `every_s` is the least time
    between two. `clock` gives seconds; it decides when a checkpoint is written, never its content. `spent` are the CPU
    seconds of all phases: a checkpoint has them, and a resumed training counts on from there.
    """

    folder: Path
    every_s: float = 30.0
    clock: Clock = time.monotonic
    spent: CpuSeconds = field(default_factory=CpuSeconds, compare=False)
    _last: dict[str, float] = field(default_factory=dict, compare=False)

    def part(self, name: str) -> Checkpoints:
        """The checkpoints of a part: an expert, a phase."""
        return replace(self, folder=self.folder / name, _last={})

    def due(self) -> bool:
        """Whether to write now: `every_s` after the last one (or the beginning), and at a small share of the time."""
        now = self.clock()
        since = now - self._last.setdefault("at", now)
        return since >= max(self.every_s, self._last.get("cost", 0.0) / SHARE)

    def read(self, fingerprint: str, tell: Tell | None = None) -> Saved | None:
        """The checkpoint of exactly this training; None without one, and for a checkpoint of another training.

        `tell` gets the reason why a checkpoint is not used.
        """
        from safetensors import SafetensorError, safe_open

        self._last.setdefault("at", self.clock())
        path = self.folder / FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                metadata = json.loads(file.metadata()["metadata"])
                if metadata.get("fingerprint") != fingerprint:
                    if tell:
                        tell(
                            _explain_difference(metadata)
                            or f"The checkpoint in {self.folder} is of other options, data or number formats: {ANEW}."
                        )
                    return None
                self.spent.resume(metadata["spent_s"])
                return Saved({name: file.get_tensor(name) for name in file.keys()}, metadata)  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError, TypeError):
            return None  # not a checkpoint: begin anew rather than fail

    def write(self, fingerprint: str, tensors: Mapping[str, Tensor], metadata: JsonMapping) -> None:
        """Replace the checkpoint. Raises `DataError` if it cannot be written."""
        from safetensors.torch import save_file

        begun = self.clock()
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        header = {
            "metadata": json.dumps(
                {**metadata, **describe_versions(), "fingerprint": fingerprint, "spent_s": self.spent.total}
            )
        }
        with atomic_file(self.folder / FILE) as temporary:
            save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary, header)
        self._last.update(at=self.clock(), cost=self.clock() - begun)


def describe_versions() -> Json:
    """Versions that determine the result of a training: this package, torch and the training format."""
    from penchant import __version__

    return {"penchant": __version__, "format": FORMAT, "torch": str(torch.__version__)}


def explain_version_mismatch(folder: Path) -> str | None:
    """Why checkpoints under a folder cannot be resumed; None if this version wrote them, or there are none."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.rglob(FILE)):
        try:
            with safe_open(path, framework="pt") as file:
                why = _explain_difference(json.loads(file.metadata()["metadata"]))
        except (SafetensorError, KeyError, ValueError, TypeError):
            continue
        if why:
            return why
    return None


def _explain_difference(metadata: JsonMapping) -> str | None:
    versions = describe_versions()
    if all(metadata.get(name) == value for name, value in versions.items()):
        return None
    theirs, ours = (
        f"penchant {said.get('penchant', '(unknown)')} with training format {said.get('format', 0)} and "
        f"torch {said.get('torch', '(unknown)')}"
        for said in (metadata, versions)
    )
    return f"The checkpoint is of {theirs}, and this is {ours}: {ANEW}."


def fingerprint_training(data: TrainingData, **recipe: Any) -> str:
    """SHA-256 of everything that decides a training: the recipe, the data and the versions of this package and of
    torch."""
    hasher = hashlib.sha256()
    plain = {
        **describe_versions(),
        **recipe,
        "items": data.n_items,
        "kinds": data.kinds,
        "seed": data.seed,
    }
    hasher.update(json.dumps(plain, sort_keys=True, default=str).encode())
    _hash_sequences(hasher, data.sequences)
    _hash_modalities(hasher, "items", data.modalities)
    if data.items is not None:  # `llm` verbalises their texts
        _hash_arrays(hasher, data.items.hash_rows(seed=0).to_numpy())
    if data.validation is not None:
        _hash_sequences(hasher, data.validation.histories)
        for part in (data.validation.targets, data.validation.seen):
            _hash_arrays(hasher, part.offsets, part.values)
    return hasher.hexdigest()


def _hash_sequences(hasher: Any, batch: SequenceBatch) -> None:
    _hash_arrays(hasher, batch.offsets, batch.items, batch.times_s, batch.kinds, batch.values)
    for name in ("query_times_s", "content_rows", "dwells_s"):
        array = getattr(batch, name)
        if array is not None:
            hasher.update(name.encode())
            _hash_arrays(hasher, array)
    for part, modalities in (("content", batch.content), ("users", batch.user_modalities)):
        _hash_modalities(hasher, part, modalities or Modalities())


def _hash_modalities(hasher: Any, part: str, modalities: Modalities) -> None:
    for name, modality in modalities.items():
        hasher.update(f"{part} {name}".encode())
        _hash_arrays(hasher, modality.vectors, modality.present)


def _hash_arrays(hasher: Any, *arrays: np.ndarray[Any, Any]) -> None:
    for array in arrays:
        hasher.update(f"{array.dtype}{array.shape}".encode())
        hasher.update(np.ascontiguousarray(array).data if array.size else b"")
