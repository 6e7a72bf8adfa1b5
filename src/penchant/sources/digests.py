"""Size and hash of files, and the check against expected ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

from penchant.errors import DataError, UsageError

_LENGTHS = {"sha256": 64, "md5": 32}


def digest_of(path: Path, kind: str = "sha256") -> str:
    """The digest of a file as `kind:hexadecimal`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "a").write_bytes(b"")
    ...     digest_of(Path(folder) / "a", "md5")
    'md5:d41d8cd98f00b204e9800998ecf8427e'
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False))
    return f"{kind}:{digest.hexdigest()}"


def checked_digest(text: str) -> str:
    """`sha256:…`, `md5:…` or bare hexadecimal of SHA-256, in lower case. Raises `UsageError` for anything else."""
    kind, _, value = text.strip().lower().rpartition(":")
    kind = kind or "sha256"
    if kind not in _LENGTHS or len(value) != _LENGTHS[kind] or set(value) - set("0123456789abcdef"):
        raise UsageError(
            f"{text!r} is no digest.", remedy="Give 64 hexadecimal characters of SHA-256, or md5: and 32 of MD5."
        )
    return f"{kind}:{value}"


def verify(path: Path, digest: str = "", size: int | None = None) -> None:
    """Raise `DataError` if size or digest of a file differ from the declared ones (empty: no check)."""
    n_bytes = path.stat().st_size
    if size is not None and n_bytes != size:
        raise DataError(
            f"{path.name} has {n_bytes:,} bytes, {size:,} were expected.",
            remedy="It is truncated or is another file: remove it and download it again.",
        )
    if digest:
        expected = checked_digest(digest)
        actual = digest_of(path, expected.partition(":")[0])
        if actual != expected:
            raise DataError(
                f"{path.name} is not the file that was expected: its digest is {actual}, not {expected}.",
                remedy="It is damaged, altered or another version: remove it and download it again from its home.",
            )
