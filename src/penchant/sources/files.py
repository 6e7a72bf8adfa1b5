"""The downloaded files of a data set by name, in a folder, its sub-folders and its zip archives."""

from __future__ import annotations

import fnmatch
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from penchant.arrays import Progress
from penchant.data.ingest.readers import list_names
from penchant.errors import DataError
from penchant.sources.lines import blocks

_MOST_FILES = 20_000


class Files:
    """The files in `folder` (or in one zip file), by name. Members of archives are unpacked into `scratch`.

    `part` is the requested category or version; `used` lists the files that were read, in order.
    """

    def __init__(self, folder: Path, scratch: Path, part: str = "", progress: Progress | None = None) -> None:
        if not folder.exists():
            raise DataError(f"{folder} does not exist.", remedy="Give the folder that holds the downloaded files.")
        self.folder, self.scratch, self.part = folder, scratch, part
        self.progress: Progress = progress or (lambda stage, share: None)
        self.on_disk = [folder] if folder.is_file() else _walk(folder)
        self.members = [(path, name) for path in self.on_disk if path.suffix == ".zip" for name in _names(path)]
        self.used: list[Path] = []
        self._ready: dict[tuple[Path, str], Path] = {}

    def all(self, *patterns: str, but: str = "") -> list[Path]:
        """Files whose name matches a pattern (`*.inter`) and not `but`; files on disk hide those in archives."""
        on_disk = [path for path in self.on_disk if _matches(path.name, patterns, but)]
        members = [(path, name) for path, name in self.members if _matches(name.rsplit("/", 1)[-1], patterns, but)]
        files = on_disk or [self._unpack(path, name) for path, name in members]
        for path in on_disk or [path for path, _ in members]:
            if path not in self.used:
                self.used.append(path)
        return files

    def optional(self, *patterns: str, but: str = "") -> Path | None:
        """The one file that matches, or None. Raises `DataError` if several do."""
        paths = self.all(*patterns, but=but)
        if len(paths) > 1:
            listed = ", ".join(str(path.relative_to(self.folder)) for path in paths[:4] if path in self.on_disk)
            raise DataError(
                f"{self.folder} has {len(paths)} files called {' or '.join(patterns)}{': ' * bool(listed)}{listed}.",
                remedy="Give the folder of one data set alone, or choose one with --part.",
            )
        return paths[0] if paths else None

    def one(self, *patterns: str, but: str = "") -> Path:
        """The one file that matches. Raises `DataError` if none or several do."""
        path = self.optional(*patterns, but=but)
        if path is None:
            raise DataError(
                f"{self.folder} has no {' or '.join(patterns)}. Its files: {self._listing()}.",
                remedy="Give the folder (or zip file) with the published files.",
            )
        return path

    def blocks(self, path: Path, encoding: str = "utf-8", *, skip: int = 0) -> Iterator[pl.DataFrame]:
        """The lines of a text file, block after block: see `lines.blocks`; progress is reported."""
        return blocks(path, encoding, skip=skip, progress=lambda share: self.progress(f"reading {path.name}", share))

    def _listing(self) -> str:
        return self.folder.name if self.folder.is_file() else list_names(self.folder)

    def _unpack(self, archive: Path, name: str) -> Path:
        """Unpack a member of an archive into `scratch`, under its name and that of its folder, never under its path."""
        if (archive, name) in self._ready:
            return self._ready[archive, name]
        folder = Path(name).parent.name or archive.stem
        target = (
            self.scratch
            / str(len(self._ready))
            / ("".join(c for c in folder if c not in ".:\\") or "x")
            / Path(name).name
        )
        target.parent.mkdir(parents=True)
        try:
            with zipfile.ZipFile(archive) as opened, opened.open(name) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise DataError(
                f"{name} cannot be unpacked from {archive} ({error}).", remedy="Download the archive again."
            ) from None
        self._ready[archive, name] = target
        return target


def _walk(folder: Path) -> list[Path]:
    files: list[Path] = []
    for path in sorted(folder.rglob("*")):
        hidden = any(piece.startswith((".", "__MACOSX")) for piece in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            files.append(path)
        if len(files) > _MOST_FILES:
            raise DataError(
                f"{folder} has more than {_MOST_FILES:,} files.", remedy="Give the folder of the data set alone."
            )
    return files


def _names(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [item.filename for item in opened.infolist() if not item.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(
            f"{archive} is not a complete zip file ({error}).", remedy="Download it again; it may be truncated."
        ) from None
    return [name for name in names if not name.startswith("__MACOSX") and not Path(name).name.startswith(".")]


def _matches(name: str, patterns: tuple[str, ...], but: str = "") -> bool:
    return not (but and fnmatch.fnmatchcase(name, but)) and any(
        fnmatch.fnmatchcase(name, pattern) for pattern in patterns
    )
