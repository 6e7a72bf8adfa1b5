"""`penchant get`: a public data set, downloaded or read from local files, written by the data contract."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, terminal
from penchant.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penchant.sources.public_set import PublicSet

NAMES = (
    "movielens-100k, -1m, -10m, -20m, -25m, -32m, -latest-small, amazon-2014, -2018, -2023, mind, microlens, kuairec, "
    "online-retail, recbole, s3rec"
)


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {NAMES}.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write. It must be new or empty.")],
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="PLACE", help="Local folder or zip file, or a URL to download from."),
    ] = None,
    part: Annotated[
        str, typer.Option("--part", metavar="PART", help="Category or version of the data set, if it has several.")
    ] = "",
    sha256: Annotated[
        list[str] | None,
        typer.Option("--sha256", metavar="FILE=HEX", help="SHA-256 digest that a file must have. May be repeated."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="Confirm that you have read and accept the licence.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the downloaded files in DIR.download.")] = False,
    json: parameters.AsJson = False,
) -> None:
    """Download or convert a public data set and write it as a folder that follows the data contract."""
    from penchant.artifacts.atomic import require_free
    from penchant.sources.catalogue import public_set
    from penchant.sources.convert import convert

    known = public_set(name)
    digests = _digests(sha256 or [])
    require_free(to)
    fetched = source is None or "://" in source
    if fetched:
        folder = to.absolute().with_name(to.absolute().name + ".download")
        _download(known, folder, source or "", part, digests, to=to, accept=accept)
    else:
        folder = Path(source or "")
        terminal.note(f"{known.title}. Licence: {known.licence}")
    with terminal.progress() as report:
        conversion = convert(name, folder, to, part=part, digests=digests, progress=report)
    if fetched and not keep:
        shutil.rmtree(folder, ignore_errors=True)
    if json:
        terminal.show_json({**conversion.to_dict(), "to": str(to)})
        return
    for line in conversion.lines():
        terminal.show(line)
    terminal.show(f"Wrote {known.title} to {to}")
    terminal.note(f"Next: penchant check {to}")


def _digests(given: list[str]) -> dict[str, str]:
    from penchant.sources.digests import checked_digest

    pairs = [text.partition("=") for text in given]
    wrong = next((text for text, pair in zip(given, pairs, strict=True) if not (pair[0] and pair[2])), None)
    if wrong is not None:
        raise UsageError(f"--sha256 {wrong!r} is not FILE=HEX.", remedy="Write the file name, = and the digest.")
    return {file: checked_digest(digest) for file, _, digest in pairs}


def _download(
    known: PublicSet,
    folder: Path,
    address: str,
    part: str,
    digests: Mapping[str, str],
    *,
    to: Path,
    accept: bool,
) -> None:
    """Download every file of the set to `folder`, from its site or from `address` (a file, or a folder ending in /)."""
    from urllib.parse import unquote, urlsplit

    from penchant.sources.download import download
    from penchant.sources.public_set import RemoteFile

    if address and not address.endswith("/"):
        wanted: tuple[RemoteFile, ...] = (RemoteFile(unquote(urlsplit(address).path.rsplit("/", 1)[-1]), address),)
        by_name = {file.name: file for file in (known.remote_files(part) if part or not known.needs_part else ())}
        wanted = tuple(RemoteFile(f.name, f.url, by_name[f.name].digest) if f.name in by_name else f for f in wanted)
    elif known.can_be_downloaded:
        wanted = known.remote_files(part)
        wanted = tuple(RemoteFile(f.name, address + f.name if address else f.url, f.digest, f.size) for f in wanted)
    else:
        raise DataError(f"{known.name} can only be downloaded in a browser.", remedy=known.advice(str(to)))
    _accepted(known, accept)
    with terminal.progress() as report:
        for file in wanted:
            digest = digests.get(file.name, file.digest)
            try:
                download(
                    file.url,
                    folder / file.name,
                    digest=digest,
                    size=file.size,
                    progress=lambda share, name=file.name: report(f"downloading {name}", share),  # type: ignore[misc]
                )
            except DataError as error:
                raise DataError(str(error), remedy=f"By hand: {known.advice(str(to))}") from None


def _accepted(known: PublicSet, accept: bool) -> None:
    terminal.note(f"{known.title}, from {known.home}\nLicence: {known.licence}")
    if accept:
        return
    if sys.stdin.isatty():
        if typer.confirm("Do you accept it?", err=True):
            return
        raise UsageError("The licence is not accepted, so nothing is downloaded.")
    raise UsageError(
        f"The licence of {known.name} must be accepted before the download: {known.licence}",
        remedy=f"Read it at {known.home} and add --accept-licence.",
    )
