"""InfoNCE and NT-Xent: values by hand, against torch's cross-entropy, and what groups and weights leave out."""

import math

import pytest
import torch

from penchant.losses.contrastive import info_nce, nt_xent


def test_value_by_hand() -> None:
    """Cosines [[1, 0], [0, 1]] and τ = 1: every row is log(1 + 1/e)."""
    left = torch.tensor([[2.0, 0.0], [0.0, 0.5]])
    right = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    expected = math.log(1 + math.exp(-1))
    for symmetric in (False, True):
        assert float(info_nce(left, right, temperature=1.0, symmetric=symmetric)) == pytest.approx(expected, rel=1e-6)


def test_nt_xent_by_hand() -> None:
    """Partners equal, all else orthogonal, τ = 1: log((e + 2) / e)."""
    both = torch.eye(2)
    expected = math.log((math.e + 2) / math.e)
    assert float(nt_xent(both, both, temperature=1.0)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("symmetric", [False, True])
def test_equals_cross_entropy_and_its_gradients(symmetric: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    left = torch.randn(7, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    right = torch.randn(7, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    logits = torch.nn.functional.cosine_similarity(left[:, None], right[None], dim=2) / 0.2
    labels = torch.arange(7)
    expected = torch.nn.functional.cross_entropy(logits, labels)
    if symmetric:
        expected = (expected + torch.nn.functional.cross_entropy(logits.T, labels)) / 2
    loss = info_nce(left, right, temperature=0.2, symmetric=symmetric)
    torch.testing.assert_close(loss, expected)
    wanted = torch.autograd.grad(expected, [left, right])
    for result, other in zip(torch.autograd.grad(loss, [left, right]), wanted, strict=True):
        torch.testing.assert_close(result, other)


def test_rows_of_one_group_are_no_negatives() -> None:
    """The same pair twice: with groups the loss is that of the pair alone beside the others."""
    rng = torch.Generator().manual_seed(1)
    left, right = torch.randn(4, 3, generator=rng), torch.randn(4, 3, generator=rng)
    rows = torch.tensor([0, 1, 2, 3, 0])
    weights = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0])
    twice = info_nce(left[rows], right[rows], groups=rows, weights=weights, symmetric=False)
    alone = info_nce(left, right, weights=torch.tensor([1.0, 0.0, 0.0, 0.0]), symmetric=False)
    torch.testing.assert_close(twice, alone)
    torch.testing.assert_close(
        nt_xent(left[:1].repeat(2, 1), right[:1].repeat(2, 1), groups=torch.zeros(2)), torch.tensor(0.0)
    )


def test_a_row_of_weight_0_stays_a_negative() -> None:
    left, right = torch.eye(2), torch.eye(2)
    loss = info_nce(left, right, temperature=1.0, weights=torch.tensor([1.0, 0.0]))
    assert float(loss) == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-6)
