"""The network of a sequence model: item tower, event tokens and a temporal encoder."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from penchant.arrays import Float32s
from penchant.data.modalities import Modalities, Modality
from penchant.data.schema import ATTRIBUTES, BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.nn.base import Network
from penchant.models.nn.cnn_rnn import CnnRnnEncoder, build_channels, build_event_channels
from penchant.models.nn.interest_queries import InterestQueries
from penchant.models.nn.item_encoder import NOTHING, ItemTower
from penchant.models.nn.mol import MixtureOfLogits
from penchant.models.nn.options import SequenceOptions
from penchant.models.nn.temporal_encoder import make_encoder
from penchant.models.nn.tokens import DWELL, VALUE, EventTokens, Padded

_USER = "user."
"""Prefix of the names of users' modalities among the sizes."""


class SequenceNet(Network):
    """All parameters of a sequence model."""

    item_tables = ("tower.embedding",)

    def __init__(self, options: SequenceOptions, sizes: Mapping[str, int], modalities: Modalities, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.tower = ItemTower(sizes["n_items"], options.dim, modalities, options, rng)
        self.tokens = EventTokens(
            options.dim,
            sizes["n_kinds"],
            time=options.time,
            calendar_features=options.calendar_features,
            amounts=sizes["amounts"],
            user_dim=sum(_list_user_dims(sizes).values()),
            context_dim=sizes["context_dim"],
        )
        dropout = sizes["dropout_percent"] / 100
        self.encoder = make_encoder(options, dropout, len(self.tower.modalities))
        self.user_dims = _list_user_dims(sizes)
        self.queries = InterestQueries(options.dim, options.n_interests) if options.n_interests > 1 else None
        self.mol = MixtureOfLogits(options.dim, options.components) if options.head == "mol" else None
        self.log_scale = nn.Parameter(torch.tensor(-float(np.log(options.temperature))))

    @property
    def columns(self) -> dict[str, list[int]]:
        """The amounts of events that the token layer reads."""
        return {"tokens.amounts.weight": self.tokens.columns} if self.tokens.columns else {}

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return self.log_scale.device

    def build_table(
        self, rows: Int[Tensor, " items"], *, with_ids: bool = True, without: AbstractSet[str] = NOTHING
    ) -> Float[Tensor, "items width"]:
        """The items as the encoder reads them: vectors `[N, dim]`, and for `cnn_rnn` the modalities beside them."""
        vectors: Tensor = self.tower(rows, with_ids=with_ids, without=without)
        if isinstance(self.encoder, CnnRnnEncoder):
            vectors = torch.cat([vectors, build_channels(self.tower, rows, without=without)], dim=1)
        return vectors

    def forward(
        self, window: Padded, batch: SequenceBatch, items: Float[Tensor, "items width"], *, request: bool
    ) -> Float[Tensor, "windows time *dims"]:
        """Interest vectors `[windows, time, dim]` after every event (of K interests `[windows, time, K, dim]`).

        `items` is the `table` by code of `window`.
        """
        vectors = items[:, : self.tower.dim]
        window, content = select_content(window, batch)
        tokens = self.tokens(
            window, vectors, self.encode_contents(content), self.encode_users(window, batch), request=request
        )
        if isinstance(self.encoder, CnnRnnEncoder):
            shown = build_event_channels(self.tower, window, items[:, self.tower.dim :], content)
            hidden: Tensor = self.encoder(tokens, shown)
        else:
            hidden = self.encoder(tokens, window, request=request)
        if self.queries is not None:
            hidden = self.queries(hidden)
        return hidden

    def learn(
        self, window: Padded, batch: SequenceBatch, *, request: bool, id_dropout: float, rng: np.random.Generator
    ) -> Float[Tensor, "windows time *dims"]:
        """`forward` with the tower in the graph: only the items of the batch pass it, some of them without their id."""
        codes, at = torch.unique(window.items.clamp_min(0), return_inverse=True)
        at = torch.where(window.items >= 0, at, -1)
        items = self.build_table(codes)
        if self.tower.modalities and id_dropout > 0:
            lost = torch.from_numpy(rng.random(tuple(at.shape)) < id_dropout).to(self.device) & (at >= 0)
            gone, place = torch.unique(at[lost], return_inverse=True)
            at[lost] = len(codes) + place
            items = torch.cat([items, self.build_table(codes[gone], with_ids=False)])
        return self(replace(window, items=at), batch, items, request=request)  # type: ignore[no-any-return]

    def encode_contents(self, content: Modalities | None) -> Float[Tensor, "contents dim"] | None:
        """Vectors of the contents of events: text and media by the tower, context by a separate layer."""
        parts: list[Tensor] = []
        for name, modality in (content or {}).items():
            vectors = torch.from_numpy(modality.vectors).to(self.device)
            present = torch.from_numpy(modality.present).to(self.device)[:, None]
            if name == ATTRIBUTES:
                if self.tokens.context is not None:
                    parts.append(self.tokens.context(vectors) * present)
            elif name in self.tower.modalities:
                parts.append(self.tower.encode_content(name, vectors) * present)
        return torch.stack(parts).sum(dim=0) if parts else None

    def encode_users(self, window: Padded, batch: SequenceBatch) -> Float[Tensor, "windows user_dim"] | None:
        """The modalities of the user of each window side by side, `[windows, user_dim]`, or None.

        Attributes are not scaled, the others have length 1; a missing modality is zero.
        """
        if batch.user_modalities is None or not self.user_dims:
            return None
        rows, parts = window.rows.cpu().numpy(), []
        for name, dim in self.user_dims.items():
            modality = batch.user_modalities.get(name)
            if modality is None or modality.dim != dim:
                parts.append(np.zeros((len(rows), dim), dtype=np.float32))
            else:
                of_windows = modality.take(rows)
                parts.append(of_windows.vectors if name == ATTRIBUTES else of_windows.unit().vectors)
        return torch.from_numpy(np.concatenate(parts, axis=1)).to(self.device)


def select_content(window: Padded, batch: SequenceBatch) -> tuple[Padded, Modalities | None]:
    """The contents of the events of a window, each once (None: none), and the window with their rows.

    So the cost of a step follows the contents of its events, not the number of all contents.
    """
    if batch.content is None or batch.content_rows is None or not len(batch.content):
        return window, None
    used, at = torch.unique(window.content, return_inverse=True)
    none = int(used[0] < 0)
    rows = used[none:].cpu().numpy() if len(used) > none else np.zeros(1, dtype=np.int64)
    return replace(window, content=at - none), batch.content.take(rows)


def measure_sizes(data: TrainingData) -> dict[str, int]:
    """The sizes that fix the shapes of the network, besides the modalities of items."""
    users, content = data.sequences.user_modalities, data.sequences.content
    return {
        "n_items": data.n_items,
        "n_kinds": len(data.kinds),
        "amounts": _find_amounts(data.sequences),
        **{f"{_USER}{name}": modality.dim for name, modality in sorted((users or {}).items()) if name != BEHAVIOUR},
        "context_dim": content[ATTRIBUTES].dim if content is not None and ATTRIBUTES in content else 0,
    }


def _list_user_dims(sizes: Mapping[str, int]) -> dict[str, int]:
    """The lengths of the modalities of users by name, in their order side by side."""
    return {name.removeprefix(_USER): size for name, size in sorted(sizes.items()) if name.startswith(_USER)}


def _find_amounts(sequences: SequenceBatch) -> int:
    """The amounts (`VALUE`, `DWELL`) that some event has, as bits."""
    carried = ((VALUE, sequences.values), (DWELL, sequences.dwells_s))
    return sum(bit for bit, flat in carried if flat is not None and bool(np.isfinite(flat).any()))


def rebuild_modalities(tensors: dict[str, Float32s]) -> Modalities:
    """Modalities of the right dimensions without vectors, from which a tower rebuilds its layers."""
    prefix, suffix = "tower.projections.", ".weight"
    n_items = len(tensors["tower.trained"])
    dims = {k[len(prefix) : -len(suffix)]: v.shape[1] for k, v in tensors.items() if k.startswith(prefix)}
    return Modalities(
        {m: Modality(np.zeros((n_items, d), np.float32), np.zeros(n_items, np.bool_)) for m, d in dims.items()}
    )
