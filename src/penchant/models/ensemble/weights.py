"""Decision-level fusion: experts trained apart, their standardised scores summed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from penchant.arrays import Float32s


def standardise(scores: Float32s) -> Float32s:
    """Each row to mean 0 and standard deviation 1 over the items; a constant row becomes zeros.

    >>> standardise(np.array([[1.0, 2.0, 3.0], [5.0, 5.0, 5.0]], dtype=np.float32)).round(2).tolist()
    [[-1.2200000286102295, 0.0, 1.2200000286102295], [0.0, 0.0, 0.0]]
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    return np.asarray(np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0), dtype=np.float32)


def weighted_scores(expert_scores: list[Float32s], weights: npt.NDArray[np.float32]) -> Float32s:
    """Σ_m w_m · z_m(u, i) for standardised `z_m` `[B, N]`. Additive: expert m gives exactly w_m · z_m of a score."""
    total = np.zeros_like(expert_scores[0])
    for scores, weight in zip(expert_scores, weights, strict=True):
        total += np.float32(weight) * scores
    return total


def fit_weights(
    expert_scores: list[Float32s],
    targets: npt.NDArray[np.int32],
    allowed: npt.NDArray[np.bool_] | None = None,
    *,
    penalty: float = 1e-3,
    steps: int = 100,
) -> npt.NDArray[np.float32]:
    """Global weights that make the held-out choices most likely: a conditional logit (McFadden 1974).

    max_w  mean_u log softmax_i(Σ_m w_m z_m(u, i))[target_u] − penalty · |w|²,  w ≥ 0

    `expert_scores`: standardised, `[B, N]` each; `targets` `[B]`; `allowed` `[B, N]` leaves items out of a row. The
    problem is convex; solved by L-BFGS in the square roots of the weights, so none gets below zero. Costs
    steps · experts · B · N. Returns `[experts]`.
    """
    stacked = torch.from_numpy(np.stack(expert_scores))
    wanted = torch.from_numpy(targets.astype(np.int64))
    closed = None if allowed is None else torch.from_numpy(~allowed)
    roots = torch.full((len(expert_scores),), 0.7, requires_grad=True)
    solver = torch.optim.LBFGS([roots], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        solver.zero_grad()
        weights = roots.square()
        logits = torch.einsum("mbn,m->bn", stacked, weights)
        if closed is not None:
            logits = logits.masked_fill(closed, float("-inf"))
        loss = torch.nn.functional.cross_entropy(logits, wanted) + penalty * weights.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    return np.asarray(roots.detach().square().numpy(), dtype=np.float32)


FACTORS = (0.0, 0.5, 0.7, 1.4, 2.0, 4.0)
"""What a weight is multiplied with while it is refined."""


def refine_weights(
    expert_scores: list[Float32s],
    weights: npt.NDArray[np.float32],
    targets: npt.NDArray[np.int32],
    allowed: npt.NDArray[np.bool_] | None = None,
    *,
    rounds: int = 3,
) -> npt.NDArray[np.float32]:
    """The weights moved, one at a time, to where held-out choices rank best.

    max_w  mean_u 1 / log2(2 + rank_u(w))  (NDCG of one target without a cut), by coordinate search over `FACTORS`.

    Likelihood and rank do not agree where an expert's scores are heavy-tailed: the likelihood shuns such an expert for
    the few choices it gets very wrong. Arguments as in `fit_weights`, whose result is the start; never ends below it.
    An item that ties with the choice counts half a place, and one weight at least stays above 0: a sum that is the same
    for all items ranks nothing. Costs at most rounds · experts · 6 passes over B · N.
    """
    parts = [torch.from_numpy(scores) for scores in expert_scores]
    wanted = torch.from_numpy(targets.astype(np.int64))[:, None]
    closed = None if allowed is None else torch.from_numpy(~allowed)
    total = torch.from_numpy(weighted_scores(expert_scores, weights))
    found = weights.astype(np.float32).copy()

    def quality(scores: torch.Tensor) -> float:
        mine = scores.gather(1, wanted)
        better, ties = scores > mine, scores == mine
        if closed is not None:
            better &= ~closed
            ties &= ~closed
        rank = better.sum(dim=1) + (ties.sum(dim=1) - 1).clamp_min(0) / 2
        return float((1.0 / torch.log2(2.0 + rank)).mean())

    best = quality(total)
    for _ in range(rounds):
        before = best
        for expert, part in enumerate(parts):
            tried = []
            start = found[expert] if found[expert] > 0 else np.float32(0.05)
            alone = not np.delete(found, expert).any()
            for factor in FACTORS[1:] if alone else FACTORS:
                moved = total.add(part, alpha=float(start * factor - found[expert]))
                tried.append((quality(moved), float(start * factor)))
            top, weight = max(tried)
            if top > best:
                total = total.add(part, alpha=weight - float(found[expert]))
                best, found[expert] = top, np.float32(weight)
        if best <= before:
            break
    return found
