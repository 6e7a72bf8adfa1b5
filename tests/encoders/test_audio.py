from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from penchant.encoders.audio import AudioEncoder, AudioOptions, pool_windows
from penchant.encoders.log_mel import compute_log_mel_patches, compute_mel_bands
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError
from penchant.testing.encoders import check_encoder

Make = Callable[[str], Path]


def _wav2vec2() -> tuple[Any, dict[str, Any]]:
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    layers = {"conv_dim": (8, 8), "conv_stride": (10, 16), "conv_kernel": (10, 16), "num_feat_extract_layers": 2}
    config = Wav2Vec2Config(**sizes, **layers, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)
    told = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 8000, "do_normalize": True}
    return Wav2Vec2Model(config), told


def _hubert() -> tuple[Any, dict[str, Any]]:
    from transformers import HubertConfig, HubertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    layers = {"conv_dim": (8, 8), "conv_stride": (10, 16), "conv_kernel": (10, 16), "num_feat_extract_layers": 2}
    config = HubertConfig(**sizes, **layers, num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)
    told = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "do_normalize": True}
    return HubertModel(config), told


def _clap() -> tuple[Any, dict[str, Any]]:
    from transformers import ClapConfig, ClapModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    layers = {"patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [1, 2], "hidden_size": 16}
    text = {**sizes, "vocab_size": 60, "max_position_embeddings": 16}
    config = ClapConfig(text_config=text, audio_config=layers, projection_dim=12)
    return ClapModel(config), {"feature_extractor_type": "ClapFeatureExtractor", "truncation": "rand_trunc"}


def _whisper() -> tuple[Any, dict[str, Any]]:
    from transformers import WhisperConfig, WhisperModel

    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    more = {"decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": 60}
    ids = {"pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": 0}
    config = WhisperConfig(**sizes, **more, **ids, suppress_tokens=None, begin_suppress_tokens=None)
    told = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80, "sampling_rate": 16000}
    return WhisperModel(config), told


def _ast() -> tuple[Any, dict[str, Any]]:
    from transformers import ASTConfig, ASTModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    told = {"feature_extractor_type": "ASTFeatureExtractor", "sampling_rate": 16000, "max_length": 128}
    return ASTModel(ASTConfig(**sizes, max_length=128)), {**told, "num_mel_bins": 128}


def _yamnet() -> tuple[Any, None]:
    from transformers import MobileNetV1Config, MobileNetV1Model

    return MobileNetV1Model(MobileNetV1Config(num_channels=1, depth_multiplier=0.25, initializer_range=0.3)), None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Make:
    makers: dict[str, Callable[[], tuple[Any, Any]]] = {
        "wav2vec2": _wav2vec2,
        "whisper": _whisper,
        "hubert": _hubert,
        "clap": _clap,
        "ast": _ast,
        "yamnet": _yamnet,
    }
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        from penchant.llm.silence import silence_transformers

        if kind not in made:
            torch.manual_seed(0)
            made[kind] = tmp_path_factory.mktemp(kind)
            with silence_transformers():
                model, told = makers[kind]()
                model.save_pretrained(made[kind])
            if told:
                (made[kind] / "preprocessor_config.json").write_text(json.dumps(told))
        return made[kind]

    return make


def encoder(folder: Path, **options: Any) -> AudioEncoder:
    return AudioEncoder(AudioOptions(str(folder), **{"backend": "torch", "device": "cpu", **options}))


def noise(n: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32)


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "whisper", "ast", "clap", "yamnet"])
def test_sounds_of_any_length(tiny: Make, kind: str) -> None:
    model = encoder(tiny(kind), window_s=1.0, batch_size=2)
    sounds = [noise(30), None, noise(40_000, 1), noise(0), noise(16_000, 2)]
    together = model.encode(sounds)
    assert together.present.tolist() == [True, False, True, False, True] and together.dim == model.dim
    for row in (0, 2, 4):
        assert np.allclose(model.encode([sounds[row]]).vectors[0], together.vectors[row], atol=1e-5)
    assert model.sample_rate == {"wav2vec2": 8_000, "clap": 48_000}.get(kind, 16_000)


def test_a_long_sound_is_the_mean_of_its_windows(tiny: Make) -> None:
    model = encoder(tiny("wav2vec2"), window_s=1.0)
    sound = noise(16_100)
    parts = model.encode([sound[:8000], sound[8000:16000]]).vectors
    assert np.allclose(model.encode([sound]).vectors[0], parts.mean(axis=0), atol=1e-5)  # the rest is too short


def test_attention_over_windows_by_hand() -> None:
    windows = np.array([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    mean = windows.mean(axis=0)
    scores = np.exp(windows @ mean / np.sqrt(2))
    assert np.allclose(pool_windows(windows, "attention"), scores / scores.sum() @ windows)
    assert np.allclose(pool_windows(windows, "mean"), mean)
    assert pool_windows(windows, "attention")[0] > mean[0]


def test_mel_bands_are_triangles_on_the_mel_scale() -> None:
    bands = compute_mel_bands()
    assert bands.shape == (257, 64) and bands.min() == 0 and bands.max() <= 1
    hertz = np.linspace(0, 8000, 257)
    assert not bands[hertz < 125].any() and not bands[hertz > 7500].any()
    inside = (hertz > 200) & (hertz < 7200)
    assert np.allclose(bands[inside].sum(axis=1), 1)  # neighbours share every frequency
    centres = bands.argmax(axis=0)
    assert (np.diff(centres) >= 0).all() and abs(hertz[centres[40]] - 700 * (np.exp(mel_at(41) / 1127) - 1)) < 32


def mel_at(edge: int) -> float:
    low, high = (1127 * np.log(1 + f / 700) for f in (125, 7500))
    return float(low + (high - low) * edge / 65)


def test_log_mel_by_hand() -> None:
    silence = compute_log_mel_patches(np.zeros(100, dtype=np.float32))
    assert silence.shape == (1, 96, 64) and np.allclose(silence, np.log(0.001))
    second = 16_000
    assert len(compute_log_mel_patches(noise(second))) == 1 and len(compute_log_mel_patches(noise(5 * second))) == 9
    tone = np.sin(2 * np.pi * 1000 * np.arange(second) / second).astype(np.float32)
    patch = compute_log_mel_patches(tone)[0]
    assert patch.mean(axis=0).argmax() == compute_mel_bands()[round(1000 / 8000 * 256)].argmax()
    frame = tone[:400] * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400))
    assert np.allclose(patch[0], np.log(np.abs(np.fft.rfft(frame, 512)) @ compute_mel_bands() + 0.001), atol=1e-4)


def test_onnx_runtime_gives_the_same_vectors(tiny: Make) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    sounds = [noise(30_000), noise(9_000, 1)]
    exported = encoder(tiny("yamnet"), backend="onnx")
    assert np.allclose(exported.encode(sounds).vectors, encoder(tiny("yamnet")).encode(sounds).vectors, atol=1e-4)
    assert '"front_end": "log_mel"' in exported.fingerprint


def test_a_bundle_finds_its_encoder_again_or_refuses(tiny: Make) -> None:
    first = encoder(tiny("wav2vec2"), pooling="attention")
    metadata = json.loads(json.dumps(dict(first.state().metadata)))
    again = AudioEncoder.from_state(EncoderState({}, metadata))
    assert (again.dim, again.sample_rate, again.is_loaded) == (16, 8_000, False)
    assert again.encode([noise(9_000)]).vectors.tobytes() == first.encode([noise(9_000)]).vectors.tobytes()
    metadata["options"]["encoder"] = str(tiny("ast"))
    with pytest.raises(EncoderError, match="not the encoder of this bundle"):
        AudioEncoder.from_state(EncoderState({}, metadata)).encode([noise(9_000)])


def test_bad_calls_say_what_is_allowed(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"^audio\.front_end='mel'.*log_mel"):
        AudioOptions("x", front_end="mel")
    with pytest.raises(OptionError, match=r"^audio\.pooling='max'.*mean, attention"):
        AudioOptions("x", pooling="max")
    with pytest.raises(EncoderError, match=r"needs a body with one input channel.*front_end='model'"):
        encoder(tiny("wav2vec2"), front_end="log_mel").encode([noise(9_000)])
    with pytest.raises(EncoderError, match=r"no feature extractor.*front_end='log_mel'"):
        encoder(tiny("yamnet"), front_end="model").encode([noise(9_000)])
    with pytest.raises(EncoderError, match="cannot be loaded as an audio encoder"):
        encoder(tmp_path).encode([noise(9_000)])


@pytest.mark.parametrize("kind", ["wav2vec2", "yamnet"])
def test_contract(tiny: Make, kind: str) -> None:
    check_encoder(
        lambda: encoder(tiny(kind), window_s=1.0, batch_size=2),
        [noise(30), noise(40_000, 1), noise(16_000, 2)],
        blanks=[noise(0)],
        others=[
            lambda: encoder(tiny(kind), window_s=0.5),
            lambda: encoder(tiny(kind), window_s=1.0, pooling="attention"),
            lambda: encoder(tiny("hubert"), window_s=1.0),
        ],
        restore=AudioEncoder.from_state,
    )
