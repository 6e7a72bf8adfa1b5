"""A small residual network for pictures, trained on the catalogue's own (He et al. 2016, four stages, 64 pixels)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

SIDE: Final = 64


def prepared_picture(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture `[height, width, 3]` at the size the network sees, `[64, 64, 3]`."""
    from PIL import Image

    if picture.shape[:2] == (SIDE, SIDE):
        return picture
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.uint8)


def picture_network(width: int) -> Any:
    """A module: pictures `[B, 64, 64, 3]` of 0 to 1 → features `[B, 8·width·16]`: the last stage, 4 × 4 places.

    `cells` is the number of places: training compares averages over them, the vector keeps what lies where.
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
            self.cells = (SIDE // 16) ** 2
            self.start = convolution(3, width, 2, kernel=5)
            self.stages = nn.Sequential(*(Stage(width << i, width << (i + 1)) for i in range(3)))
            self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def forward(self, pictures: Tensor) -> Tensor:
            x = (pictures.permute(0, 3, 1, 2) - 0.5) / 0.25
            x = self.stages(functional.relu(self.start(x)))
            out: Tensor = x.flatten(1).float()
            return out

    return Network()
