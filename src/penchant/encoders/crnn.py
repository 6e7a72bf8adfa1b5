"""Small networks for sounds over log-mel spectrograms: convolutions then a GRU (CRNN), or an LSTM alone.

Choi et al. 2017, "Convolutional recurrent neural networks for music classification"; Hochreiter and Schmidhuber 1997.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import Float32s, evenly_spaced
from penchant.encoders import log_mel

if TYPE_CHECKING:
    from torch import Tensor


FRAMES: Final = 304
"""Frames of a window: 3 seconds, and a multiple of 16."""
MOST_WINDOWS: Final = 8


def cut_sound_windows(sound: Float32s) -> Float32s:
    """Log-mel windows `[W, 304, 64]` of a sound at 16 kHz, with 50 % overlap; at most 8, spread over the sound."""
    mel = log_mel.compute_log_mel(sound)
    if len(mel) < FRAMES:
        silence = np.full((FRAMES - len(mel), log_mel.BANDS), np.log(log_mel.OFFSET), dtype=np.float32)
        mel = np.concatenate([mel, silence])
    starts = np.arange(0, len(mel) - FRAMES + 1, FRAMES // 2)
    if len(starts) > MOST_WINDOWS:
        starts = evenly_spaced(len(mel) - FRAMES + 1, MOST_WINDOWS)
    windows: Float32s = mel[starts[:, None] + np.arange(FRAMES)]
    return windows


def build_sound_network(width: int, *, convolutions: bool) -> Any:
    """A module: windows `[B, frames, 64]` → features `[B, D]`: mean and maximum over time.

    With `convolutions`, three stages of stride 2 precede the recurrent layer (CRNN), and their mean and maximum are
    features too. Otherwise an LSTM reads averages of four frames.
    """
    import torch
    from torch import nn

    def stage(inside: int, outside: int) -> nn.Sequential:
        layer = nn.Conv2d(inside, outside, 3, 2, 1, bias=False)
        again = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(outside), nn.ReLU(), again, nn.BatchNorm2d(outside), nn.ReLU())

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            wide = 4 * width
            if convolutions:
                self.stages = nn.Sequential(stage(1, width), stage(width, 2 * width), stage(2 * width, wide))
                self.recurrent: nn.Module = nn.GRU(wide * 8, wide, batch_first=True, bidirectional=True)
            else:
                self.start = nn.Linear(log_mel.BANDS, wide)
                self.recurrent = nn.LSTM(wide, wide, batch_first=True, bidirectional=True)

        def forward(self, windows: Tensor) -> Tensor:
            x = (windows + 3.5) / 2.5  # typical mean and standard deviation of log-mel values
            pooled = []
            if convolutions:
                x = self.stages(x[:, None]).float()  # [B, 4w, frames / 8, 8]
                pooled = [x.mean(dim=(2, 3)), x.amax(dim=(2, 3))]
                x = x.permute(0, 2, 1, 3).flatten(2)
            else:
                x = torch.relu(self.start(x.reshape(len(x), -1, 4, log_mel.BANDS).mean(dim=2))).float()
            out = self.recurrent(x)[0].float()
            return torch.cat([*pooled, out.mean(dim=1), out.amax(dim=1)], dim=1)

        def summary(self, features: Tensor) -> Tensor:
            return features

    return Network()
