"""The log-mel spectrogram of YAMNet-type sound models, in numpy."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

from penchant.arrays import Float32s, Float64s

SAMPLE_RATE: Final = 16_000
WINDOW: Final = 400
HOP: Final = 160
FFT: Final = 512
BANDS: Final = 64
LOW_HZ: Final = 125.0
HIGH_HZ: Final = 7_500.0
PATCH_FRAMES: Final = 96
PATCH_HOP: Final = 48
OFFSET: Final = 0.001
_SHORTEST: Final = WINDOW + HOP * (PATCH_FRAMES - 1)


def compute_log_mel_patches(samples: Float32s) -> Float32s:
    """Patches `[P, 96, 64]` (frames of 10 ms, mel bands) of a sound at 16 kHz, P ≥ 1; a new patch every .48 s.

    Periodic Hann window of 25 ms, magnitude of a 512-point FFT, 64 triangular bands on the HTK mel scale from 125 to
    7,500 Hz, ln(mel + .001) (Hershey et al., "CNN architectures for large-scale audio classification", 2017). A sound
    shorter than one patch is padded with silence.
    """
    patches = np.lib.stride_tricks.sliding_window_view(compute_log_mel(samples), PATCH_FRAMES, axis=0)[::PATCH_HOP]
    return np.ascontiguousarray(patches.transpose(0, 2, 1))


def compute_log_mel(samples: Float32s) -> Float32s:
    """The log-mel spectrogram `[frames, 64]`, of at least 96 frames (10 ms each)."""
    if len(samples) < _SHORTEST:
        samples = np.pad(samples, (0, _SHORTEST - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    # periodic, not symmetric: divided by WINDOW, not WINDOW - 1; the FFT pads each frame from 400 to 512 samples
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    spectrum = np.abs(np.fft.rfft(frames * window, FFT, axis=1))
    return np.asarray(np.log(spectrum @ compute_mel_bands() + OFFSET), dtype=np.float32)


@functools.cache
def compute_mel_bands() -> Float64s:
    """Triangular weights `[257, 64]`, their edges evenly spaced on mel(f) = 1127 ln(1 + f / 700)."""
    frequencies = np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)
    mel = _to_mel(frequencies)[:, None]
    edges = np.linspace(_to_mel(np.array(LOW_HZ)), _to_mel(np.array(HIGH_HZ)), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0.0, np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)))
    weights[0] = 0.0  # the constant component carries no sound
    return weights


def _to_mel(frequency: Float64s) -> Float64s:
    return np.asarray(1127.0 * np.log(1.0 + frequency / 700.0))
