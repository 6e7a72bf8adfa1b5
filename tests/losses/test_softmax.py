"""The chunked loss against the cross-entropy of torch, value and gradients."""

import pytest
import torch

from penchant.losses import softmax
from penchant.losses.sampled_softmax import sampled_softmax
from penchant.losses.softmax import full_softmax


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_cross_entropy_and_its_gradients(
    weighted: bool, smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "CHUNK", 7)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(83, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    v = torch.randn(11, 5, generator=rng, dtype=torch.float64, requires_grad=True)
    y = torch.randint(0, 11, (83,), generator=rng)
    w = torch.rand(83, generator=rng, dtype=torch.float64) if weighted else torch.ones(83, dtype=torch.float64)
    expected = (
        torch.nn.functional.cross_entropy(x @ v.T, y, reduction="none", label_smoothing=smoothing) * w
    ).sum() / w.sum()
    wanted = torch.autograd.grad(3.0 * expected, [x, v])
    loss = full_softmax(x, v, y, w if weighted else None, label_smoothing=smoothing)
    result = torch.autograd.grad(3.0 * loss, [x, v])
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-6)
    for a, b in zip(result, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def test_half_precision_agrees_to_a_hundredth() -> None:
    rng = torch.Generator().manual_seed(0)
    x = (3 * torch.randn(200, 32, generator=rng)).requires_grad_()
    v = torch.nn.functional.normalize(torch.randn(90, 32, generator=rng), dim=1).requires_grad_()
    y = torch.randint(0, 90, (200,), generator=rng)
    exact, half = full_softmax(x, v, y), full_softmax(x, v, y, bf16=True)
    assert float(half.detach()) == pytest.approx(float(exact.detach()), rel=1e-3)
    for a, b in zip(torch.autograd.grad(half, [x, v]), torch.autograd.grad(exact, [x, v]), strict=True):
        assert a.dtype == torch.float32
        assert float((a - b).norm() / b.norm()) < 0.01


def test_large_logits_stay_finite() -> None:
    x = torch.full((2, 1), 1e4)
    loss = full_softmax(x, torch.tensor([[1.0], [-1.0]]), torch.tensor([0, 1]))
    assert float(loss) == pytest.approx(1e4)


def test_sampled_softmax_with_every_item_once_is_the_full_softmax() -> None:
    rng = torch.Generator().manual_seed(1)
    x, v = torch.randn(9, 4, generator=rng), torch.randn(6, 4, generator=rng)
    y = torch.randint(0, 6, (9,), generator=rng)
    codes = torch.arange(6)
    uniform = torch.full((6,), 1 / 6).log()
    loss = sampled_softmax(x, v[y], v, y, codes, uniform)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(x @ v.T, y))


def test_sampled_softmax_is_unbiased_under_a_skewed_draw() -> None:
    rng = torch.Generator().manual_seed(2)
    x, v = torch.randn(4, 3, generator=rng), torch.randn(40, 3, generator=rng)
    y = torch.tensor([0, 1, 2, 3])
    q = torch.linspace(1, 6, 40)
    q = q / q.sum()
    drawn = torch.multinomial(q, 20_000, replacement=True, generator=rng)
    loss = sampled_softmax(x, v[y], v[drawn], y, drawn, q[drawn].log())
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(x @ v.T, y), rtol=0.05, atol=0.02)


def test_weights_leave_tokens_out() -> None:
    x, v = torch.eye(3), torch.eye(3)
    y = torch.tensor([0, 1, 2])
    args = (v[y], v, y, torch.arange(3), torch.full((3,), 1 / 3).log())
    alone = sampled_softmax(x[:1], v[:1], v, y[:1], torch.arange(3), torch.full((3,), 1 / 3).log())
    torch.testing.assert_close(sampled_softmax(x, *args, weights=torch.tensor([1.0, 0.0, 0.0])), alone)
