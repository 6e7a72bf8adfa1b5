"""Feature-level fusion: views side by side, then one dense layer."""

from __future__ import annotations

from torch import Tensor, nn

from penchant.fusion.presence import masked, with_any


class Concat(nn.Module):
    """W · [v_1; …; v_M] + b, absent views as zeros; a row without any view is zero.

    Costs rows · views · dim². Choose it where views carry different things and there is data to learn how they mix
    (early fusion: Ngiam et al., ICML 2011); a contribution per view is not exact through it when something follows.
    """

    def __init__(self, views: int, dim: int) -> None:
        super().__init__()
        self.mix = nn.Linear(views * dim, dim)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """`[rows, views, dim]` and `[rows, views]` to `[rows, dim]`."""
        return with_any(self.mix(masked(vectors, present).flatten(1)), present)
