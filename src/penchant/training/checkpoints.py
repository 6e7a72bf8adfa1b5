"""Checkpoints: a training that was killed goes on where it stood, to the same numbers."""

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
from penchant.training.cpu_seconds import CpuSeconds

FILE = "checkpoint.safetensors"
FORMAT = 5
"""Raise it where the order or the size of batches, the numbers drawn, a step or what is selected change: a checkpoint
from before would go on as another training than it began."""
ANEW = "the training begins anew"
SHARE = 0.05
"""Share of the time that writing checkpoints may take."""
Clock = Callable[[], float]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """What one checkpoint holds: tensors by name, and plain facts."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Checkpoints:
    """A folder for the checkpoints of one training; those of its parts lie in folders inside.

    One file is replaced in one step, so that a kill at any moment leaves the last whole one. `every_s`: least time
    between two; `clock` gives seconds and decides only when one is written, never what. `spent` are the CPU seconds of
    the work that the training is part of: a checkpoint says them, and who goes on from it counts on from there.
    """

    folder: Path
    every_s: float = 30.0
    clock: Clock = time.monotonic
    spent: CpuSeconds = field(default_factory=CpuSeconds, compare=False)
    _last: dict[str, float] = field(default_factory=dict, compare=False)

    def part(self, name: str) -> Checkpoints:
        """The checkpoints of a part: an expert, a stage."""
        return replace(self, folder=self.folder / name, _last={})

    def due(self) -> bool:
        """Whether it is time to write: `every_s` after the last one (or the beginning), and not too costly."""
        now = self.clock()
        since = now - self._last.setdefault("at", now)
        return since >= max(self.every_s, self._last.get("cost", 0.0) / SHARE)

    def read(self, fingerprint: str, tell: Tell | None = None) -> Saved | None:
        """The checkpoint of exactly this training; None where there is none, or one of something else.

        `tell` hears why one is not gone on from.
        """
        from safetensors import SafetensorError, safe_open

        self._last.setdefault("at", self.clock())
        path = self.folder / FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads(file.metadata()["facts"])
                if facts.get("fingerprint") != fingerprint:
                    if tell:
                        tell(
                            _unlike(facts)
                            or f"The checkpoint in {self.folder} is of other options, data or number formats: {ANEW}."
                        )
                    return None
                self.spent.resume(facts["spent_s"])
                return Saved({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError, TypeError):
            return None  # not one of ours: begin anew rather than fail

    def write(self, fingerprint: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Replace the checkpoint. Raises `DataError` where it cannot be written."""
        from safetensors.torch import save_file

        begun = self.clock()
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)
        told = {
            "facts": json.dumps(
                {**facts, **describe_versions(), "fingerprint": fingerprint, "spent_s": self.spent.total}
            )
        }
        with atomic_file(self.folder / FILE) as temporary:
            save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary, told)
        self._last.update(at=self.clock(), cost=self.clock() - begun)


def describe_versions() -> dict[str, Any]:
    """What decides how a training goes: the versions of this package and of torch, and the format of trainings."""
    from penchant import __version__

    return {"penchant": __version__, "format": FORMAT, "torch": str(torch.__version__)}


def explain_version_mismatch(folder: Path) -> str | None:
    """Why checkpoints under a folder cannot be gone on from; None where this version wrote them, or there are none."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.rglob(FILE)):
        try:
            with safe_open(path, framework="pt") as file:
                why = _unlike(json.loads(file.metadata()["facts"]))
        except (SafetensorError, KeyError, ValueError, TypeError):
            continue
        if why:
            return why
    return None


def _unlike(facts: Mapping[str, Any]) -> str | None:
    own = describe_versions()
    if all(facts.get(name) == value for name, value in own.items()):
        return None
    theirs, ours = (
        f"penchant {said.get('penchant', '(unknown)')} with training format {said.get('format', 0)} and "
        f"torch {said.get('torch', '(unknown)')}"
        for said in (facts, own)
    )
    return f"The checkpoint is of {theirs}, and this is {ours}: {ANEW}."


def fingerprint_training(data: TrainingData, **recipe: Any) -> str:
    """SHA-256 of all that fixes a training: the recipe, the data and the versions of this package and of torch."""
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
    if data.items is not None:  # what llm tells of them
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
