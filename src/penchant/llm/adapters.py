"""Which weights of a language model are trained: all, low-rank adapters, or none."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from penchant.errors import OptionError, require_extra

if TYPE_CHECKING:
    from torch import nn

TUNINGS: Final = ("full", "lora", "frozen")
ADAPTER: Final = "lora_"
"""Part of the names of all weights that adapters add."""


def prepare_tuning(network: nn.Module, tuning: str, *, rank: int = 8) -> nn.Module:
    """The network with the weights that `tuning` names set to be trained; `lora` wraps it.

    LoRA (Hu et al., ICLR 2022) adds B·A of rank `rank` to every dense layer, scaled by 2. B begins at 0, so that the
    output is unchanged before training. Adapters are drawn from torch's generator. Raises `MissingExtraError`.
    """
    if tuning not in TUNINGS:
        raise OptionError("tuning", tuning, allowed=TUNINGS)
    if tuning != "lora":
        return network.requires_grad_(tuning == "full")
    with require_extra("peft", "llm"):
        import peft
    config = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that GPT-2 stores its weights transposed, and does the right thing
        wrapped: nn.Module = peft.get_peft_model(network, config)
    return wrapped
