"""One file over HTTP: resumed after a break, verified before it gets its name, never visible in part."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx

from penchant.artifacts.atomic import sync, translate_write_errors
from penchant.errors import DataError, UsageError
from penchant.options import require_range
from penchant.sources.digests import checked_digest, verify

Report = Callable[[float], None]

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_MIN_FREE = 1 << 24
"""Bytes of the disk that a download leaves free."""
_MAGIC = {".zip": b"PK", ".gz": b"\x1f\x8b"}


@dataclass(frozen=True)
class DownloadOptions:
    """Options of retries."""

    attempts: int = 5
    """Maximum number of consecutive attempts that receive no data. 1 or more."""
    pause_s: float = 2.0
    """Pause before each retry, seconds. 0 or more."""
    timeout_s: float = 60.0
    """Longest silence of a server, seconds. Above 0."""

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
    progress: Report | None = None,
) -> Path:
    """Download `url` to `target` and return `target`.

    The bytes received so far are in `target` + `.part`. A later call continues them (Range, If-Range) if the server's
    file is still the same. The file gets its name when its length, and `digest` and `size` where given, are right.
    A `target` that is already right is not downloaded again.

    Raises `UsageError` for an address that is not HTTP, `DataError` for every failure on the way.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(
            f"{url!r} is not an address to download from.", remedy="It must start with https:// or http://."
        )
    if target.exists():
        verify(target, digest, size)
        return target
    part = target.with_name(target.name + ".part")
    with translate_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        has_digest = bool(digest and checked_digest(digest))
        _fetch_all(url, part, size, has_digest, options, progress or (lambda share: None))
        _check_format(url, part, target.suffix)
        try:
            verify(part, digest, size)
        except DataError:
            _remove(part)
            raise DataError(
                f"{url} does not give the file that was expected: its length or digest differs; it was removed.",
                remedy="Try once more; if it persists, the file was replaced or altered: download it in a browser.",
            ) from None
        sync(part)
        os.replace(part, target)
        _remove(part)
    return target


def _fetch_all(
    url: str, part: Path, size: int | None, has_digest: bool, options: DownloadOptions, progress: Report
) -> None:
    """Request the file until all of it is in `part`."""
    failures = longest = 0
    while True:
        validator = _read_validator(part, url)
        start = _length(part) if validator or has_digest else 0  # a mixture of two files would be detected
        longest = max(longest, start)
        try:
            _fetch(url, part, start, validator, size, options.timeout_s, progress)
            return
        except httpx.HTTPStatusError as error:
            fault = f"the server answers {error.response.status_code} {error.response.reason_phrase}"
            if error.response.status_code not in _BUSY:
                raise _failed(url, fault) from None
        except httpx.RemoteProtocolError:
            fault = f"the connection broke off after {_length(part):,} bytes"
        except httpx.RequestError as error:
            fault = str(error) or type(error).__name__
        failures = 1 if _length(part) > longest else failures + 1
        longest = max(longest, _length(part))
        if failures >= options.attempts:
            raise _failed(url, fault)
        time.sleep(options.pause_s)


def _fetch(
    url: str, part: Path, start: int, validator: str, size: int | None, timeout_s: float, progress: Report
) -> None:
    """One request, of the bytes after `start` where the server can send them."""
    headers = {"User-Agent": "penchant", "Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-"} | ({"If-Range": validator} if validator else {})
    with httpx.stream("GET", url, headers=headers, timeout=timeout_s, follow_redirects=True) as response:
        content_range = response.headers.get("Content-Range", "")
        if response.status_code == 416 and start and content_range.endswith(f"*/{start}"):
            return  # nothing follows: `part` is complete
        resumed = response.status_code == 206 and content_range.startswith(f"bytes {start}-")
        if (response.status_code == 416 and start) or (response.status_code == 206 and not resumed):
            _remove(part)
            raise httpx.RemoteProtocolError("`part` is of another file")
        response.raise_for_status()
        received = start if resumed else 0
        announced = response.headers.get("Content-Length", "")
        total = received + int(announced) if announced.isdigit() else None
        _check_length(url, part, received, total, size)
        _write_validator(part, url, response)
        with part.open("ab" if resumed else "wb") as out:
            for data in response.iter_raw():  # as it is sent: a .gz file must not be decompressed
                out.write(data)
                received += len(data)
                if size is not None and received > size:
                    return
                if total:
                    progress(min(received / total, 1.0))


def _check_length(url: str, part: Path, received: int, total: int | None, size: int | None) -> None:
    if total is None:
        return
    if size is not None and total != size:
        _remove(part)
        raise DataError(
            f"{url} announces {total:,} bytes, {size:,} were expected.",
            remedy="The file was replaced, or the address belongs to another file: download it in a browser.",
        )
    free = shutil.disk_usage(part.parent).free
    if total - received > free - _MIN_FREE:
        raise DataError(
            f"{part.stem} needs {total - received:,} more bytes; {part.parent} has {free:,} free.",
            remedy="Free space, or choose another place.",
        )


def _check_format(url: str, part: Path, suffix: str) -> None:
    """Raise `DataError` if the name says archive and the content is something else, such as a log-in page."""
    if suffix not in _MAGIC:
        return
    with part.open("rb") as stream:
        first = stream.read(256).lstrip()
    if not first.startswith(_MAGIC[suffix]):
        _remove(part)
        raise DataError(
            f"{url} gives {'a web page' if first[:1] == b'<' else 'something else'}, not a {suffix[1:]} file.",
            remedy="The server may require a login or consent: download it in a browser.",
        )


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_validator(part: Path, url: str) -> str:
    """The validator noted beside `part`; empty where there is none or it belongs to another address."""
    try:
        note = json.loads(_note(part).read_text(encoding="utf-8"))
        return str(note["validator"]) if note["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _write_validator(part: Path, url: str, response: httpx.Response) -> None:
    """Note a strong ETag, else the time of the last change: a later request continues only the same file."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    _note(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _failed(url: str, fault: str) -> DataError:
    return DataError(
        f"{url} cannot be downloaded: {fault}.",
        remedy="Repeat the command to continue, or download the file in a browser.",
    )
