from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.artifacts import bundle
from penchant.errors import BundleError, PenchantError, UsageError


def files(mark: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(mark.encode() * 100)
        (folder / "modalities").mkdir()
        (folder / "modalities" / "text.safetensors").write_bytes(mark.encode() * 50)

    return write


def save(path: Path, mark: str = "a", **metadata: Any) -> Path:
    return bundle.write_bundle(path, files(mark), metadata={"mark": mark, **metadata})


def everything(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "shop.bundle"


def test_round_trip(place: Path) -> None:
    folder = save(place, "a", metrics={"ndcg@10": np.float32(0.5), "none": float("nan")}, ids=np.arange(2), where=place)
    assert folder == bundle.open_bundle(place) == place / "versions" / "1"
    metadata = bundle.read_metadata(folder)
    assert metadata["format_version"] == bundle.FORMAT_VERSION
    assert metadata["metrics"] == {"ndcg@10": 0.5, "none": None}
    assert metadata["ids"] == [0, 1] and metadata["where"] == place.as_posix()
    assert (place / "current").read_text() == "1\n"
    manifest = json.loads((folder / "manifest.json").read_text())["files"]
    assert sorted(manifest) == ["modalities/text.safetensors", "model.safetensors", "penchant.json"]
    assert manifest["model.safetensors"]["bytes"] == 100
    assert manifest["model.safetensors"]["sha256"] == (
        "2816597888e4a0d3a36b82b83316ab32680eb8f00f8cd3b904d681246d285a0e"  # printf 'a%.0s' {1..100} | sha256sum
    )


def test_same_content_same_bytes(tmp_path: Path) -> None:
    save(tmp_path / "one", "a", b=1, a={"y", "x"})
    save(tmp_path / "two", "a", b=1, a={"x", "y"})
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_three_versions_are_kept_and_one_line_rolls_back(place: Path) -> None:
    for mark in "abcde":
        save(place, mark)
    assert bundle.list_versions(place) == [3, 4, 5]
    assert bundle.read_metadata(bundle.open_bundle(place))["mark"] == "e"
    assert bundle.roll_back(place, 3) == bundle.open_bundle(place)
    assert bundle.read_metadata(bundle.open_bundle(place))["mark"] == "c"
    save(place, "f")
    assert bundle.list_versions(place) == [4, 5, 6]
    assert not [p for p in place.rglob("*") if p.is_symlink() or p.name.startswith(".")]


def test_one_version_can_be_opened_by_its_folder(place: Path) -> None:
    first = save(place, "a")
    save(place, "b")
    assert bundle.open_bundle(first) == first


def test_roll_back_to_what_is_not_there_names_the_versions(place: Path) -> None:
    save(place, "a")
    save(place, "b")
    with pytest.raises(BundleError, match=r"has no version 7\. Versions on disk: 1, 2"):
        bundle.roll_back(place, 7)


def test_roll_back_verifies_first(place: Path) -> None:
    save(place, "a")
    save(place, "b")
    (place / "versions" / "1" / "model.safetensors").write_bytes(b"b" * 100)
    with pytest.raises(BundleError, match=r"model\.safetensors was changed"):
        bundle.roll_back(place, 1)
    assert bundle.open_bundle(place).name == "2"


def test_missing(place: Path) -> None:
    with pytest.raises(BundleError, match=r"There is no bundle at .* penchant train DATA --out"):
        bundle.open_bundle(place)


def test_not_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BundleError, match=r"is not a bundle: it has no file named 'current'.*penchant train wrote"):
        bundle.open_bundle(tmp_path)


@pytest.mark.parametrize("content", ["9\n", "", "../../x", "1 2", "\x00"])
def test_current_names_nothing(place: Path, content: str) -> None:
    save(place)
    (place / "current").write_text(content)
    with pytest.raises(BundleError, match=r"which is missing\. Versions on disk: 1\. Write the number"):
        bundle.open_bundle(place)


def test_another_format_version(place: Path) -> None:
    metadata = save(place) / "penchant.json"
    metadata.write_text(metadata.read_text().replace('"format_version": 2', '"format_version": 1'))
    with pytest.raises(BundleError, match=r"format version 1; this penchant reads 2\. Use the penchant that wrote it"):
        bundle.open_bundle(place)


@pytest.mark.parametrize("name", ["model.safetensors", "modalities/text.safetensors", "penchant.json", "manifest.json"])
def test_a_missing_file_is_named(place: Path, name: str) -> None:
    (save(place) / name).unlink()
    with pytest.raises(BundleError, match=f"the file {name} is missing.*train again"):
        bundle.open_bundle(place)


def test_an_unexpected_file_is_named(place: Path) -> None:
    (save(place) / "modalities" / "evil.py").write_text("print()")
    with pytest.raises(BundleError, match=r"the file modalities/evil\.py does not belong to it"):
        bundle.open_bundle(place)


def test_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    folder = save(place)
    (tmp_path / "outside").write_bytes((folder / "model.safetensors").read_bytes())
    (folder / "model.safetensors").unlink()
    try:
        (folder / "model.safetensors").symlink_to(tmp_path / "outside")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    with pytest.raises(BundleError, match=r"model\.safetensors is a symbolic link"):
        bundle.open_bundle(place)


def test_a_short_file_is_named(place: Path) -> None:
    (save(place) / "model.safetensors").write_bytes(b"a" * 99)
    with pytest.raises(BundleError, match=r"model\.safetensors has 99 bytes, 100 were written"):
        bundle.open_bundle(place)


@pytest.mark.parametrize("text", ["[]", "{", '{"format_version": 1, "files": {"a": 1}}'])
def test_a_broken_manifest_is_named(place: Path, text: str) -> None:
    (save(place) / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"the file manifest\.json"):
        bundle.open_bundle(place)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_is_found(place: Path, data: st.DataObject) -> None:
    if not place.exists():
        save(place, "a", metrics={"ndcg@10": 0.25}, names=["甲", "b"])
    folder = place / "versions" / "1"
    name = data.draw(
        st.sampled_from(["model.safetensors", "modalities/text.safetensors", "penchant.json", "manifest.json"])
    )
    original = (folder / name).read_bytes()
    at, bit = data.draw(st.integers(0, len(original) - 1)), data.draw(st.integers(0, 7))
    (folder / name).write_bytes(original[:at] + bytes([original[at] ^ (1 << bit)]) + original[at + 1 :])
    try:
        with pytest.raises(BundleError, match=r"manifest\.json|the file |penchant\.json"):
            bundle.open_bundle(place)
    finally:
        (folder / name).write_bytes(original)
    assert bundle.open_bundle(place) == folder


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"is not empty and is not a bundle \(it contains 'thesis.txt'\)"):
        save(tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        save(tmp_path / "thesis.txt")
    assert everything(tmp_path) == {"thesis.txt": b"mine"}


def test_an_empty_folder_becomes_a_bundle(place: Path) -> None:
    place.mkdir()
    assert save(place).name == "1"


@pytest.mark.parametrize("error", [ValueError("model"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [0, 1])
def test_an_error_while_writing_leaves_what_was(place: Path, error: BaseException, before: int) -> None:
    if before:
        save(place)
    state = everything(place)

    def write(folder: Path) -> None:
        files("b")(folder)
        raise error

    with pytest.raises(type(error)):
        bundle.write_bundle(place, write, metadata={})
    assert everything(place) == state
    assert place.exists() == bool(before)


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("step", ["files", "metadata", "sync", "current"])
def test_no_space_leaves_what_was(
    place: Path, monkeypatch: pytest.MonkeyPatch, step: str, before: int, tmp_path: Path
) -> None:
    if before:
        save(place)
    state = everything(place)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write = files("b")
    if step == "files":
        write = full
    elif step == "metadata":
        monkeypatch.setattr(Path, "write_bytes", full)
        write = lambda folder: None  # noqa: E731
    elif step == "sync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BundleError, match=r"No space left on the disk while writing .*shop\.bundle.*Free space"):
        bundle.write_bundle(place, write, metadata={})
    monkeypatch.undo()
    if before:
        assert bundle.read_metadata(bundle.open_bundle(place))["mark"] == "a"
    if step != "current":  # a whole version that was never named may stay; the next write counts on from it
        assert everything(place) == state
    assert place.exists() == bool(before)
    save(place, "c")
    assert bundle.read_metadata(bundle.open_bundle(place))["mark"] == "c"


def test_metadata_that_are_no_json_are_refused(place: Path) -> None:
    with pytest.raises(PenchantError, match="hold a object"):
        save(place, "a", odd=object())
    assert not place.exists()


@pytest.mark.skipif(os.name == "nt", reason="os.fork")
@pytest.mark.parametrize("before", [0, 1, 3])
def test_killed_at_any_moment_there_is_a_whole_version(place: Path, before: int) -> None:
    """A child is ended just before its n-th touch of the disk, for every n until it gets through."""
    driver = textwrap.dedent(
        """
        import os, sys, shutil
        from pathlib import Path
        from penchant.artifacts import bundle
        from penchant.errors import BundleError

        root, before = Path(sys.argv[1]), int(sys.argv[2])
        mark = lambda m: lambda folder: (folder / "m").write_text(m)
        real_fsync = os.fsync

        def write(kill_at):
            seen = 0
            def touch(*_):
                nonlocal seen
                seen += 1
                if seen == kill_at:
                    os._exit(9)
            def hook(event, args):
                if event.startswith(("open", "os.", "shutil.")) and args and str(root) in str(args[0]):
                    touch()
            sys.addaudithook(hook)
            os.fsync = lambda handle: (touch(), real_fsync(handle))
            bundle.write_bundle(root, mark("new"), metadata={})
            os._exit(0)

        kill_at, kinds = 0, set()
        while True:
            kill_at += 1
            shutil.rmtree(root, ignore_errors=True)
            for n in range(before):
                bundle.write_bundle(root, mark(f"old{n}"), metadata={})
            child = os.fork()
            if not child:
                write(kill_at)
            ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            assert ended in (0, 9), ended
            try:
                found = (bundle.open_bundle(root) / "m").read_text()
            except BundleError as error:
                assert not before, error
                found = "none"
            assert found in {"new", f"old{before - 1}" if before else "none"}, (kill_at, found)
            kinds.add(found)
            for version in bundle.list_versions(root):
                bundle.verify(root / "versions" / str(version))
            bundle.write_bundle(root, mark("later"), metadata={})
            assert (bundle.open_bundle(root) / "m").read_text() == "later"
            left = [p for p in root.rglob("*") if p.name.startswith(".")]
            assert not left, (kill_at, left)
            assert len(bundle.list_versions(root)) <= bundle.KEPT
            if ended == 0:
                break
        print(kill_at, len(kinds))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", driver, str(place), str(before)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    points, outcomes = map(int, done.stdout.split())
    assert points > 20 and outcomes == 2
