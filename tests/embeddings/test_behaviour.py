from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.data.modalities import Modality
from penchant.data.sequences import SequenceBatch
from penchant.embeddings.behaviour import (
    BehaviourOptions,
    average_acted_items,
    compute_shifted_ppmi,
    count_cooccurrences,
    embed_cooccurrence,
    encode_behaviour,
    resolve_kind_weights,
    sum_action_weights,
)
from penchant.encoders.similarity import find_nearest_rows
from penchant.errors import UsageError
from penchant.testing.encoders import check_modality


def test_weighted_binary_actions_by_hand() -> None:
    batch = replace(
        SequenceBatch.of_items([[0, 0, 0, 1], [1, -1], []]), kinds=np.array([0, 0, 1, 2, 0, 2], dtype=np.int16)
    )
    weights = np.array([0.2, 0.5, -1.0], dtype=np.float32)
    strength = sum_action_weights(batch, weights, 2).toarray()
    # a repeated action counts once: .2 + .5 for item 0; the hide of item 1; the event without an item not at all
    assert np.allclose(strength, [[0.7, -1.0], [0.0, 0.2], [0.0, 0.0]])
    feature = encode_behaviour(batch, weights)
    assert np.allclose(feature.vectors, [[0.2, 0.5, -1.0, -0.3], [0.2, 0.0, -1.0, -0.8], [0, 0, 0, 0]])
    assert feature.present.tolist() == [True, True, False]
    items = Modality(np.array([[2, 0], [0, 3]], dtype=np.float32), np.array([True, True]))
    users = average_acted_items(sum_action_weights(batch, weights, 2), items)
    assert np.allclose(users.vectors, [[0.7 / np.hypot(0.7, 1), -1 / np.hypot(0.7, 1)], [0, 1], [0, 0]], atol=1e-6)


def test_weights_of_kinds_can_be_told() -> None:
    assert resolve_kind_weights(["like", "other"], {"other": 2.0}) == pytest.approx([0.6, 2.0])
    assert resolve_kind_weights(["purchase"])[0] > resolve_kind_weights(["view"])[0] > resolve_kind_weights(["hide"])[0]


def test_words_for_kinds_are_read_as_files_are() -> None:
    assert resolve_kind_weights(["view", "favorite"], {"收藏": 3, "Purchase": 2}) == pytest.approx([0.2, 3.0])
    assert resolve_kind_weights(["浏览", "add to cart", "Wave"], {"AddToCart": 2, "wave": 4}) == pytest.approx(
        [0.2, 2.0, 4.0]
    )
    with pytest.raises(
        UsageError, match=r"behaviour\.weights names 'boght', which is not a kind in the data\. There are view\."
    ):
        resolve_kind_weights(["view"], {"boght": 2})


def test_cooccurrence_by_hand() -> None:
    batch = SequenceBatch.of_items([[0, 1, 2], [1, -1, 0], [2, 2]])
    counts = count_cooccurrences(batch, 3, window=2).toarray()
    assert counts.tolist() == [[0, 2, 0.5], [2, 0, 1], [0.5, 1, 0]]  # an event without an item takes no place
    assert count_cooccurrences(batch, 3, window=1).toarray().tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]


def test_ppmi_by_hand() -> None:
    counts = count_cooccurrences(SequenceBatch.of_items([[0, 1], [0, 1], [2, 3]]), 4, window=1)
    # P(0,1) = 2/6, P(0) = P(1) = 2/6 → ln 3; P(2,3) = 1/6, P(2) = P(3) = 1/6 → ln 6
    plain = compute_shifted_ppmi(counts, smoothing=1.0).toarray()
    assert plain[0, 1] == pytest.approx(np.log(3)) and plain[2, 3] == pytest.approx(np.log(6)) and plain[0, 2] == 0
    shifted = compute_shifted_ppmi(counts, shift=4.0, smoothing=1.0)
    assert shifted.toarray()[2, 3] == pytest.approx(np.log(6 / 4)) and shifted.nnz == 2


def test_items_of_one_crowd_are_neighbours() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.permutation(10)[:6] + 10 * (user % 2) for user in range(60)]
    modality = embed_cooccurrence(SequenceBatch.of_items([row.tolist() for row in rows]), 21, BehaviourOptions(dim=4))
    assert modality.present.tolist() == [True] * 20 + [False] and modality.dim == 4
    near = find_nearest_rows(modality, 5)[:20]
    assert ((near // 10) == (np.arange(20) // 10)[:, None]).all()
    again = embed_cooccurrence(SequenceBatch.of_items([row.tolist() for row in rows]), 21, BehaviourOptions(dim=4))
    assert modality.vectors.tobytes() == again.vectors.tobytes()


def test_histories_of_one_item_give_an_absent_modality() -> None:
    modality = embed_cooccurrence(SequenceBatch.of_items([[0], [1], []]), 2)
    assert not modality.present.any() and len(modality) == 2


def test_modalities_of_items_and_people_keep_the_contract() -> None:
    batch = SequenceBatch.of_items([[0, 1, 2], [1, -1, 0], [2, 2], []])
    for options in (BehaviourOptions(dim=2), BehaviourOptions(dim=8)):
        modality = embed_cooccurrence(batch, 5, options, seed=1)
        check_modality(modality, 5)
        assert modality.present.tolist() == [True] * 3 + [False] * 2
        assert embed_cooccurrence(batch, 5, options, seed=1).vectors.tobytes() == modality.vectors.tobytes()
    check_modality(embed_cooccurrence(batch.take([]), 5, BehaviourOptions(dim=2)), 5)
    check_modality(encode_behaviour(batch, np.ones(1, dtype=np.float32)), 4)
