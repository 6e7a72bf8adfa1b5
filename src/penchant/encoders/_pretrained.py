"""Loads tokenizers and models of transformers quietly, and refuses what would give meaningless vectors."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penchant.errors import EncoderError

_ENCODER_ONLY: Final = ("t5", "mt5", "umt5")
_UNUSED_PARTS: Final = ("pooler.", "lm_head.", "cls.", "classifier.")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no advice from transformers while something loads; what was set before comes back."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
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
        with quiet():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            kind = AutoModelForTextEncoding if config.model_type in _ENCODER_ONLY else AutoModel
            model = load_weights(kind, folder, **told)
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


def load_weights(kind: Any, folder: Path, **told: Any) -> Any:
    """A model in float32 and evaluation mode; raises `EncoderError` where the file lacks weights that are used."""
    import torch

    model, info = kind.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **told
    )
    missing = sorted(key for key in info["missing_keys"] if not key.startswith(_UNUSED_PARTS))
    if missing:
        raise EncoderError(
            f"The weights in {folder} lack {len(missing)} parts of the model (first: {missing[0]}).",
            remedy="They would be random numbers. Fetch the model again.",
        )
    return model.eval()


def dense_layer(folder: Path) -> tuple[Any, int]:
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
