"""InfoNCE: each row knows its partner among the rows of the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(
    left: Tensor,
    right: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    groups: Tensor | None = None,
    weights: Tensor | None = None,
    symmetric: bool = True,
) -> Tensor:
    """Mean cross-entropy of finding row i of `right` from row i of `left`, the other rows being the negatives.

    loss = −Σᵢ wᵢ · log(exp(cos(lᵢ, rᵢ)/τ) / Σⱼ exp(cos(lᵢ, rⱼ)/τ)) / Σᵢ wᵢ

    `left` and `right` `[batch, dim]`, any length (they are made unit vectors here); `temperature` τ above 0;
    `groups` `[batch]`: rows of one number are not negatives of each other (the same item twice in a batch);
    `weights` `[batch]` or None for ones (0: no pair in this row; the row stays a negative of the others). `symmetric`
    averages it with the way from right to left. Returns a scalar.

    van den Oord et al. 2018 (InfoNCE); with two kinds of content and `symmetric` it is the loss of CLIP (Radford et
    al. 2021). Choose it where there are pairs and no labels: two views of an item, two crops of a history. For two
    augmentations of one kind of content `nt_xent` has twice the negatives.
    """
    logits = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T / temperature
    if groups is not None:
        same = groups[:, None] == groups[None, :]
        same.fill_diagonal_(False)
        logits = logits.masked_fill(same, float("-inf"))
    loss = _mean(_own(logits), weights)
    if symmetric:
        loss = (loss + _mean(_own(logits.T), weights)) / 2
    return loss


def nt_xent(left: Tensor, right: Tensor, *, temperature: float | Tensor = 0.1, groups: Tensor | None = None) -> Tensor:
    """InfoNCE of two augmentations, with both sides as negatives: 2·batch − 2 of them a row.

    loss = mean over the 2·batch rows z of −log(exp(cos(zᵢ, zᵢ⁺)/τ) / Σ_{k≠i} exp(cos(zᵢ, z_k)/τ))

    `left`, `right`, `temperature` and `groups` as in `info_nce`. Returns a scalar (Chen et al. 2020, SimCLR, eq. 1).
    """
    count = len(left)
    both = functional.normalize(torch.cat([left, right]), dim=1)
    logits = both @ both.T / temperature
    rows = torch.arange(2 * count, device=left.device)
    partners = (rows + count) % (2 * count)
    hidden = torch.eye(2 * count, dtype=torch.bool, device=left.device)
    if groups is not None:
        told = torch.cat([groups, groups])
        hidden |= told[:, None] == told[None, :]
        hidden[rows, partners] = False
    return functional.cross_entropy(logits.masked_fill(hidden, float("-inf")), partners)


def _own(logits: Tensor) -> Tensor:
    """Cross-entropy of the diagonal, `[batch]`."""
    return torch.logsumexp(logits, dim=1) - logits.diagonal()


def _mean(loss: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / weights.sum().clamp_min(1e-12)
