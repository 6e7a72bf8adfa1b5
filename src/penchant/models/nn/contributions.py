"""Contributions of the items' modalities to the scores of a sequence model, for either head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from penchant.arrays import Float32s
from penchant.fusion.contributions import list_shapley_weights


def split_dot_products(interests: Float32s, items: Float32s, parts: Float32s) -> list[Float32s]:
    """`[B, N]` for each modality: u · p_m of the interest u that gives the item its score.

    `interests` `[B, K, D]` (scaled), `items` `[N, D]`, and their `parts` `[N, V, D]`, which sum to `items`. The score
    max_k u_k · v is linear in v for the k that wins, so the modalities sum to it.
    """
    first = interests[:, 0]
    if interests.shape[1] == 1:
        return [np.asarray(first @ parts[:, modality].T, dtype=np.float32) for modality in range(parts.shape[1])]
    best = np.argmax([interests[:, k] @ items.T for k in range(interests.shape[1])], axis=0)
    out = []
    for modality in range(parts.shape[1]):
        each = np.stack([interests[:, k] @ parts[:, modality].T for k in range(interests.shape[1])])
        out.append(np.take_along_axis(each, best[None], axis=0)[0].astype(np.float32))
    return out


def split_by_shapley(score: Callable[[list[bool]], Float32s], modalities: int) -> list[Float32s]:
    """`[B, N]` for each modality: Shapley values of a score that is not linear in the item's vector.

    `score(seen)` gives the scores when items show only some of their modalities. What they get without any is shared
    out evenly, so that the modalities sum to the score. Costs 2^modalities scorings.
    """
    nothing = score([False] * modalities)
    out = [nothing / np.float32(modalities) for _ in range(modalities)]
    for seen, shares in list_shapley_weights(modalities):
        gain = score(seen) - nothing
        for modality, share in enumerate(shares):
            out[modality] = out[modality] + np.float32(share) * gain
    return [part.astype(np.float32) for part in out]
