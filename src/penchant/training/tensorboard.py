"""Curves of a training for TensorBoard, where the option names a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penchant.errors import require_extra


class Curves:
    """Writes scalars into `folder`; without a folder it does nothing."""

    def __init__(self, folder: str | Path | None, run: str = "") -> None:
        self._writer: Any = _writer(Path(folder) / run) if folder else None

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write one point of every curve."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    @property
    def wanted(self) -> bool:
        """Whether anything is written."""
        return self._writer is not None

    def close(self) -> None:
        """Flush everything to disk."""
        if self._writer is not None:
            self._writer.close()


def _writer(folder: Path) -> Any:
    with require_extra("tensorboard", "tensorboard"):
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter(str(folder))
