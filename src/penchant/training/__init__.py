"""Training: one `fit` for every model. Importing this alone loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penchant.training.loop import fit

__all__ = ["fit"]


def __getattr__(name: str) -> Any:
    if name == "fit":
        from penchant.training.loop import fit

        return fit
    raise AttributeError(f"module 'penchant.training' has no attribute {name!r}. It has: {', '.join(__all__)}.")
