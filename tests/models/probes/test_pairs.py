"""Examples of probes by hand: real and sampled negatives, classes of items, and what probes learn from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import DataError, OptionError
from penchant.metrics.classification import accuracy, confusion_matrix, precision_recall_f1
from penchant.models.content import Content
from penchant.models.probes.linear import LinearProbe
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.pairs import (
    TargetEvents,
    build_category_pairs,
    build_interest_pairs,
    find_event_classes,
    find_latest_classes,
)
from penchant.models.probes.probes import Probes, build_class_inputs


def content(vectors: np.ndarray, sequences: SequenceBatch, kinds: list[str]) -> Content:
    modalities = Modalities({"text": Modality(vectors.astype(np.float32), np.ones(len(vectors), dtype=bool), "v")})
    model = Content()
    model.fit(TrainingData(sequences, len(vectors), kinds, 100, modalities))
    return model


def histories() -> SequenceBatch:
    """Two people; kinds 0 view, 1 hide, 2 impression. Person 0 was shown item 3 and took it later, 4 and did not."""
    batch = SequenceBatch.of_items([[0, 3, 4, 3, 1], [2, 0]])
    return replace(batch, kinds=np.array([0, 2, 2, 0, 1, 0, 0], dtype=np.int16))


KINDS = ["view", "hide", "impression"]


def test_pairs_by_hand() -> None:
    vectors = np.eye(5)
    model = content(vectors, histories(), KINDS)
    events = TargetEvents.select(histories(), KINDS)
    pairs = build_interest_pairs(model, events, ProbeOptions(negatives="real"))
    assert pairs.real
    assert sorted(zip(pairs.items.tolist(), pairs.labels.tolist(), strict=True)) == [(0, 1), (1, 0), (3, 1), (4, 0)]
    before = model.interests(histories())
    at = pairs.items.tolist().index(4)
    np.testing.assert_array_equal(pairs.interests[at], before[1])
    late_events = TargetEvents.select(histories(), KINDS, histories().times_s > 2)
    late = build_interest_pairs(model, late_events, ProbeOptions(negatives="real"))
    assert sorted(zip(late.items.tolist(), late.labels.tolist(), strict=True)) == [(1, 0), (3, 1)]
    sampled = build_interest_pairs(model, events, ProbeOptions(ratio=50))
    assert not sampled.real and sampled.labels.sum() == 2
    assert set(sampled.items[sampled.labels == 0].tolist()) <= {1, 2, 3, 4}


def test_probes_on_a_model_find_what_users_like() -> None:
    """Two colours; everybody stays with one. The probe learns that the other colour is not wanted."""
    rng = np.random.default_rng(1)
    colour = np.arange(40) % 2
    vectors = np.eye(2)[colour] + 0.05 * rng.standard_normal((40, 2))
    rows = [[int(i) for i in rng.permutation(np.flatnonzero(colour == u % 2))[:8]] for u in range(60)]
    sequences = SequenceBatch.of_items(rows)
    model = content(vectors, sequences, ["view"])
    events = TargetEvents.select(sequences, ["view"])
    probes = Probes.fit(model, events, pl.DataFrame(), ProbeOptions(fit=("interest",)))
    asked = model.user_vectors(SequenceBatch.of_items([[0, 2], [1, 3]]))
    red, blue = model.item_vectors[[4]], model.item_vectors[[5]]
    told = np.stack([probes.predict_interest(asked, np.repeat(v, 2, axis=0)) for v in (red, blue)], axis=1)
    assert told[0, 0] > told[0, 1] + 0.3 and told[1, 1] > told[1, 0] + 0.3
    both = build_category_pairs(model, events, colour.astype(np.int64))
    interests, classes = both.interests, both.classes
    assert both.previous.tolist() == classes.tolist() and np.bincount(both.users).tolist() == [7] * 60
    category = LinearProbe.fit(interests, classes, 2, ProbeOptions())
    found = category.probabilities(interests).argmax(axis=1)
    assert accuracy(classes, found) == 1.0 and precision_recall_f1(classes, found, "macro")[2] == 1.0
    assert confusion_matrix(classes, found).tolist() == [[int((classes == 0).sum()), 0], [0, int((classes == 1).sum())]]
    np.testing.assert_allclose(category.probabilities(interests).sum(axis=1), 1, atol=1e-6)


def test_inputs_of_the_category_probe_by_hand() -> None:
    """Items 0 and 1 are of class 0, item 2 of class 1, item 3 of none; person 1 begins anew."""
    sequences = SequenceBatch.of_items([[3, 0, 2, -1], [3, 2, 1]])
    classes = np.array([0, 0, 1, -1])
    taken = np.array([True, True, True, True, True, True, False])
    of_event = find_event_classes(sequences, classes, taken)
    assert of_event.tolist() == [-1, 0, 1, -1, -1, 1, -1]
    assert find_latest_classes(sequences, of_event).tolist() == [-1, 0, 1, 1, -1, 1, 1]
    items = np.array([[1, 0], [3, 0], [0, 2], [9, 9]], dtype=np.float32)
    told = build_class_inputs(items, classes, 2, np.array([[1, 1], [2, 0]], dtype=np.float32), np.array([1, -1]))
    assert told.tolist() == [[2, 2, 0, 1], [4, 0, 0, 0]]


def test_bad_calls_say_what_is_wrong() -> None:
    with pytest.raises(OptionError, match=r"^probes\.features='dots' is not known"):
        ProbeOptions(features="dots")
    with pytest.raises(OptionError, match=r"^probes\.class_weights='equal' is not known\. Allowed: none, balanced"):
        ProbeOptions(class_weights="equal")
    with pytest.raises(OptionError, match=r"^probes\.negatives='none' is not known"):
        ProbeOptions(negatives="none")
    model = content(np.eye(5), histories(), KINDS)
    only = histories().keep(histories().kinds == 0)
    with pytest.raises(DataError, match="no real negatives"):
        build_interest_pairs(model, TargetEvents.select(only, KINDS), ProbeOptions(negatives="real"))
    with pytest.raises(DataError, match="No event of interest follows"):
        build_interest_pairs(model, TargetEvents.select(SequenceBatch.of_items([[1]]), ["view"]), ProbeOptions())
