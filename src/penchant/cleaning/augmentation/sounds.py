"""Augmentation of sounds: shift, gain, noise, and masks over time and bands that keep the content recognisable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.arrays import Float32s
from penchant.options import require_range

OFFSET: Final = 0.001
"""Added to a mel spectrogram before the logarithm (see `encoders/log_mel.py`)."""


@dataclass(frozen=True)
class SoundAugmentation:
    """Random changes of a sound. The defaults enable the changes with a measured gain (docs, Encoders)."""

    shift: float = 0.0
    """Largest circular shift, as a share of the length. 0 to 1."""
    gain_db: float = 6.0
    """Largest change of the volume, decibels. 0 to 60."""
    noise: float = 0.1
    """Largest standard deviation of noise, as a share of that of the sound. 0 to 1."""
    time_mask: float = 0.2
    """Longest period of silence, as a share of the length. 0 to 1."""
    band_mask: float = 0.0
    """Widest range of silent bands, as a share of all. 0 to 1."""

    def __post_init__(self) -> None:
        require_range(self, "shift", "noise", "time_mask", "band_mask", least=0, most=1)
        require_range(self, "gain_db", least=0, most=60)


def augment_spectrograms(mel: Float32s, options: SoundAugmentation, rng: np.random.Generator) -> Float32s:
    """Log-mel spectrograms `[B, frames, bands]` → the same shape, each with its random changes.

    Gain and noise act on magnitudes, before the logarithm: ln(|g·m + n| + offset). Masks as in SpecAugment (Park et
    al. 2019).
    """
    magnitude = np.exp(shift(mel, rng, most=options.shift)) - np.float32(OFFSET)
    magnitude = add_noise(change_gain(magnitude, rng, most_db=options.gain_db), rng, share=options.noise)
    out = np.log(np.abs(magnitude) + np.float32(OFFSET))
    silence = np.float32(np.log(OFFSET))
    out = mask(out, rng, axis=1, longest=options.time_mask, value=silence)
    return mask(out, rng, axis=2, longest=options.band_mask, value=silence)


def augment_sounds(sounds: Float32s, options: SoundAugmentation, rng: np.random.Generator) -> Float32s:
    """Sounds `[B, samples]` → the same shape: shift, gain, noise and a silent period; clipped to -1 to 1."""
    out = change_gain(shift(sounds, rng, most=options.shift), rng, most_db=options.gain_db)
    out = mask(add_noise(out, rng, share=options.noise), rng, axis=1, longest=options.time_mask, value=np.float32(0.0))
    return np.asarray(np.clip(out, -1.0, 1.0), dtype=np.float32)


def shift(sounds: Float32s, rng: np.random.Generator, *, most: float = 1.0) -> Float32s:
    """Shift each row of `[B, time, …]` circularly by up to `most` of its length."""
    length = sounds.shape[1]
    steps = rng.integers(0, max(int(most * length), 1), len(sounds))
    positions = (np.arange(length) - steps[:, None]) % length
    out: Float32s = sounds[np.arange(len(sounds))[:, None], positions]
    return out


def change_gain(sounds: Float32s, rng: np.random.Generator, *, most_db: float) -> Float32s:
    """Multiply each row of `[B, …]` by 10^(d / 20), d uniform between ± `most_db`."""
    decibels = rng.uniform(-most_db, most_db, (len(sounds), *[1] * (sounds.ndim - 1)))
    factors: Float32s = (10 ** (decibels / 20)).astype(np.float32)
    return sounds * factors


def add_noise(sounds: Float32s, rng: np.random.Generator, *, share: float) -> Float32s:
    """Add Gaussian noise; its standard deviation is at most `share` of the row's."""
    deviation = sounds.std(axis=tuple(range(1, sounds.ndim)), keepdims=True)
    level: Float32s = rng.uniform(0.0, share, deviation.shape).astype(np.float32) * deviation
    return sounds + rng.standard_normal(sounds.shape, dtype=np.float32) * level


def mask(sounds: Float32s, rng: np.random.Generator, *, axis: int, longest: float, value: np.float32) -> Float32s:
    """Set a section of an axis to `value` in every row; its length is uniform up to `longest` of the axis."""
    length = sounds.shape[axis]
    widths = rng.integers(0, int(longest * length) + 1, len(sounds))
    starts = rng.integers(0, length - widths + 1)
    positions = np.arange(length)
    hidden = (positions >= starts[:, None]) & (positions < (starts + widths)[:, None])
    shape = [len(sounds), *(length if a == axis else 1 for a in range(1, sounds.ndim))]
    return np.where(hidden.reshape(shape), value, sounds)
