"""Decision-level fusion: experts trained apart, their standardised scores summed."""

from __future__ import annotations

import numpy as np
import torch

from penchant.arrays import Bools, Float32s, Int32s


def standardise(scores: Float32s) -> Float32s:
    """Each row to mean 0 and standard deviation 1 over the items; a constant row becomes zeros.

    >>> standardise(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]], dtype=np.float32)).round(2).tolist()
    [[-1.2200000286102295, 0.0, 1.2200000286102295], [0.0, 0.0, 0.0]]
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    # constant rows have a deviation of rounding errors: dividing by it would turn them into noise
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0), dtype=np.float32)


def sum_weighted(expert_scores: list[Float32s], weights: Float32s) -> Float32s:
    """Σ_m w_m · z_m(u, i) for standardised `z_m` `[B, N]`. Additive: expert m contributes exactly w_m · z_m."""
    total = np.zeros_like(expert_scores[0])
    for scores, weight in zip(expert_scores, weights, strict=True):
        total += np.float32(weight) * scores
    return total


def fit_logit(
    expert_scores: list[Float32s],
    targets: Int32s,
    allowed: Bools | None = None,
    *,
    penalty: float = 1e-3,
    steps: int = 100,
) -> Float32s:
    """Global weights that maximise the likelihood of the held-out targets: a conditional logit (McFadden 1974).

    max_w  mean_u log softmax_i(Σ_m w_m z_m(u, i))[target_u] − penalty · |w|²,  w ≥ 0

    `expert_scores`: standardised, `[B, N]` each; `targets` `[B]`; `allowed` `[B, N]` leaves items out of a row. The
    problem is convex. L-BFGS solves it in the square roots of the weights, so none gets below zero. Costs
    steps · experts · B · N. Returns `[experts]`.
    """
    stacked = torch.from_numpy(np.stack(expert_scores))
    labels = torch.from_numpy(targets.astype(np.int64))
    closed = None if allowed is None else torch.from_numpy(~allowed)
    # a root of exactly 0 has no gradient, so the search starts inside: 0.7² is about one half
    roots = torch.full((len(expert_scores),), 0.7, requires_grad=True)
    solver = torch.optim.LBFGS([roots], max_iter=steps, line_search_fn="strong_wolfe")

    def compute_loss() -> torch.Tensor:
        solver.zero_grad()
        weights = roots.square()
        logits = torch.einsum("mbn,m->bn", stacked, weights)
        if closed is not None:
            logits = logits.masked_fill(closed, float("-inf"))
        loss = torch.nn.functional.cross_entropy(logits, labels) + penalty * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(compute_loss)  # type: ignore[no-untyped-call]
    return np.asarray(roots.detach().square().numpy(), dtype=np.float32)


FACTORS = (0.0, 0.5, 0.7, 1.4, 2.0, 4.0)
"""Factors of a weight that the refinement tries."""


def refine_weights(
    expert_scores: list[Float32s], weights: Float32s, targets: Int32s, allowed: Bools | None = None, *, rounds: int = 3
) -> Float32s:
    """Refine the weights, one at a time, to maximise the NDCG of held-out targets.

    max_w  mean_u 1 / log2(2 + rank_u(w))  (NDCG of one target without a cut), by coordinate search over `FACTORS`.

    Likelihood and rank disagree where an expert's scores are heavy-tailed: the likelihood reduces the weight of
    such an expert because of a few targets with a very low score. Arguments as in `fit_logit`, whose result is the
    start; the result is never worse than the start. An item that ties with the target counts as half a rank. At least
    one weight stays above 0: a sum that is the same for all items ranks nothing. Costs at most rounds · experts · 6
    passes over B · N.
    """
    parts = [torch.from_numpy(scores) for scores in expert_scores]
    labels = torch.from_numpy(targets.astype(np.int64))[:, None]
    closed = None if allowed is None else torch.from_numpy(~allowed)
    total = torch.from_numpy(sum_weighted(expert_scores, weights))
    refined = weights.astype(np.float32).copy()

    def compute_ndcg(scores: torch.Tensor) -> float:
        target_scores = scores.gather(1, labels)
        better, ties = scores > target_scores, scores == target_scores
        if closed is not None:
            better &= ~closed
            ties &= ~closed
        rank = better.sum(dim=1) + (ties.sum(dim=1) - 1).clamp_min(0) / 2
        return float((1.0 / torch.log2(2.0 + rank)).mean())

    best = compute_ndcg(total)
    for _ in range(rounds):
        before = best
        for expert, part in enumerate(parts):
            start = refined[expert] if refined[expert] > 0 else np.float32(0.05)
            others_are_zero = not np.delete(refined, expert).any()
            trials = []
            for factor in FACTORS[1:] if others_are_zero else FACTORS:
                moved = total.add(part, alpha=float(start * factor - refined[expert]))
                trials.append((compute_ndcg(moved), float(start * factor)))
            top, weight = max(trials)
            if top > best:
                total = total.add(part, alpha=weight - float(refined[expert]))
                best, refined[expert] = top, np.float32(weight)
        if best <= before:
            break
    return refined
