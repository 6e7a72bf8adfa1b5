"""The item tower: an item's id embedding and its views, fused at feature level into one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.data.schema import BEHAVIOUR
from penchant.data.views import Views
from penchant.fusion.concat import Concat
from penchant.fusion.weighted_sum import WeightedSum

FUSIONS = ("none", "weighted_sum", "concat")


class ItemTower(nn.Module):
    """Item codes to vectors `[items, dim]`.

    The first view is always the id embedding (that is the behaviour view here); each further one is projected by a
    dense layer and every view is scaled to length 1 before the fusion, so that none drowns another. Without its id (a
    new item, or a text that somebody wrote) an item is the fusion of its remaining views.
    """

    def __init__(self, n_items: int, dim: int, views: Views, fusion: str, rng: torch.Generator) -> None:
        super().__init__()
        self.n_items, self.dim = n_items, dim
        self.modalities = [] if fusion == "none" else sorted(m for m in views if m != BEHAVIOUR)
        self.embedding = nn.Parameter(torch.randn(n_items, dim, generator=rng) * dim**-0.5)
        self.projections = nn.ModuleDict({m: nn.Linear(views[m].dim, dim, bias=False) for m in self.modalities})
        self.trained = nn.Parameter(torch.ones(n_items), requires_grad=False)
        """1 where the item has been seen in training, so that its id means something; 0 for content alone."""
        count = 1 + len(self.modalities)
        self.fuse: nn.Module | None = None
        if self.modalities:
            start = [1.0, *[0.5] * len(self.modalities)]
            self.fuse = WeightedSum(count, start) if fusion == "weighted_sum" else Concat(count, dim)
        self._vectors: dict[str, Tensor] = {}
        self._present: dict[str, Tensor] = {}
        self.attach(views)

    def attach(self, views: Views) -> None:
        """Give the tower the vectors of its views (they are not parameters and are not saved with it)."""
        for modality in self.modalities:
            view = views[modality].unit()
            self._vectors[modality] = torch.from_numpy(view.vectors)
            self._present[modality] = torch.from_numpy(view.present)

    def content(self, modality: str, vectors: Tensor) -> Tensor:
        """Vectors of content that has no id, `[rows, D_m]` of one modality to `[rows, dim]`."""
        stacked = torch.zeros(len(vectors), 1 + len(self.modalities), self.dim, device=vectors.device)
        present = torch.zeros(stacked.shape[:2], dtype=torch.bool, device=vectors.device)
        column = 1 + self.modalities.index(modality)
        stacked[:, column] = nn.functional.normalize(self.projections[modality](vectors), dim=1)
        present[:, column] = True
        assert self.fuse is not None
        fused: Tensor = self.fuse(stacked, present)
        return fused

    def forward(self, rows: Tensor | None = None, *, with_ids: bool = True) -> Tensor:
        """Vectors of some items `[rows]` (or all), with their ids or by their views alone."""
        ids = self.embedding if rows is None else self.embedding[rows]
        ids = nn.functional.normalize(ids, dim=1)
        if self.fuse is None:
            return ids
        known = self.trained if rows is None else self.trained[rows]
        parts, masks = [ids], [known > 0 if with_ids else torch.zeros_like(known, dtype=torch.bool)]
        for modality in self.modalities:
            vectors, present = self._vectors[modality], self._present[modality]
            if rows is not None:
                at = rows.to(vectors.device)
                vectors, present = vectors[at], present[at]
            parts.append(nn.functional.normalize(self.projections[modality](vectors.to(ids.device)), dim=1))
            masks.append(present.to(ids.device))
        fused: Tensor = self.fuse(torch.stack(parts, dim=1), torch.stack(masks, dim=1))
        return fused
