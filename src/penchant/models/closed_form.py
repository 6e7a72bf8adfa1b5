"""The base of the models in closed form: one record holds what a model learned, and becomes its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Generic, TypeVar

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Array
from penchant.errors import ModelError
from penchant.models.base import ModelState
from penchant.models.sparse import from_arrays, to_arrays
from penchant.options import Json

Record = TypeVar("Record")
"""A frozen dataclass of arrays, sparse matrices, mappings of arrays and plain values."""


class ClosedFormModel(Generic[Record]):
    """The base class of models in closed form: the record (None before `fit`), its packing and unpacking."""

    name: str
    record_type: type[Record]

    def __init__(self) -> None:
        self._record: Record | None = None

    @property
    def record(self) -> Record:
        """The record that `fit` learned. Raises `ModelError` before `fit`."""
        if self._record is None:
            raise ModelError(f"The model {self.name!r} is not fitted yet.", remedy="Call fit, or load a bundle.")
        return self._record

    def state(self) -> ModelState:
        """The record: arrays as tensors, the rest as plain values."""
        return pack_record(self.record)

    def load_state(self, state: ModelState) -> None:
        """Restore a `state`."""
        self._record = unpack_record(self.record_type, state)


def pack_record(record: object) -> ModelState:
    """A record as a state; the arrays of a matrix or a mapping have the name of the field and a dot before theirs."""
    tensors: dict[str, Array] = {}
    values: Json = {}
    for name in _list_fields(type(record)):
        value = getattr(record, name)
        if sp.issparse(value):
            tensors |= to_arrays(value, name)
        elif isinstance(value, np.ndarray):
            tensors[name] = value
        elif isinstance(value, Mapping):
            tensors |= {f"{name}.{key}": array for key, array in value.items()}
        else:
            values[name] = value
    return ModelState(tensors, values)


def unpack_record(record_type: type[Record], state: ModelState) -> Record:
    """The opposite of `pack_record`."""
    parts: dict[str, object] = {}
    for name in _list_fields(record_type):
        if name in state.metadata:
            parts[name] = state.metadata[name]
        elif name in state.tensors:
            parts[name] = np.asarray(state.tensors[name])
        elif f"{name}.indptr" in state.tensors:
            parts[name] = from_arrays(state.tensors, name)
        else:
            prefix = f"{name}."
            arrays = {key: array for key, array in state.tensors.items() if key.startswith(prefix)}
            parts[name] = {key.removeprefix(prefix): np.asarray(array) for key, array in arrays.items()}
    return record_type(**parts)


def _list_fields(record_type: type) -> list[str]:
    return [part.name for part in fields(record_type)]
