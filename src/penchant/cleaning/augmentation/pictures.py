"""Augmentation of images: random crop, flip, colour jitter and noise that keep the content recognisable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float32s, Float64s, UInt8s
from penchant.options import require_range

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class PictureAugmentation:
    """Random changes of an image. The defaults enable the changes with a measured gain (docs, Encoders)."""

    crop: float = 1.0
    """Smallest share of the area that a crop keeps. Above 0, at most 1 (no crop)."""
    flip: float = 0.0
    """Share of images to mirror. 0 to 1."""
    colour: float = 0.4
    """Largest change of brightness, contrast and saturation, as a factor 1 ± `colour`. 0 to 1."""
    grey: float = 0.2
    """Share of images to make grey. 0 to 1."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise on values from 0 to 1. 0 to 1."""

    def __post_init__(self) -> None:
        require_range(self, "crop", above=0, most=1)
        require_range(self, "flip", "colour", "grey", "noise", least=0, most=1)


def augment_pictures(pictures: UInt8s, size: int, options: PictureAugmentation, rng: np.random.Generator) -> Float32s:
    """`[B, H, W, 3]` of 0 to 255 → `[B, size, size, 3]` of 0 to 1, each with its random changes (Chen et al. 2020)."""
    out = crop(pictures, size, rng, least=options.crop) if options.crop < 1.0 else resize(pictures, size)
    out = out / np.float32(255.0)
    out = flip(out, rng, share=options.flip)
    out = jitter_colours(out, rng, strength=options.colour, grey=options.grey)
    return add_noise(out, rng, deviation=options.noise) if options.noise else out


def crop(pictures: npt.NDArray[np.generic], size: int, rng: np.random.Generator, *, least: float = 0.25) -> Float32s:
    """A random rectangle of each image `[B, H, W, C]`, stretched to `[B, size, size, C]` by linear interpolation.

    Its area is `least` to 1 of the image's, its aspect ratio 3:4 to 4:3 of the image's.
    """
    count, height, width = pictures.shape[:3]
    area = rng.uniform(least, 1.0, count)
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), count)) if least < 1.0 else np.ones(count)
    tall, wide = (np.minimum(np.sqrt(area * r), 1.0) for r in (aspect, 1 / aspect))
    rows = _sample_positions(height, size, tall, rng.random(count) * (1 - tall))
    columns = _sample_positions(width, size, wide, rng.random(count) * (1 - wide))
    return _interpolate(_interpolate(pictures.astype(np.float32), rows, axis=1), columns, axis=2)


def resize(pictures: npt.NDArray[np.generic], size: int) -> Float32s:
    """Images `[B, H, W, C]` → `[B, size, size, C]` by linear interpolation, without a crop."""
    count, height, width = pictures.shape[:3]
    if (height, width) == (size, size):
        return pictures.astype(np.float32)
    one, none = np.ones(count), np.zeros(count)
    tall = _interpolate(pictures.astype(np.float32), _sample_positions(height, size, one, none), axis=1)
    return _interpolate(tall, _sample_positions(width, size, one, none), axis=2)


def flip(pictures: Float32s, rng: np.random.Generator, *, share: float = 0.5) -> Float32s:
    """Flip a share of the images `[B, H, W, C]` horizontally."""
    chosen = rng.random(len(pictures)) < share
    return np.where(chosen[:, None, None, None], pictures[:, :, ::-1], pictures)


def jitter_colours(
    pictures: Float32s, rng: np.random.Generator, *, strength: float = 0.4, grey: float = 0.2
) -> Float32s:
    """Scale brightness, contrast and saturation by 1 ± `strength`, and make a share `grey` grey; values 0 to 1.

    `[B, H, W, 3]`: x·b, then mean + (x − mean)·c over the image, then grey + (x − grey)·s at every pixel.
    """
    factors = rng.uniform(1 - strength, 1 + strength, (3, len(pictures), 1, 1, 1)).astype(np.float32)
    out = pictures * factors[0]
    mean = out.mean(axis=(1, 2, 3), keepdims=True)
    out = mean + (out - mean) * factors[1]
    luminance = (out @ _GREY)[..., None]
    saturation = factors[2] * (rng.random(len(pictures)) >= grey).astype(np.float32)[:, None, None, None]
    return np.asarray(np.clip(luminance + (out - luminance) * saturation, 0.0, 1.0), dtype=np.float32)


def add_noise(pictures: Float32s, rng: np.random.Generator, *, deviation: float) -> Float32s:
    """Add Gaussian noise with a standard deviation to every value; the result is clipped to 0 to 1."""
    noise = rng.standard_normal(pictures.shape, dtype=np.float32) * np.float32(deviation)
    return np.asarray(np.clip(pictures + noise, 0.0, 1.0), dtype=np.float32)


def _sample_positions(length: int, size: int, share: Float64s, start: Float64s) -> Float32s:
    """Positions of the `size` points of a section on an axis of `length` pixels, `[B, size]`."""
    centres = (np.arange(size) + 0.5) / size
    positions = (start[:, None] + share[:, None] * centres) * length - 0.5
    return np.clip(positions, 0, length - 1).astype(np.float32)


def _interpolate(pictures: Float32s, positions: Float32s, axis: int) -> Float32s:
    """Values at fractional positions `[B, size]` of one axis."""
    low = np.floor(positions).astype(np.intp)
    high = np.minimum(low + 1, pictures.shape[axis] - 1)
    rows = np.arange(len(pictures))[:, None]
    share: Float32s = (positions - low)[:, :, None, None]
    if axis == 2:
        share = share.transpose(0, 2, 1, 3)
        left = np.take_along_axis(pictures, low[:, None, :, None], axis=2)
        right = np.take_along_axis(pictures, high[:, None, :, None], axis=2)
    else:
        left, right = pictures[rows, low], pictures[rows, high]
    out: Float32s = left + (right - left) * share
    return out
