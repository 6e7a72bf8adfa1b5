"""Small networks trained without labels: they learn, they repeat, they come back from a bundle."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

pytest.importorskip("PIL")

from PIL import Image

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modality
from penchant.embeddings.behaviour import BehaviourOptions
from penchant.embeddings.choose_media import choose_media_encoder
from penchant.embeddings.contrastive import fit_whitening, train_encoder
from penchant.embeddings.encode_table import EncodeOptions, encode_table
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_items
from penchant.embeddings.training_files import TrainingFiles
from penchant.encoders.attributes import AttributeOptions
from penchant.encoders.cnn import DIRECTIONS, measure_edges
from penchant.encoders.crnn import FRAMES, MOST_WINDOWS, cut_sound_windows
from penchant.encoders.image import ImageOptions
from penchant.encoders.protocol import EncoderState
from penchant.encoders.text import TextOptions
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.errors import DataError, EncoderError, OptionError, UsageError
from penchant.testing.encoders import check_encoder, check_files

TINY = TrainableOptions(width=2, dim=8, epochs=2, batch_size=16)


def pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images `[N, 64, 64, 3]` of four textures in any colour, and which texture each shows."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 4
    y, x = np.mgrid[:64, :64]
    waves = np.stack([np.sin(x / 2), np.sin(y / 2), np.sin((x + y) / 9), np.sin(x / 2) * np.sin(y / 2)])
    colours = rng.uniform(40, 200, (count, 1, 1, 3))
    noise = rng.normal(0, 10, (count, 64, 64, 3))
    shown = colours + 50 * waves[kinds][..., None] * rng.uniform(0.7, 1, (count, 1, 1, 1)) + noise
    return np.clip(shown, 0, 255).astype(np.uint8), kinds


def files(windows: Any, **partners: Modality) -> TrainingFiles:
    return TrainingFiles(windows, np.arange(len(windows)), partners)


def trained(network: str, told: TrainingFiles, options: TrainableOptions = TINY, seed: int = 0) -> TrainableEncoder:
    encoder = TrainableEncoder(network, options, seed=seed)
    train_encoder(encoder, told)
    return encoder


def sounds(count: int, seconds: float = 2.0) -> list[Any]:
    rng = np.random.default_rng(0)
    clock = np.arange(int(16_000 * seconds)) / 16_000
    tones = [np.sin(2 * np.pi * rng.uniform(200, 3000) * clock) * 0.3 for _ in range(count)]
    return [(tone + rng.normal(0, 0.01, len(tone))).astype(np.float32) for tone in tones]


@pytest.mark.slow
def test_textures_are_told_apart_without_labels() -> None:
    shown, kinds = pictures(96)
    colours = shown.mean(axis=(1, 2))
    encoder = trained("cnn", files(shown), TrainableOptions(width=4, dim=16, epochs=8, batch_size=24))
    vectors = encoder.encode(list(shown)).vectors

    def nearest_is_alike(vectors: np.ndarray) -> float:
        near = -((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
        np.fill_diagonal(near, -np.inf)
        return float((kinds[near.argmax(axis=1)] == kinds).mean())

    assert nearest_is_alike(colours) < 0.5 and nearest_is_alike(vectors) > 0.6


@pytest.mark.slow
def test_pictures_find_the_text_of_their_item() -> None:
    """Nothing but the text objective, of a text that says the texture: vectors of one texture come together."""
    shown, kinds = pictures(96)
    text = Modality(np.eye(4, dtype=np.float32)[kinds] + 0.01, np.arange(96) % 3 > 0, "text")
    options = TrainableOptions(objectives=("text",), width=4, dim=16, epochs=10, batch_size=32)
    encoder = trained("cnn", files(shown, text=text), options)
    vectors = encoder.encode(list(shown)).vectors
    without = np.flatnonzero(~text.present)  # they had no text to find
    same = kinds[without][:, None] == kinds[without][None]
    cosines = vectors[without] @ vectors[without].T
    assert cosines[same & ~np.eye(len(without), dtype=bool)].mean() > cosines[~same].mean() + 0.2
    assert encoder.note.endswith("on 96 files of the items, to match text of its item.")


@pytest.mark.parametrize("network", ["crnn", "lstm"])
def test_sounds_of_any_length(network: str) -> None:
    told = [cut_sound_windows(sound).astype(np.float16) for sound in sounds(12, seconds=4.0)]
    owners = np.repeat(np.arange(12), [len(windows) for windows in told])
    encoder = trained(network, TrainingFiles(np.concatenate(told), owners, {}))
    given = [sounds(1, 0.1)[0], None, np.zeros(0, dtype=np.float32), sounds(2, 9.0)[1]]
    modality = encoder.encode(given)
    assert modality.present.tolist() == [True, False, False, True] and modality.dim == encoder.dim == 8
    assert np.allclose(encoder.encode(given[3:]).vectors[0], modality.vectors[3], atol=1e-4)
    assert np.allclose(np.linalg.norm(modality.vectors[[0, 3]], axis=1), 1, atol=1e-5)


def test_edges_by_hand() -> None:
    """A ramp from left to right has direction 0 everywhere, one downwards direction π / 2, both with its slope."""
    ramp = torch.arange(8.0).expand(1, 3, 8, 8) / 10
    for pictures, channel in ((ramp, 0), (ramp.transpose(2, 3), DIRECTIONS // 2)):
        inside = measure_edges(pictures)[0, :, 1:-1, 1:-1]
        assert torch.allclose(inside[channel], torch.tensor(0.0999), atol=2e-4)
        assert float(inside.sum() - inside[channel].sum()) == 0


def test_windows_of_a_sound() -> None:
    assert cut_sound_windows(np.zeros(100, dtype=np.float32)).shape == (1, FRAMES, 64)
    assert len(cut_sound_windows(np.zeros(16_000 * 6, dtype=np.float32))) == 2
    assert len(cut_sound_windows(np.zeros(16_000 * 60, dtype=np.float32))) == MOST_WINDOWS


def test_the_same_seed_gives_the_same_bytes_and_leaves_torch_alone() -> None:
    shown, _ = pictures(32)
    torch.manual_seed(7)
    first = trained("cnn", files(shown))
    drawn = torch.rand(3)
    torch.manual_seed(8)
    second = trained("cnn", files(shown))
    torch.manual_seed(7)
    assert torch.equal(torch.rand(3), drawn)
    assert first.fingerprint == second.fingerprint != trained("cnn", files(shown), seed=1).fingerprint
    assert first.encode([shown[0]]).vectors.tobytes() == second.encode([shown[0]]).vectors.tobytes()


def test_a_bundle_keeps_it() -> None:
    shown, _ = pictures(32)
    encoder = trained("cnn", files(shown))
    state = encoder.state()
    again = TrainableEncoder.from_state(EncoderState(state.tensors, json.loads(json.dumps(dict(state.metadata)))))
    assert again.fingerprint == encoder.fingerprint and again.note == encoder.note
    large = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    assert again.encode([large, None]).vectors.tobytes() == encoder.encode([large, None]).vectors.tobytes()


def test_whitening_by_an_independent_formula() -> None:
    rng = np.random.default_rng(0)
    features = (rng.normal(size=(4000, 3)) * [5.0, 2.0, 1.0] + 3).astype(np.float32)
    mean, projection = fit_whitening(features, 2)
    out = (features - mean) @ projection
    variances = np.linalg.eigvalsh(np.cov(features.T, bias=True))[::-1]
    wanted = variances[:2] / (variances[:2] + 0.1 * variances[0])
    assert np.allclose(np.cov(out.T, bias=True), np.diag(wanted), atol=1e-3)
    assert fit_whitening(features[:1].repeat(5, 0), 2)[1].shape == (3, 1)


def test_untrained_and_unknown_are_refused() -> None:
    with pytest.raises(EncoderError, match=r"'cnn' has not been trained.*Recommender\.fit"):
        TrainableEncoder("cnn").encode([np.zeros((4, 4, 3), dtype=np.uint8)])
    with pytest.raises(OptionError, match=r"encoder='cnnn'.*Did you mean 'cnn'"):
        TrainableEncoder("cnnn")
    with pytest.raises(OptionError, match=r"^trainable\.objectives='labels'"):
        TrainableOptions(objectives=("labels",))
    for told in ({"width": 0}, {"batch_size": 1}, {"temperature": 0.0}, {"objectives": ()}):
        with pytest.raises(UsageError, match=r"trainable\."):
            TrainableOptions(**told)


# on a catalogue


ONLY_MEDIA = {
    "text": TextOptions(encoder="none"),
    "attributes": AttributeOptions(enabled=False),
    "behaviour": BehaviourOptions(enabled=False),
}


def shop(root: Path, count: int) -> Dataset:
    root.mkdir()
    shown, _ = pictures(count)
    for row, picture in enumerate(shown):
        Image.fromarray(picture).save(root / f"{row}.png")
    names = [f"{row}.png" for row in range(count)]
    items = pl.DataFrame({"item_id": [f"i{row}" for row in range(count + 2)], "image": [*names, None, "gone.png"]})
    log = {"user_id": ["u", "u"], "item_id": ["i0", "i1"], "timestamp": [1, 2]}
    return Dataset.from_tables(pl.DataFrame(log), items, root=root)


def test_auto_trains_on_the_catalogue_and_encodes_what_comes_later(tmp_path: Path) -> None:
    data = shop(tmp_path / "shop", 24)
    told = TrainableOptions(width=2, dim=8, epochs=1, batch_size=8, least_files=20, most_files=16)
    options = ModalityOptions(**ONLY_MEDIA, image=ImageOptions("auto"), trainable=told)  # type: ignore[arg-type]
    modalities, fitted = embed_items(data, options, trainer=train_encoder)
    assert modalities[schema.IMAGE].present.tolist() == [True] * 24 + [False] * 2 and modalities[schema.IMAGE].dim == 8
    notes = fitted.notes
    assert notes[0].startswith("image: cnn was chosen because there are 25 files")
    assert "items.image: 24 used; not used: 1 missing (gone.png)." in notes
    assert any("without labels on 16 files of the items, to match augmentations of a file" in note for note in notes)
    again = FittedEncoders.from_state(fitted.state())
    found, _ = again.encode_media("image", ["3.png"], root=data.root)
    assert np.allclose(found.vectors[0], modalities[schema.IMAGE].vectors[3], atol=1e-5)
    with pytest.raises(EncoderError, match="there is no trainer"):
        embed_items(data, options)


def test_encode_trains_first(tmp_path: Path) -> None:
    data = shop(tmp_path / "shop", 20)
    options = ModalityOptions(trainable=TINY)
    done = encode_table(data, tmp_path / "out.parquet", EncodeOptions("image", "cnn", options), trainer=train_encoder)
    assert done.modality.dim == 8 and done.modality.present.sum() == 20
    with pytest.raises(DataError, match="too few to train a network on"):
        encode_table(data, tmp_path / "out.parquet", EncodeOptions("image", "auto", options), trainer=train_encoder)


def test_what_auto_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = shop(tmp_path / "shop", 20)
    assert choose_media_encoder("image", data, least_files=5)[0] == "cnn"
    assert choose_media_encoder("audio", data, least_files=5) == ("none", "")
    name, reason = choose_media_encoder("image", data, least_files=50)
    assert name == "none" and "20 files are too few to train a network on (minimum: 50)" in reason
    texts = ["a film"] * 6 + ["", " "] * 8  # 15 of the 21 items with a file have no text
    assert choose_media_encoder("image", data, least_files=5, texts=texts) == (
        "none",
        "image: 21 files are not used: 29% of their items have a text; name an encoder to use them too.",
    )
    assert choose_media_encoder("image", data, least_files=5, texts=[*texts[1:], None])[0] == "cnn"
    nowhere = Dataset.from_tables(
        data.events.select(user_id=pl.lit("u"), item_id=pl.lit("i0"), timestamp=1), data.items
    )
    assert "the dataset has no folder" in choose_media_encoder("image", nowhere, least_files=5)[1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "install penchant[image] (PIL is missing)" in choose_media_encoder("image", data, least_files=5)[1]


def test_files_that_nobody_can_read_are_left_out_where_nobody_asked_for_them(tmp_path: Path) -> None:
    data = shop(tmp_path / "shop", 20)
    for row in range(20):
        (tmp_path / "shop" / f"{row}.png").write_bytes(b"no picture")
    told = TrainableOptions(width=2, dim=8, epochs=1, batch_size=8, least_files=10)
    options = ModalityOptions(**ONLY_MEDIA, image=ImageOptions("auto"), trainable=told)  # type: ignore[arg-type]
    modalities, fitted = embed_items(data, options, trainer=train_encoder)
    assert schema.IMAGE not in modalities and not fitted.media
    assert fitted.notes[-1].startswith("image: no modality: cnn has 0 readable files")


def test_a_large_catalogue_has_fewer_passes() -> None:
    shown, _ = pictures(32)
    told: list[str] = []
    encoder = TrainableEncoder("cnn", TrainableOptions(width=2, dim=8, epochs=9, batch_size=16, most_shown=70))
    train_encoder(encoder, files(shown), progress=lambda message, share: told.append(message))
    assert told == ["cnn: pass 1 of 2", "cnn: pass 2 of 2"]


def test_files_that_are_not_there_are_said(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "image": ["x.png", "y.png"]})
    log = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": [1]})
    options = ModalityOptions(**ONLY_MEDIA, image=ImageOptions("cnn"))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"cnn has 0 readable files.*modalities\.image\.encoder=none"):
        embed_items(Dataset.from_tables(log, items, root=tmp_path), options, trainer=train_encoder)
    with pytest.raises(DataError, match="the items name no image files to train on"):
        embed_items(Dataset.from_tables(log, items.drop("image"), root=tmp_path), options, trainer=train_encoder)


def told(network: str, count: int) -> TrainingFiles:
    """Contents to learn from."""
    if network == "cnn":
        return files(pictures(count)[0])
    windows = [cut_sound_windows(sound).astype(np.float16) for sound in sounds(count, seconds=4.0)]
    return TrainingFiles(np.concatenate(windows), np.repeat(np.arange(count), [len(w) for w in windows]), {})


@pytest.mark.parametrize("network", ["cnn", "crnn", "lstm"])
def test_contract(network: str) -> None:
    given = told(network, 16)
    check_encoder(
        lambda: trained(network, given, replace(TINY, epochs=1)),
        [*pictures(3, seed=5)[0], pictures(1)[0][0][:40, :30]] if network == "cnn" else sounds(3, 5.0) + sounds(1, 0.1),
        blanks=[] if network == "cnn" else [np.zeros(0, dtype=np.float32)],
        others=[
            lambda: trained(network, given, replace(TINY, epochs=1), seed=1),
            lambda: trained(network, given, replace(TINY, epochs=1, width=3)),
            lambda: trained(network, told(network, 17), replace(TINY, epochs=1)),
        ],
        restore=TrainableEncoder.from_state,
        unfitted=TrainableEncoder(network, TINY),
        tolerance=1e-4,
    )


@pytest.mark.slow
@pytest.mark.parametrize("network", ["cnn", "lstm"])
def test_broken_files_cost_their_row(network: str, tmp_path: Path) -> None:
    good = {}
    for row in range(3):
        stream = io.BytesIO()
        if network == "cnn":
            Image.fromarray(pictures(3)[0][row]).save(stream, "PNG")
        else:
            pytest.importorskip("soundfile").write(stream, sounds(3, 1.0)[row], 16_000, format="WAV")
        good[str(row)] = stream.getvalue()
    check_files(trained(network, told(network, 16)), good, tmp_path)
