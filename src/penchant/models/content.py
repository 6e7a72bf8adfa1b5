"""Content: items similar to those of the history, by frozen modality vectors alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from penchant.arrays import Float32s, Ints
from penchant.data.modalities import Modalities, Modality
from penchant.data.schema import ATTRIBUTES, BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, UsageError
from penchant.models.closed_form import ClosedFormModel
from penchant.models.history import DAY_S, DecayOptions, Sparse, compute_decay, weigh_events, weigh_kinds
from penchant.options import require_range

MIN_EVENT_WEIGHT = 1e-4
"""An event whose weight has decayed below this is left out of an interest vector."""


@dataclass(frozen=True)
class ContentOptions(DecayOptions):
    """Options of the content model."""

    model = "content"
    modalities: tuple[str, ...] = ()
    """Item modalities that are used. Empty uses every modality except `behaviour`."""
    modality_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each modality's standardised score, as `text:2,image:0.5`. 0 or more; modalities not named weigh 1."""
    decay: float = 0.9
    user_weight: float = 1.0
    """Weight of a user's own text, image or vectors relative to their last event (1). 0 or more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "user_weight", least=0, part="content.")
        for modality, weight in self.modality_weights.items():
            if not 0 <= weight < float("inf"):
                raise UsageError(
                    f"content.modality_weights[{modality!r}]={weight!r} is out of range.",
                    remedy="Give a weight of 0 or more.",
                )


@dataclass(frozen=True)
class ContentRecord:
    """By modality: unit item vectors, centred ones, and the covariance that gives the spread of a score.

    `modalities` is their order in a vector, `kinds` are the names of event kinds.
    """

    modalities: Sequence[str]
    unit: Mapping[str, Float32s]
    centred: Mapping[str, Float32s]
    covariance: Mapping[str, Float32s]
    kinds: Sequence[str]


class Content(ClosedFormModel[ContentRecord]):
    """score(j) = Σ_m w_m · z(cos(profile, item j)) over modalities m; profile = decayed sum of unit vectors.

    z standardises over the items that have the modality; an item without it gets 0, the mean. With centred item
    vectors, and profiles divided by the spread of their scores, this is one exact dot product. So the model has
    interest vectors: those of the modalities side by side. The text or media of an event counts with its item. A
    user's text or image enters the profile where items have a modality of that name, from the first event on.
    """

    name = "content"
    record_type = ContentRecord

    def __init__(self, options: ContentOptions | None = None) -> None:
        super().__init__()
        self.options = options or ContentOptions()

    def fit(self, data: TrainingData) -> None:
        """Keep the item modalities. Raises `ModelError` if the data lack one of the options."""
        names = self.options.modalities or tuple(name for name in data.modalities if name != BEHAVIOUR)
        missing = [name for name in names if name not in data.modalities]
        if missing or not names:
            raise ModelError(
                f"content needs the item modality {', '.join(missing) or 'text, image or audio'}, which is missing.",
                remedy=f"Available modalities: {', '.join(data.modalities) or 'none'}. Give the items a title, "
                "image or audio.",
            )
        modalities = {name: data.modalities[name].unit() for name in names}
        centred = {name: _centre(modality) for name, modality in modalities.items()}
        self._record = ContentRecord(
            list(names),
            {name: modality.vectors for name, modality in modalities.items()},
            centred,
            {name: _compute_covariance(centred[name], modality) for name, modality in modalities.items()},
            list(data.kinds),
        )

    def score(self, histories: SequenceBatch) -> Float32s:
        """Weighted sum of the standardised cosines, `[B, N]`; all 0 for an empty history."""
        scores = self.user_vectors(histories) @ self.item_vectors.T
        return np.asarray(scores, dtype=np.float32)

    @property
    def item_vectors(self) -> Float32s:
        """Centred unit vectors of the modalities side by side, `[N, D]`."""
        return np.hstack([self.record.centred[name] for name in self.record.modalities])

    def user_vectors(self, histories: SequenceBatch) -> Float32s:
        """Profiles of the histories, `[B, D]`; zeros for an empty one."""
        by_kind = self._weigh_events(histories)
        kept = histories.keep(by_kind > 0)
        decay = compute_decay(kept, decay=self.options.decay, half_life_days=self.options.half_life_days)
        weights = (by_kind[by_kind > 0] * decay, np.arange(kept.n_events), kept.offsets)
        return self._build_profiles(
            kept, sp.csr_matrix(weights, shape=(len(kept), kept.n_events)), np.arange(len(kept))
        )

    def interests(self, histories: SequenceBatch) -> Float32s:
        """The profile after every event, `[E, D]`; decay by time counts from the time of that event."""
        return self._build_profiles(histories, self._weigh_past(histories), histories.rows)

    def contributions(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """The contribution of each modality, `[B, N]`; the contributions sum to `score`."""
        vectors, start, parts = self.user_vectors(histories), 0, {}
        for name in self.record.modalities:
            centred = self.record.centred[name]
            stop = start + centred.shape[1]
            parts[name] = np.asarray(vectors[:, start:stop] @ centred.T, dtype=np.float32)
            start = stop
        return parts

    def modality_names(self) -> list[str]:
        """The modalities that it compares."""
        return list(self.record.modalities)

    def attach(self, modalities: Modalities) -> None:
        """Do nothing: the record holds the vectors."""

    def without(self, modalities: AbstractSet[str]) -> Content:
        """The same model without some modalities. Raises `ModelError` if none is left."""
        names = [name for name in self.record.modalities if name not in modalities]
        if not names:
            raise ModelError("content has no other modality than these.", remedy="Leave out fewer modalities.")
        other = copy(self)
        other._record = replace(self.record, modalities=names)
        return other

    def _weigh_events(self, histories: SequenceBatch) -> Float32s:
        """Weight `[E]` by kind; 0 where an event has neither an item nor content."""
        by_kind = weigh_events(histories, weigh_kinds(self.record.kinds, self.options.kind_weights))
        rows = histories.content_rows
        has_content = histories.items >= 0 if rows is None else (histories.items >= 0) | (rows >= 0)
        return np.where(has_content, by_kind, np.float32(0))

    def _weigh_past(self, histories: SequenceBatch) -> Sparse:
        """CSR `[E, E]`: the weight of each earlier event of the same row, after each event."""
        options = self.options
        by_kind = self._weigh_events(histories)
        counted = np.flatnonzero(by_kind > 0)
        so_far = np.cumsum(by_kind > 0)
        before_row = np.concatenate([np.zeros(1, dtype=np.int64), so_far])[histories.offsets[:-1]]
        reach = max(1, int(min(np.log(MIN_EVENT_WEIGHT) / np.log(min(options.decay, 0.999)), 200)))
        lengths = np.minimum(so_far - before_row[histories.rows], reach)
        offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
        rank = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        now = np.repeat(np.arange(histories.n_events), lengths)
        past = counted[so_far[now] - 1 - rank]
        weight = np.power(options.decay, rank) * by_kind[past]
        if options.half_life_days is not None:
            elapsed = np.maximum(histories.times_s[now] - histories.times_s[past], 0)
            weight = weight * np.exp2(-elapsed / (options.half_life_days * DAY_S))
        shape = (histories.n_events, histories.n_events)
        return sp.csr_matrix((weight.astype(np.float32), past, offsets), shape=shape)

    def _build_profiles(self, histories: SequenceBatch, weights: Sparse, of: Ints) -> Float32s:
        """Rows of `weights` `[R, E]` over events → `[R, D]`, each modality scaled so that its scores have spread 1.

        `of` `[R]`: the history of each row.
        """
        parts = []
        users: Mapping[str, Modality] = histories.user_modalities or {}
        for name in self.record.modalities:
            vectors = _build_event_vectors(histories, name, self.record.unit[name])
            sums = np.asarray(weights @ vectors, dtype=np.float32)
            of_users = users.get(name) if name != ATTRIBUTES else None
            if of_users is not None and of_users.dim == sums.shape[1]:
                sums = sums + np.float32(self.options.user_weight) * of_users.unit().vectors[of]
            # the deviation of the scores s · v over the items is √(s C s): no score is computed for it
            spread = np.sqrt(np.maximum(np.einsum("rd,rd->r", sums @ self.record.covariance[name], sums), 0))
            importance = np.float32(self.options.modality_weights.get(name, 1.0))
            safe = np.where(spread > 1e-9, spread, 1.0)
            parts.append(np.where((spread > 1e-9)[:, None], importance * sums / safe[:, None], 0).astype(np.float32))
        return np.hstack(parts)


def _centre(modality: Modality) -> Float32s:
    """Unit vectors less their mean, summed in float64; zeros for an item without the modality."""
    mean = modality.vectors.sum(axis=0, dtype=np.float64) / _count(modality)
    return np.where(modality.present[:, None], modality.vectors - mean, 0).astype(np.float32)


def _compute_covariance(centred: Float32s, modality: Modality) -> Float32s:
    return (centred.T @ centred / np.float32(_count(modality))).astype(np.float32)


def _count(modality: Modality) -> int:
    return max(int(modality.present.sum()), 1)


def _build_event_vectors(histories: SequenceBatch, name: str, unit: Float32s) -> Float32s:
    """The unit vector of every event `[E, D]`: of its item, plus that of its content; zeros without both."""
    is_known = (histories.items >= 0) & (histories.items < len(unit))
    vectors = np.where(is_known[:, None], unit[np.where(is_known, histories.items, 0)], np.float32(0))
    content, rows = histories.content, histories.content_rows
    if content is None or rows is None or name == ATTRIBUTES or name not in content:
        return vectors  # attributes of an event are its context, which says nothing of items
    if content[name].dim == unit.shape[1]:
        has_content = rows >= 0
        vectors[has_content] += content[name].unit().vectors[rows[has_content]]
    return vectors
