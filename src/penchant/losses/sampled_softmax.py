"""Softmax over the target and negatives shared by the batch, with logQ correction."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from penchant.losses.weighted_mean import weighted_mean


def sampled_softmax(
    vectors: Float[Tensor, "tokens dim"],
    positives: Float[Tensor, "tokens dim"],
    negatives: Float[Tensor, "M dim"],
    targets: Int[Tensor, " tokens"],
    negative_codes: Int[Tensor, " M"],
    log_q: Float[Tensor, " M"],
    weights: Float[Tensor, " tokens"] | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the next item against M negatives that all tokens share.

    logits = [x·v⁺, x·v⁻_j − log(M q_j)], a negative equal to the token's target is masked.

    `positives` are the vectors of the targets; `targets` and `negative_codes` are item codes; `log_q` is the
    log-probability with which each negative is drawn. Returns a scalar.

    Choose it above about 20,000 items: M = 1,024 shared negatives are one small matrix product, cheaper than 128
    separate ones for every token. The correction removes the bias against items that are drawn often
    (Bengio & Senécal 2008; Yi et al., RecSys 2019).
    """
    target_scores = (vectors * positives).sum(dim=1)
    is_target = targets[:, None] == negative_codes[None, :]
    return sampled_softmax_of_scores(target_scores, vectors @ negatives.T, is_target, log_q, weights)


def sampled_softmax_of_scores(
    target_scores: Float[Tensor, " tokens"],
    negative_scores: Float[Tensor, "tokens M"],
    is_target: Bool[Tensor, "tokens M"],
    log_q: Float[Tensor, " M"],
    weights: Float[Tensor, " tokens"] | None = None,
) -> Float[Tensor, ""]:
    """`sampled_softmax` from scores that need not be dot products; arguments as in `bce`."""
    logits = negative_scores - (log_q + torch.log(torch.tensor(float(len(log_q)), device=log_q.device)))
    logits = logits.masked_fill(is_target, float("-inf"))
    log_sum = torch.logsumexp(torch.cat([target_scores[:, None], logits], dim=1), dim=1)
    return weighted_mean(log_sum - target_scores, weights)
