"""InfoNCE: each row identifies its partner among the rows of the batch."""

from __future__ import annotations

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional

from penchant.losses.weighted_mean import weighted_mean


def info_nce(
    left: Float[Tensor, "batch dim"],
    right: Float[Tensor, "batch dim"],
    *,
    temperature: float = 0.1,
    groups: Shaped[Tensor, " batch"] | None = None,
    weights: Float[Tensor, " batch"] | None = None,
    symmetric: bool = True,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding row i of `right` from row i of `left`, the other rows being the negatives.

    loss = −Σᵢ wᵢ · log(exp(cos(lᵢ, rᵢ)/τ) / Σⱼ exp(cos(lᵢ, rⱼ)/τ)) / Σᵢ wᵢ

    `left` and `right` are scaled to unit length here; `temperature` τ is above 0. Rows with the same number in `groups`
    are not negatives of each other (the same item twice in a batch). `weights` of 0 mark rows without a pair; such a
    row stays a negative of the others. `symmetric` adds the direction from right to left and takes the mean. Returns a
    scalar.

    van den Oord et al. 2018 (InfoNCE); with two kinds of content and `symmetric` it is the loss of CLIP (Radford et
    al. 2021). Choose it for pairs without labels: two modalities of an item, two crops of a history. For two
    augmentations of one kind of content `nt_xent` has twice the negatives.
    """
    logits = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T / temperature
    if groups is not None:
        same = groups[:, None] == groups[None, :]
        same.fill_diagonal_(False)
        logits = logits.masked_fill(same, float("-inf"))
    loss = weighted_mean(_diagonal_cross_entropy(logits), weights)
    if symmetric:
        loss = (loss + weighted_mean(_diagonal_cross_entropy(logits.T), weights)) / 2
    return loss


def nt_xent(
    left: Float[Tensor, "batch dim"],
    right: Float[Tensor, "batch dim"],
    *,
    temperature: float = 0.1,
    groups: Shaped[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
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
        both_groups = torch.cat([groups, groups])
        hidden |= both_groups[:, None] == both_groups[None, :]
        hidden[rows, partners] = False
    return functional.cross_entropy(logits.masked_fill(hidden, float("-inf")), partners)


def _diagonal_cross_entropy(logits: Float[Tensor, "batch batch"]) -> Float[Tensor, " batch"]:
    return torch.logsumexp(logits, dim=1) - logits.diagonal()
