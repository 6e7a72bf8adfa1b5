"""The neural sequence model: item tower, event tokens, a temporal encoder and a cosine head."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from copy import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from penchant.arrays import Float32s
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.modalities import Modalities
from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ModelState
from penchant.models.nn.contributions import split_by_shapley, split_dot_products
from penchant.models.nn.history_contrast import compute_history_contrast
from penchant.models.nn.id_init import compute_pca_ids
from penchant.models.nn.network import SequenceNet, measure_sizes, rebuild_modalities
from penchant.models.nn.next_item import NextItem
from penchant.models.nn.options import SequenceOptions, choose_dropout_percent, choose_epochs, uses_mixed_precision
from penchant.models.nn.series import read_last_vectors, read_series, score_mixture
from penchant.models.nn.tokens import Padded, pad
from penchant.models.nn.windows import Window, draw_batches

__all__ = ["SequenceModel", "SequenceOptions"]


class SequenceModel:
    """`f(H_u) = I_u` with a causal encoder; the score is cosine(I_u, item) / temperature.

    `penchant.training.fit(model, data)` runs the training loop; this class gives it the batches and the loss. `name`
    is that of the registry.
    """

    def __init__(self, options: SequenceOptions | None = None, name: str = "transformer") -> None:
        self.options = options or SequenceOptions()
        self.name = name
        self.net: SequenceNet | None = None
        self.device = torch.device("cpu")
        self.bf16 = False
        self._items: Tensor | None = None
        self._parts: Float32s | None = None
        self._without: frozenset[str] = frozenset()
        self._sizes: dict[str, int] = {}

    # training: called by penchant.training.loop

    def start(self, data: TrainingData, device: torch.device) -> SequenceNet:
        """Make the network for this catalogue, with weights drawn from `data.seed`."""
        return self._start(data, device, amounts=0)

    def restart(self, data: TrainingData, device: torch.device) -> SequenceNet:
        """Make the network for more data: it reads the amounts of the network before and those of the data."""
        return self._start(data, device, amounts=self._sizes["amounts"])

    def _start(self, data: TrainingData, device: torch.device, amounts: int) -> SequenceNet:
        if not (data.sequences.lengths >= 2).any():
            raise ModelError(
                f"{self.name} learns to predict the next event, but no user has two events.",
                remedy="Use --model content or popularity, or provide longer histories.",
            )
        no_target = ~mask_wanted_kinds(data.kinds)
        if not ((data.sequences.items >= 0) & ~no_target[data.sequences.kinds]).any():
            raise ModelError(
                f"{self.name} has nothing to predict: no event is both on an item and a sign of interest.",
                remedy=f"Kinds in the data: {', '.join(data.kinds)}; negative and passive ones are no targets.",
            )
        self._sizes = {**measure_sizes(data), "dropout_percent": choose_dropout_percent(self.options, data.sequences)}
        self._sizes["amounts"] |= amounts
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            self.net = SequenceNet(self.options, self._sizes, data.modalities, data.seed)
        if self.options.id_init == "pca":
            first = compute_pca_ids(data.modalities, self.options.dim, np.random.default_rng(data.seed))
            self.net.tower.embedding.data = torch.from_numpy(first)
        seen = np.bincount(data.sequences.items[data.sequences.items >= 0], minlength=data.n_items) > 0
        self.net.tower.trained.data = torch.from_numpy(seen.astype(np.float32))
        self.device = device
        self.net.to(device)
        self._no_target = no_target
        mixed = self.options.mixed_precision and self.bf16
        self._next_item = NextItem(self.options, data, self.net.tower.modalities, mixed_precision=mixed)
        self._mixed = mixed and device.type == "cpu" and uses_mixed_precision(self.options)
        self.net.tower.mixed_precision = mixed
        self.net.tower.sparse = device.type == "cpu" and self._next_item.name != "softmax"
        self._items = None
        return self.net

    def epochs(self, data: TrainingData) -> int:
        """Epochs of a full training on these data."""
        return choose_epochs(self.options, data.sequences)

    def begin_epoch(self) -> None:
        """Nothing changes between epochs."""

    def resolve_options(self, data: TrainingData) -> dict[str, float]:
        """The open options and their values on these data."""
        return {"epochs": self.epochs(data), "dropout": choose_dropout_percent(self.options, data.sequences) / 100}

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Window]:
        """One epoch: windows of at most max_length + 1 events, of similar length together, in random order."""
        tokens = self.options.batch_tokens
        return draw_batches(data.sequences.offsets, self.options.max_length + 1, tokens, rng)

    def loss(self, data: TrainingData, batch: Window, rng: np.random.Generator) -> Tensor:
        """Mean loss of the next item over one batch of windows, and the contrastive loss with `contrastive_weight`."""
        net = self._require_net()
        starts, stops = batch
        window = pad(data.sequences, starts, stops - 1, ahead=True).to(self.device)
        after = pad(data.sequences, starts + 1, stops).to(self.device)
        given = bool(rng.random() < 0.5)
        with torch.autocast("cpu", dtype=torch.bfloat16) if self._mixed else nullcontext():
            hidden = net.learn(window, data.sequences, request=given, id_dropout=self.options.id_dropout, rng=rng)
        negative = torch.from_numpy(self._no_target).to(self.device)
        wanted = (after.items >= 0) & ~negative[after.kinds]
        if not wanted.any():
            return hidden.sum() * 0.0
        loss = self._next_item.loss(net, hidden[wanted].float(), after.items[wanted], rng)
        if self.options.contrastive_weight > 0:
            loss = loss + self.options.contrastive_weight * compute_history_contrast(net, data.sequences, batch, rng)
        return loss

    def finish(self) -> None:
        """After training (or a change of weights): item vectors are computed once."""
        net = self._require_net().eval()
        if self._without and net.tower.modalities and not net.tower.attached:
            raise ModelError(f"{self.name} has no modalities to leave out.", remedy="Call attach(modalities) first.")
        self._items = self._map_items(lambda rows: net.build_table(rows, without=self._without))
        self._parts = None

    # use

    @property
    def reads(self) -> frozenset[str]:
        """The contents of an event that enter its token: those that are also modalities of items."""
        return frozenset(self._require_net().tower.modalities)

    @property
    def item_vectors(self) -> Float32s:
        """Item vectors `[N, D]` of length 1."""
        net, vectors = self._require_net(), self._require_items()[:, : self.options.dim]
        with torch.inference_mode():
            if net.mol is not None:
                vectors = net.mol.split_items(vectors).sum(dim=1)
            unit: Float32s = nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return unit

    @property
    def dense(self) -> bool:
        """Whether the score is the dot product of one interest vector and an item's, so that an index can answer."""
        return self.options.n_interests == 1 and self.options.head == "cosine"

    def score(self, histories: SequenceBatch) -> Float32s:
        """Cosine over temperature, `[B, N]`, of the nearest interest; zeros for an empty history."""
        net = self._require_net()
        scale = np.float32(net.log_scale.detach().exp().cpu())
        last = read_last_vectors(self._read_vectors, histories, self.options)
        if net.mol is not None:
            table = self._require_items()[:, : self.options.dim]
            return score_mixture(net.mol, last, table, histories.lengths > 0) * scale
        items = self.item_vectors
        if last.ndim == 2:
            return np.asarray((last * scale) @ items.T, dtype=np.float32)
        return np.asarray(np.max([(last[:, k] * scale) @ items.T for k in range(last.shape[1])], axis=0), np.float32)

    def modality_names(self) -> list[str]:
        """The modalities that items have here, `behaviour` (the id) first where it is used."""
        tower = self._require_net().tower
        return [name for name in tower.columns if name != BEHAVIOUR or tower.options.with_ids]

    def attach(self, modalities: Modalities) -> None:
        """Give back the item modalities (a bundle keeps them once for all models): `contributions`, `without` need
        them."""
        self._require_net().tower.attach(modalities)

    def without(self, modalities: AbstractSet[str]) -> SequenceModel:
        """The same weights without some modalities: of the items of a history, of ranked items and of events.

        Its methods raise `ModelError` before `attach`.
        """
        other = copy(self)
        other._without, other._items, other._parts = self._without | frozenset(modalities), None, None
        return other

    def contributions(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """What each modality of the item contributes to its score, `[B, N]`; they sum to `score`.

        Of a dot product with the nearest interest u it is u · p_m / temperature, p_m the parts of the item vector
        (`penchant.fusion.contributions`): exact for a weighted sum, Shapley values for another fusion. Of a mixture of
        logits it is the Shapley values of the score. What u owes to the modalities of the history is not split.
        """
        net = self._require_net().eval()
        if net.tower.modalities and not net.tower.attached:
            raise ModelError(f"{self.name} has no modalities to split by.", remedy="Call attach(modalities) first.")
        columns, scale = net.tower.columns, np.float32(net.log_scale.detach().exp().cpu())
        if net.mol is not None:
            given = split_by_shapley(lambda seen: self._score_without(columns, seen, histories), len(columns))
        else:
            if self._parts is None:
                parts = self._map_items(lambda rows: net.tower.split_vectors(rows, self._without))
                self._parts = parts.cpu().numpy()
            last = read_last_vectors(self._read_vectors, histories, self.options)
            given = split_dot_products(self._stack_interests(last) * scale, self.item_vectors, self._parts)
        return {modality: given[columns.index(modality)] for modality in self.modality_names()}

    def user_vectors(self, histories: SequenceBatch) -> Float32s:
        """The interest vector (length 1) after the last event, `[B, D]`; zeros for an empty history.

        The mean of K interests; for a mixture of logits the vector whose dot product equals the score under a uniform
        gate.
        """
        return self._merge_interests(read_last_vectors(self._read_vectors, histories, self.options))

    def user_interests(self, histories: SequenceBatch) -> Float32s:
        """Each of the K interests after the last event, `[B, K, D]`, all of length 1."""
        return self._stack_interests(read_last_vectors(self._read_vectors, histories, self.options))

    def interests(self, histories: SequenceBatch) -> Float32s:
        """The interest vector after every event, `[E, D]`, each from at most `max_length` events before it.

        The request time is hidden: a series shows interests, not the time of a request.
        """
        return self._merge_interests(read_series(self._read_vectors, histories, self.options))

    def interests_multi(self, histories: SequenceBatch) -> Float32s:
        """Each of the K interests after every event, `[E, K, D]`: the vectors of an `InterestSeries`."""
        return self._stack_interests(read_series(self._read_vectors, histories, self.options))

    def state(self) -> ModelState:
        """Weights, item vectors and sizes."""
        net = self._require_net()
        tensors = {name: value.detach().cpu().numpy() for name, value in net.state_dict().items()}
        return ModelState({**tensors, "items": self._require_items().cpu().numpy()}, dict(self._sizes))

    def load_state(self, state: ModelState) -> None:
        """Restore a `state`. The state has item vectors, so only training needs modalities."""
        tensors = dict(state.tensors)
        self._items = torch.from_numpy(np.asarray(tensors.pop("items")))
        self._sizes = {name: int(value) for name, value in state.metadata.items()}
        modalities = rebuild_modalities(tensors)
        net = SequenceNet(self.options, self._sizes, modalities, 0)
        net.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in tensors.items()})
        net.tower.attached = False
        self.net = net.eval()

    # inside

    def _require_net(self) -> SequenceNet:
        if self.net is None:
            raise ModelError(f"{self.name} is not fitted.", remedy="Call penchant.training.fit(model, data) first.")
        return self.net

    def _merge_interests(self, vectors: Float32s) -> Float32s:
        mol = self._require_net().mol
        if mol is not None:
            with torch.inference_mode():
                some = np.abs(vectors).sum(axis=1, keepdims=True) > 0
                summed = mol.split_users(torch.from_numpy(vectors).to(self.device)).sum(dim=1)
                vectors = nn.functional.normalize(summed, dim=1).cpu().numpy() * some
        if vectors.ndim == 3:
            mean = vectors.mean(axis=1)
            vectors = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return vectors.astype(np.float32, copy=False)

    def _stack_interests(self, vectors: Float32s) -> Float32s:
        return vectors if vectors.ndim == 3 else self._merge_interests(vectors)[:, None]

    def _score_without(self, columns: list[str], seen: list[bool], histories: SequenceBatch) -> Float32s:
        """Scores of a mixture of logits with some modalities hidden from the ranked items, but not from the history."""
        net, gone = self._require_net(), {name for name, shown in zip(columns, seen, strict=True) if not shown}
        assert net.mol is not None
        last = read_last_vectors(self._read_vectors, histories, self.options)
        table = self._map_items(lambda rows: net.tower(rows, without=self._without | gone))
        scores = score_mixture(net.mol, last, table, histories.lengths > 0)
        return scores * np.float32(net.log_scale.detach().exp().cpu())

    def _map_items(self, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """What `compute` gives for the codes of all items, in blocks."""
        with torch.inference_mode():
            codes = torch.arange(self._require_net().tower.n_items, device=self.device)
            return torch.cat([compute(rows) for rows in torch.split(codes, 16_384)])

    def _require_items(self) -> Tensor:
        if self._items is None:
            self.finish()
        assert self._items is not None
        return self._items

    def _read_vectors(self, window: Padded, batch: SequenceBatch, *, request: bool = True) -> Tensor:
        net = self._require_net().eval()
        with torch.inference_mode():
            given = request and batch.query_times_s is not None
            if self._without and batch.content is not None:
                seen = {name: modality for name, modality in batch.content.items() if name not in self._without}
                batch = replace(batch, content=Modalities(seen))
            hidden = net(window.to(self.device), batch, self._require_items(), request=given)
            return hidden if net.mol is not None else nn.functional.normalize(hidden, dim=-1)
