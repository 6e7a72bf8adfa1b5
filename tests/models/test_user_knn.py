from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.data.modalities import Modalities, Modality
from penchant.data.ragged import Ragged
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, UsageError
from penchant.models.user_knn import UserKNN, UserKNNOptions
from penchant.testing.models import check_model, check_negative_kinds


@pytest.mark.parametrize(
    "options", [UserKNNOptions(decay=1.0), UserKNNOptions(similarity_modality="text", neighbours=9)]
)
def test_contract(options: UserKNNOptions) -> None:
    check_model(lambda: UserKNN(options))
    check_negative_kinds(lambda: UserKNN(options))


def rated() -> TrainingData:
    """Two neighbours at cosines .8 and .3 from a history of item 0, who rated item 2 with 3 and 4."""
    vectors = np.array([[1, 0], [0.8, 0.6], [0.3, np.sqrt(1 - 0.09)]], dtype=np.float32)
    items = np.vstack([vectors, np.zeros((2, 2))]).astype(np.float32)
    modality = Modality(items, np.array([True, True, True, False, False]))
    sequences = replace(
        SequenceBatch.of_items([[1, 3], [2, 3], [4]]), values=np.array([5, 3, 5, 4, 1], dtype=np.float32)
    )
    return TrainingData(sequences, 5, ["rating"], 0, Modalities({"text": modality}))


def test_predicted_values_are_weighted_means() -> None:
    """Of 3 and 4 with similarities .8 and .3 the sum is 3.6 and the mean 3.6 / 1.1."""
    model = UserKNN(UserKNNOptions(similarity_modality="text", decay=1.0))
    model.fit(rated())
    histories = SequenceBatch.of_items([[0], []])
    predicted = model.predict_values(histories, Ragged.of([[3, 4, 0], [3]]))
    everything = np.mean([5, 3, 5, 4, 1])
    np.testing.assert_allclose(predicted, [3.6 / 1.1, 1.0, everything, 3.5], rtol=1e-5)


def test_score_is_the_similarity_sum() -> None:
    model = UserKNN(UserKNNOptions(decay=1.0))
    model.fit(TrainingData(SequenceBatch.of_items([[0, 1], [0, 2, 3], [3]]), 4, ["view"], 0))
    scores = model.score(SequenceBatch.of_items([[0]]))[0]
    near, far = 1 / np.sqrt(2), 1 / np.sqrt(3)
    np.testing.assert_allclose(scores, [near + far, near, far, far], atol=1e-5)


def test_a_user_is_no_neighbour_of_themselves() -> None:
    data = TrainingData(SequenceBatch.of_items([[0, 1], [2]]), 3, ["view"], 0)
    model = UserKNN()
    model.fit(data)
    known_user = replace(data.sequences, users=np.arange(2, dtype=np.int32)).take([0])
    assert model.score(known_user)[0].max() < 1e-6
    assert model.score(data.sequences.take([0]))[0].max() > 0.1


def test_latest_value_counts() -> None:
    sequences = replace(SequenceBatch.of_items([[0, 0, 1]]), values=np.array([1, 0, np.nan], dtype=np.float32))
    model = UserKNN()
    model.fit(TrainingData(sequences, 2, ["rating"], 0))
    assert model.predict_values(SequenceBatch.of_items([[0]]), Ragged.of([[0]])).tolist() == [0.0]


def test_missing_modality_or_values_and_bad_options_are_errors() -> None:
    data = TrainingData(SequenceBatch.of_items([[0]]), 1, ["view"], 0)
    with pytest.raises(ModelError, match="item modality 'text', which is missing"):
        UserKNN(UserKNNOptions(similarity_modality="text")).fit(data)
    model = UserKNN()
    model.fit(data)
    with pytest.raises(ModelError, match="hold no values"):
        model.predict_values(data.sequences, Ragged.of([[0]]))
    with pytest.raises(UsageError, match=r"user_knn\.neighbours=0"):
        UserKNNOptions(neighbours=0)
