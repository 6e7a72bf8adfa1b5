"""The stack of blocks: what it computes, and the names under which bundles keep its weights."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from penchant.data.sequences import SequenceBatch
from penchant.models.nn.options import SequenceOptions
from penchant.models.nn.stack import BlockStack
from penchant.models.nn.temporal_encoder import PAIRWISE, make_encoder
from penchant.models.nn.tokens import Padded, pad

SMALL = SequenceOptions(dim=8, layers=1, n_heads=2, max_length=4)

NAMES = {
    "attention": (
        "norm_in.weight norm_in.bias norm_out.weight norm_out.bias project.weight combine.weight "
        "feed.0.weight feed.0.bias feed.2.weight feed.2.bias bias.time bias.position"
    ),
    "sasrec": (
        "norm_in.weight norm_in.bias norm_out.weight norm_out.bias project.weight project.bias combine.weight "
        "combine.bias feed.0.weight feed.0.bias feed.2.weight feed.2.bias"
    ),
    "hstu": (
        "norm_in.weight norm_in.bias norm_seen.weight norm_seen.bias project.weight combine.weight combine.bias "
        "bias.time bias.position"
    ),
    "fuxi": (
        "norm_in.weight norm_out.weight norm_seen.weight project.weight combine.weight combine.bias weights.time "
        "weights.position first.weight second.weight third.weight"
    ),
    "lru": (
        "nu theta norm_in.weight norm_in.bias norm_out.weight norm_out.bias inward.weight inward.bias outward.weight "
        "outward.bias feed.0.weight feed.0.bias feed.2.weight feed.2.bias"
    ),
}
"""The weights of one block, in the order in which bundles of the first version hold them."""


def window() -> Padded:
    batch = SequenceBatch.of_items([[0, 1, 2]], [[0, 60, 7200]])
    return pad(batch, batch.offsets[:-1], batch.offsets[1:])


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_the_weights_are_those_of_older_bundles(name: str) -> None:
    result = list(make_encoder(replace(SMALL, encoder=name, layers=2), 0.0).state_dict())
    blocks = [f"blocks.{n}.{weight}" for n in range(2) for weight in NAMES[name].split()]
    assert result == [*([] if name == "lru" else ["positions"]), *blocks, "norm.weight", "norm.bias"]


@pytest.mark.parametrize("name", PAIRWISE)
def test_without_a_time_bias_the_temporal_table_is_not_there(name: str) -> None:
    result = set(make_encoder(replace(SMALL, encoder=name, time_bias=False), 0.0).state_dict())
    names = [weight for weight in NAMES[name].split() if not weight.endswith(".time")]
    assert result == {"positions", "norm.weight", "norm.bias", *(f"blocks.0.{weight}" for weight in names)}


class Doubling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.buckets: list[Tensor | None] = []

    def forward(self, x: Tensor, buckets: Tensor | None) -> Tensor:
        self.buckets.append(buckets)
        return 2 * x


def test_a_stack_of_two_blocks_by_hand() -> None:
    stack = BlockStack(Doubling, 2, 2, positions=5)
    assert stack.positions is not None
    stack.load_state_dict(
        {"positions": torch.arange(10.0).view(5, 2), "norm.weight": torch.ones(2), "norm.bias": torch.zeros(2)}
    )
    tokens = torch.tensor([[[3.0, 1.0], [0.0, 5.0], [-4.0, -6.0]]])
    # four times (3, 2), (2, 8), (0, −1), each then with mean 0 and variance 1
    torch.testing.assert_close(
        stack(tokens, window(), request=False), torch.tensor([[[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]]])
    )
    assert [block.buckets for block in stack.blocks] == [[None], [None]]


def test_blocks_read_the_time_between_events_with_time_bias() -> None:
    stack = BlockStack(Doubling, 1, 2, time_bias=True)
    assert stack.positions is None
    stack(torch.zeros(1, 3, 2), window(), request=False)
    (buckets,) = stack.blocks[0].buckets  # type: ignore[union-attr]
    # 60 s: log2(61) = 5.93 → 4 · 5 + 3; 7,140 and 7,200 s: log2 = 12.8 → 4 · 12 + 2 (4096 · 1.75 = 7168) and + 3
    assert buckets[0].tril().tolist() == [[0, 0, 0], [23, 0, 0], [51, 50, 0]]


def test_positions_are_drawn_before_the_blocks() -> None:
    """The same seed gives the weights that it always gave."""
    torch.manual_seed(0)
    stack = BlockStack(lambda: nn.Linear(3, 3), 2, 3, positions=4)
    torch.manual_seed(0)
    positions = torch.randn(4, 3) * 0.02
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    wanted = [positions, first.weight, first.bias, second.weight, second.bias]
    for result, value in zip(stack.parameters(), wanted, strict=False):
        assert torch.equal(result, value)
