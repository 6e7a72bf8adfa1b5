"""The decoding process, started by `media`: one request per line on its input, one answer on its output.

A request is JSON (`path`, `kind`); an answer is a line of JSON, followed by the bytes of the array where it was
decoded. Nothing is unpickled on either side.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO

from penchant.data.media.decode import MediaOptions, decode
from penchant.data.media.video import KINDS as VIDEOS
from penchant.errors import MediaError, MissingExtraError


def main() -> None:
    """Answer requests until the input ends; the first line holds the options."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # output of a decoder must not mix with answers
    header = json.loads(requests.readline())
    _warm_up(header.pop("kind"))
    options = MediaOptions(**header)
    _bound_memory(options.memory_mb)
    answers.write(b"ready\n")
    answers.flush()
    for line in requests:
        _answer(json.loads(line), options, answers)


def _answer(request: dict[str, str], options: MediaOptions, answers: BinaryIO) -> None:
    try:
        array = decode(Path(request["path"]), request["kind"], options)
    except (MediaError, MissingExtraError, MemoryError, OSError) as error:
        missing = isinstance(error, MissingExtraError)
        failure = {"error": str(error) or type(error).__name__, "missing": missing}
        answers.write(json.dumps(failure).encode() + b"\n")
    else:
        header = {"shape": list(array.shape), "dtype": array.dtype.name}
        answers.write(json.dumps(header).encode() + b"\n")
        answers.write(array.tobytes())
    answers.flush()


def _warm_up(kind: str) -> None:
    """Load the decoders (that of videos only for videos), so that their memory does not count against a file."""
    with contextlib.suppress(ImportError):
        from PIL import Image

        Image.init()
    with contextlib.suppress(ImportError, OSError):
        import soundfile
        import soxr

        assert soundfile and soxr
    if kind in VIDEOS:
        with contextlib.suppress(ImportError, OSError):
            import av

            assert av


def _bound_memory(limit_mb: int) -> None:
    """Limit the address space that this process may add (on systems with such a limit: Linux)."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        return
    most = pages * os.sysconf("SC_PAGE_SIZE") + limit_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
