"""Convert a folder of published files to a folder that follows the data contract, completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from penchant.arrays import Progress
from penchant.artifacts.atomic import atomic_folder
from penchant.errors import UsageError
from penchant.sources.catalogue import public_set
from penchant.sources.digests import checked_digest, verify
from penchant.sources.files import Files
from penchant.sources.public_set import PublicSet
from penchant.sources.writer import Conversion, Writer


def convert(
    name: str,
    folder: str | Path,
    to: str | Path,
    *,
    part: str = "",
    digests: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Convert the downloaded files of the data set `name` in `folder` (or a zip file) and write them to `to`.

    `digests`: name of a file → its SHA-256 (or `md5:…`), checked in addition to those that the publisher states. `to`
    must be new or empty and appears only when it is complete. Rejected lines are in its `quarantine.parquet`, with
    the reason; `source.json` keeps size and SHA-256 of every file that was read.

    Raises `OptionError` for an unknown name, `DataError` or `SchemaError` for files that are missing, damaged, altered
    or of another format, `UsageError` if `to` is occupied.
    """
    source, where = public_set(name), Path(folder)
    with atomic_folder(to) as root:
        scratch = root / ".unpacked"
        files = Files(where, scratch, part, progress)
        check_digests(source, files, part, digests or {})
        writer = Writer(root)
        source.convert(files, writer)
        conversion = writer.finish(source, files.used, part)
        shutil.rmtree(scratch, ignore_errors=True)
    return conversion


def check_digests(source: PublicSet, files: Files, part: str, digests: Mapping[str, str]) -> None:
    """Verify every file whose size or digest is declared, by the publisher or in `digests`."""
    known = source.remote_files(part) if part or not source.needs_part else ()
    declared = {file.name: file for file in known}
    for path in files.on_disk:
        if path.name in declared:
            verify(path, declared[path.name].digest, declared[path.name].size)
        if path.name in digests:
            verify(path, checked_digest(digests[path.name]))
    missing = set(digests) - {path.name for path in files.on_disk}
    if missing:
        raise UsageError(
            f"A digest was given for {sorted(missing)[0]!r}, which is not among the files.",
            remedy="Write NAME=DIGEST with the name of a downloaded file.",
        )
