"""Loads tokenizers and models of transformers quietly, and refuses what would give meaningless vectors."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penchant.errors import EncoderError

_ENCODER_ONLY: Final = ("t5", "mt5", "umt5")
_UNUSED_PARTS: Final = ("pooler.", "lm_head.", "cls.", "classifier.")


@contextlib.contextmanager
def silence_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers while something loads; what was set before comes back."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # AST's own filter bank has empty bands, and says so
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def load_text_model(folder: Path, *, lower_case: bool = False, eager: bool = False) -> tuple[Any, Any]:
    """The encoder part of a model, ready to encode, and its tokenizer. Code of the model's author is never run.

    `eager` computes attention so that its weights can be read. Raises `EncoderError`.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

    told = {"attn_implementation": "eager"} if eager else {}
    try:
        with silence_transformers():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            kind = AutoModelForTextEncoding if config.model_type in _ENCODER_ONLY else AutoModel
            model, _ = load_weights(kind, folder, **told)
            extra = {"do_lower_case": True} if lower_case else {}
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **extra)
    except EncoderError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and its own
        raise EncoderError(
            f"{folder} cannot be loaded as a text encoder: {error}",
            remedy="Give a folder with config.json, model.safetensors and a tokenizer.",
        ) from error
    if getattr(config, "is_encoder_decoder", False) and config.model_type not in _ENCODER_ONLY:
        model = model.get_encoder()
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    return model, tokenizer


def load_image_model(folder: Path) -> tuple[Any, Any, bool]:
    """A vision model, its preprocessing with Pillow, and whether its pooler was trained. Raises `EncoderError`."""
    from transformers import AutoImageProcessor, AutoModel

    untyped: Any = AutoImageProcessor
    try:
        with silence_transformers():
            processor = untyped.from_pretrained(folder, backend="pil", local_files_only=True)
            model, pooler = load_weights(AutoModel, folder)
    except EncoderError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and its own
        raise EncoderError(
            f"{folder} cannot be loaded as an image encoder: {error}",
            remedy="Give a folder with config.json, model.safetensors and preprocessor_config.json.",
        ) from error
    return model, processor, pooler


def load_audio_model(folder: Path) -> tuple[Any, Any]:
    """A sound model and its feature extractor (None where the folder has none). Raises `EncoderError`."""
    from transformers import AutoFeatureExtractor, AutoModel

    untyped: Any = AutoFeatureExtractor
    try:
        with silence_transformers():
            model, _ = load_weights(AutoModel, folder)
            named = (folder / "preprocessor_config.json").is_file()
            extractor = untyped.from_pretrained(folder, local_files_only=True) if named else None
    except EncoderError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and its own
        raise EncoderError(
            f"{folder} cannot be loaded as an audio encoder: {error}",
            remedy="Give a folder with config.json, model.safetensors and preprocessor_config.json.",
        ) from error
    return model, extractor


def load_speech_model(folder: Path) -> tuple[Any, Any, Any]:
    """A speech-to-text model, its feature extractor and its tokenizer. Raises `EncoderError`."""
    from transformers import AutoFeatureExtractor, AutoModelForSpeechSeq2Seq, AutoTokenizer

    untyped: Any = AutoFeatureExtractor
    try:
        with silence_transformers():
            model, _ = load_weights(AutoModelForSpeechSeq2Seq, folder)
            extractor = untyped.from_pretrained(folder, local_files_only=True)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except EncoderError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and its own
        raise EncoderError(
            f"{folder} cannot be loaded as a speech-to-text model: {error}",
            remedy="Give a folder with config.json, model.safetensors, preprocessor_config.json and a tokenizer.",
        ) from error
    return model, extractor, tokenizer


def load_weights(kind: Any, folder: Path, **told: Any) -> tuple[Any, bool]:
    """A model in float32 and evaluation mode, and whether its pooler has trained weights.

    Raises `EncoderError` where the file lacks weights that are used.
    """
    import torch

    model, info = kind.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **told
    )
    missing = sorted(key for key in info["missing_keys"] if not _unused(key))
    if missing:
        raise EncoderError(
            f"The weights in {folder} lack {len(missing)} parts of the model (first: {missing[0]}).",
            remedy="They would be random numbers. Fetch the model again.",
        )
    return model.eval(), not any("pooler." in key for key in info["missing_keys"])


def _unused(key: str) -> bool:
    return key.startswith(_UNUSED_PARTS) or key.endswith("masked_spec_embed")


def load_dense_layer(folder: Path) -> tuple[Any, int]:
    """A linear layer with its activation as sentence-transformers stores it, and how long its vectors are."""
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
