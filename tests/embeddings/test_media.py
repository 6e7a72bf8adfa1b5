from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")
pytest.importorskip("soundfile")

import soundfile
from PIL import Image

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.media.decode import MediaOptions
from penchant.data.modalities import Modality
from penchant.embeddings.behaviour import BehaviourOptions
from penchant.embeddings.encode_table import EncodeOptions, encode_table
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.media import encode_files
from penchant.embeddings.modalities import embed_event_contents, embed_items
from penchant.encoders.attributes import AttributeOptions
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.cache import EncoderCache
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.similarity import find_nearest_rows
from penchant.encoders.text import TextOptions
from penchant.errors import DataError, EncoderError

ONLY_MEDIA = {
    "text": TextOptions(encoder="none"),
    "attributes": AttributeOptions(enabled=False),
    "behaviour": BehaviourOptions(enabled=False),
}


class MeanColour(ImageEncoder):
    """The mean of each channel; counts what it is given."""

    fingerprint = "mean colour"  # type: ignore[assignment]
    dim = 3  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(ImageOptions("mean colour"))
        self.given = 0

    def encode(self, contents: Any) -> Modality:
        self.given += sum(content is not None for content in contents)
        rows = [np.zeros(3) if c is None else c.mean(axis=(0, 1)) for c in contents]
        present = np.array([c is not None for c in contents], dtype=bool)
        return Modality(np.array(rows, dtype=np.float32).reshape(-1, 3), present, "mean colour")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    Image.new("RGB", (8, 8), (10, 20, 30)).save(root / "a.png")
    shutil.copy(root / "a.png", root / "same.png")
    Image.new("RGB", (8, 8), (200, 0, 0)).save(root / "b.jpg")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (tmp_path / "secret.png").write_bytes((root / "a.png").read_bytes())
    return root


NAMES = ["a.png", None, "broken.jpg", "../secret.png", "same.png", "", "gone.png", "b.jpg", "broken.jpg"]


@pytest.mark.parametrize("cached", [True, False])
def test_good_files_are_encoded_and_bad_ones_reported(folder: Path, tmp_path: Path, cached: bool) -> None:
    cache = EncoderCache(tmp_path / "cache") if cached else None
    for turn in range(2):
        encoder = MeanColour()
        modality, report = encode_files(encoder, NAMES, root=folder, cache=cache)
        assert modality.present.tolist() == [True, False, False, False, True, False, False, True, False]
        assert modality.vectors[0].tolist() == modality.vectors[4].tolist() == [10, 20, 30]
        assert [problem.row for problem in report.problems] == [2, 3, 6, 8] and report.used == 3
        assert report.counts == {"damaged": 2, "outside the folder": 1, "missing": 1}
        assert encoder.given == (0 if cached and turn else 2)


def test_limits_are_obeyed(folder: Path) -> None:
    _, report = encode_files(MeanColour(), ["a.png"], root=folder, options=MediaOptions(max_bytes=5))
    assert report.counts == {"too large": 1}


def test_without_a_folder_it_is_said() -> None:
    with pytest.raises(DataError, match=r"the dataset has no folder.*root="):
        encode_files(MeanColour(), ["a.png"], root=None)
    with pytest.raises(EncoderError, match=r"no image encoder.*Name one"):
        FittedEncoders().encode_media("image", ["a.png"], root=Path())


def shop(folder: Path) -> Dataset:
    items = pl.DataFrame({"item_id": ["x", "y", "z"], "image": ["a.png", "broken.jpg", None]})
    told = {"user_id": ["u", "u"], "item_id": ["x", None], "timestamp": [1, 2], "image": [None, "b.jpg"]}
    return Dataset.from_tables(pl.DataFrame(told), items, root=folder)


def test_items_and_events_have_pictures(folder: Path, shared_models: Path, tmp_path: Path) -> None:
    model = str(shared_models / "mobilenet-v2-imagenet")
    options = ModalityOptions(**ONLY_MEDIA, image=ImageOptions(model, backend="torch"))  # type: ignore[arg-type]
    cache = EncoderCache(tmp_path / "cache")
    modalities, fitted = embed_items(shop(folder), options, cache)
    image = modalities[schema.IMAGE]
    assert image.present.tolist() == [True, False, False] and image.dim == 1280
    assert fitted.notes[0] == "items.image: 1 used; not used: 1 damaged (broken.jpg)."
    rows, content = embed_event_contents(shop(folder), fitted, cache)
    assert rows.tolist() == [-1, 0] and content[schema.IMAGE].present.tolist() == [True]
    again = FittedEncoders.from_state(fitted.state())
    found, _ = again.encode_media("image", ["a.png"], root=folder)
    assert np.allclose(found.vectors[0], image.vectors[0], atol=1e-5)
    done = encode_table(shop(folder), tmp_path / "out.parquet", EncodeOptions("image", model), cache=cache)
    assert done.modality.dim == 1280 and done.notes[0].startswith("items.image: 1 used")


def test_real_photos_have_neighbours_of_their_class(shared_data: Path, shared_models: Path) -> None:
    root = shared_data / "clothing-photos" / "test"
    names, labels = [], []
    for kind in ("dress", "shoes", "t-shirt"):
        found = sorted(path.relative_to(root).as_posix() for path in (root / kind).iterdir())[:12]
        names += found
        labels += [kind] * len(found)
    encoder = ImageEncoder(ImageOptions(str(shared_models / "mobilenet-v2-imagenet")))
    modality, report = encode_files(encoder, names, root=root)
    assert report.used == len(names) and not report.problems
    kinds = np.array(labels)
    assert (kinds[find_nearest_rows(modality, 1)[:, 0]] == kinds).mean() > 0.75


def test_real_sounds_have_neighbours_of_their_class(shared_data: Path, shared_models: Path) -> None:
    root = shared_data / "esc10"
    folders = ["001 - Dog bark", "002 - Rain", "009 - Rooster"]
    names = [path.relative_to(root).as_posix() for name in folders for path in sorted((root / name).iterdir())[:6]]
    encoder = AudioEncoder(AudioOptions(str(shared_models / "yamnet-audioset")))
    modality, report = encode_files(encoder, names, root=root)
    assert modality.dim == 1024 and not report.problems
    kinds = np.repeat(np.arange(3), 6)
    assert (kinds[find_nearest_rows(modality, 1)[:, 0]] == kinds).mean() > 0.85


def test_every_sound_is_resampled_to_what_the_model_wants(tmp_path: Path, shared_models: Path) -> None:
    for rate, channels in ((8_000, 1), (44_100, 2), (16_000, 1)):
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
        soundfile.write(tmp_path / f"{rate}.wav", np.repeat(tone[:, None], channels, axis=1), rate)
    encoder = AudioEncoder(AudioOptions(str(shared_models / "yamnet-audioset"), normalize=True))
    modality, _ = encode_files(encoder, ["8000.wav", "44100.wav", "16000.wav"], root=tmp_path)
    assert (modality.vectors @ modality.vectors.T).min() > 0.9
