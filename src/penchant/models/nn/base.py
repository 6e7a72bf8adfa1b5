"""What every network that is trained by gradient declares about its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn


class Network(nn.Module):
    """A network whose catalogue and inputs may grow between two trainings (`penchant.training.continuing`)."""

    item_tables: tuple[str, ...] = ()
    """Names of the parameters of one row per item."""

    @property
    def columns(self) -> Mapping[str, Sequence[int]]:
        """By parameter, the inputs that its columns read; new inputs add columns to the layer."""
        return {}
