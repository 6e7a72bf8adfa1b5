"""The network of a sequence model: item tower, event tokens and a temporal encoder."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from penchant.data.schema import ATTRIBUTES, BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.views import View, Views
from penchant.models.base import TrainingData
from penchant.models.cnn_rnn import CnnRnnEncoder, channel_table, event_channels
from penchant.models.encoder import make_encoder
from penchant.models.interest_queries import InterestQueries
from penchant.models.item_tower import NOTHING, ItemTower
from penchant.models.mol import MixtureOfLogits
from penchant.models.sequence_options import SequenceOptions
from penchant.models.tokens import DWELL, VALUE, EventTokens, Padded

_USER = "user."
"""Before the names of users' views among the sizes."""


class SequenceNet(nn.Module):
    """All parameters of a sequence model."""

    item_tables = ("tower.embedding",)
    """Parameters of one row an item."""

    def __init__(self, options: SequenceOptions, sizes: Mapping[str, int], views: Views, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.tower = ItemTower(sizes["n_items"], options.dim, views, options.tower(), rng)
        self.tokens = EventTokens(
            options.dim,
            sizes["n_kinds"],
            time=options.time,
            clock=options.clock,
            amounts=sizes["amounts"],
            user_dim=sum(_user_dims(sizes).values()),
            context_dim=sizes["context_dim"],
        )
        dropout = sizes["dropout_percent"] / 100
        self.encoder = make_encoder(options, dropout, len(self.tower.modalities))
        self.user_dims = _user_dims(sizes)
        self.queries = InterestQueries(options.dim, options.interests) if options.interests > 1 else None
        self.mol = MixtureOfLogits(options.dim, options.components) if options.head == "mol" else None
        self.log_scale = nn.Parameter(torch.tensor(-float(np.log(options.temperature))))

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.log_scale.device

    def table(self, rows: Tensor, *, with_ids: bool = True, without: AbstractSet[str] = NOTHING) -> Tensor:
        """What the encoder reads of items: their vectors `[N, dim]`, and for `cnn_rnn` their views beside them."""
        vectors: Tensor = self.tower(rows, with_ids=with_ids, without=without)
        if isinstance(self.encoder, CnnRnnEncoder):
            vectors = torch.cat([vectors, channel_table(self.tower, rows, without=without)], dim=1)
        return vectors

    def forward(self, window: Padded, batch: SequenceBatch, items: Tensor, *, request: bool) -> Tensor:
        """Interest vectors `[windows, time, dim]` after every event (of K interests `[windows, time, K, dim]`).

        `items` is the `table` by code of `window`.
        """
        vectors = items[:, : self.tower.dim]
        tokens = self.tokens(window, vectors, self.contents(batch), self.users(batch), request=request)
        if isinstance(self.encoder, CnnRnnEncoder):
            shown = event_channels(self.tower, window, items[:, self.tower.dim :], batch.content)
            hidden: Tensor = self.encoder(tokens, shown)
        else:
            hidden = self.encoder(tokens, window, request=request)
        if self.queries is not None:
            hidden = self.queries(hidden)
        return hidden

    def learn(
        self, window: Padded, batch: SequenceBatch, *, request: bool, id_dropout: float, rng: np.random.Generator
    ) -> Tensor:
        """`forward` with the tower in the graph: only the items of the batch pass it, some of them without their id."""
        codes, at = torch.unique(window.items.clamp_min(0), return_inverse=True)
        at = torch.where(window.items >= 0, at, -1)
        items = self.table(codes)
        if self.tower.modalities and id_dropout > 0:
            lost = torch.from_numpy(rng.random(tuple(at.shape)) < id_dropout).to(self.device) & (at >= 0)
            gone, place = torch.unique(at[lost], return_inverse=True)
            at[lost] = len(codes) + place
            items = torch.cat([items, self.table(codes[gone], with_ids=False)])
        return self(replace(window, items=at), batch, items, request=request)  # type: ignore[no-any-return]

    def contents(self, batch: SequenceBatch) -> Tensor | None:
        """Vectors `[M, dim]` of what events carry themselves: text and media by the tower, context by its own layer."""
        if batch.content is None or batch.content_rows is None:
            return None
        parts: list[Tensor] = []
        for modality, view in batch.content.items():
            vectors = torch.from_numpy(view.vectors).to(self.device)
            present = torch.from_numpy(view.present).to(self.device)[:, None]
            if modality == ATTRIBUTES:
                if self.tokens.context is not None:
                    parts.append(self.tokens.context(vectors) * present)
            elif modality in self.tower.modalities:
                parts.append(self.tower.content(modality, vectors) * present)
        return torch.stack(parts).sum(dim=0) if parts else None

    def users(self, batch: SequenceBatch) -> Tensor | None:
        """What is known of the people themselves `[histories, user_dim]`: their views side by side, or None.

        Attributes as they are, the others of length 1; a view that is missing is zero.
        """
        if batch.user_views is None or not self.user_dims:
            return None
        parts = []
        for name, dim in self.user_dims.items():
            view = batch.user_views.get(name)
            if view is None or view.dim != dim:
                parts.append(np.zeros((len(batch), dim), dtype=np.float32))
            else:
                parts.append(view.vectors if name == ATTRIBUTES else view.unit().vectors)
        return torch.from_numpy(np.concatenate(parts, axis=1)).to(self.device)


def sizes(data: TrainingData) -> dict[str, int]:
    """What fixes the shapes of the network, besides the views of items."""
    users, content = data.sequences.user_views, data.sequences.content
    return {
        "n_items": data.n_items,
        "n_kinds": len(data.kinds),
        "amounts": _amounts(data.sequences),
        **{f"{_USER}{name}": view.dim for name, view in sorted((users or {}).items()) if name != BEHAVIOUR},
        "context_dim": content[ATTRIBUTES].dim if content is not None and ATTRIBUTES in content else 0,
    }


def _user_dims(sizes: Mapping[str, int]) -> dict[str, int]:
    """The lengths of the views of users, by name, in the order they stand side by side."""
    return {name.removeprefix(_USER): size for name, size in sorted(sizes.items()) if name.startswith(_USER)}


def _amounts(sequences: SequenceBatch) -> int:
    """Which amounts the events carry, as bits."""
    carried = ((VALUE, sequences.values), (DWELL, sequences.dwells_s))
    return sum(bit for bit, flat in carried if flat is not None and bool(np.isfinite(flat).any()))


def empty_views(tensors: dict[str, npt.NDArray[np.float32]]) -> Views:
    """Views without vectors but with the right dimensions, to rebuild a tower's layers."""
    prefix, suffix = "tower.projections.", ".weight"
    n_items = len(tensors["tower.trained"])
    found = {k[len(prefix) : -len(suffix)]: v.shape[1] for k, v in tensors.items() if k.startswith(prefix)}
    return Views({m: View(np.zeros((n_items, d), np.float32), np.zeros(n_items, np.bool_)) for m, d in found.items()})
