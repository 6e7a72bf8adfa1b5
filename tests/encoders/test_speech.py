"""Speech to text with a tiny Whisper that is taught two phrases: low tones say one, high tones the other."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("soundfile")

import soundfile

from penchant.data.dataset import Dataset
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_event_contents, embed_items
from penchant.embeddings.transcripts import transcribe_files
from penchant.encoders.cache import EncoderCache
from penchant.encoders.speech import SpeechOptions, Transcriber, split_speech
from penchant.encoders.text import TextOptions
from penchant.errors import DataError, EncoderError, MediaError, OptionError, UsageError
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

RATE = 16_000
WORDS = ("red", "train", "blue", "boat")


def tone(pitch: float, seconds: float = 0.9) -> Any:
    return (0.4 * np.sin(2 * np.pi * pitch * np.arange(int(RATE * seconds)) / RATE)).astype(np.float32)


LOW, HIGH, QUIET = tone(300), tone(3_000), np.zeros(1_000, dtype=np.float32)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    from penchant.llm.silence import silence_transformers

    special = ("<end>", "<pad>", "<start>", "<unk>")
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    names = dict(zip(("eos_token", "pad_token", "bos_token", "unk_token"), special, strict=True))
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 8}
    lengths = {"max_source_positions": 50, "max_target_positions": 16}
    ids = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 0, "decoder_start_token_id": 2}
    none = {"suppress_tokens": None, "begin_suppress_tokens": None}
    extractor = WhisperFeatureExtractor(feature_size=80, sampling_rate=RATE, chunk_length=1)
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("models") / "whisper"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = WhisperForConditionalGeneration(WhisperConfig(**sizes, **heads, **lengths, **ids, **none))
        learning = torch.optim.Adam(model.parameters(), 5e-3)
        for _ in range(60):
            sounds = [tone(pitch * rng.uniform(0.8, 1.2), rng.uniform(0.3, 1)) for pitch in (300, 3_000) * 4]
            inputs = extractor(sounds, sampling_rate=RATE, return_tensors="pt").input_features
            loss = model(input_features=inputs, labels=torch.tensor([[4, 5, 0], [6, 7, 0]] * 4)).loss
            learning.zero_grad()
            loss.backward()
            learning.step()
    with silence_transformers():
        model.eval().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def test_what_is_said_and_nothing_where_nothing_sounds(whisper: Path) -> None:
    found = Transcriber(SpeechOptions(model=str(whisper)))
    assert found.sample_rate == RATE
    told = found.transcribe([LOW, None, HIGH, np.zeros(RATE, np.float32), np.zeros(0, np.float32)])
    assert told == ["red train", None, "blue boat", None, None]
    long = np.concatenate([LOW, QUIET, HIGH, QUIET, QUIET, HIGH])
    assert found.transcribe([long, LOW]) == ["red train blue boat blue boat", "red train"]


def test_windows_are_cut_where_it_is_quiet() -> None:
    sound = np.concatenate([tone(300, 0.95), np.zeros(800, np.float32), tone(300, 1.2)])
    cut = split_speech(sound, RATE, 1.0)
    assert sum(len(window) for window in cut) == len(sound) and np.array_equal(np.concatenate(cut), sound)
    assert all(len(window) <= RATE for window in cut) and len(cut) == 3
    assert abs(len(cut[0]) - int(0.95 * RATE) - 400) <= 400
    assert [len(window) for window in split_speech(np.zeros(0, np.float32), RATE, 1.0)] == []
    assert [len(window) for window in split_speech(LOW, RATE, 30.0)] == [len(LOW)]


def test_identity_and_state(whisper: Path, tmp_path: Path) -> None:
    first, other = (Transcriber(SpeechOptions(model=str(whisper), window_s=s)) for s in (30, 5))
    assert first.fingerprint != other.fingerprint and "whisper@" in first.fingerprint
    state = first.state()
    assert "text" not in json.dumps(dict(state.metadata)) and Transcriber.from_state(state).transcribe([LOW]) == [
        "red train"
    ]
    changed = Transcriber.from_state(state)
    changed._files = replace(changed._files, expected="0000")
    with pytest.raises(EncoderError, match="is not the encoder of this bundle"):
        changed.transcribe([LOW])
    with pytest.raises(EncoderError, match="cannot be loaded as a speech-to-text model"):
        (tmp_path / "config.json").write_text("{}")
        Transcriber(SpeechOptions(model=str(tmp_path))).transcribe([LOW])


def test_options(whisper: Path) -> None:
    with pytest.raises(OptionError, match=r"language='cn' is not known. Allowed: auto, zh, en"):
        SpeechOptions(language="cn")
    with pytest.raises(UsageError, match="window_s=0"):
        SpeechOptions(window_s=0)
    with pytest.raises(EncoderError, match="is not declared as a multilingual model"):
        Transcriber(SpeechOptions(model=str(whisper), language="zh")).transcribe([LOW])
    assert Transcriber(SpeechOptions(model=str(whisper), language="en")).transcribe([LOW]) == ["red train"]


def test_a_multilingual_model_is_told_the_language(whisper: Path) -> None:
    for language, expected in (("zh", {"task": "transcribe", "language": "zh"}), ("auto", {"task": "transcribe"})):
        found = Transcriber(SpeechOptions(model=str(whisper), language=language))
        loaded = found._load()
        loaded.model.generation_config.is_multilingual = True
        assert found._language_arguments(loaded) == expected


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    for name, sound in (("low", LOW), ("same", LOW), ("high", HIGH), ("quiet", np.zeros(RATE, np.float32))):
        soundfile.write(root / f"{name}.wav", sound, RATE)
    (root / "bad.wav").write_bytes(b"RIFF....WAVE nothing")
    return root


NAMES = ["low.wav", None, "bad.wav", "high.wav", "quiet.wav", "same.wav", "../x.wav"]


def test_each_clip_is_heard_once_and_kept(
    whisper: Path, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    said = ["red train", None, None, "blue boat", None, "red train", None]
    lines: list[str] = []
    for _ in range(2):
        found = Transcriber(SpeechOptions(model=str(whisper)))
        told, report = transcribe_files(
            found, NAMES, root=folder, folder=tmp_path / "cache", progress=lambda line, share: lines.append(line)
        )
        assert told == said and report.used == 3 and report.counts == {"damaged": 1, "outside the folder": 1}
    kept = sorted((tmp_path / "cache" / "transcripts").rglob("*.json"))
    assert len(kept) == 3 and lines == ["transcribed 4 of 4", "transcribed 1 of 1"]  # only the damaged one again
    kept[0].write_text("{")
    again = Transcriber(SpeechOptions(model=str(whisper)))
    assert transcribe_files(again, NAMES, root=folder, folder=tmp_path / "cache")[0] == said
    printed = capfd.readouterr()
    assert not any(
        word in caplog.text + printed.out + printed.err + str(lines) + str(report.problems) for word in WORDS
    )
    with pytest.raises(DataError, match="the dataset has no folder"):
        transcribe_files(again, NAMES, root=None)


def shop(folder: Path) -> Dataset:
    titles = ["a red train", "the red train of wood", "a blue boat", "the blue boat of tin"]
    items = pl.DataFrame({"item_id": list("abcd"), "title": titles, "audio": [None, None, None, "high.wav"]})
    told = {
        "user_id": ["u", "u", "v", "v"],
        "item_id": ["b", None, "b", None],
        "timestamp": [1, 20, 1, 20],
        "text": [None, None, None, "look"],
        "audio": [None, "low.wav", None, "high.wav"],
    }
    return Dataset.from_tables(pl.DataFrame(told), items, root=folder)


def options(whisper: Path) -> ModalityOptions:
    return ModalityOptions(text=TextOptions(encoder="ngram", dim=8), speech=SpeechOptions(model=str(whisper)))


def test_a_voice_comment_has_a_text_modality(whisper: Path, folder: Path, tmp_path: Path) -> None:
    cache = EncoderCache(tmp_path / "cache")
    data = shop(folder)
    modalities, fitted = embed_items(data, options(whisper), cache)
    rows, content = embed_event_contents(data, fitted, cache)
    events = data.events.with_columns(pl.Series("row", rows))
    text = content["text"]
    low = events.filter(pl.col("audio") == "low.wav")["row"].item()
    assert text.vectors[low] == pytest.approx(fitted.encode_text(["red train"]).vectors[0], abs=1e-6)
    high = events.filter(pl.col("audio") == "high.wav")["row"].item()
    assert text.vectors[high] == pytest.approx(fitted.encode_text(["look. blue boat"]).vectors[0], abs=1e-6)
    spoken = fitted.encode_text(["the blue boat of tin. blue boat"]).vectors[0]
    assert modalities["text"].vectors[3] == pytest.approx(spoken, abs=1e-6)
    assert "events.speech: 2 used." in fitted.notes and "speech" in fitted.fingerprints
    again = FittedEncoders.from_state(fitted.state())
    assert again.speech is not None and np.array_equal(embed_event_contents(data, again, cache)[0], rows)


def test_asked_with_a_voice_note(whisper: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rec = Recommender.fit(shop(folder), Config(model="content", modalities=options(whisper)))
    assert set(rec.recommend(audio=folder / "high.wav", k=2).item_ids[0]) == {"c", "d"}
    assert set(rec.recommend(audio=folder / "low.wav", k=2).item_ids[0]) == {"a", "b"}
    assert rec.recommend("v", k=3).item_ids[0][0] in ("c", "d") and rec.recommend("u", k=1).item_ids[0] == ["a"]
    with pytest.raises(MediaError, match=r"quiet\.wav: it contains no intelligible speech"):
        rec.recommend(audio=folder / "quiet.wav")
    with pytest.raises(MediaError, match=r"bad\.wav: damaged"):
        rec.recommend(audio=folder / "bad.wav")
