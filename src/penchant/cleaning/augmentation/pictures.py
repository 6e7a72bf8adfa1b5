"""Pictures changed so that they still show the same: cropped, flipped, recoloured, noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.errors import UsageError

Pictures = npt.NDArray[np.float32]

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class PictureAugmentation:
    """What is done to a picture. `crop`: least share of the area that is kept (1: no crop); `flip`, `grey`: shares of
    pictures mirrored and made grey; `colour`: largest change of brightness, contrast and saturation; `noise`: standard
    deviation, of values 0 to 1. On are those that helped where it was measured (docs, Encoders)."""

    crop: float = 1.0
    flip: float = 0.0
    colour: float = 0.4
    grey: float = 0.2
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("crop", "flip", "colour", "grey", "noise"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0 or (name == "crop" and value == 0.0):
                raise UsageError(f"{name}={value} is out of range.", remedy="Give a share from 0 to 1; crop above 0.")


def augmented_pictures(
    pictures: npt.NDArray[np.uint8], size: int, options: PictureAugmentation, rng: np.random.Generator
) -> Pictures:
    """`[B, H, W, 3]` of 0 to 255 → `[B, size, size, 3]` of 0 to 1, each changed in its own way (Chen et al. 2020)."""
    whole = cropped(pictures, size, rng, least=options.crop) if options.crop < 1.0 else resized(pictures, size)
    out = whole / np.float32(255.0)
    out = flipped(out, rng, share=options.flip)
    out = recoloured(out, rng, strength=options.colour, grey=options.grey)
    return noisy(out, rng, deviation=options.noise) if options.noise else out


def cropped(pictures: npt.NDArray[np.generic], size: int, rng: np.random.Generator, *, least: float = 0.25) -> Pictures:
    """A random rectangle of each picture `[B, H, W, C]`, stretched to `[B, size, size, C]` by linear interpolation.

    Its area is `least` to 1 of the picture's, its sides 3:4 to 4:3 of the picture's.
    """
    count, height, width = pictures.shape[:3]
    area = rng.uniform(least, 1.0, count)
    aspect = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3), count)) if least < 1.0 else np.ones(count)
    tall, wide = (np.minimum(np.sqrt(area * r), 1.0) for r in (aspect, 1 / aspect))
    rows = _places(height, size, tall, rng.random(count) * (1 - tall))
    columns = _places(width, size, wide, rng.random(count) * (1 - wide))
    return _between(_between(pictures.astype(np.float32), rows, axis=1), columns, axis=2)


def resized(pictures: npt.NDArray[np.generic], size: int) -> Pictures:
    """Whole pictures `[B, H, W, C]` → `[B, size, size, C]` by linear interpolation."""
    count, height, width = pictures.shape[:3]
    if (height, width) == (size, size):
        return pictures.astype(np.float32)
    one, none = np.ones(count), np.zeros(count)
    tall = _between(pictures.astype(np.float32), _places(height, size, one, none), axis=1)
    return _between(tall, _places(width, size, one, none), axis=2)


def flipped(pictures: Pictures, rng: np.random.Generator, *, share: float = 0.5) -> Pictures:
    """Left and right exchanged in a share of the pictures `[B, H, W, C]`."""
    chosen = rng.random(len(pictures)) < share
    return np.where(chosen[:, None, None, None], pictures[:, :, ::-1], pictures)


def recoloured(pictures: Pictures, rng: np.random.Generator, *, strength: float = 0.4, grey: float = 0.2) -> Pictures:
    """Brightness, contrast and saturation times 1 ± `strength`, and a share `grey` without colour; values 0 to 1.

    `[B, H, W, 3]`: x·b, then mean + (x − mean)·c over the picture, then grey + (x − grey)·s at every place.
    """
    factors = rng.uniform(1 - strength, 1 + strength, (3, len(pictures), 1, 1, 1)).astype(np.float32)
    out = pictures * factors[0]
    mean = out.mean(axis=(1, 2, 3), keepdims=True)
    out = mean + (out - mean) * factors[1]
    luminance = (out @ _GREY)[..., None]
    saturation = factors[2] * (rng.random(len(pictures)) >= grey).astype(np.float32)[:, None, None, None]
    return np.asarray(np.clip(luminance + (out - luminance) * saturation, 0.0, 1.0), dtype=np.float32)


def noisy(pictures: Pictures, rng: np.random.Generator, *, deviation: float) -> Pictures:
    """Gaussian noise of a standard deviation on every value; the result is kept within 0 to 1."""
    noise = rng.standard_normal(pictures.shape, dtype=np.float32) * np.float32(deviation)
    return np.asarray(np.clip(pictures + noise, 0.0, 1.0), dtype=np.float32)


def _places(length: int, size: int, share: npt.NDArray[np.float64], start: npt.NDArray[np.float64]) -> Pictures:
    """Where the `size` points of a stretch lie on an axis of `length` pixels, `[B, size]`."""
    centres = (np.arange(size) + 0.5) / size
    places = (start[:, None] + share[:, None] * centres) * length - 0.5
    return np.clip(places, 0, length - 1).astype(np.float32)


def _between(pictures: Pictures, places: Pictures, axis: int) -> Pictures:
    """Values at fractional places `[B, size]` of one axis."""
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, pictures.shape[axis] - 1)
    rows = np.arange(len(pictures))[:, None]
    share: Pictures = (places - low)[:, :, None, None]
    if axis == 2:
        share = share.transpose(0, 2, 1, 3)
        left = np.take_along_axis(pictures, low[:, None, :, None], axis=2)
        right = np.take_along_axis(pictures, high[:, None, :, None], axis=2)
    else:
        left, right = pictures[rows, low], pictures[rows, high]
    out: Pictures = left + (right - left) * share
    return out
