"""Mixture of logits: a learned similarity from several small dot products."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

CELLS = 1 << 22
"""Dot products (tokens × items × pairs of components) of one block."""


class MixtureOfLogits(nn.Module):
    """score(u, i) = Σ_ab π_ab cos_ab / temperature, cos_ab = cos(U_a u, V_b i),
    π = softmax_ab(g_ab u + k_ab i + c_ab cos_ab).

    C components of the user and C of the item, each of length 1, and a gate that knows both (Zhai et al., KDD 2023;
    Ding and Zhai 2024). More expressive than one dot product, and `components²` times the cost: all items are
    scored in blocks. It is not a dense model: no index can serve it. `split_users` and `split_items` give
    the vectors whose dot product equals its score under a uniform gate, for profiles and candidates.
    """

    def __init__(self, dim: int, components: int) -> None:
        super().__init__()
        self.dim, self.components = dim, components
        pairs = components * components
        self.from_user, self.from_item = nn.Linear(dim, components * dim), nn.Linear(dim, components * dim)
        self.user_gate, self.item_gate = nn.Linear(dim, pairs), nn.Linear(dim, pairs)
        self.cosine_gate = nn.Parameter(torch.zeros(pairs))
        with torch.no_grad():
            for layer in (self.from_user, self.from_item):
                layer.weight.add_(torch.eye(dim).repeat(components, 1))

    def split_users(self, hidden: Float[Tensor, "*rows dim"]) -> Float[Tensor, "*rows C dim"]:
        """Components of interest vectors."""
        return nn.functional.normalize(self.from_user(hidden).unflatten(-1, (self.components, self.dim)), dim=-1)

    def split_items(self, vectors: Float[Tensor, "N dim"]) -> Float[Tensor, "N C dim"]:
        """Components of item vectors."""
        return nn.functional.normalize(self.from_item(vectors).unflatten(-1, (self.components, self.dim)), dim=-1)

    def _mix(
        self, cosines: Float[Tensor, "*shape pairs"], gates: Float[Tensor, "*shape pairs"]
    ) -> Float[Tensor, " *shape"]:
        shares = torch.softmax(gates + self.cosine_gate * cosines, dim=-1)
        return (shares * cosines).sum(dim=-1)

    def forward(self, hidden: Float[Tensor, "M dim"], vectors: Float[Tensor, "N dim"]) -> Float[Tensor, "M N"]:
        """Mean cosine of every row of `hidden` with every item, in [−1, 1]."""
        users, items = self.split_users(hidden), self.split_items(vectors)
        cosines = torch.einsum("mad,nbd->mnab", users, items).flatten(2)
        gates = self.user_gate(hidden)[:, None] + self.item_gate(vectors)[None]
        return self._mix(cosines, gates)

    def score_pairs(self, hidden: Float[Tensor, "M dim"], vectors: Float[Tensor, "M dim"]) -> Float[Tensor, " M"]:
        """Mean cosine of row m with item m."""
        cosines = torch.einsum("mad,mbd->mab", self.split_users(hidden), self.split_items(vectors)).flatten(1)
        return self._mix(cosines, self.user_gate(hidden) + self.item_gate(vectors))

    def choose_block(self, others: int) -> int:
        """The number of rows in a block against `others`."""
        return max(1, CELLS // (max(1, others) * self.components**2))

    def cross_entropy(
        self,
        hidden: Float[Tensor, "tokens dim"],
        vectors: Float[Tensor, "items dim"],
        targets: Int[Tensor, " tokens"],
        scale: Float[Tensor, ""],
        weights: Float[Tensor, " tokens"] | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> Float[Tensor, ""]:
        """Mean softmax cross-entropy over all items, in chunks that the backward pass computes again.

        `label_smoothing` is the share of the target that is spread over all items.
        """
        weights = torch.ones(len(targets), device=hidden.device) if weights is None else weights

        def cost(hidden: Tensor, vectors: Tensor, targets: Tensor, weights: Tensor, scale: Tensor) -> Tensor:
            logits = self(hidden, vectors) * scale
            each = nn.functional.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)
            return (each * weights).sum()

        size = self.choose_block(len(vectors))
        sums = [
            checkpoint(cost, h, vectors, t, w, scale, use_reentrant=False)
            for h, t, w in zip(*(torch.split(part, size) for part in (hidden, targets, weights)), strict=True)
        ]
        return torch.stack(sums).sum() / weights.sum().clamp_min(1e-12)
