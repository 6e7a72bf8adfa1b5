"""The network of the model `llm`: the language model, the projection to an interest vector, and the item side."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from penchant.models.language.options import LLMOptions
from penchant.models.nn.base import Network
from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.tokens import GAP_BUCKETS, Padded


class ItemSide(nn.Module):
    """Item vectors `[items, dim]` of length 1: the projected text vector plus an id embedding.

    v = unit(unit(W t) + trained · e). `texts` `[items, text_dim]` (zero rows: no text) are not parameters. If the
    model that reads them is trained (`learns`), they are those of the start of the epoch and part of a checkpoint.
    Without `ids` an item is represented by its text alone, as in HLLM; with `ids`, this holds for cold items only.
    """

    texts: Tensor

    def __init__(self, n_items: int, text_dim: int, dim: int, *, ids: bool, learns: bool) -> None:
        super().__init__()
        self.project = nn.Linear(text_dim, dim, bias=False)
        self.ids = nn.Parameter(torch.randn(n_items, dim) * 0.5 * dim**-0.5) if ids else None
        self.trained = nn.Parameter(torch.ones(n_items, 1), requires_grad=False)
        self.register_buffer("texts", torch.zeros(n_items, text_dim), persistent=learns)

    def forward(self, rows: Tensor | None = None, texts: Tensor | None = None) -> Tensor:
        """Vectors of all items or of some; `texts` takes the place of the stored text vectors."""
        read = self.texts if texts is None else texts
        device = self.project.weight.device
        vectors = nn.functional.normalize(self.project((read if rows is None else read[rows]).to(device)), dim=1)
        if self.ids is not None:
            ids, trained = (self.ids, self.trained) if rows is None else (self.ids[rows], self.trained[rows])
            vectors = vectors + ids * trained
        return nn.functional.normalize(vectors, dim=1)


class EventInputs(nn.Module):
    """Input embeddings of a causal language model from events: W item + kind + time before (+ time to the request).

    HLLM (Chen et al. 2024) feeds item vectors alone. The embeddings of kind and time begin at zero.
    """

    def __init__(self, dim: int, width: int, n_kinds: int) -> None:
        super().__init__()
        self.items = nn.Linear(dim, width)
        self.kinds = nn.Parameter(torch.zeros(max(1, n_kinds), width))
        self.gaps = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, width))
        self.requests = nn.Parameter(torch.zeros(GAP_BUCKETS + 1, width))

    def forward(self, batch: Padded, items: Tensor, *, request: bool) -> Tensor:
        """`items` `[N, dim]` by code; gives `[batch, time, width]`."""
        embed = nn.functional.embedding
        known = (batch.items >= 0).unsqueeze(-1)
        tokens = self.items(embed(batch.items.clamp_min(0), items) * known)
        tokens = tokens + embed(batch.kinds.clamp(0, len(self.kinds) - 1), self.kinds) + embed(batch.gaps, self.gaps)
        inputs: Tensor = tokens + (embed(batch.requests, self.requests) if request else self.requests[0])
        return inputs


class LLMNet(Network):
    """All parameters of the model `llm`: `reader` reads histories, `item_reader` items (where it is trained)."""

    item_tables = ("items.ids",)

    def __init__(
        self,
        reader: nn.Module,
        items: ItemSide,
        options: LLMOptions,
        *,
        width: int,
        inputs: EventInputs | None = None,
        item_reader: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.reader, self.items = reader, items
        self.inputs, self.item_reader = inputs, item_reader
        self.drop = PooledDropout(options.dropout)
        self.project = nn.Linear(width, options.dim)
        self.log_scale = nn.Parameter(torch.tensor(-float(np.log(options.temperature))))

    def project_states(self, states: Tensor) -> Tensor:
        """Interest vectors `[rows, dim]` of length 1 from pooled states `[rows, width]`."""
        return nn.functional.normalize(self.project(self.drop(states)), dim=-1)
