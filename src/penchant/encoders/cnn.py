"""A small residual network for images, trained on those of the catalogue; its input is gradients, not pixels.

The first layer is fixed: how strong edges of eight directions are (histograms of oriented gradients, Dalal and Triggs
2005). A few thousand images are too few to learn such filters. The residual stages behind it (He et al. 2016) are
trained.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import UInt8s

if TYPE_CHECKING:
    from torch import Tensor

SIDE: Final = 64
DIRECTIONS: Final = 8


def resize_picture(picture: UInt8s) -> UInt8s:
    """An image `[height, width, 3]` at the size the network sees, `[64, 64, 3]`."""
    from PIL import Image

    if picture.shape[:2] == (SIDE, SIDE):
        return picture
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.uint8)


def measure_edges(pictures: Tensor) -> Tensor:
    """Images `[B, 3, H, W]` of 0 to 1 → strength of the edges by direction `[B, 8, H, W]`.

    The gradient of the grey image by central differences; its length is in the channel of its angle modulo π.
    """
    import torch
    from torch.nn import functional

    weights = torch.tensor([0.299, 0.587, 0.114], device=pictures.device)
    grey = (pictures * weights[None, :, None, None]).sum(dim=1, keepdim=True)
    wide = functional.pad(grey, (1, 1, 1, 1), mode="replicate")
    across = (wide[:, :, 1:-1, 2:] - wide[:, :, 1:-1, :-2]) / 2
    down = (wide[:, :, 2:, 1:-1] - wide[:, :, :-2, 1:-1]) / 2
    angle = torch.remainder(torch.atan2(down, across), math.pi)
    channel = (angle / math.pi * DIRECTIONS).long().clamp(max=DIRECTIONS - 1)
    numbers = torch.arange(DIRECTIONS, device=pictures.device)[None, :, None, None]
    return torch.hypot(across, down) * (channel == numbers)


def build_picture_network(width: int) -> Any:
    """A module: images `[B, 64, 64, 3]` of 0 to 1 → features `[B, 8·width + 512]`.

    The features are the last stage averaged over the image, and the edges at 8 × 8 positions, each scaled to
    variance 1. `summary` gives the former, which the contrastive loss compares.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    def convolution(inside: int, outside: int, stride: int, kernel: int = 3) -> nn.Sequential:
        layer = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(outside))

    class Stage(nn.Module):
        def __init__(self, inside: int, outside: int) -> None:
            super().__init__()
            self.first = convolution(inside, outside, 2)
            self.second = convolution(outside, outside, 1)
            self.past = convolution(inside, outside, 2, kernel=1)

        def forward(self, x: Tensor) -> Tensor:
            return functional.relu(self.past(x) + self.second(functional.relu(self.first(x))))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = convolution(DIRECTIONS + 3, width, 1)
            self.stages = nn.Sequential(*(Stage(width << i, width << (i + 1)) for i in range(3)))
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def forward(self, pictures: Tensor) -> Tensor:
            pixels = pictures.permute(0, 3, 1, 2)
            with torch.no_grad():
                strength = measure_edges(pixels)
                fixed = functional.avg_pool2d(strength, 8).sqrt().flatten(1)
                reduced = functional.avg_pool2d(strength, 2).sqrt()
                colours = (functional.avg_pool2d(pixels, 2) - 0.5) / 0.25
                given = torch.cat([reduced * 4, colours], dim=1).contiguous(memory_format=torch.channels_last)
            stage = self.stages(functional.relu(self.start(given))).float()
            learned = stage.mean(dim=(2, 3))
            parts = [functional.layer_norm(part, part.shape[1:]) for part in (learned, fixed)]
            return torch.cat(parts, dim=1)

        def summary(self, features: Tensor) -> Tensor:
            learned: Tensor = features[:, : 8 * width]
            return learned

    return Network()
