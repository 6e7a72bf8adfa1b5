"""Pictures and sounds of recommended items, small enough to stand inside the report; of a video a frame."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.data.media.decode import MediaOptions
from penchant.data.media.reader import MediaReader, contained
from penchant.data.media.video import FRAMES
from penchant.errors import MediaError, MissingExtraError
from penchant.reports.story import Shown

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

SHOWN = 6
SIDE = 128
"""Longer side of a picture in the report, pixels."""
SOUND_S, RATE = 2.0, 8_000
_SOUNDS = 3


def gallery(rec: Recommender, people: Sequence[str], *, k: int = 5) -> list[Shown]:
    """The first items with a picture or sound on the lists of some people: what they are and whom they were shown to.

    An item without a picture is shown by the middle frame of its video.
    Files are decoded within limits, in a process of their own; one that cannot be is left out, and so is a kind whose
    package is not installed.
    """
    root, items = rec.dataset.root, rec.dataset.items
    columns = [name for name in (schema.IMAGE, schema.AUDIO, schema.VIDEO) if name in items.columns]
    if root is None or not columns or not people:
        return []
    codes, places = _listed(rec, people, k)
    media = items[codes].select(columns)
    codes = codes[media.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()][: 2 * SHOWN]
    pictures = _files(root, items[codes], schema.IMAGE)
    sounds = _files(root, items[codes], schema.AUDIO)
    frames = _files(root, items[codes], schema.VIDEO, FRAMES)
    pictures = [f[0] if p is None and f is not None else p for p, f in zip(pictures, frames, strict=True)]
    titles, topics = rec.titles, _topics(rec, root)
    out: list[Shown] = []
    heard = 0
    for code, picture, sound in zip(codes, pictures, sounds, strict=True):
        audio = _wav(sound) if sound is not None and heard < _SOUNDS else ""
        image = _png(picture) if picture is not None else ""
        if (image or audio) and len(out) < SHOWN:
            heard += bool(audio)
            out.append(Shown(titles[code], topics[code], image, audio, places[int(code)]))
    return out


def _listed(rec: Recommender, people: Sequence[str], k: int) -> tuple[npt.NDArray[np.int64], dict[int, list[Any]]]:
    """Codes of the items on the lists, the top ones first, and for each the people and places."""
    found = rec.recommend(list(people), k=k).items
    places: dict[int, list[Any]] = {}
    for place in range(found.shape[1]):
        for row, user in enumerate(people):
            if found[row, place] >= 0:
                places.setdefault(int(found[row, place]), []).append((user, place + 1))
    return np.asarray(list(places), dtype=np.int64), places


def _files(root: Path, items: pl.DataFrame, kind: str, part: str | None = None) -> list[npt.NDArray[Any] | None]:
    """Decoded files of a column (`part`: what of a video), None where there is none that can be decoded."""
    out: list[npt.NDArray[Any] | None] = [None] * items.height
    if kind not in items.columns:
        return out
    paths: list[Path] = []
    rows: list[int] = []
    for row, name in enumerate(items[kind].cast(pl.String)):
        try:
            paths.append(contained(root, name or ""))
            rows.append(row)
        except MediaError:
            continue
    try:
        with MediaReader(MediaOptions(workers=1, frames=1)) as reader:
            for row, array in zip(rows, reader.read(paths, part or kind), strict=True):
                out[row] = None if isinstance(array, MediaError) else array
    except MissingExtraError:
        pass
    return out


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE))
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return _uri("image/png", out.getvalue())


def _wav(samples: npt.NDArray[np.float32]) -> str:
    """The first seconds as 16-bit PCM."""
    from penchant.data.media.decode import resampled

    rate = MediaOptions().sample_rate
    cut = resampled(samples[: int(SOUND_S * rate)], rate, RATE)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(cut, -1, 1) * 32_767).astype("<i2").tobytes())
    return _uri("audio/wav", out.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _topics(rec: Recommender, root: Path) -> list[str]:
    """The topic of every item: the planted one where the truth is kept, else its first category."""
    items = rec.dataset.items
    if (root / "truth").is_dir():
        from penchant.simulator import Truth

        truth = Truth.load(root / "truth")
        language = "zh" if _chinese(rec.titles) else "en"
        named = truth.items.join(truth.topics, left_on="main", right_on="topic", how="left")
        joined = items.select(schema.ITEM_ID).join(
            named.select(schema.ITEM_ID, language), on=schema.ITEM_ID, how="left", maintain_order="left"
        )
        return joined[language].fill_null("").to_list()
    if schema.CATEGORIES in items.columns:
        return items[schema.CATEGORIES].list.first().cast(pl.String).fill_null("").to_list()
    return [""] * items.height


def _chinese(titles: Sequence[str]) -> bool:
    from penchant.plots.markup import is_chinese

    return sum(is_chinese(title) for title in titles) * 2 > len(titles)
