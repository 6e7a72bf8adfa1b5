"""The bundle on disk: complete versions, a manifest of hashes, and one line that names the current version.

```
BUNDLE/current            the number of the current version, one line of text
BUNDLE/versions/3/        one version: penchant.json, manifest.json and the files of the model
```

A version is written into a temporary folder, synced, renamed, and only then named in `current`, which is replaced
in one step: a reader sees the old version or the new one, never a part. No links, no pickle, no code.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from penchant.artifacts.atomic import (
    atomic_file,
    make_temporary_name,
    remove_leftovers,
    sync,
    sync_tree,
    translate_write_errors,
)
from penchant.artifacts.digests import digest_file
from penchant.errors import BundleError, DataError, PenchantError, UsageError
from penchant.options import Json

FORMAT_VERSION: Final = 2
"""Version of the layout; a bundle of another one is rejected."""
KEPT: Final = 3
"""How many versions stay on disk."""

METADATA: Final = "penchant.json"
MANIFEST: Final = "manifest.json"
CURRENT: Final = "current"
VERSIONS: Final = "versions"
TRAINING: Final = ".training"
"""Checkpoints of a training that has not ended; no version contains them."""


def write_bundle(path: str | Path, write: Callable[[Path], None], *, metadata: Mapping[str, object]) -> Path:
    """Add a version to the bundle at `path` and make it current; returns the folder of the version.

    `write` is called with an empty folder and puts the files of the model there. `metadata` becomes `penchant.json`.
    Three versions are kept. Raises `BundleError` (no space, no permission) and `UsageError` (`path` is not a
    bundle); after an error, earlier versions are unchanged and nothing half-written is left.
    """
    root = Path(path)
    refuse_foreign(root)
    fresh = not root.exists()
    versions_folder = root / VERSIONS
    temporary = versions_folder / make_temporary_name()
    done = False
    try:
        with translate_write_errors(root):
            versions_folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(versions_folder)
            remove_leftovers(root)
            temporary.mkdir()
            write(temporary)
            _seal(temporary, metadata)
            version = _publish(temporary, versions_folder)
            _point(root, version)
            done = True
            _drop_old(root, version)
    except DataError as error:
        raise BundleError(error.what, remedy=error.remedy) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if fresh and not done:
            shutil.rmtree(root, ignore_errors=True)
    return versions_folder / str(version)


def open_bundle(path: str | Path) -> Path:
    """The folder of the current version, with every file checked against the manifest.

    `path` is the bundle, or the folder of one version. Raises `BundleError` that names the file: a
    missing or extra file, a changed byte, another format version, or a folder that is not a bundle.
    """
    root = Path(path)
    folder = root if (root / MANIFEST).is_file() else _find_current(root)
    verify(folder)
    return folder


def read_metadata(folder: Path) -> Json:
    """The content of `penchant.json` of one version (`folder` comes from `open_bundle`)."""
    return _read_json(folder / METADATA)


def list_versions(path: str | Path) -> list[int]:
    """Numbers of the complete versions on disk, oldest first."""
    folder = Path(path) / VERSIONS
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal()) if folder.is_dir() else []


def roll_back(path: str | Path, version: int) -> Path:
    """Make an earlier (or later) version current again; it is verified first. Returns its folder."""
    root = Path(path)
    _read_current(root)
    folder = root / VERSIONS / str(version)
    if version not in list_versions(root):
        kept = ", ".join(map(str, list_versions(root))) or "none"
        raise BundleError(f"{root} has no version {version}.", remedy=f"Versions on disk: {kept}.")
    verify(folder)
    try:
        _point(root, version)
    except DataError as error:
        raise BundleError(error.what, remedy=error.remedy) from error
    return folder


def refuse_foreign(root: Path) -> None:
    """Raise `UsageError` if `root` is a file or a folder with other content than a bundle.

    Commands call it before the work, so that no training fails at the end because its path cannot be written.
    """
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise UsageError(f"{root} is not a folder; a bundle is a folder.", remedy="Give the name of a folder.")
    if not root.is_dir():
        return
    ours = (CURRENT, VERSIONS, TRAINING)
    strange = [p.name for p in root.iterdir() if p.name not in ours and not p.name.startswith(".writ")]
    if strange:
        raise UsageError(
            f"{root} is not empty and is not a bundle (it contains {strange[0]!r}); nothing was changed.",
            remedy="Give a new folder or an existing bundle.",
        )


def verify(folder: Path) -> None:
    """Check one version against its manifest, file by file, in blocks."""
    _check_format(folder)
    listed = _read_manifest(folder)
    files = _list_files(folder)
    missing = sorted(set(listed) - set(files))
    if missing:
        raise _describe_damage(folder, f"the file {missing[0]} is missing")
    extra = sorted(set(files) - set(listed))
    if extra:
        raise _describe_damage(folder, f"the file {extra[0]} does not belong to it (the manifest does not list it)")
    for name, entry in listed.items():
        size = (folder / name).stat().st_size
        if size != entry["bytes"]:
            raise _describe_damage(folder, f"the file {name} has {size} bytes, {entry['bytes']} were written")
        if digest_file(folder / name) != entry["sha256"]:
            raise _describe_damage(folder, f"the file {name} was changed after it was written (its SHA-256 differs)")


def _seal(folder: Path, metadata: Mapping[str, object]) -> None:
    """Write metadata and manifest, and flush everything to disk."""
    (folder / METADATA).write_bytes(_dumps({**metadata, "format_version": FORMAT_VERSION}))
    entries = {
        name: {"sha256": digest_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in _list_files(folder)
    }
    (folder / MANIFEST).write_bytes(_dumps({"format_version": FORMAT_VERSION, "files": entries}))
    sync_tree(folder)


def _publish(temporary: Path, folder: Path) -> int:
    """Give a finished version the next free number (another writer may take one at the same time)."""
    while True:
        version = max(list_versions(folder.parent), default=0) + 1
        try:
            os.rename(temporary, folder / str(version))
        except OSError:
            if not (folder / str(version)).exists():
                raise
            continue
        sync(folder)
        return version


def _point(root: Path, version: int) -> None:
    with atomic_file(root / CURRENT) as temporary:
        temporary.write_bytes(f"{version}\n".encode())


def _drop_old(root: Path, current: int) -> None:
    """Remove all but the newest versions; each is renamed first, so that no reader sees a part of one."""
    for version in list_versions(root)[:-KEPT]:
        if version != current:
            aside = root / VERSIONS / make_temporary_name()
            os.rename(root / VERSIONS / str(version), aside)
            shutil.rmtree(aside, ignore_errors=True)


def _read_current(root: Path) -> str:
    if not root.exists():
        raise BundleError(f"There is no bundle at {root}.", remedy="Make one with: penchant train DATA --out BUNDLE")
    if not (root / CURRENT).is_file():
        raise BundleError(
            f"{root} is not a bundle: it has no file named {CURRENT!r}.",
            remedy="Give the folder that penchant train wrote (--out).",
        )
    return (root / CURRENT).read_bytes()[:64].decode("ascii", "replace").strip()


def _find_current(root: Path) -> Path:
    text = _read_current(root)
    kept = list_versions(root)
    if not text.isdecimal() or int(text) not in kept:
        listed = ", ".join(map(str, kept)) or "none"
        raise BundleError(
            f"{root / CURRENT} names version {text!r}, which is missing. Versions on disk: {listed}.",
            remedy="Write the number of one of them into that file, or train again.",
        )
    return root / VERSIONS / str(int(text))


def _check_format(folder: Path) -> None:
    if not (folder / METADATA).is_file():
        raise _describe_damage(folder, f"the file {METADATA} is missing")
    try:
        version = _read_json(folder / METADATA).get("format_version")
    except BundleError:
        return  # the hash check reports what happened to the file
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder / METADATA} has format version {version!r}; this penchant reads {FORMAT_VERSION}.",
            remedy="Use the penchant that wrote it, or train again with this one.",
        )


def _read_manifest(folder: Path) -> dict[str, dict[str, object]]:
    path = folder / MANIFEST
    if not path.is_file():
        raise _describe_damage(folder, f"the file {MANIFEST} is missing")
    content = _read_json(path)
    files = content.get("files")
    well_formed = isinstance(files, dict) and all(
        isinstance(entry, dict) and set(entry) == {"sha256", "bytes"} for entry in files.values()
    )
    unchanged = content == {"format_version": FORMAT_VERSION, "files": files} and path.read_bytes() == _dumps(content)
    if not isinstance(files, dict) or not well_formed or not unchanged:
        raise _describe_damage(folder, f"the file {MANIFEST} was changed after it was written")
    return files


def _describe_damage(folder: Path, what: str) -> BundleError:
    return BundleError(
        f"The bundle version {folder} is not as it was written: {what}.",
        remedy="Copy it again from an intact copy, roll back to another version "
        f"(write its number into the file {CURRENT!r}), or train again.",
    )


def _list_files(folder: Path) -> list[str]:
    """Names of all files below, with forward slashes, sorted; the manifest left out. Links are refused."""
    names: list[str] = []
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(parent) / name
            if path.is_symlink():
                raise BundleError(f"{path} is a symbolic link; a bundle holds plain files only.", remedy="Remove it.")
            if name in files:
                names.append(path.relative_to(folder).as_posix())
    return sorted(name for name in names if name != MANIFEST)


def _read_json(path: Path) -> Json:
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, OSError) as error:
        raise _describe_damage(path.parent, f"the file {path.name} cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise _describe_damage(path.parent, f"the file {path.name} contains no JSON object")
    return content


def _dumps(content: Mapping[str, object]) -> bytes:
    text = json.dumps(_to_plain(content), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    return (text + "\n").encode("utf-8", "surrogatepass")


def _to_plain(value: object) -> object:
    """Plain values for JSON: null for NaN, lists for tuples, text for paths, numbers for numpy scalars."""
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_plain(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray | np.generic):
        return _to_plain(value.tolist())
    if isinstance(value, Path):
        return value.as_posix()
    raise PenchantError(f"Metadata of a bundle hold a {type(value).__name__} ({value!r}), which JSON does not know.")
