"""LRU: a diagonal linear recurrence over the events, computed for all of them at once."""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor, nn

from penchant.models.nn.dropout import PooledDropout


def scan(
    inputs: Complex[Tensor, "batch time dim"], decay: Complex[Tensor, " dim"]
) -> Complex[Tensor, "batch time dim"]:
    """h_t = decay ⊙ h_{t−1} + x_t with h_{−1} = 0, for all t at once.

    Doubling (Hillis & Steele 1986): ⌈log₂ time⌉ passes over all events, each adding the states 1, 2, 4, … steps back.
    """
    state, power, step = inputs, decay, 1
    while step < inputs.shape[1]:
        moved = nn.functional.pad(state[:, :-step], (0, 0, step, 0))
        state = state + power * moved
        power, step = power * power, 2 * step
    return state


class LruBlock(nn.Module):
    """h_t = λ ⊙ h_{t−1} + γ ⊙ B norm(x_t); y = Re(C h) + x; y + FFN(norm(y)).

    λ = exp(−exp(ν) + i exp(θ)) complex, on a ring inside the unit circle, γ = √(1 − |λ|²) keeps the state's size
    (Orvieto et al., ICML 2023; as a recommender LRURec, Yue et al., WSDM 2024). No positions, no pairs: costs
    `time · log(time)`, in training and in answers, so choose it for long histories. The state is not kept between
    answers: each reads up to `max_length` events again, as with every encoder.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        size = torch.rand(dim) * (0.999**2 - 0.8**2) + 0.8**2
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(size)))
        self.theta = nn.Parameter(torch.log(torch.rand(dim) * math.pi / 10 + 1e-4))
        self.norm_in, self.norm_out = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.inward, self.outward = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.feed = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.drop = PooledDropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch time dim"], buckets: Int[Tensor, "batch time time"] | None
    ) -> Float[Tensor, "batch time dim"]:
        """The next state of the events; `buckets` is not read."""
        size = torch.exp(-torch.exp(self.nu))
        decay = torch.polar(size, torch.exp(self.theta))
        real, imaginary = self.inward(self.norm_in(x)).chunk(2, dim=-1)
        gamma = torch.sqrt(1.0 - size * size)
        state = scan(torch.complex(real * gamma, imaginary * gamma), decay)
        x = x + self.drop(self.outward(torch.cat([state.real, state.imag], dim=-1)))
        fed: Tensor = x + self.drop(self.feed(self.norm_out(x)))
        return fed
