"""Files and folders that appear complete or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from penchant.errors import DataError, UsageError

_PREFIX = ".writing-"
_STALE_S = 24 * 3600


def make_temporary_name() -> str:
    """A name for an unfinished file or folder, with the machine and the process that write it."""
    host = "".join(c for c in socket.gethostname() if c.isalnum())[:16] or "host"
    return f"{_PREFIX}{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """A temporary path next to `path` that replaces it if the block ends without an error.

    Raises `DataError` if the file cannot be written (no space, no permission) and leaves nothing behind.
    """
    target = Path(path)
    if target.is_dir():
        raise UsageError(f"{target} is a folder, but a file is expected there.", remedy="Give the name of a file.")
    temporary = target.parent / (make_temporary_name() + target.suffix)
    try:
        with translate_write_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            sync(temporary)
            os.replace(temporary, target)
            sync(target.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder next to `path` that takes its name if the block ends without an error.

    An empty folder at `path` is replaced. Raises `UsageError` if it is not empty.
    """
    target = Path(path)
    require_free(target)
    temporary = target.parent / make_temporary_name()
    try:
        with translate_write_errors(target):
            temporary.mkdir(parents=True)
            yield temporary
            sync_tree(temporary)
            if target.is_dir():
                target.rmdir()
            os.rename(temporary, target)
            sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def require_free(target: Path) -> None:
    """Raise `UsageError` if a folder cannot be written at `target` without destroying something."""
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file, but a folder is expected there.", remedy="Give another name.")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(
            f"The folder {target} is not empty; nothing was changed.", remedy="Give a new folder, or empty this one."
        )


@contextlib.contextmanager
def translate_write_errors(target: Path) -> Iterator[None]:
    """Turn a failed write into a `DataError` with a remedy."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            raise DataError(
                f"No space left on the disk while writing {target}.",
                remedy="Free space or choose another place, and run it again; what was there before is unchanged.",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            raise DataError(
                f"{target} cannot be written: {error.strerror}.",
                remedy="Choose a place where you may write; what was there before is unchanged.",
            ) from error
        raise


def sync(path: Path) -> None:
    """Flush a file (or, where the system allows it, a folder's list of names) to disk."""
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except PermissionError:
        return  # Windows does not open folders
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Call `sync` for every file and folder below, and for the folder itself last."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            sync(Path(parent) / name)
        sync(Path(parent))


def remove_leftovers(folder: Path) -> None:
    """Remove unfinished files and folders of killed writers."""
    for path in folder.glob(f"{_PREFIX}*"):
        if _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Whether the writer has ended, or the path has not changed for a day."""
    try:
        host, process = path.name.removeprefix(_PREFIX).split("-")[:2]
        old = time.time() - path.stat().st_mtime > _STALE_S
    except (ValueError, OSError):
        return False
    mine = make_temporary_name().removeprefix(_PREFIX).split("-")[0]
    if old or host != mine or os.name == "nt" or not process.isdigit():
        return old
    if int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
