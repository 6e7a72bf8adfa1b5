"""Content: items that look like what the history looks like, from frozen modalities alone."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from penchant.arrays import Float32s
from penchant.data.modalities import Modalities
from penchant.data.schema import ATTRIBUTES, BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ModelState
from penchant.models.history import DAY_S, DecayOptions, Sparse, event_weights, faded, kind_weights, require
from penchant.models.popularity import not_fitted

FAINT = 1e-4
"""Weights of past events below this are left out of an interest vector."""


@dataclass(frozen=True)
class ContentOptions(DecayOptions):
    """Options of the content model."""

    model = "content"
    modalities: tuple[str, ...] = ()
    """Item modalities that are used. Empty takes every modality but `behaviour`."""
    modality_weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each modality's standardised score, as `text:2,image:0.5`. 0 or more; modalities not named weigh 1."""
    decay: float = 0.9
    user_weight: float = 1.0
    """Weight of a user's own text, picture or vectors, beside 1 for their last event. 0 or more."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.user_weight < float("inf"), "content.user_weight", self.user_weight, "a weight of 0 or more")
        for modality, weight in self.modality_weights.items():
            require(
                0 <= weight < float("inf"), f"content.modality_weights[{modality!r}]", weight, "a weight of 0 or more"
            )


@dataclass(frozen=True)
class _Space:
    """One modality, ready to score: unit vectors, centred ones, and the covariance that gives a score's spread."""

    unit: npt.NDArray[np.float32]
    centred: npt.NDArray[np.float32]
    covariance: npt.NDArray[np.float32]


class Content:
    """score(j) = Σ_views weight · z(cos(profile, item j)); profile = decayed sum of the history's unit vectors.

    z standardises over the items that have the modality; an item without it gets 0, the mean. Centred item vectors and
    profiles divided by the spread of their own scores make this one exact dot product, so the model has interest
    vectors: the modalities side by side. Events with text or media of their own count with it, and so do people
    who have a modality of an item's name (their own text or picture): it stands in the profile from the first event on.
    """

    name = "content"

    def __init__(self, options: ContentOptions | None = None) -> None:
        self.options = options or ContentOptions()
        self._spaces: dict[str, _Space] = {}
        self._kinds: list[str] = []

    def fit(self, data: TrainingData) -> None:
        """Take the item modalities. Raises `ModelError` where a wanted one is not there."""
        names = self.options.modalities or tuple(name for name in data.modalities if name != BEHAVIOUR)
        missing = [name for name in names if name not in data.modalities]
        if missing or not names:
            raise ModelError(
                f"content needs the item modality {', '.join(missing) or 'text, image or audio'}, which is not there.",
                remedy=f"Modalities there are: {', '.join(data.modalities) or 'none'}. Give the items a title, "
                "image or audio.",
            )
        self._spaces = {name: _space(data.modalities, name) for name in names}
        self._kinds = list(data.kinds)

    def score(self, histories: SequenceBatch) -> Float32s:
        """Weighted sum of the standardised cosines, `[B, N]`; all 0 for an empty history."""
        scores = self.user_vectors(histories) @ self.item_vectors.T
        return np.asarray(scores, dtype=np.float32)

    @property
    def item_vectors(self) -> npt.NDArray[np.float32]:
        """Centred unit vectors of the modalities side by side, `[N, D]`."""
        return np.hstack([space.centred for space in self._fitted().values()])

    def user_vectors(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """Profiles of whole histories, `[B, D]`; zeros for an empty one."""
        by_kind = self._event_weights(histories)
        kept = histories.keep(by_kind > 0)
        fade = faded(kept, decay=self.options.decay, half_life_days=self.options.half_life_days)
        weights = (by_kind[by_kind > 0] * fade, np.arange(kept.n_events), kept.offsets)
        return self._profiles(kept, sp.csr_matrix(weights, shape=(len(kept), kept.n_events)), np.arange(len(kept)))

    def interests(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """The profile after every event, `[E, D]`: fading by rank; by time, from that event's own time."""
        return self._profiles(histories, self._past_weights(histories), histories.rows)

    def contributions(self, histories: SequenceBatch) -> dict[str, Float32s]:
        """What each modality gives to every score, `[B, N]` by modality: they sum to `score`."""
        vectors, start, parts = self.user_vectors(histories), 0, {}
        for name, space in self._fitted().items():
            stop = start + space.centred.shape[1]
            parts[name] = np.asarray(vectors[:, start:stop] @ space.centred.T, dtype=np.float32)
            start = stop
        return parts

    def modality_names(self) -> list[str]:
        """The modalities it compares."""
        return list(self._fitted())

    def attach(self, modalities: Modalities) -> None:
        """Nothing to do: it keeps the vectors it compares."""

    def without(self, modalities: AbstractSet[str]) -> Content:
        """The same model that does not compare some modalities. Raises `ModelError` where none is left."""
        other = copy(self)
        other._spaces = {name: space for name, space in self._fitted().items() if name not in modalities}
        if not other._spaces:
            raise ModelError("Nothing is left of content without these modalities.", remedy="Leave out fewer.")
        return other

    def state(self) -> ModelState:
        """Unit and centred item vectors and covariance by modality, names of modalities and kinds."""
        tensors = {
            f"{name}.{part}": getattr(space, part)
            for name, space in self._fitted().items()
            for part in ("unit", "centred", "covariance")
        }
        return ModelState(tensors, {"modalities": list(self._spaces), "kinds": self._kinds})

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        tensors: Mapping[str, npt.NDArray[Any]] = state.tensors
        self._spaces = {
            name: _Space(tensors[f"{name}.unit"], tensors[f"{name}.centred"], tensors[f"{name}.covariance"])
            for name in state.facts["modalities"]
        }
        self._kinds = list(state.facts["kinds"])

    def _fitted(self) -> dict[str, _Space]:
        if not self._spaces:
            raise not_fitted(self.name)
        return self._spaces

    def _event_weights(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """Weight `[E]` by kind; 0 where an event has neither an item nor content."""
        by_kind = event_weights(histories, kind_weights(self._kinds, self.options.kind_weights))
        rows = histories.content_rows
        with_content = histories.items >= 0 if rows is None else (histories.items >= 0) | (rows >= 0)
        return np.where(with_content, by_kind, np.float32(0))

    def _past_weights(self, histories: SequenceBatch) -> Sparse:
        """CSR `[E, E]`: how much each earlier event of the same row weighs after each event."""
        options = self.options
        by_kind = self._event_weights(histories)
        counted = np.flatnonzero(by_kind > 0)
        so_far = np.cumsum(by_kind > 0)
        before_row = np.concatenate([np.zeros(1, dtype=np.int64), so_far])[histories.offsets[:-1]]
        reach = max(1, int(min(np.log(FAINT) / np.log(min(options.decay, 0.999)), 200)))
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

    def _profiles(
        self, histories: SequenceBatch, weights: Sparse, of: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float32]:
        """Rows of `weights` `[R, E]` over events → `[R, D]`, each modality scaled so that its scores have spread 1.

        `of` `[R]`: the history of each row.
        """
        parts = []
        for name, space in self._fitted().items():
            sums = np.asarray(weights @ _event_vectors(histories, name, space.unit), dtype=np.float32)
            own = (
                None if histories.user_modalities is None or name == ATTRIBUTES else histories.user_modalities.get(name)
            )
            if own is not None and own.dim == sums.shape[1]:
                sums = sums + np.float32(self.options.user_weight) * own.unit().vectors[of]
            spread = np.sqrt(np.maximum(np.einsum("rd,rd->r", sums @ space.covariance, sums), 0))
            importance = np.float32(self.options.modality_weights.get(name, 1.0))
            safe = np.where(spread > 1e-9, spread, 1.0)
            parts.append(np.where((spread > 1e-9)[:, None], importance * sums / safe[:, None], 0).astype(np.float32))
        return np.hstack(parts)


def _space(modalities: Modalities, name: str) -> _Space:
    modality = modalities[name].unit()
    count = max(int(modality.present.sum()), 1)
    mean = modality.vectors.sum(axis=0, dtype=np.float64) / count
    centred = np.where(modality.present[:, None], modality.vectors - mean, 0).astype(np.float32)
    return _Space(modality.vectors, centred, (centred.T @ centred / np.float32(count)).astype(np.float32))


def _event_vectors(histories: SequenceBatch, name: str, unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The unit vector of every event `[E, D]`: of its item, plus of its own content; zeros where it has neither."""
    known = (histories.items >= 0) & (histories.items < len(unit))
    vectors = np.where(known[:, None], unit[np.where(known, histories.items, 0)], np.float32(0))
    own, rows = histories.content, histories.content_rows
    if own is None or rows is None or name == ATTRIBUTES or name not in own or own[name].dim != unit.shape[1]:
        return vectors  # attributes of an event are its context, which says nothing of items
    has = rows >= 0
    vectors[has] += own[name].unit().vectors[rows[has]]
    return vectors
