"""The CNN+RNN fusion network: a convolution over each modality of recent events, a recurrent network over events."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding as embed

from penchant.data.modalities import Modalities
from penchant.data.schema import ATTRIBUTES
from penchant.models.nn.dropout import PooledDropout
from penchant.models.nn.tokens import Padded

if TYPE_CHECKING:
    from penchant.models.nn.item_encoder import ItemTower

KERNEL = 3


class CnnRnnEncoder(nn.Module):
    """dense[ conv_1(V_1); …; conv_M(V_M); GRU(tokens) ] + tokens, layer-normed: fusion at the level of the model.

    For each of `modalities` modalities a causal 1-D convolution (kernel 3) along time reads the last three events. A
    GRU reads the event tokens (id, kind, time, content). One dense layer joins them into the interest vector.
    Convolution after Caser (Tang and Wang, WSDM 2018), a network for each modality after p-RNN (Hidasi et al., RecSys
    2016). Where items have no modality besides the id, the convolution reads the tokens. Costs
    time · dim² · (3 · modalities + 10). Choose it where a run of similar images or sounds predicts the next item.
    """

    def __init__(self, dim: int, layers: int, dropout: float, modalities: int) -> None:
        super().__init__()
        self.modalities = modalities
        groups = max(1, modalities)
        self.convolve = nn.Conv1d(groups * dim, groups * dim, KERNEL, groups=groups)
        self.cells = nn.GRU(dim, 2 * dim, num_layers=layers, batch_first=True)
        self.drop = PooledDropout(dropout)
        self.dense = nn.Linear((groups + 2) * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self, tokens: Float[Tensor, "batch time dim"], channels: Float[Tensor, "batch time channels"] | None = None
    ) -> Float[Tensor, "batch time dim"]:
        """Tokens `[batch, time, dim]` and modalities `[batch, time, modalities * dim]` to interest vectors like the
        tokens."""
        seen = channels if self.modalities and channels is not None else tokens
        early = nn.functional.pad(seen.transpose(1, 2), (KERNEL - 1, 0))
        convolved = nn.functional.gelu(self.convolve(early)).transpose(1, 2)
        hidden, _ = self.cells(tokens)
        joined = self.dense(self.drop(torch.cat([convolved, hidden], dim=2)))
        normed: Tensor = self.norm(joined + tokens)
        return normed


def build_channels(
    tower: ItemTower, rows: Int[Tensor, " items"], *, without: AbstractSet[str] = frozenset()
) -> Float[Tensor, "items channels"]:
    """The modalities of items without their id, side by side: `[items, modalities * dim]`, absent ones zero."""
    if not tower.modalities:
        return torch.zeros(len(rows), 0, device=rows.device)
    modalities, _ = tower.stack_modalities(rows, without=without)
    scale: float = tower.dim**0.5
    return modalities[:, 1:].flatten(1) * scale


def build_event_channels(
    tower: ItemTower, window: Padded, table: Float[Tensor, "items channels"], content: Modalities | None
) -> Float[Tensor, "batch time channels"]:
    """The channels of each event, `[batch, time, modalities * dim]`: those of its item plus those of its text and
    media.

    The attributes of `content` are an event's context (device, place), not those of an item: the token has them.
    """
    channels: Tensor = embed(window.items.clamp_min(0), table) * (window.items >= 0).unsqueeze(-1)
    for column, modality in enumerate(tower.modalities):
        if content is None or modality not in content or modality == ATTRIBUTES:
            continue
        vectors = torch.from_numpy(content[modality].vectors).to(table.device)
        present = torch.from_numpy(content[modality].present).to(table.device)
        projected = nn.functional.normalize(tower.projections[modality](vectors), dim=1) * tower.dim**0.5
        has_content = (window.content >= 0) & present[window.content.clamp_min(0)]
        added = embed(window.content.clamp_min(0), projected) * has_content.unsqueeze(-1)
        padding = (column * tower.dim, (len(tower.modalities) - 1 - column) * tower.dim)
        channels = channels + nn.functional.pad(added, padding)
    return channels
