from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from penchant.encoders.pretrained import pooling
from penchant.errors import OptionError

HIDDEN = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]], [[4.0, 0.0], [0.0, 4.0], [2.0, 2.0]]])
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean", [[2.0, 4.0], [2.0, 2.0]]),
        ("cls", [[1.0, 2.0], [4.0, 0.0]]),
        ("last", [[3.0, 6.0], [2.0, 2.0]]),
        ("max", [[3.0, 6.0], [4.0, 4.0]]),
    ],
)
def test_pooling_by_hand(name: str, expected: list[list[float]]) -> None:
    assert pooling.pool(name, HIDDEN, MASK).tolist() == expected


def test_weighted_sum_by_hand() -> None:
    weights = torch.tensor([[1.0, 3.0, 100.0], [0.0, 0.0, 0.0]])
    out = pooling.pool("idf", HIDDEN, MASK, weights)
    assert out[0].tolist() == [0.25 * 1 + 0.75 * 3, 0.25 * 2 + 0.75 * 6]
    assert torch.allclose(out[1], torch.tensor([2.0, 2.0]))  # nothing weighs: the mean


def test_attention_weights_by_hand() -> None:
    one = torch.tensor([[[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]])  # one head; the third query is padding
    other = torch.tensor([[[0.7, 0.3, 0.0], [0.1, 0.9, 0.0], [1.0, 0.0, 0.0]]])
    received = pooling.compute_attention_weights(torch.stack([one, other], dim=1), torch.tensor([[1, 1, 0]]))
    assert torch.allclose(received, torch.tensor([[(0.8 + 0.3) / 2, (0.2 + 0.7) / 2, 0.0]]))


def test_idf_by_hand() -> None:
    idf = pooling.compute_idf([[0, 1, 1], [1, 2], [1]], 4)
    expected = [math.log(4 / 2) + 1, math.log(4 / 4) + 1, math.log(4 / 2) + 1, math.log(4 / 1) + 1]
    assert np.allclose(idf, expected)


def test_idf_agrees_with_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfTransformer

    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 30, size=rng.integers(1, 12)).tolist() for _ in range(50)]
    counts = np.stack([np.bincount(text, minlength=30) for text in texts])
    assert np.allclose(pooling.compute_idf(texts, 30), TfidfTransformer().fit(counts).idf_)


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(OptionError, match=r"pooling='means' is not known.*Did you mean 'mean'"):
        pooling.pool("means", HIDDEN, MASK)
