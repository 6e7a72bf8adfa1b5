"""A step that names rows: the dense AdamW where it names all, and nothing outside of them where it does not."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from penchant.training.average import Average
from penchant.training.optimizer import RowwiseAdamW, clip_gradients

ROWS, DIM = 7, 3


class Table(nn.Module):
    """A table looked at by rows, and a dense weight."""

    def __init__(self, *, sparse: bool) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(ROWS, DIM, generator=rng))
        self.weight = nn.Parameter(torch.randn(DIM, generator=rng))
        self.sparse = sparse

    def loss(self, rows: Tensor, wanted: Tensor) -> Tensor:
        found = nn.functional.embedding(rows, self.table, sparse=self.sparse) * self.weight
        return ((found - wanted) ** 2).sum()


def _step(net: Table, optimizer: torch.optim.Optimizer, rows: list[int], seed: int) -> None:
    wanted = torch.randn(len(rows), DIM, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    net.loss(torch.tensor(rows), wanted).backward()  # type: ignore[no-untyped-call]
    clip_gradients(list(net.parameters()), 1.0)
    optimizer.step()


@pytest.mark.parametrize("fused", [None, True])
def test_naming_every_row_is_the_dense_adamw(fused: bool | None) -> None:
    one, other = Table(sparse=True), Table(sparse=False)
    settings = {"lr": 0.1, "betas": (0.9, 0.98), "weight_decay": 0.05}
    rowwise = RowwiseAdamW(one.parameters(), **settings, fused=fused)
    dense = torch.optim.AdamW(other.parameters(), **settings)
    for seed in range(6):
        _step(one, rowwise, [*range(ROWS), 2, 2], seed)
        _step(other, dense, [*range(ROWS), 2, 2], seed)
    torch.testing.assert_close(one.table, other.table)
    torch.testing.assert_close(one.weight, other.weight)


def test_other_rows_stand_still() -> None:
    net = Table(sparse=True)
    optimizer = RowwiseAdamW(net.parameters(), lr=0.1, weight_decay=0.5)
    before = net.table.detach().clone()
    _step(net, optimizer, [1, 4, 4], 0)
    moved = (net.table != before).any(dim=1)
    assert moved.tolist() == [row in (1, 4) for row in range(ROWS)]


def test_a_state_that_was_saved_goes_on_the_same() -> None:
    net, again = Table(sparse=True), Table(sparse=True)
    one = RowwiseAdamW(net.parameters(), lr=0.1)
    _step(net, one, [0, 1], 0)
    again.load_state_dict(net.state_dict())
    other = RowwiseAdamW(again.parameters(), lr=0.1)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for seed in (1, 2):
        _step(net, one, [1, 5], seed)
        _step(again, other, [1, 5], seed)
    torch.testing.assert_close(net.table, again.table, rtol=0, atol=0)


@pytest.mark.parametrize("largest", [0.5, 1e6])
def test_clipping_agrees_with_torch(largest: float) -> None:
    one, other = Table(sparse=True), Table(sparse=False)
    rows, wanted = torch.tensor([3, 3, 5]), torch.ones(3, DIM)
    for net in (one, other):
        net.loss(rows, wanted).backward()  # type: ignore[no-untyped-call]
    norm = clip_gradients(list(one.parameters()), largest)
    torch.testing.assert_close(norm, nn.utils.clip_grad_norm_(other.parameters(), largest))
    assert one.table.grad is not None
    torch.testing.assert_close(one.table.grad.to_dense(), other.table.grad)
    torch.testing.assert_close(one.weight.grad, other.weight.grad)


@pytest.mark.parametrize("horizon", [1, 3, 100])
def test_the_average_of_rows_is_that_of_the_whole_table(horizon: int) -> None:
    net = Table(sparse=True)
    lazy, plain = Average(net, horizon), Average(net, horizon)
    optimizer = RowwiseAdamW(net.parameters(), lr=0.1)
    for step, rows in enumerate([[0, 1], [1], [2, 0], [5], [5], [1, 6], [0]], start=1):
        wanted = torch.full((len(rows), DIM), float(step))
        optimizer.zero_grad()
        net.loss(torch.tensor(rows), wanted).backward()  # type: ignore[no-untyped-call]
        lazy.prepare()
        optimizer.step()
        lazy.update(step)
        plain.update(step)
        if step == 4:
            for found, right in zip(lazy.copy(), plain.copy(), strict=True):
                torch.testing.assert_close(found, right)
    for found, right in zip(lazy.copy(), plain.copy(), strict=True):
        torch.testing.assert_close(found, right)
