"""Softmax over the target and negatives shared by the batch, with logQ correction."""

from __future__ import annotations

import torch
from torch import Tensor


def sampled_softmax(
    vectors: Tensor,
    positives: Tensor,
    negatives: Tensor,
    targets: Tensor,
    negative_codes: Tensor,
    log_q: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy of the next item against M negatives that all tokens share.

    logits = [x·v⁺, x·v⁻_j − log(M q_j)], a negative equal to the token's target is masked.

    `vectors` `[tokens, dim]`, `positives` `[tokens, dim]` (vectors of the targets), `negatives` `[M, dim]`, `targets`
    `[tokens]` and `negative_codes` `[M]` item codes, `log_q` `[M]` log-probability with which each negative is drawn,
    `weights` `[tokens]` or None. Returns a scalar.

    Choose it above about 20,000 items: sharing M = 1,024 negatives is one small matrix product, cheaper than 128 of
    its own for every token. The correction makes frequent negatives no more feared than they should be
    (Bengio & Senécal 2008; Yi et al., RecSys 2019).
    """
    own = (vectors * positives).sum(dim=1)
    same = targets[:, None] == negative_codes[None, :]
    return sampled_softmax_of_scores(own, vectors @ negatives.T, same, log_q, weights)


def sampled_softmax_of_scores(
    own: Tensor, others: Tensor, same: Tensor, log_q: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The same from scores that are no dot products: `own` `[tokens]`, `others` `[tokens, M]`, `same` bool like it."""
    others = others - (log_q + torch.log(torch.tensor(float(len(log_q)), device=log_q.device)))
    others = others.masked_fill(same, float("-inf"))
    loss = torch.logsumexp(torch.cat([own[:, None], others], dim=1), dim=1) - own
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / weights.sum().clamp_min(1e-12)
