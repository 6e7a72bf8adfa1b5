"""Contract of feature-level fusions: `check_fusion(factory)` is one line of test."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from penchant.fusion.contributions import split_fused

Factory = Callable[[int, int], nn.Module]
MODALITIES, DIM, ROWS = 3, 8, 40


def draw_rows(seed: int = 2) -> tuple[Tensor, Tensor]:
    """Vectors `[40, 3, 8]` and which are present: row 0 has every modality, row 1 none, the others some."""
    rng = torch.Generator().manual_seed(seed)
    present = torch.rand(ROWS, MODALITIES, generator=rng) < 0.6
    present[0], present[1] = True, False
    return torch.randn(ROWS, MODALITIES, DIM, generator=rng), present


def check_fusion(factory: Factory) -> None:
    """Run the contract; `factory(modalities, dim)` makes a new module. Noise is added to its initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        fuse = factory(MODALITIES, DIM)
        with torch.no_grad():
            for parameter in fuse.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    check_absent_modalities(fuse)
    check_gradients(fuse)
    check_parts(fuse)


def check_absent_modalities(fuse: nn.Module) -> None:
    """The vector of an absent modality changes nothing; a row without modalities is zero; one row is a batch."""
    vectors, present = draw_rows()
    fused = fuse(vectors, present)
    assert fused.shape == (ROWS, DIM) and torch.isfinite(fused).all(), "a fused vector a row, finite"
    noise = torch.where(present.unsqueeze(-1), vectors, torch.full_like(vectors, float("nan")))
    torch.testing.assert_close(fuse(noise, present), fused, msg="an absent modality must change nothing")
    assert (fused[1] == 0).all(), "a row without any modality must be zero"
    assert (fused[0] != 0).any(), "a row with modalities must not be zero"
    torch.testing.assert_close(fuse(vectors[:1], present[:1]), fused[:1], msg="a row must not depend on the others")


def check_gradients(fuse: nn.Module) -> None:
    """Gradients are finite where modalities are absent."""
    vectors, present = draw_rows()
    fuse.zero_grad()
    fuse(vectors, present).square().sum().backward()
    for name, parameter in fuse.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), f"{name}: a gradient is not finite"


def check_parts(fuse: nn.Module) -> None:
    """Parts of the modalities sum to the fused vector of length 1, and the part of an absent modality is 0."""
    vectors, present = draw_rows()
    with torch.no_grad():
        parts = split_fused(fuse, vectors, present)
        fused = nn.functional.normalize(fuse(vectors, present), dim=1)
    torch.testing.assert_close(parts.sum(dim=1), fused, msg="parts must sum to the fused vector")
    assert (parts[~present].abs() < 1e-6).all(), "an absent modality has no part"
