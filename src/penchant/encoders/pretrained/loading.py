"""Loads tokenizers and models of transformers without messages, and rejects those without trained weights."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penchant.errors import EncoderError
from penchant.llm.silence import silence_transformers

_ENCODER_ONLY: Final = ("t5", "mt5", "umt5")
_UNUSED_PARTS: Final = ("pooler.", "lm_head.", "cls.", "classifier.")


@contextlib.contextmanager
def _loading(
    folder: Path, what: str, files: str = "config.json, model.safetensors and preprocessor_config.json"
) -> Iterator[None]:
    """Load something without messages; every error becomes an `EncoderError` that names the folder."""
    try:
        with silence_transformers():
            yield
    except EncoderError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise EncoderError(
            f"{folder} cannot be loaded as {what}: {error}", remedy=f"Give a folder with {files}."
        ) from error


def load_text_model(folder: Path, *, lower_case: bool = False, eager: bool = False) -> tuple[Any, Any]:
    """The encoder of a model and its tokenizer. Code in the folder is never run.

    `eager` computes attention in a way that returns its weights. Raises `EncoderError`.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

    implementation = {"attn_implementation": "eager"} if eager else {}
    with _loading(folder, "a text encoder", "config.json, model.safetensors and a tokenizer"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        kind = AutoModelForTextEncoding if config.model_type in _ENCODER_ONLY else AutoModel
        model, _ = load_weights(kind, folder, **implementation)
        extra = {"do_lower_case": True} if lower_case else {}
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **extra)
    if getattr(config, "is_encoder_decoder", False) and config.model_type not in _ENCODER_ONLY:
        model = model.get_encoder()
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    return model, tokenizer


def load_image_model(folder: Path) -> tuple[Any, Any, bool]:
    """A vision model, its preprocessing with Pillow, and whether its pooler was trained. Raises `EncoderError`."""
    from transformers import AutoImageProcessor, AutoModel

    untyped: Any = AutoImageProcessor
    with _loading(folder, "an image encoder"):
        processor = untyped.from_pretrained(folder, backend="pil", local_files_only=True)
        model, pooler = load_weights(AutoModel, folder)
    return model, processor, pooler


def load_audio_model(folder: Path) -> tuple[Any, Any]:
    """A sound model and its feature extractor (None if the folder has none). Raises `EncoderError`."""
    from transformers import AutoFeatureExtractor, AutoModel

    untyped: Any = AutoFeatureExtractor
    with _loading(folder, "an audio encoder"):
        model, _ = load_weights(AutoModel, folder)
        named = (folder / "preprocessor_config.json").is_file()
        extractor = untyped.from_pretrained(folder, local_files_only=True) if named else None
    return model, extractor


def load_speech_model(folder: Path) -> tuple[Any, Any, Any]:
    """A speech-to-text model, its feature extractor and its tokenizer. Raises `EncoderError`."""
    from transformers import AutoFeatureExtractor, AutoModelForSpeechSeq2Seq, AutoTokenizer

    untyped: Any = AutoFeatureExtractor
    with _loading(
        folder, "a speech-to-text model", "config.json, model.safetensors, preprocessor_config.json and a tokenizer"
    ):
        model, _ = load_weights(AutoModelForSpeechSeq2Seq, folder)
        extractor = untyped.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return model, extractor, tokenizer


def load_weights(kind: Any, folder: Path, **arguments: Any) -> tuple[Any, bool]:
    """A model in float32 and evaluation mode, and whether its pooler has trained weights.

    Raises `EncoderError` if the file lacks weights that an encoder uses.
    """
    import torch

    model, info = kind.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **arguments
    )
    missing = sorted(key for key in info["missing_keys"] if not _is_unused(key))
    if missing:
        raise EncoderError(
            f"The weights in {folder} lack {len(missing)} parts of the model (first: {missing[0]}).",
            remedy="They would be random numbers. Download the model again.",
        )
    return model.eval(), not any("pooler." in key for key in info["missing_keys"])


def _is_unused(key: str) -> bool:
    return key.startswith(_UNUSED_PARTS) or key.endswith("masked_spec_embed")


def load_dense_layer(folder: Path) -> tuple[Any, int]:
    """A linear layer with its activation, as sentence-transformers stores it, and the length of its vectors."""
    import torch
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    activation = str(config.get("activation_function", "Identity")).rsplit(".", 1)[-1]
    if activation not in ("Identity", "Tanh", "ReLU", "GELU"):
        raise EncoderError(f"{folder} uses the activation {activation!r}, which is not supported.")
    weights = {key.removeprefix("linear."): value for key, value in load_file(folder / "model.safetensors").items()}
    linear = torch.nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    linear.load_state_dict(weights)
    return torch.nn.Sequential(linear.eval(), getattr(torch.nn, activation)()), int(config["out_features"])
