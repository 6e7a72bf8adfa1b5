"""The recurrent encoder over event tokens (GRU4Rec with today's loss; Hidasi et al., ICLR 2016)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from penchant.errors import OptionError
from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.tokens import Padded

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class RecurrentEncoder(nn.Module):
    """Layers of GRU (or LSTM, RNN) with a dense layer on top."""

    def __init__(self, dim: int, layers: int, dropout: float, cell: str = "gru") -> None:
        super().__init__()
        if cell not in CELLS:
            raise OptionError("encoder", cell, allowed=CELLS)
        self.cells = CELLS[cell](dim, 2 * dim, num_layers=layers, batch_first=True)
        self.drop = PooledDropout(dropout)
        self.dense = nn.Linear(2 * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens: Float[Tensor, "batch time dim"], window: Padded, *, request: bool
    ) -> Float[Tensor, "batch time dim"]:
        """Event tokens to interest vectors."""
        hidden, _ = self.cells(tokens)
        normed: Tensor = self.norm(self.dense(self.drop(hidden)) + tokens)
        return normed
