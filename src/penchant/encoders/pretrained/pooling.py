"""Pooling: one vector of a text from the vectors of its tokens.

All functions take `hidden` `[batch, tokens, dim]` and `mask` `[batch, tokens]` (1 = token, 0 = padding) and return
`[batch, dim]`. Padding never changes a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from penchant.arrays import Float32s
from penchant.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

POOLINGS: Final = ("mean", "cls", "last", "max", "idf", "attention")
"""Names of the ways to pool."""


def pool_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Σ mₜhₜ / Σ mₜ (Reimers and Gurevych, Sentence-BERT 2019)."""
    return pool_weighted(hidden, mask, mask)


def pool_cls(hidden: Tensor, mask: Tensor) -> Tensor:
    """The first token that is not padding: `[CLS]` of BERT-type models (Devlin et al. 2019)."""
    import torch

    first = mask.to(torch.int64).argmax(dim=1)
    return hidden[torch.arange(len(hidden)), first]


def pool_last(hidden: Tensor, mask: Tensor) -> Tensor:
    """The last token that is not padding: in a causal model the only one that attends to all others."""
    import torch

    positions = torch.arange(mask.shape[1]) * (mask > 0)
    return hidden[torch.arange(len(hidden)), positions.argmax(dim=1)]


def pool_max(hidden: Tensor, mask: Tensor) -> Tensor:
    """The largest value of each dimension over the tokens (Collobert et al. 2011)."""
    return hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(dim=1)


def pool_weighted(hidden: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """The weighted token sum v = Σ αₜhₜ with αₜ = mₜwₜ / Σ mₜwₜ; `weights` `[batch, tokens]` are not negative.

    With w = idf this is the usual weighting of word vectors (compare Arora, Liang and Ma, "A simple but tough-to-beat
    baseline for sentence embeddings", 2017); with w from `compute_attention_weights` the model decides what matters.
    A text whose weights are all zero falls back to the mean.
    """
    import torch

    kept = mask.to(hidden.dtype)
    weighted = weights.to(hidden.dtype) * kept
    empty = weighted.sum(dim=1, keepdim=True) <= 0
    weighted = torch.where(empty, kept, weighted)
    share = weighted / weighted.sum(dim=1, keepdim=True).clamp_min(1e-12)
    return torch.bmm(share.unsqueeze(1), hidden).squeeze(1)


def compute_attention_weights(attentions: Tensor, mask: Tensor) -> Tensor:
    """The attention that each token receives: αₜ = mean over heads h and queries q of A[h, q, t], `[batch, tokens]`.

    `attentions` `[batch, heads, queries, tokens]` of the last layer (Vaswani et al. 2017, eq. 1); queries that are
    padding have weight 0.
    """
    queries = mask.to(attentions.dtype)
    received = (attentions.mean(dim=1) * queries.unsqueeze(-1)).sum(dim=1)
    return received / queries.sum(dim=1, keepdim=True).clamp_min(1)


def compute_idf(token_ids: list[list[int]], n_tokens: int) -> Float32s:
    """idfₜ = ln((1 + N) / (1 + dfₜ)) + 1 of every token of a vocabulary, `[n_tokens]`, over N texts."""
    lengths = np.fromiter((len(row) for row in token_ids), dtype=np.int64, count=len(token_ids))
    flat = np.fromiter((t for row in token_ids for t in row), dtype=np.int64, count=int(lengths.sum()))
    rows = np.repeat(np.arange(len(token_ids)), lengths)
    keys = np.unique(rows * n_tokens + flat)
    counts = np.bincount(keys % n_tokens, minlength=n_tokens)
    return (np.log((1 + len(token_ids)) / (1 + counts)) + 1).astype(np.float32)


def pool(name: str, hidden: Tensor, mask: Tensor, weights: Tensor | None = None) -> Tensor:
    """Pool by name; `idf` and `attention` take `weights`. Raises `OptionError` for another name."""
    if name in ("idf", "attention") and weights is not None:
        return pool_weighted(hidden, mask, weights)
    simple = {"mean": pool_mean, "cls": pool_cls, "last": pool_last, "max": pool_max}
    if name not in simple:
        raise OptionError("pooling", name, allowed=POOLINGS)
    return simple[name](hidden, mask)
