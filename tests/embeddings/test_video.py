"""Videos made on the spot: colours and tones at known times come back at these times, and bad files cost their row."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("av")
pytest.importorskip("PIL")

import av

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.media.decode import AUDIO, IMAGE, MediaOptions
from penchant.data.media.reader import MediaReader
from penchant.data.media.video import FRAMES, TIMES, TRACK
from penchant.data.modalities import Modalities, Modality
from penchant.embeddings.choose_media import choose_media_encoder
from penchant.embeddings.contrastive import train_encoder
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_items
from penchant.embeddings.training_files import load_training_files
from penchant.embeddings.video import encode_video_moments, encode_videos, fill_from_videos
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.errors import MediaError
from penchant.testing.videos import VIDEO_FORMATS, encode_good_video, generate_broken_videos

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
RATE = 16_000


def video(path: Path, seconds: int = 4, *, tone: bool = True, size: tuple[int, int] = (64, 48)) -> Path:
    """One colour a second, and in second s a tone of 500 · (s + 1) Hz; ten images a second."""
    with av.open(str(path), "w") as container:
        shown: Any = container.add_stream("mpeg4", rate=10)
        shown.width, shown.height, shown.pix_fmt, shown.bit_rate = *size, "yuv420p", 2_000_000
        heard: Any = container.add_stream("pcm_s16le" if path.suffix == ".avi" else "aac", rate=RATE) if tone else None
        if heard is not None:
            heard.layout = "mono"
        for step in range(seconds * 10):
            picture = np.full((size[1], size[0], 3), COLOURS[step // 10 % 4], dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = step, Fraction(1, 10)
            container.mux(shown.encode(frame))
        container.mux(shown.encode(None))
        if heard is not None:
            clock = np.arange(seconds * RATE) / RATE
            wave = (8000 * np.sin(2 * np.pi * 500 * (clock.astype(int) + 1) * clock)).astype(np.int16)
            for start in range(0, len(wave), 1024):
                piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="s16", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = RATE, start, Fraction(1, RATE)
                container.mux(heard.encode(piece))
            container.mux(heard.encode(None))
    return path


class Colour:
    """Images → their mean colour."""

    name, fingerprint, dim, sample_rate, is_loaded, note = IMAGE, "colour", 3, RATE, True, ""

    def encode(self, contents: Any) -> Modality:
        rows = [np.zeros(3) if c is None else c.mean(axis=(0, 1)) for c in contents]
        return Modality(
            np.array(rows, np.float32).reshape(-1, 3), np.array([c is not None for c in contents]), "colour"
        )


class Pitch(Colour):
    """Sounds → their strongest frequency, Hz."""

    name, fingerprint, dim = AUDIO, "pitch", 1

    def encode(self, contents: Any) -> Modality:
        there = np.array([c is not None and len(c) > 0 for c in contents])
        rows = [
            np.abs(np.fft.rfft(c)).argmax() * RATE / len(c) if ok else 0.0
            for c, ok in zip(contents, there, strict=True)
        ]
        return Modality(np.array(rows, np.float32)[:, None], there, "pitch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    video(root / "a.mp4")
    video(root / "silent.mkv", tone=False)
    video(root / "b.avi", seconds=2)
    whole = (root / "a.mp4").read_bytes()
    (root / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    (root / "empty.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("no video at all")
    return root


def test_frames_and_sound_stand_on_one_axis(folder: Path) -> None:
    moments = encode_video_moments(
        Colour(), Pitch(), "a.mp4", root=folder, window_s=0.4, options=MediaOptions(frames=4)
    )  # type: ignore[arg-type]
    assert np.allclose(moments.times_s, [0.5, 1.5, 2.5, 3.5], atol=0.06)
    assert np.abs(moments.frames.vectors - np.array(COLOURS)).max() < 12
    assert np.allclose(moments.sounds.vectors[:, 0], [500, 1000, 1500, 2000], atol=10)
    silent = encode_video_moments(Colour(), Pitch(), "silent.mkv", root=folder, options=MediaOptions(frames=2))  # type: ignore[arg-type]
    assert silent.frames.present.all() and not silent.sounds.present.any()
    assert encode_video_moments(Colour(), None, "a.mp4", root=folder).sounds.present.sum() == 0  # type: ignore[arg-type]


def test_every_container(folder: Path) -> None:
    with MediaReader(MediaOptions(frames=3, max_side=32)) as reader:
        for name in ("a.mp4", "silent.mkv", "b.avi"):
            frames, times = (next(reader.read([folder / name], kind)) for kind in (FRAMES, TIMES))
            assert not isinstance(frames, MediaError) and not isinstance(times, MediaError), (name, frames, times)
            assert frames.shape == (3, 24, 32, 3) and frames.dtype == np.uint8 and times.shape == (3,)
        track = next(reader.read([folder / "b.avi"], TRACK))
        assert not isinstance(track, MediaError) and abs(len(track) - 2 * RATE) < 100 and track.dtype == np.float32
        assert next(reader.read([folder / "silent.mkv"], TRACK)).args[0].startswith("no sound")  # type: ignore[union-attr]


def test_bad_videos_cost_their_row(folder: Path) -> None:
    names = ["a.mp4", None, "cut.mp4", "empty.mp4", "text.mp4", "gone.mp4", "../a.mp4"]
    modality, report = encode_videos(Colour(), names, root=folder)  # type: ignore[arg-type]
    assert modality.present.tolist() == [True, *[False] * 6]
    assert np.abs(modality.vectors[0] - np.mean(COLOURS, axis=0)).max() < 12
    kinds = {problem.name: problem.kind for problem in report.problems}
    assert kinds.pop("cut.mp4") == "damaged"
    assert kinds == {
        "empty.mp4": "empty file",
        "text.mp4": "not a video file",
        "gone.mp4": "missing",
        "../a.mp4": "outside the folder",
    }


@pytest.mark.parametrize(
    ("limit", "reason"),
    [({"max_pixels": 1000}, "too large: 64 x 48 pixels; allowed: 1,000."), ({"max_seconds": 2.0}, "too long: 4 s")],
)
def test_limits_are_judged_by_the_header(folder: Path, limit: dict[str, Any], reason: str) -> None:
    _, report = encode_videos(Colour(), ["a.mp4"], root=folder, options=MediaOptions(**limit))  # type: ignore[arg-type]
    assert report.problems[0].reason.startswith(reason)


def test_an_item_without_a_picture_has_its_videos(folder: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8), (7, 7, 7)).save(folder / "own.png")
    items = pl.DataFrame(
        {"item_id": ["x", "y", "z"], "image": ["own.png", None, None], "video": ["a.mp4", "a.mp4", "cut.mp4"]}
    )
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["x"], "timestamp": [1]})
    data = Dataset.from_tables(log, items, root=folder)
    fitted = FittedEncoders(media={IMAGE: Colour(), AUDIO: Pitch()})  # type: ignore[dict-item]
    modalities = fitted.encode_table(schema.ITEMS, data.items, root=data.root)
    assert modalities[IMAGE].present.tolist() == [True, True, False] and modalities[IMAGE].vectors[0].tolist() == [
        7,
        7,
        7,
    ]
    assert np.abs(modalities[IMAGE].vectors[1] - np.mean(COLOURS, axis=0)).max() < 12
    assert modalities[AUDIO].present.tolist() == [True, True, False]  # no sound of their own: the track
    assert fitted.reports["items.image"].used == 2 and len(fitted.reports["items.image"].problems) == 1


def test_filling_keeps_what_is_there() -> None:
    own = Modality(np.array([[1.0], [0.0], [0.0]], np.float32), np.array([True, False, False]), "e")
    other = Modality(np.array([[5.0], [6.0], [0.0]], np.float32), np.array([True, True, False]), "e")
    joined, report = fill_from_videos((own, _report()), (other, _report()))
    assert joined.vectors[:, 0].tolist() == [1, 6, 0] and joined.present.tolist() == [True, True, False]
    assert report.used == 2 and fill_from_videos(None, (other, _report()))[0] is other


def _report() -> Any:
    from penchant.data.media.reader import MediaReport

    return MediaReport()


def test_broken_and_hostile_videos_never_end_a_run(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    with MediaReader(MediaOptions(memory_mb=512, timeout_s=20)) as reader:
        for name, data in generate_broken_videos(np.random.default_rng(0)):
            (tmp_path / name).write_bytes(data)
            for part in (FRAMES, TRACK):
                found = next(reader.read([tmp_path / name], part))
                told[f"{name} {part}"] = str(found) if isinstance(found, MediaError) else "decoded"
    assert len(told) >= 60 and not [reason for reason in told.values() if "crashed" in reason or "too slow" in reason]
    assert told[f"bomb.avi {FRAMES}"].startswith("too large: 16000 x 16000 pixels")
    for name in ("head.mp4", "endless.mp4", "nested.mp4", "table.mp4", "head.webm", "nul.webm", "head.avi"):
        assert told[f"{name} {FRAMES}"] != "decoded", name


def test_a_good_video_of_each_format_is_decoded(tmp_path: Path) -> None:
    with MediaReader() as reader:
        for form in VIDEO_FORMATS:
            (tmp_path / form).write_bytes(encode_good_video(form))
            frames = next(reader.read([tmp_path / form], FRAMES))
            assert isinstance(frames, np.ndarray) and frames.shape[1:] == (32, 32, 3), frames


def test_small_networks_learn_from_videos(folder: Path) -> None:
    """An item's own file goes before its video; of a video every frame is learned from, and its track."""
    from PIL import Image

    Image.new("RGB", (8, 8), (7, 7, 7)).save(folder / "mine.png")
    names, videos = (
        ["mine.png", None, " ", None, None, None],
        ["a.mp4", "a.mp4", "silent.mkv", "cut.mp4", "a.mp4", None],
    )
    text = Modality(np.arange(6, dtype=np.float32)[:, None], np.ones(6, dtype=bool), "t")
    told: Any = {"root": folder, "options": MediaOptions(frames=3)}
    seen = load_training_files(TrainableEncoder("cnn"), names, Modalities({"text": text}), videos=videos, **told)
    assert seen.owners.tolist() == [0, 1, 1, 1, 2, 2, 2] and seen.windows.shape == (7, 64, 64, 3)
    assert seen.partners["text"].vectors[:, 0].tolist() == [0, 1, 2]
    assert (seen.windows[0] == 7).all() and np.abs(seen.windows[1].mean(axis=(0, 1)) - COLOURS[0]).max() < 12
    heard = load_training_files(
        TrainableEncoder("lstm"), [None] * 3, Modalities(), videos=["a.mp4", "silent.mkv", "b.avi"], **told
    )
    assert len(heard) == 2 and heard.windows.shape[1:] == (304, 64)


def test_a_catalogue_of_videos_has_modalities_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = pl.DataFrame({"item_id": ["x", "y", "z"], "video": ["a.mp4", "b.avi", "cut.mp4"]})
    log = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["x", "y"], "timestamp": [1, 2]})
    data = Dataset.from_tables(log, items, root=folder)
    small = TrainableOptions(width=2, dim=4, epochs=1, batch_size=2, least_files=2)
    options = ModalityOptions(trainable=small, media=MediaOptions(frames=2))
    modalities, fitted = embed_items(data, options, trainer=train_encoder)
    assert modalities[IMAGE].present.tolist() == modalities[AUDIO].present.tolist() == [True, True, False]
    assert "items.image: 2 used; not used: 1 damaged (cut.mp4)." in fitted.notes
    assert any("crnn was trained without labels on 2 files" in note for note in fitted.notes)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "av" else True)
    chosen = choose_media_encoder("image", data, least_files=2)
    assert chosen == ("none", "image: 3 files are not used: install penchant[video] (av is missing).")
