"""Safe media: files of a dataset's folder decoded in worker processes, with every failure counted and located.

A path never leaves the folder; a file that is not an image or sound, is too large, damaged or too slow, or kills
its decoder affects only its own row.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import polars as pl

from penchant.data.media.decode import Decoded, MediaOptions
from penchant.errors import MediaError, MissingExtraError

_HEADER_BYTES = 1 << 16
_START_S = 120.0
_NAMED = 3
_PACKAGES = {"image": ("pillow", "image"), "audio": ("soundfile", "audio")}


@dataclass(frozen=True)
class MediaProblem:
    """A file that could not be used: its `row`, its `name` as the table gives it, and why (first word or two: kind)."""

    row: int
    name: str
    reason: str

    @property
    def kind(self) -> str:
        """The reason up to its colon: `damaged`, `too large`, `outside the folder` …"""
        return self.reason.split(":", 1)[0]


@dataclass
class MediaReport:
    """The media of one column: the number of used files, and every unused file."""

    used: int = 0
    problems: list[MediaProblem] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Problems by kind, most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    @property
    def sentence(self) -> str:
        """The number of used files, and the problems by kind with the first names of each.

        >>> MediaReport(5, [MediaProblem(2, "a.png", "missing: there is no such file.")]).sentence
        '5 used; not used: 1 missing (a.png).'
        """
        kinds = []
        for kind, count in self.counts.items():
            names = [problem.name for problem in self.problems if problem.kind == kind][:_NAMED]
            kinds.append(f"{count} {kind} ({', '.join(names)}{', …' if count > len(names) else ''})")
        return f"{self.used} used" + (f"; not used: {', '.join(kinds)}." if kinds else ".")

    def table(self) -> pl.DataFrame:
        """Columns `row`, `name`, `reason`."""
        rows = [asdict(problem) for problem in self.problems]
        return pl.DataFrame(rows, schema={"row": pl.Int64, "name": pl.String, "reason": pl.String})


def resolve_inside(root: Path, name: str) -> Path:
    """The file of a relative name inside `root`; links are followed and must stay inside.

    Raises `MediaError` for an absolute path, a `..`, a link that leads out, and anything but a plain file.
    """
    pure = PurePosixPath(name.replace("\\", "/"))
    absolute = pure.is_absolute() or bool(PureWindowsPath(name).drive) or "\0" in name or "://" in name
    if absolute or ".." in pure.parts or name.startswith("~"):
        raise MediaError("outside the folder: give a path relative to the dataset, without '..'.")
    try:
        path = (root / pure).resolve(strict=True)
        inside = path.is_relative_to(root.resolve(strict=True))
        if not inside:
            raise MediaError("outside the folder: a link leads out of the dataset.")
        if not path.is_file():
            raise MediaError("not a file.")
    except FileNotFoundError:
        raise MediaError("missing: there is no such file.") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise MediaError(f"unreadable: {error}") from error
    return path


class MediaReader:
    """Decodes files in worker processes; a context manager that ends them.

    >>> with MediaReader() as reader:
    ...     [str(problem) for problem in reader.read([Path("nowhere.png")], "image")]
    ['missing: there is no such file.']
    """

    def __init__(self, options: MediaOptions = MediaOptions()) -> None:  # noqa: B008
        self.options = options
        self._idle: list[_Worker] = []
        self._pool = ThreadPoolExecutor(max(options.workers, 1), thread_name_prefix="penchant-media")

    def __enter__(self) -> MediaReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        while self._idle:
            self._idle.pop().stop()

    def read(self, paths: Sequence[Path], kind: str) -> Iterator[Decoded | MediaError]:
        """Decoded images (`image`), sounds (`audio`) or parts of videos (see `decode_video`), in order; a failed file
        gives its reason.

        Raises `MissingExtraError` if the package that decodes them is not installed.
        """
        ahead = 2 * max(self.options.workers, 1)  # bounds the arrays that wait in memory
        waiting: deque[Future[Decoded | MediaError]] = deque()
        for path in paths:
            waiting.append(self._pool.submit(self._read_one, path, kind))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _read_one(self, path: Path, kind: str) -> Decoded | MediaError:
        if not path.is_file():
            return MediaError("missing: there is no such file.")
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker(self.options, kind)
        try:
            array = worker.ask(path, kind)
        except MediaError as error:
            if worker.alive:
                self._idle.append(worker)
            return error
        except BaseException:
            worker.stop()
            raise
        self._idle.append(worker)
        return array


class _Worker:
    """One process and its two pipes."""

    def __init__(self, options: MediaOptions, kind: str) -> None:
        self.timeout_s = options.timeout_s
        source = str(Path(__file__).resolve().parents[3])
        code = f"import sys; sys.path.insert(0, {source!r}); from penchant.data.media.worker import main; main()"
        one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **one_thread},
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._requests, self._answers = self.process.stdin, self.process.stdout
        self._requests.write(json.dumps({**asdict(options), "kind": kind}).encode() + b"\n")
        self._buffer = bytearray()
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None and not self._requests.closed

    def ask(self, path: Path, kind: str) -> Decoded:
        """The decoded file; raises `MediaError`, after which the worker may be gone."""
        try:
            self._await_start()
            deadline = time.monotonic() + self.timeout_s
            self._requests.write(json.dumps({"path": str(path), "kind": kind}).encode() + b"\n")
            self._requests.flush()
            header = json.loads(self._read_line(deadline))
            if "error" in header:
                if header["missing"]:
                    package, extra = _PACKAGES.get(kind, ("av", "video"))
                    raise MissingExtraError(package, extra)
                raise MediaError(header["error"])
            dtype = np.dtype(header["dtype"])
            shape = tuple(int(n) for n in header["shape"])
            data = self._read_bytes(int(np.prod(shape)) * dtype.itemsize, deadline)
        except (BrokenPipeError, EOFError):
            self.stop()
            raise MediaError("damaged: its decoder crashed.") from None
        except TimeoutError:
            self.stop()
            raise MediaError(f"too slow: decoding took more than {self.timeout_s:g} seconds.") from None
        return np.frombuffer(data, dtype=dtype).reshape(shape)

    def _await_start(self) -> None:
        """Wait until the decoders are loaded, so that this time does not count against the first file."""
        if not self._ready:
            self._requests.flush()
            self._read_line(time.monotonic() + _START_S)
            self._ready = True

    def stop(self) -> None:
        """Kill the process and close its pipes."""
        self.process.kill()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()

    def _read_line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _HEADER_BYTES:
                raise EOFError
            self._read_more(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _read_bytes(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._read_more(deadline)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _read_more(self, deadline: float) -> None:
        """Wait for the next piece of the answer."""
        if os.name != "nt":  # pipes cannot be waited for on Windows: there a hung decoder is not interrupted
            with selectors.DefaultSelector() as selector:
                selector.register(self._answers, selectors.EVENT_READ)
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise TimeoutError
        piece = os.read(self._answers.fileno(), 1 << 20)
        if not piece:
            raise EOFError
        self._buffer += piece
