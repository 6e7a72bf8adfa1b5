"""The losses of a sequence model: the next item against all items, or against sampled ones."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from penchant.arrays import Float32s, Float64s, Int64s
from penchant.data.training import TrainingData
from penchant.fusion.balance import weigh_by_rarity
from penchant.fusion.unit_sum import to_unit
from penchant.losses.bce import bce
from penchant.losses.bpr import bpr
from penchant.losses.gbce import gbce
from penchant.losses.sampled_softmax import sampled_softmax_of_scores
from penchant.losses.softmax import full_softmax
from penchant.models.nn.interest_queries import select_nearest
from penchant.models.nn.network import SequenceNet
from penchant.models.nn.options import FULL_SOFTMAX_ITEMS, SequenceOptions


class SharedNegatives:
    """Draws items with the probabilities `share` `[items]`; one draw costs log(items)."""

    def __init__(self, share: Float64s) -> None:
        self.share = share
        self._cumulative = np.cumsum(share)
        self._cumulative /= self._cumulative[-1]

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Int64s, Float32s]:
        """`size` item codes, drawn with replacement, and the log-probability of each."""
        codes = self._cumulative.searchsorted(rng.random(size), side="right")
        return codes, np.log(self.share[codes]).astype(np.float32)


class NextItem:
    """The loss of the options, over the items that may be negatives.

    With `mixed_precision` the products of the full softmax are in bfloat16. Without ids, cold items are
    not negatives: they would teach the network that their content is unwanted. With ids they are negatives: otherwise
    no gradient would move their vectors, and they would fill every list.
    """

    def __init__(
        self, options: SequenceOptions, data: TrainingData, modalities: list[str], *, mixed_precision: bool = False
    ) -> None:
        self.options, self.mixed_precision = options, mixed_precision
        counts = np.bincount(data.sequences.items[data.sequences.items >= 0], minlength=data.n_items)
        self.seen_only = not options.ids and not (counts > 0).all()
        allowed = (counts > 0) if self.seen_only else np.ones(data.n_items, dtype=np.bool_)
        self.allowed = np.flatnonzero(allowed)
        self.place = np.cumsum(allowed) - 1
        self.rarity = _weigh_rarity(data, modalities)
        even = allowed / allowed.sum()
        mixed = counts / max(counts.sum(), 1) / 2 + even / 2  # half uniform: log q stays finite for rare items
        self.draws = SharedNegatives(mixed if self.name == "sampled_softmax" else even)

    @property
    def name(self) -> str:
        """The loss: `auto` is the softmax over all items up to 20,000 of them."""
        if self.options.loss != "auto":
            return self.options.loss
        return "softmax" if len(self.place) <= FULL_SOFTMAX_ITEMS else "sampled_softmax"

    def loss(
        self,
        net: SequenceNet,
        hidden: Float[Tensor, "tokens ..."],
        targets: Int[Tensor, " tokens"],
        rng: np.random.Generator,
    ) -> Float[Tensor, ""]:
        """Mean loss of `hidden` `[tokens, dim]` (or `[tokens, K, dim]`) and the `targets` `[tokens]` that came next."""
        weights = None
        if self.options.modality_balance == "loss":
            weights = torch.from_numpy(self.rarity.astype(np.float32)).to(targets.device)[targets]
        if self.name == "softmax":
            return self._compute_full_loss(net, hidden, targets, weights)
        return self._compute_sampled_loss(net, hidden, targets, weights, rng)

    def _compute_full_loss(
        self,
        net: SequenceNet,
        hidden: Float[Tensor, "tokens ..."],
        targets: Int[Tensor, " tokens"],
        weights: Float[Tensor, " tokens"] | None,
    ) -> Float[Tensor, ""]:
        allowed, place = (torch.from_numpy(part).to(targets.device) for part in (self.allowed, self.place))
        items = net.tower(allowed) if self.seen_only else net.tower()
        targets = place[targets]
        scale = net.log_scale.exp()
        if net.mol is not None:
            return net.mol.cross_entropy(
                hidden, items, targets, scale, weights, label_smoothing=self.options.label_smoothing
            )
        items = to_unit(items)
        if hidden.ndim == 3:
            hidden = select_nearest(hidden, items.detach()[targets])
        vectors = to_unit(hidden) * scale
        return full_softmax(
            vectors,
            items,
            targets,
            weights,
            label_smoothing=self.options.label_smoothing,
            bf16=self.mixed_precision,
        )

    def _compute_sampled_loss(
        self,
        net: SequenceNet,
        hidden: Float[Tensor, "tokens ..."],
        targets: Int[Tensor, " tokens"],
        weights: Float[Tensor, " tokens"] | None,
        rng: np.random.Generator,
    ) -> Float[Tensor, ""]:
        drawn = self.draws.draw(self.options.negatives, rng)
        negatives, log_q = (torch.from_numpy(part).to(targets.device) for part in drawn)
        codes, rows = torch.unique(targets, return_inverse=True)
        positive, negative = net.tower(codes), net.tower(negatives)
        scale = net.log_scale.exp()
        if net.mol is not None:
            target_scores = net.mol.score_pairs(hidden, positive[rows]) * scale
            negative_scores = net.mol(hidden, negative) * scale
        else:
            target_vectors = to_unit(positive)[rows]
            if hidden.ndim == 3:
                hidden = select_nearest(hidden, target_vectors.detach())
            vectors = to_unit(hidden) * scale
            target_scores, negative_scores = (vectors * target_vectors).sum(dim=1), vectors @ to_unit(negative).T
        same = targets[:, None] == negatives[None, :]
        if self.name == "sampled_softmax":
            return sampled_softmax_of_scores(target_scores, negative_scores, same, log_q, weights)
        if self.name == "gbce":
            return gbce(target_scores, negative_scores, same, weights, n_items=len(self.allowed), t=self.options.gbce_t)
        return (bce if self.name == "bce" else bpr)(target_scores, negative_scores, same, weights)


def _weigh_rarity(data: TrainingData, modalities: list[str]) -> Float64s:
    """Weight of each item by the rarity of its modalities, mean 1; the last is for events without an item."""
    present = [data.modalities[modality].present for modality in modalities]
    weights = weigh_by_rarity(np.stack(present, axis=1)) if present else np.ones(data.n_items)
    return np.append(weights, 1.0)
