"""The public data sets by name, as `catalogue.toml` lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from penchant.errors import OptionError
from penchant.options import Json, read_package_toml
from penchant.sources.amazon import amazon_2014, amazon_2018, amazon_2023
from penchant.sources.kuairec import kuairec
from penchant.sources.microlens import microlens
from penchant.sources.mind import mind
from penchant.sources.movielens import movielens
from penchant.sources.online_retail import online_retail
from penchant.sources.public_set import PublicSet, RemoteFile
from penchant.sources.recbole import recbole
from penchant.sources.s3rec import s3rec

_READERS: Final = (
    *(amazon_2014, amazon_2018, amazon_2023, kuairec, microlens),
    *(mind, movielens, online_retail, recbole, s3rec),
)
_CONVERTERS: Final = {reader.__name__: reader for reader in _READERS}


def _read() -> Iterator[PublicSet]:
    for family, table in read_package_toml(__package__, "catalogue.toml").items():
        versions = table.pop("versions", {"": {}})
        for version, fields in versions.items():
            name = f"{family}-{version}" if version else family
            yield _build(name, version, {**table, **fields})


def _build(name: str, version: str, fields: Json) -> PublicSet:
    digest = fields.pop("digest", "")
    convert = _CONVERTERS[fields.pop("convert")]
    files = [[text.replace("{version}", version) for text in pair] for pair in fields.pop("files", [])]
    parts = tuple(fields.pop("parts", ()))
    texts = {key: text.replace("{version}", version) for key, text in fields.items()}
    remote = tuple(RemoteFile(file, url, digest) for file, url in files)
    return PublicSet(name=name, **texts, convert=convert, files=remote, parts=parts)


PUBLIC_SETS: Final[Mapping[str, PublicSet]] = {entry.name: entry for entry in _read()}
"""Name → data set, in the order in which they are listed."""


def public_set(name: str) -> PublicSet:
    """A data set by name. Raises `OptionError` that names the nearest.

    >>> public_set("movielens-1m").files[0].name
    'ml-1m.zip'
    """
    if name not in PUBLIC_SETS:
        raise OptionError("name", name, allowed=PUBLIC_SETS)
    return PUBLIC_SETS[name]
