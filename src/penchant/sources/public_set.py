"""What is known of a public data set: what it is, under which terms, where it lies and how it is read."""

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
    """One published file. `url` is empty where it cannot be downloaded without a person (a form, a log-in).

    `digest` is `sha256:…` or `md5:…` as its publisher states it, `size` in bytes; both empty where not known for sure.
    """

    name: str
    url: str = ""
    digest: str = ""
    size: int | None = None


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    `files` are what is downloaded; names and addresses may hold `{part}`, the category or version that `parts`
    gives examples of. `by_hand` says how to come by the files without us. `convert` reads them and writes tables.
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
        """The files with `{part}` filled in. Raises `UsageError` where a part is missing or no name."""
        if not self.needs_part:
            return self.files
        if not part:
            raise UsageError(
                f"{self.name} comes in parts; say which.", remedy=f"Add --part NAME, such as {', '.join(self.parts)}."
            )
        if not part.replace("_", "").replace("-", "").isalnum():
            raise UsageError(f"part={part!r} is no name of a part.", remedy=f"Examples: {', '.join(self.parts)}.")
        return tuple(
            replace(file, name=file.name.format(part=part), url=file.url.format(part=part)) for file in self.files
        )

    def advice(self, to: str = "DIR") -> str:
        """How to get the files by hand and convert them, in one or two sentences."""
        return f"{self.by_hand} Home: {self.home}. Then: penchant get {self.name} --from FOLDER --to {to}"
