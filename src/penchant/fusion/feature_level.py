"""Feature-level fusions by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from penchant.errors import OptionError
from penchant.fusion.attention import Attention
from penchant.fusion.concat import Concat
from penchant.fusion.gated import Gated
from penchant.fusion.product import Bilinear, Product
from penchant.fusion.weighted_sum import WeightedSum

LEARNED: Mapping[str, Callable[[int, int], nn.Module]] = {
    "concat": Concat,
    "product": Product,
    "bilinear": Bilinear,
    "gated": Gated,
    "attention": Attention,
}
FEATURE_LEVEL = ("weighted_sum", *LEARNED)


def make_fusion(name: str, n_modalities: int, dim: int, weights: Sequence[float], *, fixed: bool = False) -> nn.Module:
    """A fusion `(vectors [rows, modalities, dim], present [rows, modalities]) → [rows, dim]`.

    `weights` `[modalities]` are those of `weighted_sum`: the start of learning, or final with `fixed`.
    Raises `OptionError` for an unknown name.
    """
    if name == "weighted_sum":
        return WeightedSum(n_modalities, weights, fixed=fixed)
    if name not in LEARNED:
        raise OptionError("fusion", name, allowed=FEATURE_LEVEL)
    return LEARNED[name](n_modalities, dim)
