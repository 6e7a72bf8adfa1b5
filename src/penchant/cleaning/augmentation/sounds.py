"""Sounds changed so that one still hears the same: shifted, louder or softer, noisy, with times and bands masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from penchant.errors import UsageError

Floats = npt.NDArray[np.float32]

OFFSET: Final = 0.001
"""What a log-mel spectrogram adds before the logarithm (see `encoders/log_mel.py`)."""


@dataclass(frozen=True)
class SoundAugmentation:
    """What is done to a sound. `shift`: moved round by up to this share of its length; `gain_db`: louder or softer by
    up to so much; `noise`: standard deviation as a share of the sound's own; `time_mask`, `band_mask`: longest
    stretch of time and widest range of bands that is silenced, as shares (0: none). On are those that helped where it
    was measured (docs, Encoders)."""

    shift: float = 0.0
    gain_db: float = 6.0
    noise: float = 0.1
    time_mask: float = 0.2
    band_mask: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shift", "noise", "time_mask", "band_mask"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name}={getattr(self, name)} is out of range.", remedy="Give a share from 0 to 1.")
        if not 0.0 <= self.gain_db <= 60.0:
            raise UsageError(f"gain_db={self.gain_db} is out of range.", remedy="Give 0 to 60 decibels.")


def augmented_spectrograms(mel: Floats, options: SoundAugmentation, rng: np.random.Generator) -> Floats:
    """Log-mel spectrograms `[B, frames, bands]` → the same shape, each changed in its own way.

    Gain and noise act on magnitudes, before the logarithm: ln(|g·m + n| + offset). Masks as in SpecAugment (Park et
    al. 2019).
    """
    magnitude = np.exp(shifted(mel, rng, most=options.shift)) - np.float32(OFFSET)
    magnitude = noisy(louder(magnitude, rng, most_db=options.gain_db), rng, share=options.noise)
    out = np.log(np.abs(magnitude) + np.float32(OFFSET))
    silence = np.float32(np.log(OFFSET))
    out = masked(out, rng, axis=1, longest=options.time_mask, value=silence)
    return masked(out, rng, axis=2, longest=options.band_mask, value=silence)


def augmented_sounds(sounds: Floats, options: SoundAugmentation, rng: np.random.Generator) -> Floats:
    """Sounds `[B, samples]` → the same shape: shift, gain, noise and a silent stretch; kept within -1 to 1."""
    out = louder(shifted(sounds, rng, most=options.shift), rng, most_db=options.gain_db)
    out = masked(noisy(out, rng, share=options.noise), rng, axis=1, longest=options.time_mask, value=np.float32(0.0))
    return np.asarray(np.clip(out, -1.0, 1.0), dtype=np.float32)


def shifted(sounds: Floats, rng: np.random.Generator, *, most: float = 1.0) -> Floats:
    """Each row of `[B, time, …]` moved round by up to `most` of its length."""
    length = sounds.shape[1]
    steps = rng.integers(0, max(int(most * length), 1), len(sounds))
    places = (np.arange(length) - steps[:, None]) % length
    out: Floats = sounds[np.arange(len(sounds))[:, None], places]
    return out


def louder(sounds: Floats, rng: np.random.Generator, *, most_db: float) -> Floats:
    """Each row of `[B, …]` times 10^(d / 20), d uniform between ± `most_db`."""
    decibels = rng.uniform(-most_db, most_db, (len(sounds), *[1] * (sounds.ndim - 1)))
    factors: Floats = (10 ** (decibels / 20)).astype(np.float32)
    return sounds * factors


def noisy(sounds: Floats, rng: np.random.Generator, *, share: float) -> Floats:
    """Gaussian noise whose standard deviation is up to `share` of each row's own."""
    told = sounds.std(axis=tuple(range(1, sounds.ndim)), keepdims=True)
    level: Floats = rng.uniform(0.0, share, told.shape).astype(np.float32) * told
    return sounds + rng.standard_normal(sounds.shape, dtype=np.float32) * level


def masked(sounds: Floats, rng: np.random.Generator, *, axis: int, longest: float, value: np.float32) -> Floats:
    """A stretch of an axis set to `value` in every row, its length uniform up to `longest` of the axis."""
    length = sounds.shape[axis]
    widths = rng.integers(0, int(longest * length) + 1, len(sounds))
    starts = rng.integers(0, length - widths + 1)
    places = np.arange(length)
    hidden = (places >= starts[:, None]) & (places < (starts + widths)[:, None])
    shape = [len(sounds), *(length if a == axis else 1 for a in range(1, sounds.ndim))]
    return np.where(hidden.reshape(shape), value, sounds)
