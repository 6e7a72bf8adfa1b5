"""SHA-256 of files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 20


def digest_file(path: Path) -> str:
    """SHA-256 of one file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
