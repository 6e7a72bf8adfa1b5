"""One file over HTTP: resumed where it broke off, verified before it has its name, never half-written under it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.data.atomic import sync, write_errors
from penchant.data.options import require_range
from penchant.errors import DataError, UsageError
from penchant.sources.digests import checked_digest, verify

_CHUNK = 1 << 18
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_MAGIC = {".zip": b"PK", ".gz": b"\x1f\x8b"}
_ROOM = 1 << 24
"""Bytes of the disk that a download leaves free."""


@dataclass(frozen=True)
class DownloadOptions:
    """`attempts`: tries in a row that bring nothing new. `pause_s` before each further one. `timeout_s` of silence."""

    attempts: int = 5
    pause_s: float = 2.0
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        require_range(self, "attempts", least=1)
        require_range(self, "pause_s", least=0)
        require_range(self, "timeout_s", above=0)


def download(
    url: str,
    target: Path,
    *,
    digest: str = "",
    size: int | None = None,
    options: DownloadOptions = DownloadOptions(),
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Download `url` to `target` and give back `target`.

    What has come so far lies in `target` + `.part`, and is continued (Range, If-Range) by a later call where the
    server's file is still the same; the file gets its name when its length, and `digest` and `size` where given, are
    right. A `target` that is already right is not downloaded again.

    Raises `UsageError` for an address that is not HTTP, `DataError` for everything that goes wrong on the way.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url!r} is no address to download from.", remedy="It must start with https:// or http://.")
    if target.exists():
        verify(target, digest, size)
        return target
    part = _Part(url, target, checked_digest(digest) if digest else "", size)
    with write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch_all(part, options, progress or (lambda share: None))
        part.refuse_other_kind()
        try:
            verify(part.path, digest, size)
        except DataError:
            part.forget()
            raise DataError(
                f"{url} does not give the file that was expected: its length or digest is another; it was removed.",
                remedy="Try again; if it stays so, the file was replaced or altered: get it by hand from its home.",
            ) from None
        sync(part.path)
        os.replace(part.path, target)
        part.forget()
    return target


class _Part:
    """What has come so far of a file, and by what its owner will know that the rest belongs to it."""

    def __init__(self, url: str, target: Path, digest: str, size: int | None) -> None:
        self.url, self.target, self.digest, self.size = url, target, digest, size
        self.path = target.with_name(target.name + ".part")
        self._facts = target.with_name(target.name + ".part.json")
        self.validator = ""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            facts = json.loads(self._facts.read_text(encoding="utf-8"))
            if facts.get("url") == url:
                self.validator = str(facts.get("validator", ""))

    @property
    def length(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def may_continue(self) -> bool:
        """Whether a mixture of two files would be noticed: by the server's mark, or by the declared digest."""
        return self.length > 0 and bool(self.validator or self.digest)

    def begin(self, validator: str) -> None:
        """Note whose bytes are about to come."""
        if validator != self.validator or not self._facts.exists():
            self.validator = validator
            self._facts.write_text(json.dumps({"url": self.url, "validator": validator}), encoding="utf-8")

    def forget(self) -> None:
        """Remove what is there."""
        for path in (self.path, self._facts):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
        self.validator = ""

    def refuse_other_kind(self) -> None:
        """Raise `DataError` where an archive was asked for and something else came, such as a page to log in."""
        magic = _MAGIC.get(self.target.suffix)
        if magic is None:
            return
        with self.path.open("rb") as stream:
            first = stream.read(256).lstrip()
        if not first.startswith(magic):
            page = first[:1] == b"<"
            self.forget()
            raise DataError(
                f"{self.url} gives {'a web page' if page else 'something else'}, not a {self.target.suffix[1:]} file.",
                remedy="It may ask to log in or to agree to something: get it by hand from its home.",
            )


def _fetch_all(part: _Part, options: DownloadOptions, progress: Callable[[float], None]) -> None:
    """Ask, and ask again where the connection breaks, until everything is there."""
    failures, most = 0, 0
    while True:
        before = part.length if part.may_continue else 0
        most = max(most, before)
        try:
            if _fetch(part, before, options.timeout_s, progress):
                return
            fault = f"the connection broke off after {part.length:,} bytes"
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and before:  # nothing after what is there: it is whole, or another file
                    if f"*/{before}" in str(error.headers.get("Content-Range", "")):
                        return
                    part.forget()
                fault = f"the server answers {error.code} {error.reason}"
                if error.code not in (*_BUSY, 416):
                    raise _gone(part.url, fault) from None
        except urllib.error.URLError as error:
            fault = str(error.reason)
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            fault = str(error) or type(error).__name__
        failures = 1 if part.length > most else failures + 1
        most = max(most, part.length)
        if failures >= options.attempts:
            raise _gone(part.url, fault)
        time.sleep(options.pause_s)


def _fetch(part: _Part, start: int, timeout_s: float, progress: Callable[[float], None]) -> bool:
    """One request; True where all of the file is there afterwards."""
    request = urllib.request.Request(part.url, headers={"User-Agent": "penchant", "Accept-Encoding": "identity"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if part.validator:
            request.add_header("If-Range", part.validator)
    with contextlib.closing(urllib.request.urlopen(request, timeout=timeout_s)) as answer:
        continued = answer.status == 206 and _range_start(answer) == start
        if answer.status == 206 and not continued:
            part.forget()
            return False
        come = start if continued else 0
        announced = answer.headers.get("Content-Length", "")
        total = come + int(announced) if announced.isdigit() else None
        _refuse_length(part, total, come)
        part.begin(_mark(answer.headers))
        with part.path.open("ab" if continued else "wb") as out:
            for data in _chunks(answer):
                out.write(data)
                come += len(data)
                if part.size is not None and come > part.size:
                    break
                if total:
                    progress(min(come / total, 1.0))
    return total is None or come >= total


def _chunks(answer: Any) -> Iterator[bytes]:
    """The body in pieces; what came before a break is given before the error is raised."""
    while True:
        try:
            data = answer.read(_CHUNK)
        except http.client.IncompleteRead as error:
            if error.partial:
                yield error.partial
            raise
        if not data:
            return
        yield data


def _refuse_length(part: _Part, total: int | None, come: int) -> None:
    if total is None:
        return
    if part.size is not None and total != part.size:
        part.forget()
        raise DataError(
            f"{part.url} announces {total:,} bytes, {part.size:,} were expected.",
            remedy="The file was replaced or the address is another's: get it by hand from its home.",
        )
    free = shutil.disk_usage(part.target.parent).free
    if total - come > free - _ROOM:
        raise DataError(
            f"{part.target.name} needs {total - come:,} more bytes; {part.target.parent} has {free:,} free.",
            remedy="Free space, or choose another place.",
        )


def _range_start(answer: Any) -> int | None:
    span = str(answer.headers.get("Content-Range", "")).removeprefix("bytes ").split("-")[0]
    return int(span) if span.isdigit() else None


def _mark(headers: Any) -> str:
    """What tells one state of the server's file from another: a strong ETag, else the time of its last change."""
    etag = str(headers.get("ETag", ""))
    return etag if etag and not etag.startswith("W/") else str(headers.get("Last-Modified", ""))


def _gone(url: str, fault: str) -> DataError:
    return DataError(
        f"{url} cannot be downloaded: {fault}.",
        remedy="Run it again to go on where it stopped, or get the file by hand.",
    )
