from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, UsageError
from penchant.models.base import DenseModel
from penchant.models.content import Content, ContentOptions
from penchant.testing.models import check_model, check_negative_kinds

RNG = np.random.default_rng(3)
TEXT = Modality(RNG.standard_normal((6, 4), dtype=np.float32), np.ones(6, dtype=bool))
HAS_IMAGE = np.array([True, True, True, True, False, True])
IMAGE = Modality(np.where(HAS_IMAGE[:, None], RNG.standard_normal((6, 3)), 0).astype(np.float32), HAS_IMAGE)
DATA = TrainingData(SequenceBatch.of_items([[0]]), 6, ["view"], 0, Modalities({"text": TEXT, "image": IMAGE}))


def fitted(options: ContentOptions) -> Content:
    model = Content(options)
    model.fit(DATA)
    return model


def test_contract() -> None:
    check_model(Content, uses_content=True)
    check_negative_kinds(Content)
    assert isinstance(fitted(ContentOptions()), DenseModel)


def test_score_is_the_standardised_cosine() -> None:
    """z over the items that have the modality, by the plain formula; an item without it gets the mean, 0."""
    model = fitted(ContentOptions(modality_weights={"image": 0.5}, decay=0.5))
    scores = model.score(SequenceBatch.of_items([[0, 1]]))[0]
    total = np.zeros(6)
    for modality, weight in ((TEXT, 1.0), (IMAGE, 0.5)):
        unit = modality.unit().vectors.astype(np.float64)
        profile = 0.5 * unit[0] + unit[1]
        cosine = unit @ profile / np.linalg.norm(profile)
        there = cosine[modality.present]
        total += weight * np.where(modality.present, (cosine - there.mean()) / there.std(), 0)
    np.testing.assert_allclose(scores, total, atol=1e-4)


def test_interests_are_the_profiles_of_the_prefixes() -> None:
    model = fitted(ContentOptions(half_life_days=1.0))
    histories = SequenceBatch.of_items([[0, 1, 2], [], [3, 4]], times_s=[[0, 50_000, 90_000], [], [5, 6]])
    series = model.interests(histories)
    for event, (row, length) in enumerate([(0, 1), (0, 2), (0, 3), (2, 1), (2, 2)]):
        prefix = histories.take([row]).keep(np.arange(histories.lengths[row]) < length)
        requests = prefix.at(prefix.times_s[-1:])
        np.testing.assert_allclose(series[event], model.user_vectors(requests)[0], rtol=1e-4, atol=1e-5)
    assert (model.user_vectors(histories)[1] == 0).all()


def test_negative_events_leave_the_interest_as_it_was() -> None:
    model = Content()
    model.fit(replace(DATA, kinds=["view", "hide"]))
    histories = replace(SequenceBatch.of_items([[3, 0, 1], [2]]), kinds=np.array([1, 0, 1, 0], dtype=np.int16))
    series = model.interests(histories)
    assert (series[0] == 0).all()
    np.testing.assert_allclose(series[2], series[1])
    np.testing.assert_allclose(series[[2, 3]], model.user_vectors(histories), atol=1e-6)


def test_contributions_sum_to_the_score() -> None:
    model = fitted(ContentOptions())
    histories = SequenceBatch.of_items([[0, 1], [5]])
    parts = model.contributions(histories)
    assert list(parts) == ["text", "image"]
    np.testing.assert_allclose(sum(parts.values()), model.score(histories), atol=1e-5)


def test_the_content_of_an_event_counts() -> None:
    model = fitted(ContentOptions(modalities=("text",)))
    written = Modalities({"text": TEXT.take(np.array([4]))})
    event = replace(SequenceBatch.of_items([[-1]]), content=written, content_rows=np.zeros(1, dtype=np.int32))
    np.testing.assert_allclose(model.score(event), model.score(SequenceBatch.of_items([[4]])), atol=1e-5)


def test_missing_modalities_and_bad_weights_are_errors() -> None:
    with pytest.raises(ModelError, match=r"item modality audio, which is missing\. Available modalities: text, image"):
        Content(ContentOptions(modalities=("audio",))).fit(DATA)
    with pytest.raises(ModelError, match="text, image or audio"):
        Content().fit(replace(DATA, modalities=Modalities({"behaviour": TEXT})))
    with pytest.raises(UsageError, match=r"content\.modality_weights\['text'\]=-1"):
        ContentOptions(modality_weights={"text": -1})
