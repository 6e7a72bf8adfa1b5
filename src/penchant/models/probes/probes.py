"""Linear probes of a recommender: what they learn from, what they predict of a user, and what a bundle keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from penchant.arrays import Array, Bools, Float32s, Float64s, Int64s, Ints
from penchant.data.results.probes import ProbeRecord
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError, ModelError
from penchant.models.base import DenseModel, ModelState
from penchant.models.probes.categories import encode_first_categories, select_frequent_categories
from penchant.models.probes.linear import LinearProbe
from penchant.models.probes.options import PROBES, ProbeOptions
from penchant.models.probes.pairs import (
    ClassPairs,
    Pairs,
    TargetEvents,
    build_category_pairs,
    build_interest_pairs,
    find_event_classes,
    find_latest_classes,
    mask_taken_events,
    split_targets,
)

INTEREST, CATEGORY = PROBES
SHARE = 0.1
"""Share of a user's events, the newest, that probes learn."""


@dataclass(frozen=True)
class Probes:
    """Fitted probes. `classes` are the names of the categories, `records` say what each probe learned from.

    A probe belongs to the vectors of one model: it is fitted again when these change.
    """

    options: ProbeOptions
    interest: LinearProbe | None = None
    category: LinearProbe | None = None
    classes: Sequence[str] = ()
    records: Mapping[str, ProbeRecord] = field(default_factory=dict)

    @classmethod
    def fit(
        cls, model: DenseModel, events: TargetEvents, items: pl.DataFrame, options: ProbeOptions, seed: int = 0
    ) -> Probes:
        """Fit the probes that `options.fit` names on some target events.

        Probabilities are reliable only where the model has not learned these events. Raises `DataError` if they do
        not suffice: no event follows another, only one class, items without categories.
        """
        interest, category = None, None
        classes: tuple[str, ...] = ()
        records: dict[str, ProbeRecord] = {}
        if INTEREST in options.fit:
            pairs = build_interest_pairs(model, events, options, seed)
            inputs = build_interest_inputs(pairs.interests, model.item_vectors[pairs.items], options.features)
            interest = LinearProbe.fit(inputs, pairs.labels, 1, options, n_free=1, seed=seed)
            records[INTEREST] = ProbeRecord(
                pairs=len(pairs.labels),
                interested=float(pairs.labels.mean()),
                negatives="real" if pairs.real else "sampled",
            )
        if CATEGORY in options.fit:
            classes = select_frequent_categories(items, _taken_targets(events), options.classes)
            codes = encode_first_categories(items, classes)
            examples = build_category_pairs(model, events, codes)
            near = build_class_inputs(model.item_vectors, codes, len(classes), examples.interests, examples.previous)
            category = LinearProbe.fit(near, examples.classes, len(classes), options, seed=seed)
            counts = np.bincount(examples.classes, minlength=len(classes))
            records[CATEGORY] = ProbeRecord(events=len(examples.classes), counts=tuple(counts.tolist()))
        return cls(options, interest, category, classes, records)

    def predict_interest(self, interests: Float32s, items: Float32s) -> Float32s:
        """The probability of interest `[n]` of pairs of interest and item vectors `[n, D]`. Raises `ModelError`."""
        if self.interest is None:
            raise _missing(INTEREST)
        return self.interest.probabilities(build_interest_inputs(interests, items, self.options.features))[:, 1]

    def predict_category(
        self, model: DenseModel, items: pl.DataFrame, interests: Float32s, previous: Int64s
    ) -> Float32s:
        """The probability of each of `classes` `[n, C]` from interest vectors `[n, D]` and the class of the previous
        item `[n]` (-1: none). Raises `ModelError`."""
        if self.category is None:
            raise _missing(CATEGORY)
        codes = encode_first_categories(items, self.classes)
        return self.category.probabilities(
            build_class_inputs(model.item_vectors, codes, len(self.classes), interests, previous)
        )

    def predict_next_category(
        self, model: DenseModel, histories: SequenceBatch, kinds: list[str], items: pl.DataFrame
    ) -> Float32s:
        """The probability of each of `classes` for the next item of every history, `[B, C]`. Raises `ModelError`."""
        if self.category is None:
            raise _missing(CATEGORY)
        classes = find_event_classes(
            histories, encode_first_categories(items, self.classes), mask_taken_events(histories, kinds)
        )
        ends = np.where(histories.lengths > 0, histories.offsets[1:] - 1, -1)
        latest = np.append(find_latest_classes(histories, classes), -1)[ends]
        return self.predict_category(model, items, model.user_vectors(histories), latest)

    def predict_pairs(self, model: DenseModel, events: TargetEvents, seed: int = 0) -> tuple[Pairs, Float32s]:
        """Pairs made like those that the probe learned (real or sampled negatives), and its probability of each."""
        options = replace(self.options, negatives=self.records[INTEREST].negatives or self.options.negatives)
        pairs = build_interest_pairs(model, events, options, seed)
        return pairs, self.predict_interest(pairs.interests, model.item_vectors[pairs.items])

    def predict_class_pairs(
        self, model: DenseModel, events: TargetEvents, items: pl.DataFrame
    ) -> tuple[ClassPairs, Float32s]:
        """The target events by class, and the probability of every class for each.

        Raises `DataError` if none of them is of an item with a class.
        """
        pairs = build_category_pairs(model, events, encode_first_categories(items, self.classes))
        if not len(pairs.classes):
            raise DataError("No event that follows another is of an item with a class.", remedy="Bring more events.")
        return pairs, self.predict_category(model, items, pairs.interests, pairs.previous)

    def state(self) -> ModelState:
        """Weights by probe; names of classes and the records of the probes."""
        tensors = {
            f"{name}:{key}": value
            for name, probe in ((INTEREST, self.interest), (CATEGORY, self.category))
            if probe is not None
            for key, value in probe.state().tensors.items()
        }
        return ModelState(
            tensors,
            {
                "classes": list(self.classes),
                "probes": {name: record.to_dict() for name, record in self.records.items()},
            },
        )

    @classmethod
    def from_state(cls, state: ModelState, options: ProbeOptions) -> Probes:
        """The opposite of `state`."""
        weights: dict[str, dict[str, Array]] = {}
        for key, value in state.tensors.items():
            name, _, tensor = key.partition(":")
            weights.setdefault(name, {})[tensor] = value
        probes = {name: LinearProbe.from_state(ModelState(tensors)) for name, tensors in weights.items()}
        records = {name: ProbeRecord.from_dict(record) for name, record in state.metadata["probes"].items()}
        return cls(options, probes.get(INTEREST), probes.get(CATEGORY), tuple(state.metadata["classes"]), records)


def build_interest_inputs(interests: Float32s, items: Float32s, features: str = "all") -> Float64s:
    """Inputs of the interest probe `[n, F]`: u·v, and with `all` u ⊙ v and |u − v| too.

    >>> build_interest_inputs(np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])).tolist()
    [[1.0, 3.0, -2.0, 2.0, 3.0]]
    """
    u, v = interests.astype(np.float64), items.astype(np.float64)
    product = u * v
    dot = product.sum(axis=1, keepdims=True)
    return dot if features == "dot" else np.concatenate([dot, product, np.abs(u - v)], axis=1)


def build_class_inputs(
    items: Float32s, item_classes: Int64s, n_classes: int, interests: Float32s, previous: Int64s
) -> Float32s:
    """Inputs of the category probe `[n, 2C]`: the mean of u·v over the items of each class, and the previous class.

    Few numbers, so that few events suffice. `items` `[N, D]` and `item_classes` `[N]` are of the catalogue,
    `interests` `[n, D]` and the `previous` class (-1: none) of the users.
    """
    members = np.flatnonzero(item_classes >= 0)
    counts = np.maximum(np.bincount(item_classes[members], minlength=n_classes), 1)
    sums = csr_array((np.ones(len(members)), (item_classes[members], members)), shape=(n_classes, len(items))) @ items
    near = interests @ (sums / counts[:, None]).T
    before = np.zeros((len(interests), n_classes))
    known = np.flatnonzero(previous >= 0)
    before[known, previous[known]] = 1.0
    return np.concatenate([near, before], axis=1).astype(np.float32)


def newest_events(sequences: SequenceBatch, options: ProbeOptions) -> Bools | None:
    """Which events `[E]` are kept from the model for the probes: each user's newest tenth, at least one.

    Of `options.users` users at most; those with one event are left alone. None if no user has two. The users are
    drawn by a hash of their codes (multiplicative; Knuth, The Art of Computer Programming, vol. 3, section 6.4). More
    users may push one out, but no user who was left out comes in, since the model has learned their events.
    """
    rows = np.flatnonzero(sequences.lengths >= 2)
    if not len(rows):
        return None
    hashes = rows.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)
    rows = np.sort(rows[np.argsort(hashes, kind="stable")[: options.users]])
    count = np.zeros(len(sequences), dtype=np.int64)
    count[rows] = np.maximum(1, (sequences.lengths[rows] * SHARE).astype(np.int64))
    until_end = np.repeat(sequences.offsets[1:], sequences.lengths) - np.arange(sequences.n_events)
    return np.asarray(until_end <= count[sequences.rows], dtype=np.bool_)


def check_targets(events: TargetEvents, items: pl.DataFrame, options: ProbeOptions) -> None:
    """Raise `DataError` if no probe of `options.fit` can learn from these events, whatever the model."""
    if INTEREST in options.fit:
        split_targets(events, items.height, options)
    if CATEGORY in options.fit:
        select_frequent_categories(items, _taken_targets(events), options.classes)


def _taken_targets(events: TargetEvents) -> Ints:
    """Items of the targets that were taken."""
    return events.sequences.items[events.targets & events.taken]


def _missing(name: str) -> ModelError:
    return ModelError(f"No {name} probe was fitted.", remedy=f"Train with --set probes.fit={name}.")
