"""Every feature-level fusion: absent modalities change nothing, parts sum to the total; normalisation, dropout,
balance."""

import numpy as np
import pytest
import torch
from torch import nn

from penchant.errors import OptionError
from penchant.fusion.attention import Attention
from penchant.fusion.balance import MOST, weigh_by_rarity
from penchant.fusion.contributions import compute_shapley
from penchant.fusion.feature_level import FEATURE_LEVEL, make_fusion
from penchant.fusion.gated import Gated
from penchant.fusion.normalisation import ModalityNorm
from penchant.fusion.product import Bilinear, Product
from penchant.fusion.weighted_sum import WeightedSum
from penchant.testing.fusions import DIM, MODALITIES, check_fusion, draw_rows


@pytest.mark.parametrize("name", FEATURE_LEVEL)
def test_contract(name: str) -> None:
    check_fusion(lambda modalities, dim: make_fusion(name, modalities, dim, [1.0, 0.5, 2.0]))


class _Leaky(nn.Module):
    """Reads the values of an absent modality."""

    def forward(self, vectors: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        return vectors.mean(dim=1) * present.any(dim=1, keepdim=True)


def test_the_contract_finds_a_fusion_that_looks_behind_the_mask() -> None:
    with pytest.raises(AssertionError, match="absent modality must change nothing"):
        check_fusion(lambda modalities, dim: _Leaky())


def test_shapley_values_of_a_sum_are_its_terms_and_of_a_product_are_halves() -> None:
    vectors, present = draw_rows()
    split = compute_shapley(lambda v, p: (v * p.unsqueeze(-1)).sum(dim=1), vectors, present)
    torch.testing.assert_close(split, vectors * present.unsqueeze(-1))
    both = torch.ones(40, 2, dtype=torch.bool)
    halves = compute_shapley(lambda v, p: v.prod(dim=1) * p.all(dim=1, keepdim=True), vectors[:, :2], both)
    torch.testing.assert_close(halves, (vectors[:, :2].prod(dim=1) / 2).unsqueeze(1).expand(-1, 2, -1))


def test_fixed_weights_stay_and_zero_leaves_a_modality_out() -> None:
    fuse = WeightedSum(2, [0.0, 3.0], fixed=True)
    vectors = torch.randn(5, 2, DIM)
    torch.testing.assert_close(fuse(vectors, torch.ones(5, 2, dtype=torch.bool)), vectors[:, 1])
    assert not any(parameter.requires_grad for parameter in fuse.parameters())


def test_products_by_hand() -> None:
    vectors = torch.randn(6, 2, DIM)
    both, first = torch.ones(6, 2, dtype=torch.bool), torch.tensor([[True, False]] * 6)
    fuse = Product(2, DIM)
    a, b = vectors[:, 0] @ fuse.project[0], vectors[:, 1] @ fuse.project[1]
    torch.testing.assert_close(fuse(vectors, both), (a + b + a * b) @ fuse.out.weight.T)
    torch.testing.assert_close(fuse(vectors, first), a @ fuse.out.weight.T)
    low = Bilinear(2, DIM, rank=3)
    expected = torch.zeros(6, DIM)
    for r in range(3):
        a, b = vectors[:, 0] @ low.project[0, r], vectors[:, 1] @ low.project[1, r]
        expected = expected + a + b + a * b
    torch.testing.assert_close(low(vectors, both), expected)


@pytest.mark.parametrize("kind", [Gated, Attention])
def test_gates_and_attention_start_as_the_mean_of_what_is_there(kind: type[nn.Module]) -> None:
    vectors, present = draw_rows()
    count = present.sum(dim=1, keepdim=True).clamp_min(1)
    mean = (vectors * present.unsqueeze(-1)).sum(dim=1) / count
    torch.testing.assert_close(kind(MODALITIES, DIM)(vectors, present), mean)


def test_a_gate_shares_out_among_the_modalities_that_are_there() -> None:
    fuse = Gated(2, DIM)
    with torch.no_grad():
        fuse.gate.bias[:DIM] = 1.5
    vectors = torch.randn(3, 2, DIM)
    share = torch.sigmoid(torch.tensor(1.5))
    expected = share * vectors[:, 0] + (1 - share) * vectors[:, 1]
    torch.testing.assert_close(fuse(vectors, torch.ones(3, 2, dtype=torch.bool)), expected)


def test_normalisations() -> None:
    vectors, present = draw_rows()
    vectors = vectors * 7 + 3
    there = present.unsqueeze(-1)
    for kind in ("l2", "layer_norm", "none"):
        normed = ModalityNorm(MODALITIES, DIM, kind)(vectors, present)
        assert (normed[~present] == 0).all()
        if kind != "none":
            torch.testing.assert_close(normed.norm(dim=2), present.float(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ModalityNorm(MODALITIES, DIM, "none")(vectors, present), vectors * there)
    by_hand = nn.functional.layer_norm(vectors, (DIM,)) / DIM**0.5
    torch.testing.assert_close(ModalityNorm(MODALITIES, DIM, "layer_norm")(vectors, present), by_hand * there)
    with pytest.raises(OptionError, match="standardise"):
        ModalityNorm(MODALITIES, DIM, "standardize")


def test_standardising_takes_away_what_all_rows_of_a_modality_share() -> None:
    vectors, present = (torch.cat([part] * 10) for part in draw_rows())
    vectors = vectors + torch.randn(vectors.shape, generator=torch.Generator().manual_seed(3))
    vectors = vectors * torch.tensor([1.0, 5.0, 0.1])[:, None] + torch.tensor([0.0, -9.0, 4.0])[:, None]
    norm = ModalityNorm(MODALITIES, DIM, "standardise")
    learnt = norm(vectors, present)
    for modality in range(MODALITIES):
        content = learnt[present[:, modality], modality] * DIM**0.5
        torch.testing.assert_close(content.mean(dim=0), torch.zeros(DIM), atol=1e-4, rtol=0)
        torch.testing.assert_close(content.std(dim=0, unbiased=False), torch.ones(DIM), atol=1e-3, rtol=0)
    torch.testing.assert_close(norm.eval()(vectors[:3], present[:3]), learnt[:3])


def test_rows_with_rare_modalities_weigh_more() -> None:
    present = np.zeros((1000, 2), dtype=np.bool_)
    present[:, 0], present[:100, 1] = True, True
    weights = weigh_by_rarity(present)
    assert weights.mean() == pytest.approx(1.0)
    assert weights[0] / weights[-1] == pytest.approx((1 + 10) / 2)
    np.testing.assert_allclose(weigh_by_rarity(present, 0.0), 1.0)
    one = np.zeros((10_000, 2), dtype=np.bool_)
    one[1:, 0], one[0, 1] = True, True
    capped = weigh_by_rarity(one)
    assert capped[0] / capped[1] == pytest.approx(MOST)
