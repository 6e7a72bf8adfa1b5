"""What every encoder is: contents in, a modality out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy.typing as npt

from penchant.data.modalities import Modality

Content = TypeVar("Content", contravariant=True)


@dataclass(frozen=True)
class EncoderState:
    """What an encoder learned or needs to be found again: `tensors` go to safetensors, `metadata` to JSON."""

    tensors: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> EncoderState:
        """The state that was put under `name` by `joined`."""
        prefix = f"{name}."
        tensors = {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}
        return EncoderState(tensors, self.metadata.get(name, {}))

    @classmethod
    def joined(cls, parts: Mapping[str, EncoderState]) -> EncoderState:
        """Several states as one; `part` gets each back."""
        tensors = {f"{name}.{key}": value for name, state in parts.items() for key, value in state.tensors.items()}
        return cls(tensors, {name: state.metadata for name, state in parts.items()})


@runtime_checkable
class Encoder(Protocol[Content]):
    """Turns contents of one kind into vectors.

    `fingerprint` names the encoder with its revision, weights and options: the same fingerprint and the same content
    give the same vector, so it is part of the key of the cache.
    """

    @property
    def fingerprint(self) -> str:
        """Name, revision and every option that changes a vector."""

    @property
    def dim(self) -> int:
        """Length D of a vector."""

    def encode(self, contents: Sequence[Content | None]) -> Modality:
        """Vectors `[N, D]` of N contents, in order; what is None or empty is absent."""


@runtime_checkable
class TextEncoder(Protocol):
    """An encoder of sentences."""

    @property
    def fingerprint(self) -> str:
        """Name, revision and every option that changes a vector."""

    @property
    def dim(self) -> int:
        """Length D of a vector."""

    def encode(self, texts: Sequence[str | None]) -> Modality:
        """Vectors `[N, D]` of N texts, in order; what is None or blank is absent."""
