"""The item tower: an item's id embedding and its modalities, fused at feature level into one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding as embed

from penchant.data.modalities import Modalities
from penchant.data.schema import BEHAVIOUR
from penchant.errors import ModelError, OptionError, UsageError
from penchant.fusion.contributions import split_fused
from penchant.fusion.feature_level import FEATURE_LEVEL, make_fusion
from penchant.fusion.normalisation import NORMALISATIONS, ModalityNorm
from penchant.fusion.presence import Present, Vectors
from penchant.fusion.unit_sum import to_unit, unit_sum
from penchant.fusion.weighted_sum import WeightedSum

DECISION = "decision"
"""No fusion of the tower: one network per modality, their scores summed (see `models/ensemble/modality_experts.py`)."""
FUSIONS = ("none", *FEATURE_LEVEL, DECISION)
BALANCES = ("none", "loss")
NOTHING: AbstractSet[str] = frozenset()


@dataclass(frozen=True)
class TowerOptions:
    """Options of the item tower: its modalities and their fusion. A sequence model has these options
    too."""

    fusion: str = "weighted_sum"
    """Fusion of the modalities: weighted_sum, concat, product, bilinear, gated, attention, none (the id alone) or
    decision (one network per modality)."""
    modalities: tuple[str, ...] = ()
    """Item modalities that are used; `behaviour` is the id. Empty uses all."""
    ids: bool = True
    """Whether items have id embeddings. Without them an item is its modalities alone, and a cold item is like any
    other."""
    fusion_weights: Mapping[str, float] = field(default_factory=dict)
    """Fixed weights of fusion=weighted_sum, as `text:2,image:0.5`. 0 or more; modalities not named weigh 1; empty
    learns them."""
    modality_norm: str = "l2"
    """Normalisation of each modality before the fusion: l2, layer_norm, standardise or none."""
    modality_balance: str = "none"
    """Remedy for modalities that few items have: none, or loss (their events weigh more)."""

    def __post_init__(self) -> None:
        for name, allowed in (("fusion", FUSIONS), ("modality_norm", NORMALISATIONS), ("modality_balance", BALANCES)):
            if getattr(self, name) not in allowed:
                raise OptionError(name, getattr(self, name), allowed=allowed)
        if not self.ids and self.fusion == "none":
            raise UsageError(
                "ids=False and fusion='none' leave an item without any input.", remedy="Change one of them."
            )
        if self.fusion_weights and self.fusion != "weighted_sum":
            raise UsageError(
                f"fusion_weights have no meaning for fusion={self.fusion!r}.", remedy="Set fusion=weighted_sum."
            )
        if any(not 0 <= weight < float("inf") for weight in self.fusion_weights.values()):
            raise UsageError(f"fusion_weights={dict(self.fusion_weights)}: one is negative.", remedy="Give 0 or more.")

    def select_modalities(self, modalities: Sequence[str]) -> list[str]:
        """The modalities besides the id that the tower reads, of those in the data, sorted. Raises `ModelError`."""
        if self.fusion == "none":
            return []
        missing = [name for name in self.modalities if name != BEHAVIOUR and name not in modalities]
        if missing:
            raise ModelError(
                f"The item modality {', '.join(missing)} is an option and not in the data.",
                remedy=f"Available: {', '.join(modalities) or 'none'}. Set modalities to some of them.",
            )
        chosen = sorted(
            name for name in modalities if name != BEHAVIOUR and (not self.modalities or name in self.modalities)
        )
        if not chosen and not self.ids:
            raise ModelError("The items have no modalities, and ids=False.", remedy="Give them text, or set ids=true.")
        return chosen

    @property
    def with_ids(self) -> bool:
        """Whether the id is one of the modalities."""
        return self.ids and (self.fusion == "none" or not self.modalities or BEHAVIOUR in self.modalities)


class ItemTower(nn.Module):
    """Item codes to vectors `[items, dim]`.

    The first modality is always the id embedding (here the behaviour modality). A dense layer projects each further
    one. Every modality is normalised before the fusion, so that none dominates. Without its id (a cold item, or the
    text of an event) an item is the fusion of its remaining modalities.
    """

    def __init__(
        self, n_items: int, dim: int, modalities: Modalities, options: TowerOptions, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.n_items, self.dim, self.options = n_items, dim, options
        self.modalities = options.select_modalities(list(modalities))
        self.columns = [BEHAVIOUR, *self.modalities]
        self.embedding = nn.Parameter(torch.randn(n_items, dim, generator=rng) * dim**-0.5)
        self.sparse = False
        """Whether the gradient of the ids is sparse (the rows of a step): for losses that do not score all items."""
        self.projections = nn.ModuleDict({m: nn.Linear(modalities[m].dim, dim, bias=False) for m in self.modalities})
        self.trained = nn.Parameter(torch.ones(n_items), requires_grad=False)
        """1 where training has seen the item, so that its id means something; 0 for content alone."""
        self.fuse: nn.Module | None = None
        if self.modalities:
            fixed, given = bool(options.fusion_weights), options.fusion_weights
            start = [given.get(m, 1.0) if fixed else 1.0 if m == BEHAVIOUR else 0.5 for m in self.columns]
            self.norm = ModalityNorm(len(self.columns), dim, options.modality_norm)
            self.fuse = make_fusion(options.fusion, len(self.columns), dim, start, fixed=fixed)
        self._vectors: dict[str, Tensor] = {}
        self._present: dict[str, Tensor] = {}
        self.mixed_precision = False
        """Whether training projects modalities in bfloat16 (each number to three digits), in half the time."""
        self._copies: dict[str, Tensor] = {}
        self.attach(modalities)

    def attach(self, modalities: Modalities) -> None:
        """Give the tower the vectors of its modalities, which are not parameters and are not saved with it."""
        for name in self.modalities:
            modality = modalities[name].unit()
            self._vectors[name] = torch.from_numpy(modality.vectors)
            self._present[name] = torch.from_numpy(modality.present)
        self._copies = {}
        self.attached = True
        """Whether the vectors of the modalities are here, so that items can be computed again."""

    def train(self, mode: bool = True) -> ItemTower:
        """Set training mode, as for every module; outside training the tower drops its copies of the vectors."""
        self._copies = {}
        return super().train(mode)

    def encode_content(self, modality: str, vectors: Float[Tensor, "rows D_m"]) -> Float[Tensor, "rows dim"]:
        """Vectors of content that has no id, from those of one modality."""
        stacked = torch.zeros(len(vectors), len(self.columns), self.dim, device=vectors.device)
        present = torch.zeros(stacked.shape[:2], dtype=torch.bool, device=vectors.device)
        column = self.columns.index(modality)
        stacked[:, column] = self.projections[modality](vectors)
        present[:, column] = True
        assert self.fuse is not None
        fused: Tensor = self.fuse(self.norm(stacked, present), present)
        return fused

    def stack_modalities(
        self, rows: Int[Tensor, " items"] | None = None, *, with_ids: bool = True, without: AbstractSet[str] = NOTHING
    ) -> tuple[Vectors, Present]:
        """Normalised modalities `[items, modalities, dim]` in the order of `columns`, and which are present `[items,
        modalities]`.

        `without`: names of modalities that count as absent everywhere.
        """
        parts, present = self._project_modalities(rows, with_ids, without)
        return self.norm(torch.stack(parts, dim=1), present), present

    def _project_modalities(
        self, rows: Tensor | None, with_ids: bool, without: AbstractSet[str]
    ) -> tuple[list[Tensor], Tensor]:
        """The modalities before they are normalised, each `[items, dim]`, and which are present `[items,
        modalities]`."""
        ids = self._ids(rows)
        known = (self.trained if rows is None else self.trained[rows]) > 0
        uses_ids = with_ids and self.options.with_ids and BEHAVIOUR not in without
        parts, masks = [ids], [known if uses_ids else torch.zeros_like(known)]
        for modality in self.modalities:
            vectors, present = (
                self._load_vectors(modality, ids.device if rows is None else None),
                self._present[modality],
            )
            if rows is not None:
                vectors, present = vectors[rows.to(vectors.device)], present[rows.to(present.device)]
            weight = self._weight(modality)
            parts.append(nn.functional.linear(vectors.to(ids.device), weight.to(vectors.dtype)).to(weight.dtype))
            masks.append(torch.zeros_like(known) if modality in without else present.to(ids.device))
        return parts, torch.stack(masks, dim=1)

    def forward(
        self, rows: Int[Tensor, " items"] | None = None, *, with_ids: bool = True, without: AbstractSet[str] = NOTHING
    ) -> Float[Tensor, "items dim"]:
        """Vectors of some items `[rows]` (or all), with their ids or by their modalities alone."""
        if self.fuse is None:
            ids = to_unit(self._ids(rows))
            return torch.zeros_like(ids) if BEHAVIOUR in without else ids
        parts, present = self._project_modalities(rows, with_ids, without)
        if isinstance(self.fuse, WeightedSum) and self.norm.kind == "l2":
            return unit_sum(parts, present, self.fuse.weights)
        fused: Tensor = self.fuse(self.norm(torch.stack(parts, dim=1), present), present)
        return fused

    def split_vectors(self, rows: Int[Tensor, " items"], without: AbstractSet[str] = NOTHING) -> Vectors:
        """The part of each modality in the item vectors of length 1, `[items, modalities, dim]`: they sum to them."""
        if self.fuse is None:
            ids: Tensor = self(rows, without=without)
            return ids.unsqueeze(1)
        return split_fused(self.fuse, *self.stack_modalities(rows, without=without))

    def _load_vectors(self, modality: str, device: torch.device | None) -> Tensor:
        """The vectors of a modality `[items, D_m]`. In training a copy in bfloat16 where the projection is, and on the
        `device` of the step once a step reads all of them."""
        away = device is not None and device.type != "cpu"
        if not self.training or not (self.mixed_precision or away or modality in self._copies):
            return self._vectors[modality]
        copy = self._copies.get(modality)
        if copy is None:
            copy = self._vectors[modality].to(torch.bfloat16 if self.mixed_precision else torch.float32)
        self._copies[modality] = copy.to(device) if away else copy
        return self._copies[modality]

    def _weight(self, modality: str) -> Tensor:
        weight: Tensor = self.projections[modality].get_parameter("weight")
        return weight

    def _ids(self, rows: Tensor | None) -> Tensor:
        return self.embedding if rows is None else embed(rows, self.embedding, sparse=self.sparse)
