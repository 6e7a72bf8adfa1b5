"""Multi-interest: K learned queries, each of which pools the history."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

_BOUND = 8.0
"""Attention logits stay inside ±8, so that running sums of their exponentials lose nothing in float32."""


class InterestQueries(nn.Module):
    """v_k,t = norm(h_t + σ(G_k h_t) ⊙ Σ_{j≤t} a_kj W x_j / Σ_{j≤t} a_kj), a_kj = exp(8 tanh(q_k · x_j / 8)).

    Each of K queries keeps a running weighted mean of the events' outputs x (self-attentive extraction, Lin et al.
    2017; as in ComiRec-SA, Cen et al., KDD 2020), gated by the present state h. Causal: a mean over the past is two
    running sums, so it costs K · dim an event, no pairs.
    """

    def __init__(self, dim: int, count: int) -> None:
        super().__init__()
        self.count = count
        self.queries = nn.Parameter(torch.randn(count, dim) * dim**-0.5)
        self.gate = nn.Linear(dim, count * dim)
        self.value = nn.Linear(dim, count * dim, bias=False)
        self.norm = nn.LayerNorm(dim)

    def forward(self, hidden: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time K dim"]:
        """Hidden states to interests."""
        batch, time, dim = hidden.shape
        scores = _BOUND * torch.tanh(hidden @ self.queries.T / _BOUND)
        shares = scores.float().exp().unsqueeze(-1)
        values = self.value(hidden).view(batch, time, self.count, dim)
        pooled = (shares * values).cumsum(dim=1) / shares.cumsum(dim=1)
        gates = torch.sigmoid(self.gate(hidden)).view(batch, time, self.count, dim)
        interests: Tensor = self.norm(hidden.unsqueeze(2) + gates * pooled)
        return interests


def select_nearest(
    interests: Float[Tensor, "tokens K dim"], targets: Float[Tensor, "tokens dim"]
) -> Float[Tensor, "tokens dim"]:
    """The interest of each row that is nearest to its target.

    Hard routing (ComiRec; MIND, Li et al., CIKM 2019, does it softly): a target updates only its nearest interest,
    so that the others can represent other topics. The choice itself carries no gradient.
    """
    with torch.no_grad():
        unit = nn.functional.normalize(interests, dim=2)
        nearest = torch.einsum("mkd,md->mk", unit, targets).argmax(dim=1)
    return interests[torch.arange(len(interests), device=interests.device), nearest]
