"""Neighbours of good settings: what a search that has time for few trials tries first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from penchant.models.search_space import Categorical, Dimension, Float, Int, Joint, Space
from penchant.options import Json, JsonMapping

MOVED = 1.0
"""Number of dimensions that move on average, besides the one that always does."""
STEP = 0.15
"""Standard deviation of a number's move, in widths of its range."""


def locate_incumbent(space: Space, options: JsonMapping) -> Json:
    """The place of options in a space, by dimension; a dimension with values out of its range is left out.

    >>> from penchant.models.search_space import Categorical, Float, Int
    >>> space = {"neighbours": Int(30, 1000), "decay": Float(0.3, 1.0), "half_life_days": Categorical((None, 3.0))}
    >>> locate_incumbent(space, {"neighbours": 100, "decay": 2.0, "half_life_days": None})
    {'neighbours': 100, 'half_life_days': None}
    """
    proposal: Json = {}
    for name, dimension in space.items():
        if isinstance(dimension, Joint):
            values = {option: options.get(option) for option in dimension.options}
            if values in dimension.values:
                proposal[name] = dimension.values.index(values)
        elif name in options and _contains(dimension, options[name]):
            proposal[name] = options[name]
    return proposal


def draw_neighbour(space: Space, around: JsonMapping, rng: np.random.Generator) -> Json:
    """A proposal that differs from `around` in one or a few dimensions.

    One dimension moves, and each other one with probability 1 / dimensions. A number takes a normal step of a seventh
    of its range (of its logarithm with `log`). A category of ordered values moves to one beside it, of others to any
    other. A dimension that `around` does not name is drawn from its range. Where a good start is known, a randomised
    direct search of this kind needs far fewer trials than a model of the space (Wu, Wang and Huang, AAAI 2021; Wang
    et al., ICLR 2021).
    """
    names = list(space)
    moved = rng.random(len(names)) < MOVED / len(names)
    moved[rng.integers(len(names))] = True
    proposal = {}
    for name, moves in zip(names, moved, strict=True):
        if name not in around:
            proposal[name] = _draw(space[name], rng)
        else:
            proposal[name] = _move(space[name], around[name], rng) if moves else around[name]
    return proposal


def _contains(dimension: Dimension, value: object) -> bool:
    if isinstance(dimension, Categorical):
        return value in dimension.values
    assert not isinstance(dimension, Joint)
    return isinstance(value, int | float) and dimension.low <= value <= dimension.high


def _draw(dimension: Dimension, rng: np.random.Generator) -> Any:
    if isinstance(dimension, Joint):
        return int(rng.integers(len(dimension.values)))
    if isinstance(dimension, Categorical):
        return dimension.values[int(rng.integers(len(dimension.values)))]
    return _scale(dimension, float(rng.random()))


def _move(dimension: Dimension, value: Any, rng: np.random.Generator) -> Any:
    if isinstance(dimension, Joint):
        others = [place for place in range(len(dimension.values)) if place != value]
        return others[int(rng.integers(len(others)))]
    if isinstance(dimension, Categorical):
        place = dimension.values.index(value)
        others = [other for other in range(len(dimension.values)) if other != place]
        if all(isinstance(each, int | float) and not isinstance(each, bool) for each in dimension.values):
            others = [other for other in others if abs(other - place) == 1]
        return dimension.values[others[int(rng.integers(len(others)))]]
    low, high = _get_ends(dimension)
    share = ((math.log(value) if dimension.log else value) - low) / (high - low)
    share += STEP * float(rng.standard_normal())
    share = abs(share) % 2.0
    moved = _scale(dimension, 2.0 - share if share > 1.0 else share)  # reflected at both ends
    if isinstance(dimension, Int) and moved == value:
        return value + 1 if value < dimension.high else value - 1
    return moved


def _scale(dimension: Float | Int, share: float) -> float:
    low, high = _get_ends(dimension)
    value = low + share * (high - low)
    value = min(max(math.exp(value) if dimension.log else value, dimension.low), dimension.high)
    return round(value) if isinstance(dimension, Int) else value


def _get_ends(dimension: Float | Int) -> tuple[float, float]:
    return (math.log(dimension.low), math.log(dimension.high)) if dimension.log else (dimension.low, dimension.high)
