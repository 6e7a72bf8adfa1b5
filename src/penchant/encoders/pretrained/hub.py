"""Finds a pretrained model by folder or hub name, and says exactly which weights it is. Never downloads unasked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from penchant.artifacts.digests import digest_file
from penchant.encoders.pretrained.minilm import find_minilm_folder
from penchant.errors import EncoderError, UnknownEncoderError

MINILM: Final = "minilm"
"""Name of the packaged default encoder."""
TEXT_ENCODERS: Final = (MINILM, "ngram", "word2vec", "fasttext")
"""Text encoders by a name of our own: what a name that is no model may have meant."""

_HASHED: Final = (".safetensors", ".bin", ".json", ".txt", ".model")
_SMALL_FILES: Final = ["*.json", "*.txt", "*.model", "*.safetensors"]


def find_model_folder(
    source: str,
    *,
    revision: str | None = None,
    download: bool = False,
    near: Sequence[str] = (),
    kept: bool = False,
) -> Path:
    """The folder of a model: `source` is a folder, `minilm` (packaged), or a name on the Hugging Face hub.

    A hub name is looked up in the local cache; only with `download` is anything fetched (safetensors weights, or the
    older format where a model has no others). Raises `UnknownEncoderError` where there is no such model (with a hint at
    names that are `near`), and `EncoderError` where it could not be fetched, or where a bundle names it (`kept`).
    """
    if source == MINILM:
        return find_minilm_folder()
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if source.startswith((".", "/", "~")) or "\\" in source or source.count("/") > 1:
        raise _missing(
            f"There is no model folder {source!r}.", "Give a folder that holds config.json, or a hub name.", kept=kept
        )
    try:
        found = _snapshot(source, revision, _SMALL_FILES, download=download)
        if not any(found.rglob("*.safetensors")) and not any(found.rglob("*.bin")):
            found = _snapshot(source, revision, [*_SMALL_FILES, "*.bin"], download=download)
    except Exception as error:  # the client raises a dozen kinds, from a bad name to no network
        if download:
            raise EncoderError(
                f"The model {source!r} could not be fetched: {error}",
                remedy="Check the name and the network, or give a folder that holds the model.",
            ) from error
        what = f"The model {source!r} is neither a folder nor among the models on this machine."
        remedy = "Nothing is downloaded unasked: allow it with the option download=true, or give a folder."
        raise _missing(what, remedy, kept=kept, name=source, near=near) from error
    return found


def _missing(what: str, remedy: str, *, kept: bool, name: str = "", near: Sequence[str] = ()) -> EncoderError:
    """A bad call where somebody names the model now; else the bundle that names it cannot be used here."""
    if kept:
        return EncoderError(f"{what} The bundle was made with it.", remedy=remedy)
    return UnknownEncoderError(what, name=name, near=near, remedy=remedy)


def _snapshot(source: str, revision: str | None, patterns: list[str], *, download: bool) -> Path:
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(source, revision=revision, allow_patterns=patterns, local_files_only=not download))


def digest_folder(folder: Path) -> str:
    """SHA-256 over the names and bytes of a model's weights, settings and vocabularies."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in _HASHED and p.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{digest_file(path)}\n".encode())
    return digest.hexdigest()


def check_digest(source: str, found: str, expected: str | None) -> None:
    """Raise `EncoderError` where the weights are not those a bundle was made with (None: no bundle says)."""
    if expected is not None and found != expected:
        raise EncoderError(
            f"{source} is not the encoder that made these vectors: its weights are {found}.",
            remedy=f"Put back the model with the weights {expected}, or train again with this one.",
        )
