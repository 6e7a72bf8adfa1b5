"""What of a language model is trained: everything, low-rank adapters, or nothing."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Final

from penchant.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from torch import nn

TUNINGS: Final = ("full", "lora", "frozen")
ADAPTER: Final = "lora_"
"""In the names of all weights that adapters add."""


def tuned(network: nn.Module, tuning: str, *, rank: int = 8) -> nn.Module:
    """The network, with what `tuning` says set to be trained; `lora` wraps it.

    LoRA (Hu et al., ICLR 2022) adds B·A of rank `rank` to every dense layer, scaled by 2, B = 0 at first: before
    training the output is unchanged. Adapters are drawn from torch's generator. Raises `MissingExtraError`.
    """
    if tuning not in TUNINGS:
        raise OptionError("tuning", tuning, allowed=TUNINGS)
    if tuning != "lora":
        return network.requires_grad_(tuning == "full")
    try:
        import peft
    except ImportError:
        raise MissingExtraError("peft", "llm") from None
    told = peft.LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that GPT-2 stores its weights transposed, and does the right thing
        wrapped: nn.Module = peft.get_peft_model(network, told)
    return wrapped
