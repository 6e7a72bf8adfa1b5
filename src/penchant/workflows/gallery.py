"""Images and sounds of recommended items, small enough to stand inside the report; of a video a frame."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.arrays import Array, Float32s, UInt8s
from penchant.data import schema
from penchant.data.media.decode import MediaOptions, resample
from penchant.data.media.reader import MediaReader, resolve_inside
from penchant.data.media.video import FRAMES
from penchant.errors import MediaError, MissingExtraError
from penchant.plots.markup import is_chinese
from penchant.reports.story import ShownItem

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

MOST_ITEMS, MOST_SOUNDS = 6, 3
SIDE = 128
"""Longer side of an image in the report, pixels."""
SOUND_S, RATE = 2.0, 8_000


def gallery(recommender: Recommender, users: Sequence[str], *, k: int = 5) -> list[ShownItem]:
    """The first items with an image or sound on the lists of some users, with their ranks on these lists.

    An item without an image is shown by the middle frame of its video. Files are decoded within limits, in a process
    of their own; a file that cannot be decoded is left out, and so is a kind whose package is not installed.
    """
    root, items = recommender.dataset.root, recommender.dataset.items
    columns = [name for name in (schema.IMAGE, schema.AUDIO, schema.VIDEO) if name in items.columns]
    if root is None or not columns or not users:
        return []
    lists = _lists(recommender, users, k)
    has_file = items.select(pl.any_horizontal(pl.col(columns).is_not_null())).to_series()
    codes = [code for code in lists if has_file[code]][: 2 * MOST_ITEMS]
    listed = items[codes]
    pictures = _decode(root, listed, schema.IMAGE)
    frames = _decode(root, listed, schema.VIDEO, FRAMES)
    sounds = _decode(root, listed, schema.AUDIO)
    titles, topics = recommender.titles, _topics(recommender, root)
    shown: list[ShownItem] = []
    for code, picture, frame, sound in zip(codes, pictures, frames, sounds, strict=True):
        picture = frame[0] if picture is None and frame is not None else picture
        image = _png(picture) if picture is not None else ""
        n_sounds = sum(bool(item.audio) for item in shown)
        audio = _wav(sound) if sound is not None and n_sounds < MOST_SOUNDS else ""
        if image or audio:
            shown.append(ShownItem(titles[code], topics[code], image, audio, lists[code]))
    return shown[:MOST_ITEMS]


def _lists(recommender: Recommender, users: Sequence[str], k: int) -> dict[int, list[tuple[str, int]]]:
    """Codes of the items on the lists, the top ones first, each with its users and ranks."""
    lists: dict[int, list[tuple[str, int]]] = {}
    for rank, column in enumerate(recommender.recommend(list(users), k=k).items.T, 1):
        for user, code in zip(users, column.tolist(), strict=True):
            if code >= 0:
                lists.setdefault(code, []).append((user, rank))
    return lists


def _decode(root: Path, items: pl.DataFrame, kind: str, part: str | None = None) -> list[Array | None]:
    """The files of a column (`part`: what of a video), None if there is none that can be decoded."""
    arrays: list[Array | None] = [None] * items.height
    paths: dict[int, Path] = {}
    for row, name in enumerate(items[kind].cast(pl.String) if kind in items.columns else ()):
        try:
            paths[row] = resolve_inside(root, name or "")
        except MediaError:
            continue
    if not paths:
        return arrays
    try:
        with MediaReader(MediaOptions(workers=1, frames=1)) as reader:
            for row, array in zip(paths, reader.read(list(paths.values()), part or kind), strict=True):
                arrays[row] = None if isinstance(array, MediaError) else array
    except MissingExtraError:
        pass
    return arrays


def _png(pixels: UInt8s) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return _uri("image/png", out.getvalue())


def _wav(samples: Float32s) -> str:
    """The first seconds as 16-bit PCM."""
    rate = MediaOptions().sample_rate
    cut = resample(samples[: int(SOUND_S * rate)], rate, RATE)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(cut, -1, 1) * 32_767).astype("<i2").tobytes())
    return _uri("audio/wav", out.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _topics(recommender: Recommender, root: Path) -> list[str]:
    """The topic of every item: the planted one where the truth is kept, else its first category."""
    items = recommender.dataset.items
    if (root / "truth").is_dir():
        from penchant.simulator import Truth

        truth = Truth.load(root / "truth")
        n_chinese = sum(is_chinese(title) for title in recommender.titles)
        language = "zh" if n_chinese * 2 > items.height else "en"
        named = truth.items.join(truth.topics, left_on="main", right_on="topic", how="left")
        topics = named.select(schema.ITEM_ID, language)
        joined = items.select(schema.ITEM_ID).join(topics, on=schema.ITEM_ID, how="left", maintain_order="left")
        return joined[language].fill_null("").to_list()
    if schema.CATEGORIES in items.columns:
        return items[schema.CATEGORIES].list.first().cast(pl.String).fill_null("").to_list()
    return [""] * items.height
