"""Length 1 and sums of modalities of length 1: the numbers and gradients of their definitions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from penchant.fusion.normalisation import ModalityNorm
from penchant.fusion.unit_sum import to_unit, unit_sum
from penchant.fusion.weighted_sum import weighted_sum


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4)])
def test_unit_is_normalize_and_so_is_its_gradient(shape: tuple[int, ...]) -> None:
    ours, theirs = drawn(*shape).requires_grad_(), drawn(*shape).requires_grad_()
    pull = drawn(*shape, seed=1)
    (to_unit(ours) * pull).sum().backward()
    (normalize(theirs, dim=-1) * pull).sum().backward()
    torch.testing.assert_close(to_unit(ours), normalize(theirs, dim=-1))
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_unit_leaves_zeros() -> None:
    assert not to_unit(torch.zeros(2, 3)).any()


def defined(modalities: list[Tensor], present: Tensor, weights: Tensor) -> Tensor:
    """The two steps that `unit_sum` makes at once."""
    normed: Tensor = ModalityNorm(len(modalities), modalities[0].shape[1])(torch.stack(modalities, dim=1), present)
    return weighted_sum(normed, present, weights)


def test_unit_sum_is_the_weighted_sum_of_normed_modalities_and_so_are_its_gradients() -> None:
    present = torch.tensor([[True, True, True], [True, False, True], [False, False, True], [False, False, False]])
    pull = drawn(4, 5, seed=9)
    slopes = []
    for data in (unit_sum, defined):
        modalities = [drawn(4, 5, seed=seed) for seed in range(3)]
        modalities[1][0] = 0.0  # present and without a direction
        modalities = [modality.requires_grad_() for modality in modalities]
        logits = torch.tensor([0.1, 1.0, -0.5], dtype=torch.float64, requires_grad=True)
        out = data(modalities, present, torch.softmax(logits, dim=0))
        (out * pull).sum().backward()
        slopes.append([out.detach(), logits.grad, *(modality.grad for modality in modalities)])
    for ours, theirs in zip(*slopes, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_unit_sum_has_the_gradient_of_small_differences() -> None:
    present = torch.tensor([[True, True], [True, False], [False, True]])
    parts = [drawn(3, 4, seed=seed).requires_grad_() for seed in (0, 1)]
    weights = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, *modalities: unit_sum(modalities, present, w), (weights, *parts))


def test_a_row_without_modalities_is_zero_and_pulls_at_nothing() -> None:
    modalities = [torch.ones(1, 3, requires_grad=True), torch.ones(1, 3, requires_grad=True)]
    weights = torch.tensor([0.5, 0.5], requires_grad=True)
    out = unit_sum(modalities, torch.zeros(1, 2, dtype=torch.bool), weights)
    out.sum().backward()
    assert not out.any()
    for p in (*modalities, weights):
        assert p.grad is not None and not p.grad.any()


def test_modalities_of_mixed_precision_meet_in_the_finer_one() -> None:
    modalities = [torch.ones(2, 4), torch.ones(2, 4, dtype=torch.bfloat16)]
    assert unit_sum(modalities, torch.ones(2, 2, dtype=torch.bool), torch.tensor([0.5, 0.5])).dtype == torch.float32
