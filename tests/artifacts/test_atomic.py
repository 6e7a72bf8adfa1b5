from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from penchant.artifacts import atomic
from penchant.errors import DataError, UsageError


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out.json"
    for text in ("first", "second"):
        with atomic.atomic_file(target) as temporary:
            temporary.write_text(text)
            assert temporary.suffix == ".json"
        assert target.read_text() == text
    assert names(target.parent) == ["out.json"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(type(error)), atomic.atomic_file(target) as temporary:
        temporary.write_text("half")
        raise error
    assert (names(tmp_path), target.read_text()) == (["out.txt"], "old")


def test_no_space_says_what_to_do(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with pytest.raises(DataError, match=r"No space left on the disk while writing .*out\.txt.* Free space"):  # noqa: SIM117
        with atomic.atomic_file(target) as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_no_permission_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Choose a place where you may write"), atomic.atomic_file(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_other_system_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="odd"), atomic.atomic_file(tmp_path / "x"):
        raise OSError(errno.EIO, "odd")


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"), atomic.atomic_file(tmp_path):
        pass


def test_a_folder_appears_whole_in_the_place_of_an_empty_one(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with atomic.atomic_folder(target) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "a").write_text("1")
        assert names(target) == []
    assert (target / "sub" / "a").read_text() == "1"
    assert names(tmp_path) == ["out"]


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(UsageError, match="is not empty; nothing was changed"), atomic.atomic_folder(tmp_path):
        pass
    with pytest.raises(UsageError, match="is a file"), atomic.atomic_folder(tmp_path / "mine"):
        pass


def test_leftovers_of_killed_writers_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = atomic.make_temporary_name().replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    (tmp_path / dead).mkdir()
    (tmp_path / dead / "part").write_text("x")
    live = tmp_path / atomic.make_temporary_name()
    live.mkdir()
    elsewhere = tmp_path / ".writing-otherhost-1-abc"
    elsewhere.mkdir()
    old = tmp_path / ".writing-otherhost-2-abc"
    old.write_text("x")
    os.utime(old, (0, 0))
    (tmp_path / ".writing-").write_text("not ours")
    atomic.remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([".writing-", elsewhere.name, live.name])
