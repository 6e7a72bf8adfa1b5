"""The protocol of encoders: contents → a modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from penchant.arrays import Array
from penchant.data.modalities import Modality
from penchant.options import JsonMapping

Content = TypeVar("Content", contravariant=True)


@dataclass(frozen=True)
class EncoderState:
    """The state of an encoder: `tensors` go to safetensors, `metadata` to JSON."""

    tensors: Mapping[str, Array] = field(default_factory=dict)
    metadata: JsonMapping = field(default_factory=dict)

    def extract(self, name: str) -> EncoderState:
        """The state that `join` put under `name`."""
        prefix = f"{name}."
        tensors = {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}
        return EncoderState(tensors, self.metadata.get(name, {}))

    @classmethod
    def join(cls, parts: Mapping[str, EncoderState]) -> EncoderState:
        """Several states as one; `extract` is the inverse."""
        tensors = {f"{name}.{key}": value for name, state in parts.items() for key, value in state.tensors.items()}
        return cls(tensors, {name: state.metadata for name, state in parts.items()})


@runtime_checkable
class Encoder(Protocol[Content]):
    """Turns contents of one kind into vectors.

    `fingerprint` covers revision, weights and options: equal fingerprints and equal contents give equal vectors. It is
    part of the cache key.
    """

    @property
    def fingerprint(self) -> str:
        """Name, revision and every option that changes a vector."""

    @property
    def dim(self) -> int:
        """Length D of a vector."""

    def encode(self, contents: Sequence[Content | None]) -> Modality:
        """Vectors `[N, D]` of N contents, in order; None and empty contents are absent."""


class TextEncoder(Encoder[str], Protocol):
    """An encoder of sentences; blank texts are absent. A bundle keeps its state."""

    def state(self) -> EncoderState:
        """Tensors and metadata, for the bundle."""
