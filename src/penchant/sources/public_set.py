"""Description of a public data set: its terms, its files and the function that reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penchant.errors import UsageError

if TYPE_CHECKING:
    from penchant.sources.files import Files
    from penchant.sources.writer import Writer


@dataclass(frozen=True)
class RemoteFile:
    """One published file. `url` is empty where a download needs a browser (a form, a log-in).

    `digest` is `sha256:…` or `md5:…` as its publisher states it, `size` in bytes; both empty where unknown.
    """

    name: str
    url: str = ""
    digest: str = ""
    size: int | None = None


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    `files` are downloaded; names and addresses may contain `{part}`, a category or version, of which `parts` gives
    examples. `by_hand` says how to get the files in a browser. `convert` reads them and writes tables.
    """

    name: str
    title: str
    home: str
    licence: str
    citation: str
    by_hand: str
    convert: Callable[[Files, Writer], None]
    files: tuple[RemoteFile, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def can_be_downloaded(self) -> bool:
        """Whether every file has an address."""
        return bool(self.files) and all(file.url for file in self.files)

    @property
    def needs_part(self) -> bool:
        """Whether the addresses depend on a part."""
        return any("{part}" in file.url + file.name for file in self.files)

    def remote_files(self, part: str = "") -> tuple[RemoteFile, ...]:
        """The files with `{part}` filled in. Raises `UsageError` if the part is missing or invalid."""
        if not self.needs_part:
            return self.files
        if not part:
            raise UsageError(
                f"{self.name} comes in parts; choose one.", remedy=f"Add --part NAME, such as {', '.join(self.parts)}."
            )
        if not part.replace("_", "").replace("-", "").isalnum():
            raise UsageError(f"part={part!r} is not the name of a part.", remedy=f"Examples: {', '.join(self.parts)}.")
        return tuple(
            replace(file, name=file.name.format(part=part), url=file.url.format(part=part)) for file in self.files
        )

    def advice(self, to: str = "DIR") -> str:
        """How to get the files by hand and convert them, in one or two sentences."""
        return f"{self.by_hand} Home: {self.home}. Then: penchant get {self.name} --from FOLDER --to {to}"
