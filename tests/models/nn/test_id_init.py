"""Id embeddings that begin at the principal components of the items' texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, OptionError
from penchant.models.nn.id_init import compute_pca_ids
from penchant.models.nn.options import SequenceOptions
from penchant.models.sequence import SequenceModel
from penchant.training import fit


def modalities(n: int = 40, dim: int = 12, absent: int = 3) -> Modalities:
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((n, dim)) * np.linspace(3, 0.1, dim) + 1).astype(np.float32)
    present = np.ones(n, dtype=bool)
    present[:absent] = False
    vectors[:absent] = 0
    return Modalities({"text": Modality(vectors, present)})


def test_components_agree_with_scikit_learn_and_have_length_one() -> None:
    result = compute_pca_ids(modalities(), 5, np.random.default_rng(1))
    expected = PCA(5).fit_transform(modalities()["text"].unit().vectors[3:].astype(np.float64))
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    np.testing.assert_allclose(np.abs(result[3:]), np.abs(expected), atol=1e-4)
    assert (result[3:] ** 2).sum(axis=1).mean() == pytest.approx(1, abs=1e-5)


def test_items_without_text_are_random_and_the_seed_decides() -> None:
    one, same, other = (compute_pca_ids(modalities(), 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(one[3:], other[3:])
    assert (one[:3] != other[:3]).all()


def test_more_dimensions_than_the_modality_has_are_filled_at_random() -> None:
    result = compute_pca_ids(modalities(), 20, np.random.default_rng(1))
    assert result.shape == (40, 20)
    assert (result[3:] ** 2).sum(axis=1).mean() == pytest.approx(1, abs=0.15)


def test_without_text_it_is_an_error() -> None:
    with pytest.raises(ModelError, match="needs a text modality"):
        compute_pca_ids(Modalities(), 5, np.random.default_rng(0))


def test_the_sequence_model_begins_there_and_learns_from_there() -> None:
    sequences = SequenceBatch.of_items([[(start + n) % 10 for n in range(6)] for start in range(20)])
    vectors = np.random.default_rng(0).standard_normal((10, 12)).astype(np.float32)
    text = Modalities({"text": Modality(vectors, np.ones(10, dtype=bool))})
    data = TrainingData(sequences, 10, ["view"], 100, modalities=text, seed=3)
    model = SequenceModel(SequenceOptions(dim=8, epochs=1, id_init="pca"))
    begun = model.start(data, torch.device("cpu")).tower.embedding.detach().clone()
    np.testing.assert_array_equal(begun.numpy(), compute_pca_ids(text, 8, np.random.default_rng(3)))
    fit(model, data)
    assert model.net is not None and not torch.equal(model.net.tower.embedding, begun)
    with pytest.raises(OptionError, match="Did you mean 'pca'"):
        SequenceOptions(id_init="pc")
