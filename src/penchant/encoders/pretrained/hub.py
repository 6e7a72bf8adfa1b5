"""Pretrained models by folder or hub name, and digests of their files. Only an option allows a download."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from penchant.artifacts.digests import digest_file
from penchant.encoders.pretrained.minilm import find_minilm_folder
from penchant.errors import EncoderError, UnknownEncoderError

MINILM: Final = "minilm"
"""Name of the packaged default encoder."""
TEXT_ENCODERS: Final = (MINILM, "ngram", "word2vec", "fasttext")
"""Text encoders with a short name: suggestions where a name is not a model."""

_HASHED: Final = (".safetensors", ".bin", ".json", ".txt", ".model")
_SMALL_FILES: Final = ["*.json", "*.txt", "*.model", "*.safetensors"]


def find_model_folder(
    source: str,
    *,
    revision: str | None = None,
    download: bool = False,
    near: Sequence[str] = (),
    saved: bool = False,
) -> Path:
    """The folder of a model: `source` is a folder, `minilm` (packaged), or a name on the Hugging Face hub.

    A hub name is looked up in the local cache; only `download` allows fetching (safetensors weights, or the older
    format where a model has no others). Raises `UnknownEncoderError` if there is no such model (it suggests the
    names in `near`), and `EncoderError` if the model could not be fetched, or if a bundle names it (`saved`).
    """
    if source == MINILM:
        return find_minilm_folder()
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if source.startswith((".", "/", "~")) or "\\" in source or source.count("/") > 1:
        raise _missing(
            f"There is no model folder {source!r}.", "Give a folder that holds config.json, or a hub name.", saved=saved
        )
    try:
        snapshot = _snapshot(source, revision, _SMALL_FILES, download=download)
        if not any(snapshot.rglob("*.safetensors")) and not any(snapshot.rglob("*.bin")):
            snapshot = _snapshot(source, revision, [*_SMALL_FILES, "*.bin"], download=download)
    except Exception as error:  # a dozen types, from a bad name to no network
        if download:
            raise EncoderError(
                f"The model {source!r} could not be fetched: {error}",
                remedy="Check the name and the network, or give a folder that holds the model.",
            ) from error
        what = f"The model {source!r} is neither a folder nor among the models on this machine."
        remedy = "Set download=true to download it, or give a folder."
        raise _missing(what, remedy, saved=saved, name=source, near=near) from error
    return snapshot


def _missing(what: str, remedy: str, *, saved: bool, name: str = "", near: Sequence[str] = ()) -> EncoderError:
    """A bad call where an option names the model; where a bundle does, it cannot be used on this machine."""
    if saved:
        return EncoderError(f"{what} The bundle was trained with it.", remedy=remedy)
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


def check_digest(source: str, digest: str, expected: str | None) -> None:
    """Raise `EncoderError` if the files of a model are not those that a bundle was trained with (None: unknown)."""
    if expected is not None and digest != expected:
        raise EncoderError(
            f"{source} is not the encoder of this bundle: its weights are {digest}.",
            remedy=f"Restore the model with the weights {expected}, or train again with this one.",
        )


@dataclass(frozen=True)
class ModelFiles:
    """The files of one pretrained model, located and hashed at the first use.

    `expected` is the digest that a bundle has of them. `near` are names to suggest where there is no such model.
    """

    source: str
    revision: str | None = None
    download: bool = False
    near: Sequence[str] = ()
    expected: str | None = None

    @property
    def name(self) -> str:
        """The hub name, or the name of the folder."""
        return Path(self.source).name if Path(self.source).is_dir() else self.source

    @cached_property
    def folder(self) -> Path:
        """The folder of the model; raises as `find_model_folder`."""
        saved = self.expected is not None
        return find_model_folder(
            self.source, revision=self.revision, download=self.download, near=self.near, saved=saved
        )

    @cached_property
    def digest(self) -> str:
        """Sixteen digits of the digest of the folder. Raises `EncoderError` if a bundle expects another one."""
        digest = digest_folder(self.folder)[:16]
        check_digest(self.source, digest, self.expected)
        return digest

    def verify(self) -> Path:
        """The folder, once its digest is known to be the expected one. Raises as `digest`."""
        _ = self.digest
        return self.folder
