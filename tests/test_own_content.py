"""Content of events and users: texts, images and sounds enter interests and requests."""

from __future__ import annotations

from dataclasses import asdict, replace
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
from penchant.data.modalities import Modality
from penchant.data.training import TrainingData
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_event_contents, embed_items
from penchant.embeddings.packing import pack_histories
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, MediaError, UsageError
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training import fit


class MeanColour(ImageEncoder):
    """The mean of each channel, 0 to 1."""

    fingerprint = "colour"  # type: ignore[assignment]
    dim = 3  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(ImageOptions("colour"))

    def encode(self, contents: Any) -> Modality:
        rows = [np.zeros(3) if c is None else c.mean(axis=(0, 1)) / 255 for c in contents]
        present = np.array([c is not None for c in contents], dtype=bool)
        return Modality(np.array(rows, dtype=np.float32).reshape(-1, 3), present, "colour")

    def state(self) -> EncoderState:
        return EncoderState({}, {"name": self.name, "options": asdict(self.options), "weights": "", "dim": 3})


class Pitch(AudioEncoder):
    """Energy below and above 1 kHz."""

    fingerprint = "pitch"  # type: ignore[assignment]
    dim = 2  # type: ignore[assignment]
    sample_rate = 8_000  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__(AudioOptions("pitch"))

    def encode(self, contents: Any) -> Modality:
        rows = [np.zeros(2) if c is None else self._energy(c) for c in contents]
        present = np.array([c is not None for c in contents], dtype=bool)
        return Modality(np.array(rows, dtype=np.float32).reshape(-1, 2), present, "pitch")

    @staticmethod
    def _energy(sound: Any) -> Any:
        power = np.abs(np.fft.rfft(sound)) ** 2
        cut = 1_000 * len(sound) // 8_000
        return np.array([power[:cut].sum(), power[cut:].sum()]) / power.sum()

    def state(self) -> EncoderState:
        metadata = {"name": self.name, "options": asdict(self.options), "weights": "", "dim": 2, "sample_rate": 8_000}
        return EncoderState({}, metadata)


COLOURS = {"red": (220, 10, 10), "green": (10, 220, 10), "blue": (10, 10, 220)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 8), colour).save(root / f"{name}.png")
    for name, pitch in (("low", 200), ("high", 3_000)):
        soundfile.write(root / f"{name}.wav", 0.5 * np.sin(2 * np.pi * pitch * np.arange(4_000) / 8_000), 8_000)
    return root


def shop(folder: Path, events: dict[str, Any], users: dict[str, Any] | None = None) -> Dataset:
    """Nine items, each with a colour and a pitch: i0 red low, i1 red high, i2 red, i3 green low …"""
    names = list(COLOURS)
    items = {
        "item_id": [f"i{n}" for n in range(9)],
        "image": [f"{names[n // 3]}.png" for n in range(9)],
        "audio": [("low.wav", "high.wav", None)[n % 3] for n in range(9)],
    }
    return Dataset.from_tables(
        pl.DataFrame(events), pl.DataFrame(items), pl.DataFrame(users) if users else None, root=folder
    )


def encoders(align_s: float = 0.0) -> FittedEncoders:
    return FittedEncoders(media={schema.IMAGE: MeanColour(), schema.AUDIO: Pitch()}, align_s=align_s)


def recommender(data: Dataset, model: str = "content") -> Recommender:
    fitted = encoders()
    modalities = fitted.encode_table(schema.ITEMS, data.items, root=data.root)
    return Recommender.fit(data, Config(model=model), modalities=(modalities, fitted))


EVENTS = {
    "user_id": ["u", "u", "v", "v"],
    "item_id": ["i3", None, "i0", None],
    "timestamp": [10, 20, 10, 20],
    "image": [None, "blue.png", None, None],
    "audio": [None, None, None, "high.wav"],
}


def test_pictures_and_sounds_of_events_enter_the_interest(folder: Path) -> None:
    data = shop(folder, EVENTS)
    rec = recommender(data)
    batch = rec.histories(np.arange(2))
    scores = rec.scores(batch)
    bare = rec.scores(replace(batch, content_rows=None, content=None))
    blue, high = np.arange(6, 9), np.array([1, 4, 7])
    assert (scores[0, blue] > bare[0, blue]).all() and rec.recommend("u", k=9).item_ids[0][0] in ("i6", "i7", "i8")
    assert (scores[1, high] > bare[1, high]).all()


def test_a_picture_and_a_voice_note_of_one_moment_share_a_token(folder: Path) -> None:
    events = {
        "user_id": ["u"] * 5 + ["v"],
        "item_id": [None, None, None, "i1", "i1", None],
        "timestamp": [10, 13, 40, 60, 62, 12],
        "image": ["red.png", None, "blue.png", "green.png", None, None],
        "audio": [None, "low.wav", None, None, "high.wav", "high.wav"],
    }
    data = shop(folder, events)
    alone, _ = embed_event_contents(data, encoders())
    assert (alone >= 0).all()
    rows, content = embed_event_contents(data, encoders(align_s=5))
    assert (rows >= 0).tolist() == [False, True, True, False, True, True]
    image, audio = content[schema.IMAGE], content[schema.AUDIO]
    assert image.present[rows[[1, 2, 4, 5]]].tolist() == [True, True, True, False]
    assert audio.present[rows[[1, 2, 4, 5]]].tolist() == [True, False, True, True]
    assert image.vectors[rows[1]].argmax() == 0 and audio.vectors[rows[1]].argmax() == 0
    assert image.vectors[rows[4]].argmax() == 1 and audio.vectors[rows[4]].argmax() == 1


def test_the_tolerance_is_kept_with_the_encoders_and_checked() -> None:
    _, fitted = embed_items(Dataset.from_tables({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}))
    assert FittedEncoders.from_state(fitted.state()).align_s == fitted.align_s == 5.0
    with pytest.raises(UsageError, match="align_s=-1 is out of range"):
        ModalityOptions(align_s=-1)


def test_a_user_known_by_their_picture_alone(folder: Path) -> None:
    events = {"user_id": ["u", "u"], "item_id": ["i3", "i4"], "timestamp": [1, 2]}
    data = shop(folder, events, {"user_id": ["u", "new", "silent"], "image": [None, "red.png", None]})
    rec = recommender(data)
    answer = rec.recommend(["new", "silent"], k=3)
    assert set(answer.item_ids[0]) == {"i0", "i1", "i2"} and answer.sources == ["content", "popularity"]
    counted = recommender(data, "cooccurrence")
    assert set(counted.recommend("new", k=3).item_ids[0]) == {"i0", "i1", "i2"}
    series = rec.scores(rec.histories(np.array([0])))
    assert series[0, 3:6].min() > series[0, :3].max()  # who has no image is answered as before


def test_a_bundle_answers_without_the_folder(folder: Path, tmp_path: Path) -> None:
    data = shop(folder, EVENTS, {"user_id": ["u", "v", "w"], "image": [None, None, "green.png"]})
    rec = recommender(data)
    answer = rec.recommend(["u", "v", "w"], k=9)
    rec.save(tmp_path / "bundle")
    for file in folder.iterdir():
        file.unlink()
    again = Recommender.load(tmp_path / "bundle").recommend(["u", "v", "w"], k=9)
    assert again.item_ids == answer.item_ids and np.allclose(again.scores, answer.scores)


def test_an_update_says_what_became_of_the_new_files(folder: Path) -> None:
    rec = recommender(shop(folder, EVENTS))
    notes = ["items.image: 9 used.", "items.audio: 6 used.", "events.image: 1 used.", "events.audio: 1 used."]
    assert list(rec.record.notes) == notes
    log = {"user_id": ["u", "v"], "item_id": ["n1", "n2"], "timestamp": [30, 31]}
    items = {"item_id": ["n1", "n2"], "image": ["green.png", "gone.png"]}
    fresh = rec.update(Dataset.from_tables(pl.DataFrame(log), pl.DataFrame(items), root=folder))
    assert fresh.record.updates[-1].files == {"items.image": "1 used; not used: 1 missing (gone.png)."}


def test_a_picture_or_a_sound_as_a_cold_query(folder: Path, tmp_path: Path) -> None:
    rec = recommender(shop(folder, EVENTS), "cooccurrence")
    assert set(rec.recommend(image=folder / "green.png", k=3).item_ids[0]) == {"i3", "i4", "i5"}
    assert set(rec.recommend(audio=folder / "high.wav", k=3).item_ids[0]) == {"i1", "i4", "i7"}
    assert rec.interests(image=str(folder / "green.png")).vectors.shape[0] == 1
    (tmp_path / "bad.png").write_bytes(b"nothing")
    with pytest.raises(MediaError, match=r"bad\.png: not an image file"):
        rec.recommend(image=tmp_path / "bad.png")
    with pytest.raises(MediaError, match=r"gone\.png: missing"):
        rec.recommend(image=tmp_path / "gone.png")
    with pytest.raises(UsageError, match="got text, image"):
        rec.recommend(text="red", image=folder / "green.png")
    with pytest.raises(EncoderError, match=r"A sentence cannot be understood.*without a modality of text"):
        rec.recommend(text="red")


def test_a_network_learns_from_pictures_without_items(folder: Path) -> None:
    """Users upload an image, then choose an item of its colour: the upload determines the next item."""
    rng = np.random.default_rng(0)
    events: dict[str, list[Any]] = {"user_id": [], "item_id": [], "timestamp": [], "image": []}
    colours = list(COLOURS)
    for user in range(60):
        colour = user % 3
        events["user_id"] += [f"u{user}"] * 2
        events["item_id"] += [None, f"i{3 * colour + rng.integers(0, 3)}"]
        events["timestamp"] += [10, 20]
        events["image"] += [f"{colours[colour]}.png", None]
    data = shop(folder, events)
    fitted = encoders()
    modalities = fitted.encode_table(schema.ITEMS, data.items, root=data.root)
    batch = pack_histories(data, fitted)
    model = SequenceModel(SequenceOptions(dim=16, layers=1, epochs=15, dropout=0.0, learning_rate=0.02))
    fit(model, TrainingData(batch, data.n_items, ["view"], 0, modalities=modalities))
    assert schema.IMAGE in model.reads
    first = batch.take([0, 1, 2]).keep(np.tile([True, False], 3))
    best = np.argsort(-model.score(first), axis=1)[:, :3]
    assert [sorted(row) for row in best.tolist()] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    bare = model.score(replace(first, content_rows=None, content=None))
    assert np.allclose(bare[0], bare[1], atol=1e-5)  # nothing else distinguishes these users
