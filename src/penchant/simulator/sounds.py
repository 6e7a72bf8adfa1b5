"""Synthesised sounds: timbre, rhythm and pitch reveal the topic, tempo the style."""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from typing import Final

import numpy as np

from penchant.arrays import Float32s

RATE: Final = 16_000
"""Samples a second of every sound."""
_TIMBRES: Final = (
    (1.0,),
    (1.0, 0.6, 0.4, 0.3, 0.2),
    (1.0, 0.0, 0.5, 0.0, 0.3, 0.0, 0.2),
    (0.3, 1.0, 0.2, 0.6),
    (0.6, 0.2, 0.2, 0.2, 0.9, 0.5),
    (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3),
)
"""Weights of the harmonics."""
_RHYTHMS: Final = ("x-x-x-x-", "x--x--x-", "xx-xx-x-", "x---x-xx")
_STEPS: Final = (0, 2, 4, 7, 9, 12)
"""Semitones of the scale that melodies use."""
_TEMPO_S: Final = (0.20, 0.26, 0.32, 0.15)
"""Length of one beat for each style."""


@dataclass(frozen=True)
class Voice:
    """The content of a sound: `timbre`, `rhythm` by number, `pitch_hz` of the lowest note, `melody` steps, `beat_s`."""

    timbre: int
    rhythm: int
    pitch_hz: float
    melody: tuple[int, ...]
    beat_s: float


def draw_voice(topic: int, noun: int, style: int, noise: float, rng: np.random.Generator) -> Voice:
    """The voice of a topic: a pitch, and one of the 24 pairs of timbre and rhythm.

    With probability `noise` each of timbre, rhythm and pitch is that of a random topic instead.
    """
    topics = np.where(rng.random(3) < noise, rng.integers(0, 24, 3), topic)
    pitch = 110.0 * 2 ** ((int(topics[2]) * 5 % 24 + float(rng.uniform(-0.3, 0.3))) / 12)
    melody = tuple((noun * 5 + k * (1 + noun % 3)) % len(_STEPS) for k in range(8))
    return Voice(int(topics[0]) % 6, int(topics[1]) // 6 % 4, pitch, melody, _TEMPO_S[style])


def synthesise(voice: Voice, length_s: float, noise: float, rng: np.random.Generator) -> Float32s:
    """Synthesise a voice: mono samples in [-1, 1] at 16 kHz; `noise` 0 to 1 also adds hiss."""
    beats = int(np.ceil(length_s / voice.beat_s))
    clock = np.arange(int(voice.beat_s * RATE)) / RATE
    pattern = np.asarray([mark == "x" for mark in _RHYTHMS[voice.rhythm]])[np.arange(beats) % 8]
    steps = np.asarray(_STEPS)[np.asarray(voice.melody)[np.arange(beats) % 8]]
    pitch = voice.pitch_hz * 2 ** (steps / 12)
    weights = np.asarray(_TIMBRES[voice.timbre])
    harmonics = np.arange(1, len(weights) + 1)
    phase = 2 * np.pi * pitch[:, None, None] * harmonics[None, :, None] * clock
    notes = (weights[None, :, None] * np.sin(phase)).sum(axis=1) / weights.sum()
    notes *= np.exp(-clock / (voice.beat_s / 2)) * np.minimum(clock / 0.005, 1) * pattern[:, None]
    samples = notes.reshape(-1)[: int(length_s * RATE)]
    samples = 0.7 * samples / max(float(np.abs(samples).max()), 1e-9)
    hissing = samples + rng.normal(0, 0.1 * noise, len(samples))
    return np.asarray(np.clip(hissing, -1, 1), dtype=np.float32)


def encode_wav(samples: Float32s) -> bytes:
    """The samples as a 16-bit mono WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32_767).round().astype("<i2").tobytes())
    return out.getvalue()
