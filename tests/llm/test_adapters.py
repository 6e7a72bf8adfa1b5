"""Low-rank adapters: nothing changes before training, and only they change in it."""

from __future__ import annotations

import pytest
import torch

from penchant.errors import OptionError
from penchant.llm.adapters import ADAPTER, prepare_tuning
from penchant.llm.language_model import get_base, make_small, read_states
from penchant.llm.tokenizer import train_tokenizer


@pytest.mark.parametrize("kind", ["bert", "gpt", "t5"])
def test_only_adapters_learn(kind: str) -> None:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(["a red fox and a blue fox"], "en", kind, size=60)
    base = get_base(make_small(kind, tokenizer, dim=16, layers=1, heads=2, positions=16)).eval()
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        before = read_states(base, tokens, torch.ones_like(tokens))
    wrapped = prepare_tuning(base, "lora", rank=2).eval()
    with torch.inference_mode():
        torch.testing.assert_close(read_states(wrapped, tokens, torch.ones_like(tokens)), before)
    weights = {name: value.clone() for name, value in wrapped.state_dict().items()}
    learnt = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learnt, lr=1.0)
    for _ in range(2):
        optimizer.zero_grad()
        read_states(wrapped, tokens, torch.ones_like(tokens))[..., 0].sum().backward()
        optimizer.step()
    changed = {name for name, value in wrapped.state_dict().items() if not torch.equal(value, weights[name])}
    assert changed and all(ADAPTER in name for name in changed)
    count = sum(parameter.numel() for parameter in learnt)
    assert count < 0.5 * sum(parameter.numel() for parameter in wrapped.parameters())


def test_frozen_and_full() -> None:
    layer = torch.nn.Linear(2, 2)
    assert not any(p.requires_grad for p in prepare_tuning(layer, "frozen").parameters())
    assert all(p.requires_grad for p in prepare_tuning(layer, "full").parameters())
    with pytest.raises(OptionError, match="Did you mean 'lora'"):
        prepare_tuning(layer, "lor")
