from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("PIL")

from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, MissingExtraError, OptionError
from penchant.testing.encoders import check_encoder

Make = Callable[[str], Path]

PREPROCESSING = {
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
}


def _resnet() -> Any:
    from transformers import ResNetConfig, ResNetModel

    told = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    return ResNetModel(ResNetConfig(**told))


def _vit(**told: Any) -> Any:
    from transformers import ViTConfig, ViTModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return ViTModel(ViTConfig(image_size=32, patch_size=8, **sizes), **told)


def _clip() -> Any:
    from transformers import CLIPConfig, CLIPModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text = {**sizes, "vocab_size": 60, "max_position_embeddings": 10, "eos_token_id": 1, "bos_token_id": 0}
    vision = {**sizes, "image_size": 32, "patch_size": 8}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12))


def _mobilenet() -> Any:
    from transformers import MobileNetV1Config, MobileNetV1Model

    return MobileNetV1Model(MobileNetV1Config(depth_multiplier=0.25, initializer_range=0.3))


def _dinov2() -> Any:
    from transformers import Dinov2Config, Dinov2Model

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_ratio": 2}
    return Dinov2Model(Dinov2Config(image_size=32, patch_size=8, **sizes))


def _siglip() -> Any:
    from transformers import SiglipConfig, SiglipModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    text = {**sizes, "vocab_size": 60, "max_position_embeddings": 10}
    return SiglipModel(SiglipConfig(text_config=text, vision_config={**sizes, "image_size": 32, "patch_size": 8}))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Make:
    makers = {"resnet": _resnet, "vit": _vit, "vit-no-pooler": lambda: _vit(add_pooling_layer=False), "clip": _clip}
    makers |= {"mobilenet": _mobilenet, "dinov2": _dinov2, "siglip": _siglip}
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        from penchant.llm.silence import silence_transformers

        if kind not in made:
            torch.manual_seed(0)
            made[kind] = tmp_path_factory.mktemp(kind)
            with silence_transformers():
                makers[kind]().save_pretrained(made[kind])
            (made[kind] / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
        return made[kind]

    return make


def encoder(folder: Path, **options: Any) -> ImageEncoder:
    return ImageEncoder(ImageOptions(str(folder), **{"backend": "torch", "device": "cpu", **options}))


PICTURES = [np.random.default_rng(seed).integers(0, 256, (20 + seed, 30, 3), dtype=np.uint8) for seed in range(3)]


KINDS = {"resnet": 16, "vit": 16, "vit-no-pooler": 16, "clip": 12, "mobilenet": 256, "dinov2": 16, "siglip": 16}


@pytest.mark.parametrize(("kind", "dim"), KINDS.items())
def test_one_code_path_for_every_type(tiny: Make, kind: str, dim: int) -> None:
    model = encoder(tiny(kind), batch_size=2)
    together = model.encode([PICTURES[0], None, *PICTURES[1:]])
    assert together.present.tolist() == [True, False, True, True] and together.dim == model.dim == dim
    alone = [model.encode([picture]).vectors[0] for picture in PICTURES]
    assert np.allclose(together.vectors[[0, 2, 3]], alone, atol=1e-5) and not together.vectors[1].any()
    assert not np.allclose(alone[0], alone[1], atol=1e-4)


def test_pooled_output_is_the_models_own(tiny: Make) -> None:
    from transformers import ViTModel

    from penchant.llm.silence import silence_transformers

    with silence_transformers():
        model = ViTModel.from_pretrained(tiny("vit")).eval()
    grey = np.full((32, 32, 3), 128, dtype=np.uint8)
    pixels = torch.full((1, 3, 32, 32), (128 / 255 - 0.5) / 0.5)
    with torch.no_grad():
        out = model(pixels, output_hidden_states=True)
    assert np.allclose(encoder(tiny("vit")).encode([grey]).vectors, out.pooler_output, atol=1e-5)
    layers = np.concatenate([out.hidden_states[i].mean(1) for i in (1, 2)], axis=1)
    assert np.allclose(encoder(tiny("vit"), layers=(1, -1)).encode([grey]).vectors, layers, atol=1e-5)
    # a pooler without trained weights would be noise: the mean over tokens instead
    assert np.allclose(
        encoder(tiny("vit-no-pooler")).encode([grey]).vectors,
        encoder(tiny("vit-no-pooler"), layers=()).encode([grey]).vectors,
    )


def test_features_of_several_layers_are_joined(tiny: Make) -> None:
    assert encoder(tiny("resnet"), layers=(0, 1, 2)).dim == 8 + 8 + 16
    assert encoder(tiny("clip"), layers=(-1,)).dim == 16
    with pytest.raises(EncoderError, match=r"layers=9: the model has 3 of them.*0 to 2"):
        encoder(tiny("resnet"), layers=(9,)).encode(PICTURES)


@pytest.mark.parametrize("kind", ["resnet", "vit", "clip"])
def test_onnx_runtime_gives_the_same_vectors(tiny: Make, kind: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    exported, plain = encoder(tiny(kind), backend="onnx"), encoder(tiny(kind))
    assert np.allclose(exported.encode(PICTURES).vectors, plain.encode(PICTURES).vectors, atol=1e-4)
    assert (
        exported.note == "ONNX Runtime encodes: it is the named backend." and exported.fingerprint != plain.fingerprint
    )


def test_auto_measures_chooses_and_says_so(tiny: Make) -> None:
    assert encoder(tiny("resnet"), backend="auto").note.startswith(("ONNX Runtime encodes", "PyTorch encodes"))
    with pytest.raises(OptionError, match=r"backend='onxx'.*Did you mean 'onnx'"):
        encoder(tiny("resnet"), backend="onxx").encode(PICTURES)


def test_a_missing_runtime_names_its_extra(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from penchant.encoders.pretrained import runtime

    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"penchant\[onnx\]"):
        encoder(tiny("resnet"), backend="onnx").encode(PICTURES)
    assert "onnxruntime is not installed" in encoder(tiny("resnet"), backend="auto").note


def test_a_bundle_finds_its_encoder_again_or_refuses(tiny: Make) -> None:
    first = encoder(tiny("resnet"), layers=(1,), normalize=True)
    metadata = json.loads(json.dumps(dict(first.state().metadata)))
    again = ImageEncoder.from_state(EncoderState({}, metadata))
    assert again.dim == 8 and not again.is_loaded
    assert again.encode(PICTURES).vectors.tobytes() == first.encode(PICTURES).vectors.tobytes()
    assert np.allclose(np.linalg.norm(again.encode(PICTURES).vectors, axis=1), 1)
    metadata["options"]["encoder"] = str(tiny("vit"))
    with pytest.raises(EncoderError, match="not the encoder of this bundle"):
        ImageEncoder.from_state(EncoderState({}, metadata)).encode(PICTURES)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"cannot be loaded as an image encoder.*preprocessor_config\.json"):
        encoder(tmp_path).encode(PICTURES)


@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_contract(tiny: Make, kind: str) -> None:
    check_encoder(
        lambda: encoder(tiny(kind), batch_size=2),
        PICTURES,
        others=[
            lambda: encoder(tiny(kind), layers=(-1,)),
            lambda: encoder(tiny(kind), normalize=True),
            lambda: encoder(tiny("clip")),
        ],
        restore=ImageEncoder.from_state,
    )
