"""Drawn images: colours, shapes and a texture reveal the topic, contrast and frame the style.

Pillow is imported where an image is drawn.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from penchant.arrays import UInt8s
from penchant.errors import require_extra

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SHAPES: Final = ("circle", "square", "triangle", "star", "ring", "cross")
TEXTURES: Final = ("plain", "stripes", "dots", "checks")
Colour = tuple[int, int, int]
_LEVELS: Final = ((0.45, 0.95), (0.85, 0.55), (0.35, 0.65), (0.95, 0.9))
"""Saturation and brightness of each style."""


@dataclass(frozen=True)
class Look:
    """The content of an image: `hue` (0 to 1), `shape` and `texture` by number, `count` of shapes, `style`."""

    hue: float
    shape: int
    texture: int
    count: int
    style: int


def draw_look(topic: int, noun: int, style: int, noise: float, rng: np.random.Generator) -> Look:
    """The look of a topic: a hue, and one of the 24 pairs of shape and texture.

    With probability `noise` each of hue, shape and texture is that of a random topic instead.
    """
    topics = np.where(rng.random(3) < noise, rng.integers(0, 24, 3), topic)
    hue = (int(topics[0]) * 7 % 24 + 0.6 * float(rng.random())) / 24
    return Look(hue, int(topics[1]) % 6, int(topics[2]) // 6 % 4, 2 + noun % 4, style)


def draw_picture(look: Look, size: int, noise: float, rng: np.random.Generator) -> UInt8s:
    """Draw a look: RGB `[size, size, 3]`; `noise` 0 to 1 also blurs it with random pixels.

    Raises `MissingExtraError` without Pillow.
    """
    with require_extra("pillow", "image"):
        from PIL import Image, ImageDraw
    saturation, value = _LEVELS[look.style]
    ground = _to_rgb(look.hue, saturation * 0.5, value)
    canvas = Image.new("RGB", (size, size), ground)
    pen = ImageDraw.Draw(canvas)
    _draw_texture(pen, look.texture, size, _to_rgb(look.hue, saturation * 0.7, value * 0.8))
    front = _to_rgb(look.hue + 0.45, saturation, 1.2 - value)
    for _ in range(look.count):
        radius = size * float(rng.uniform(0.1, 0.2))
        middle = rng.uniform(radius, size - radius, 2)
        _draw_shape(pen, SHAPES[look.shape], (float(middle[0]), float(middle[1])), radius, front, ground)
    if look.style in (1, 2):
        pen.rectangle((0, 0, size - 1, size - 1), outline=front, width=max(1, size // 24))
    pixels = np.asarray(canvas, dtype=np.float64)
    return np.clip(pixels + rng.normal(0, 40 * noise, pixels.shape), 0, 255).astype(np.uint8)


def _to_rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(saturation, 1.0), min(max(value, 0.0), 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def _draw_texture(pen: ImageDraw, texture: int, size: int, colour: Colour) -> None:
    step = max(4, size // 8)
    grid = range(0, size, step)
    if TEXTURES[texture] == "stripes":
        for x in grid:
            pen.line((x, 0, x, size), fill=colour, width=max(1, step // 3))
    elif TEXTURES[texture] == "dots":
        for x, y in ((x, y) for x in grid for y in grid):
            pen.ellipse((x, y, x + step // 3, y + step // 3), fill=colour)
    elif TEXTURES[texture] == "checks":
        for x, y in ((x, y) for x in grid for y in grid if (x + y) // step % 2):
            pen.rectangle((x, y, x + step - 1, y + step - 1), fill=colour)


def _draw_shape(
    pen: ImageDraw, shape: str, middle: tuple[float, float], radius: float, colour: Colour, ground: Colour
) -> None:
    x, y = middle
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape in ("circle", "ring"):
        pen.ellipse(box, fill=colour)
        if shape == "ring":
            pen.ellipse((x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2), fill=ground)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    elif shape == "cross":
        third = radius / 3
        pen.rectangle((x - radius, y - third, x + radius, y + third), fill=colour)
        pen.rectangle((x - third, y - radius, x + third, y + radius), fill=colour)
    else:
        points = 3 if shape == "triangle" else 10
        far = np.ones(points) if shape == "triangle" else np.tile([1.0, 0.45], 5)
        angle = np.arange(points) * 2 * np.pi / points - np.pi / 2
        pen.polygon(
            list(
                zip(
                    (x + radius * far * np.cos(angle)).tolist(),
                    (y + radius * far * np.sin(angle)).tolist(),
                    strict=True,
                )
            ),
            fill=colour,
        )
