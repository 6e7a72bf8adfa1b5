"""BCE, gBCE and BPR: values by hand, masks, weights, gradients against plain autograd."""

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from penchant.losses.bce import bce
from penchant.losses.bpr import bpr
from penchant.losses.gbce import beta, gbce

OWN = torch.tensor([0.0, 1.0])
OTHERS = torch.tensor([[0.0, math.log(3.0)], [2.0, -1.0]])
NONE = torch.zeros(2, 2, dtype=torch.bool)


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_bce_by_hand() -> None:
    first = math.log(2) + (math.log(2) + math.log(4)) / 2
    second = -math.log(sigma(1)) - (math.log(1 - sigma(2)) + math.log(1 - sigma(-1))) / 2
    assert float(bce(OWN, OTHERS, NONE)) == pytest.approx((first + second) / 2)
    assert float(bce(OWN, OTHERS, NONE, torch.tensor([3.0, 1.0]))) == pytest.approx((3 * first + second) / 4)
    same = torch.tensor([[False, True], [False, False]])
    assert float(bce(OWN, OTHERS, same, torch.tensor([1.0, 0.0]))) == pytest.approx(2 * math.log(2))


def test_bpr_by_hand() -> None:
    first = (math.log(2) + math.log(4)) / 2
    second = -(math.log(sigma(-1)) + math.log(sigma(2))) / 2
    assert float(bpr(OWN, OTHERS, NONE)) == pytest.approx((first + second) / 2)
    same = torch.tensor([[True, False], [False, False]])
    assert float(bpr(OWN, OTHERS, same, torch.tensor([1.0, 0.0]))) == pytest.approx(math.log(4))


def test_beta_between_plain_and_calibrated() -> None:
    assert beta(256, 3417, 0.0) == pytest.approx(1.0)
    assert beta(256, 3417, 1.0) == pytest.approx(256 / 3416)
    assert beta(256, 3417, 0.75) == pytest.approx(0.25 + 0.75 * 256 / 3416)
    assert beta(500, 10, 0.3) == pytest.approx(1.0)


def test_gbce_weakens_the_target_alone() -> None:
    plain, generalised = bce(OWN, OTHERS, NONE), gbce(OWN, OTHERS, NONE, n_items=201, t=1.0)
    target = float(torch.nn.functional.softplus(-OWN).mean())
    assert float(plain - generalised) == pytest.approx(target * (1 - 2 / 200))
    torch.testing.assert_close(gbce(OWN, OTHERS, NONE, n_items=201, t=0.0), plain)


@pytest.mark.parametrize("negatives", [torch.zeros(3, 2), torch.zeros(2), torch.zeros(2, 2, dtype=torch.int64)])
def test_shapes_and_dtypes_are_checked_in_tests(negatives: torch.Tensor) -> None:
    with pytest.raises(TypeCheckError, match="negative_scores"):
        bce(OWN, negatives, NONE)


@pytest.mark.parametrize("loss", [bce, bpr, lambda *a: gbce(*a, n_items=50)])
def test_gradients_against_finite_differences(loss) -> None:  # type: ignore[no-untyped-def]
    rng = torch.Generator().manual_seed(0)
    content = torch.randn(4, generator=rng, dtype=torch.float64, requires_grad=True)
    others = torch.randn(4, 3, generator=rng, dtype=torch.float64, requires_grad=True)
    same = torch.rand(4, 3, generator=rng) < 0.3
    weights = torch.rand(4, generator=rng, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, same, weights), (content, others))
