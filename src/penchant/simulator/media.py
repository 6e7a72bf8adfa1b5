"""Images and sounds of items and events: which exist, and the files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from penchant.data import schema
from penchant.simulator.catalogue import Catalogue
from penchant.simulator.options import SimulatorOptions
from penchant.simulator.pictures import draw_look, draw_picture
from penchant.simulator.sounds import draw_voice, encode_wav, synthesise

MEDIA_COLUMNS: Final = ("path", "number", "topic", "noun", "style")
"""A table of files to write: path within the folder, a unique number, and the content."""


def publish_items(options: SimulatorOptions, catalogue: Catalogue) -> pl.DataFrame:
    """The item table with paths of images and sounds, and without the missing modalities."""
    rng = np.random.default_rng([options.seed, 4])
    missing = [
        rng.random(len(catalogue)) < s for s in (options.text_missing, options.image_missing, options.audio_missing)
    ]
    table = catalogue.table
    if options.text_missing:
        texts = (schema.TITLE, schema.DESCRIPTION, "tags")
        table = table.with_columns(pl.when(pl.Series(~missing[0])).then(pl.col(name)).alias(name) for name in texts)
    if options.media:
        image = pl.format("images/{}.png", schema.ITEM_ID)
        audio = pl.format("audio/{}.wav", schema.ITEM_ID)
        table = table.with_columns(
            pl.when(pl.Series(~missing[1])).then(image).alias(schema.IMAGE),
            pl.when(pl.Series(~missing[2])).then(audio).alias(schema.AUDIO),
        )
    return table


def list_item_media(items: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The files that the item table names, see `MEDIA_COLUMNS`."""
    shown = pl.DataFrame(
        {
            "number": np.arange(len(catalogue)),
            "topic": catalogue.main.astype(np.int64),
            "noun": catalogue.noun.astype(np.int64),
            "style": catalogue.style.astype(np.int64),
        }
    )
    paths = [items[name].alias("path") for name in (schema.IMAGE, schema.AUDIO) if name in items.columns]
    parts = [shown.with_columns(path).drop_nulls("path").select(MEDIA_COLUMNS) for path in paths]
    return pl.concat(parts) if parts else empty_media()


def empty_media() -> pl.DataFrame:
    """An empty table of files."""
    return pl.DataFrame(schema={"path": pl.String} | dict.fromkeys(MEDIA_COLUMNS[1:], pl.Int64))


def write_media(options: SimulatorOptions, files: pl.DataFrame, folder: Path) -> None:
    """Draw and synthesise every file of the table: `.png` images and `.wav` sounds.

    The content of a file depends on the seed, its number and its topic only, not on the other files.
    """
    for path, number, topic, noun, style in files.select(MEDIA_COLUMNS).iter_rows():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".png"):
            target.write_bytes(_draw_png(options, number, topic, noun, style))
        else:
            target.write_bytes(_synthesise_wav(options, number, topic, noun, style))


def _draw_png(options: SimulatorOptions, number: int, topic: int, noun: int, style: int) -> bytes:
    rng = np.random.default_rng([options.seed, 5, number])
    pixels = draw_picture(
        draw_look(topic, noun, style, options.media_noise, rng), options.picture_size, options.media_noise, rng
    )
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format="PNG")
    return out.getvalue()


def _synthesise_wav(options: SimulatorOptions, number: int, topic: int, noun: int, style: int) -> bytes:
    rng = np.random.default_rng([options.seed, 6, number])
    samples = synthesise(
        draw_voice(topic, noun, style, options.media_noise, rng), options.sound_s, options.media_noise, rng
    )
    return encode_wav(samples)
