"""Feature-level fusion: the normalised weighted sum α·text + β·image + γ·behaviour."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from penchant.fusion.presence import masked


def view_shares(present: Tensor, weights: Tensor, *, renormalise: bool = True) -> Tensor:
    """How much each view of each row weighs, `[rows, views]`: 0 where absent; rows sum to 1 with `renormalise`."""
    share = weights * present.to(weights.dtype)
    if renormalise:
        share = share / share.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return share


def weighted_sum(vectors: Tensor, present: Tensor, weights: Tensor, *, renormalise: bool = True) -> Tensor:
    """Σ_m w_m · v_m over the views that are present.

    `vectors` `[rows, views, dim]`, `present` `[rows, views]` bool, `weights` `[views]` (not negative). With
    `renormalise` the weights of the present views sum to 1 in every row; a row without any view is zero. Returns
    `[rows, dim]`.

    Costs rows · views · dim. Choose it where views live in one space: contributions per view are exact.

    >>> v = torch.tensor([[[.1, .2, .3, .4], [.5, .6, .7, .8], [.2, .3, .4, .5]]])
    >>> w = torch.tensor([.4, .3, .3])
    >>> weighted_sum(v, torch.ones(1, 3, dtype=torch.bool), w)
    tensor([[0.2500, 0.3500, 0.4500, 0.5500]])
    """
    share = view_shares(present, weights, renormalise=renormalise)
    return (share.unsqueeze(-1) * masked(vectors, present)).sum(dim=1)


class WeightedSum(nn.Module):
    """`weighted_sum` with learned weights (softmax of one logit a view), or with `fixed` ones that stay.

    `initial` `[views]`: where the weights start; they need not sum to 1. A weight of 0 can only be fixed.
    """

    def __init__(self, views: int, initial: Sequence[float] | None = None, *, fixed: bool = False) -> None:
        super().__init__()
        start = torch.ones(views) if initial is None else torch.tensor(list(initial), dtype=torch.float32)
        logits = torch.log((start / start.sum()).clamp_min(1e-30))
        self.logits = nn.Parameter(logits, requires_grad=not fixed)

    @property
    def weights(self) -> Tensor:
        """Weights `[views]` that sum to 1."""
        return torch.softmax(self.logits, dim=0)

    def shares(self, present: Tensor) -> Tensor:
        """Weights of the views in each row `[rows, views]`; they sum to 1 over the views present."""
        return view_shares(present, self.weights)

    def forward(self, vectors: Tensor, present: Tensor) -> Tensor:
        """`[rows, views, dim]` and `[rows, views]` to `[rows, dim]`."""
        return weighted_sum(vectors, present, self.weights)
