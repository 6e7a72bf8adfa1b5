"""Multi-interest, mixture of logits, the other losses and the contrastive part, in the sequence model."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import OptionError, UsageError
from penchant.models.nn.interest_queries import InterestQueries, select_nearest
from penchant.models.nn.mol import MixtureOfLogits
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.models import check_model
from penchant.training import fit

SMALL = SequenceOptions(dim=16, epochs=20, max_length=8, batch_tokens=256, dropout=0.0, layers=1, learning_rate=2e-2)
ASKED = SequenceBatch.of_items([[1, 2, 3], [7, 8, 9]])


def cycle() -> TrainingData:
    rng = np.random.default_rng(0)
    rows = [[(s + n) % 10 for n in range(12)] for s in rng.integers(0, 10, 60)]
    return TrainingData(SequenceBatch.of_items(rows), 10, ["view"], 100, seed=3)


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": "bce", "negatives": 32},
        {"loss": "gbce", "negatives": 8},
        {"loss": "bpr", "negatives": 32},
        {"head": "mol"},
        {"head": "mol", "loss": "sampled_softmax", "negatives": 32},
        {"n_interests": 3},
        {"n_interests": 2, "loss": "sampled_softmax", "negatives": 32},
        {"contrastive_weight": 0.1},
    ],
    ids=str,
)
def test_learns_a_cycle(changed: dict[str, object]) -> None:
    model = SequenceModel(replace(SMALL, **changed))  # type: ignore[arg-type]
    fit(model, cycle())
    assert model.score(ASKED).argmax(axis=1).tolist() == [4, 0]


@pytest.mark.parametrize("changed", [{"head": "mol"}, {"n_interests": 3}], ids=str)
def test_contract(changed: dict[str, object]) -> None:
    options = replace(SMALL, epochs=4, max_length=30, **changed)  # type: ignore[arg-type]
    check_model(lambda: SequenceModel(options), fit=fit, personal=False, uses_content=True, tolerance=1e-3)


def test_the_score_is_that_of_the_nearest_interest() -> None:
    model = SequenceModel(replace(SMALL, epochs=2, n_interests=3))
    fit(model, cycle())
    each, items = model.user_interests(ASKED), model.item_vectors
    assert each.shape == (2, 3, 16) and not model.dense
    np.testing.assert_allclose(np.linalg.norm(each, axis=2), 1, rtol=1e-5)
    assert model.net is not None
    scale = float(model.net.log_scale.detach().exp())
    np.testing.assert_allclose(model.score(ASKED), np.einsum("bkd,nd->bkn", each, items).max(axis=1) * scale, rtol=1e-4)
    history = SequenceBatch.of_items([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]])
    every = model.interests_multi(history)
    assert every.shape == (10, 3, 16)
    for stop in (1, 4, 9, 10):
        alone = model.user_interests(SequenceBatch.of_items([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3][:stop]]))
        np.testing.assert_allclose(every[stop - 1], alone[0], atol=1e-5)
    mean = every.mean(axis=1)
    np.testing.assert_allclose(model.interests(history), mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(sum(model.contributions(ASKED).values()), model.score(ASKED), atol=1e-4)


def test_queries_gather_a_running_weighted_mean() -> None:
    torch.manual_seed(0)
    module, hidden = InterestQueries(4, 2), torch.randn(1, 5, 4)
    shares = (8 * torch.tanh(hidden @ module.queries.T / 8)).exp()[0]
    values = module.value(hidden).view(5, 2, 4)
    at = 3
    pooled = (shares[: at + 1, :, None] * values[: at + 1]).sum(0) / shares[: at + 1].sum(0)[:, None]
    gate = torch.sigmoid(module.gate(hidden[0, at])).view(2, 4)
    torch.testing.assert_close(module(hidden)[0, at], module.norm(hidden[0, at] + gate * pooled))


def test_a_target_teaches_its_nearest_interest() -> None:
    interests = torch.tensor([[[1.0, 0.0], [0.0, 5.0]], [[1.0, 1.0], [-1.0, 0.0]]])
    wanted = torch.tensor([[0.9, 0.1], [-1.0, 0.0]])
    assert select_nearest(interests, wanted).tolist() == [[1.0, 0.0], [-1.0, 0.0]]


def test_a_mixture_of_one_component_is_a_cosine_and_pairs_are_the_diagonal() -> None:
    torch.manual_seed(0)
    users, items = torch.randn(5, 6), torch.randn(5, 6)
    one = MixtureOfLogits(6, 1)
    expected = one.split_users(users)[:, 0] @ one.split_items(items)[:, 0].T
    torch.testing.assert_close(one(users, items), expected)
    two = MixtureOfLogits(6, 2)
    torch.testing.assert_close(two.score_pairs(users, items), two(users, items).diagonal())
    scale, targets = torch.tensor(3.0), torch.tensor([0, 1, 2, 3, 4])
    full = torch.nn.functional.cross_entropy(two(users, items) * scale, targets)
    torch.testing.assert_close(two.cross_entropy(users, items, targets, scale), full)
    even = -torch.log_softmax(two(users, items) * scale, dim=1).mean()  # cross-entropy with a target that is all items
    smooth = two.cross_entropy(users, items, targets, scale, label_smoothing=0.2)
    torch.testing.assert_close(smooth, 0.8 * full + 0.2 * even)


def test_chunks_of_the_mixture_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    users, items = torch.randn(7, 6, requires_grad=True), torch.randn(5, 6)
    two, targets = MixtureOfLogits(6, 2), torch.tensor([0, 1, 2, 3, 4, 0, 1])
    full = two.cross_entropy(users, items, targets, torch.tensor(3.0))
    monkeypatch.setattr("penchant.models.nn.mol.CELLS", 45)
    parts = two.cross_entropy(users, items, targets, torch.tensor(3.0))
    torch.testing.assert_close(parts, full)
    torch.testing.assert_close(torch.autograd.grad(parts, users), torch.autograd.grad(full, users))


def test_bad_options_are_errors() -> None:
    with pytest.raises(OptionError, match="Did you mean 'mol'"):
        SequenceOptions(head="mool")
    with pytest.raises(UsageError, match="head=mol mixes components already"):
        SequenceOptions(head="mol", n_interests=2)
    with pytest.raises(UsageError, match=r"gbce_t=2\.0"):
        SequenceOptions(gbce_t=2.0)
