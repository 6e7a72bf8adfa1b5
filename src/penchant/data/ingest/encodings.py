"""Compression, encoding and delimiter of text files."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

from penchant.errors import DataError, OptionError

DELIMITERS = (",", "\t", ";", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked where its first bytes are those of gzip.

    Raises `DataError` if the file cannot be read, is empty or its gzip is cut off.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}.", remedy="Check the path and its permissions."
        ) from None
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path} is not a complete gzip file ({error}).",
                remedy="Copy or download it again; it may be truncated.",
            ) from None
    elif path.suffix == ".gz":
        raise DataError(f"{path} is called .gz but is not gzip.", remedy="Remove .gz from its name, or pack it again.")
    if not data.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"):
        raise DataError(f"{path} is empty.", remedy="A table needs a line of column names and at least one row.")
    return data


def to_utf8(data: bytes, encoding: str, source: str) -> tuple[bytes, str]:
    """The same text in UTF-8 without a byte-order mark, and the encoding it was in.

    With no `encoding` given: a byte-order mark decides, then UTF-8, then zero bytes (UTF-16), then whether bytes
    beyond ASCII come in pairs (GB 18030) or alone (Windows-1252).
    """
    if encoding:
        try:
            return data.decode(encoding).removeprefix("\ufeff").encode("utf-8"), encoding
        except LookupError:
            raise OptionError("encoding", encoding, remedy="Use a name such as 'utf-8', 'gbk' or 'latin-1'.") from None
        except UnicodeDecodeError as error:
            raise DataError(
                f"{source} is not {encoding}: byte {error.start} cannot be read.",
                remedy="Correct `encoding` in dataset.toml, or leave it out.",
            ) from None
    detected = next((name for mark, name in _BOMS if data.startswith(mark)), "") or _detect_encoding(data)
    if detected == "utf-8":
        return data, detected
    if detected == "utf-8-sig":
        return data[3:], "utf-8 with a byte-order mark"
    return data.decode(detected, errors="replace").removeprefix("\ufeff").encode("utf-8"), detected


def read_first_line(text: bytes) -> str:
    """The first line of UTF-8 text that is not blank."""
    return re.split(rb"[\r\n]", text.lstrip(b"\r\n"), maxsplit=1)[0].decode("utf-8", errors="replace")


def detect_delimiter(text: bytes) -> str:
    """The delimiter of a UTF-8 table, by its first line: the most frequent of comma, tab, semicolon and bar.

    >>> detect_delimiter(b'user_id;"a,b,c";timestamp')
    ';'
    """
    bare = re.sub(r'"[^"]*"', "", read_first_line(text))
    return max(DELIMITERS, key=lambda mark: bare.count(mark))


def _detect_encoding(data: bytes) -> str:
    if data.isascii():
        if b"\0" in data[:1000] and data[:1000].count(b"\0") * 3 > len(data[:1000]):
            return "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
        return "utf-8"
    try:
        codecs.utf_8_decode(data, "strict", True)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    zeros = data[:1000].count(b"\0")
    if zeros * 4 > len(data[:1000]):
        return "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    runs = re.findall(rb"[\x80-\xff]+", data[:1_000_000])
    high = sum(map(len, runs))
    alone = sum(len(run) for run in runs if len(run) % 2)
    if high and alone * 3 < high:
        try:
            data.decode("gb18030")
            return "gb18030"
        except UnicodeDecodeError:
            pass
    return "cp1252" if _can_decode(data, "cp1252") else "latin-1"


def _can_decode(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
