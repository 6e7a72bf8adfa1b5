from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import penchant
from penchant.data.modalities import Modality
from penchant.encoders.cache import EncoderCache, encode_in_chunks, encode_utf8, find_cache_folder

TEXTS = ["one", "three", None, "two", "one"]


class Lengths:
    """[length, 1] of a text; counts what it is asked."""

    fingerprint = "lengths"
    dim = 2

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def encode(self, contents: Sequence[str | None]) -> Modality:
        self.asked += contents
        vectors = np.array([[len(c or ""), 1] for c in contents], dtype=np.float32).reshape(-1, 2)
        present = np.array([c is not None and c != "two" for c in contents], dtype=bool)
        vectors[~present] = 0
        return Modality(vectors, present, self.fingerprint)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_what_was_encoded_is_not_encoded_again(tmp_path: Path) -> None:
    encoder, cache = Lengths(), EncoderCache(tmp_path)
    seen: list[float] = []
    modality = cache.encode(
        encoder, TEXTS, content_bytes=encode_utf8, chunk=2, progress=lambda _, share: seen.append(share)
    )
    assert modality.vectors[:, 0].tolist() == [3, 5, 0, 0, 3] and modality.present.tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert sorted(encoder.asked) == ["one", "three", "two"] and seen == [pytest.approx(2 / 3), 1.0]
    for again in (cache, EncoderCache(tmp_path)):
        other = Lengths()
        assert again.encode(other, TEXTS, content_bytes=encode_utf8).vectors.tobytes() == modality.vectors.tobytes()
        assert not other.asked
    assert cache.counts.computed == 3 and cache.counts.reused == 3


def test_another_encoder_has_its_own_vectors(tmp_path: Path) -> None:
    cache, other = EncoderCache(tmp_path), Lengths()
    cache.encode(Lengths(), TEXTS, content_bytes=encode_utf8)
    other.fingerprint = "lengths revision 2"
    cache.encode(other, TEXTS, content_bytes=encode_utf8)
    assert len(other.asked) == 3 and len(list(tmp_path.iterdir())) == 2


def test_nothing_to_encode(tmp_path: Path) -> None:
    modality = EncoderCache(tmp_path).encode(Lengths(), [None], content_bytes=encode_utf8)
    assert modality.present.tolist() == [False] and not segments(tmp_path)
    assert len(EncoderCache(tmp_path).encode(Lengths(), [], content_bytes=encode_utf8)) == 0


@pytest.mark.parametrize("where", ["first byte", "last byte", "cut", "empty"])
def test_a_damaged_segment_is_set_aside_and_computed_again(tmp_path: Path, where: str) -> None:
    expected = EncoderCache(tmp_path).encode(Lengths(), TEXTS, content_bytes=encode_utf8, chunk=2)
    victim = segments(tmp_path)[0]
    data = bytearray(victim.read_bytes())
    if where in ("cut", "empty"):
        data = data[: len(data) // 2] if where == "cut" else bytearray()
    else:
        data[0 if where == "first byte" else -1] ^= 1
    victim.write_bytes(data)
    cache, encoder = EncoderCache(tmp_path), Lengths()
    assert cache.encode(encoder, TEXTS, content_bytes=encode_utf8).vectors.tobytes() == expected.vectors.tobytes()
    assert cache.counts.damaged == 1 and 0 < len(encoder.asked) < 3
    assert EncoderCache(tmp_path).encode(Lengths(), TEXTS, content_bytes=encode_utf8).present.sum() == 3


def test_a_segment_that_is_gone_is_computed_again(tmp_path: Path) -> None:
    cache = EncoderCache(tmp_path)
    expected = cache.encode(Lengths(), TEXTS, content_bytes=encode_utf8, chunk=1)
    segments(tmp_path)[0].unlink()
    encoder = Lengths()
    assert cache.encode(encoder, TEXTS, content_bytes=encode_utf8).vectors.tobytes() == expected.vectors.tobytes()
    assert len(encoder.asked) == 1


SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from penchant.data.modalities import Modality
from penchant.encoders.cache import EncoderCache, encode_utf8

class Slow:
    fingerprint, dim = "slow", 1
    def encode(self, contents):
        time.sleep(float(sys.argv[4]))
        vectors = np.array([[len(c)] for c in contents], dtype=np.float32)
        return Modality(vectors, np.ones(len(contents), dtype=bool))

texts = [f"{'x' * int(i)}" for i in range(1 + int(sys.argv[2]), 1 + int(sys.argv[3]))]
modality = EncoderCache(sys.argv[1]).encode(Slow(), texts, content_bytes=encode_utf8, chunk=5,
    progress=lambda m, s: print(m, flush=True))
assert (modality.vectors[:, 0] == [len(t) for t in texts]).all()
"""


def start(folder: Path, first: int, last: int, pause_s: float) -> subprocess.Popen[str]:
    source = str(Path(penchant.__file__).parents[1])
    code = f"import sys; sys.path.insert(0, {source!r})\n" + SCRIPT
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(first), str(last), str(pause_s)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_is_taken_up_where_it_was(tmp_path: Path) -> None:
    with start(tmp_path, 0, 500, 0.01) as process:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline()
        process.kill()
    kept = len(segments(tmp_path))
    assert kept >= 3
    with start(tmp_path, 0, 60, 0.0) as process:
        assert process.stdout is not None
        told = process.stdout.read().splitlines()
    assert process.returncode == 0 and len(told) <= 12 - 3
    assert not [path for path in tmp_path.rglob(".writing-*")]


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    with start(tmp_path, 0, 60, 0.002) as one, start(tmp_path, 30, 90, 0.002) as two:
        assert one.stdout is not None and two.stdout is not None
        one.stdout.read(), two.stdout.read()
    assert (one.returncode, two.returncode) == (0, 0)
    with start(tmp_path, 0, 90, 0.0) as third:
        assert third.stdout is not None and not third.stdout.read()


def test_two_threads_may_share_a_cache(tmp_path: Path) -> None:
    cache = EncoderCache(tmp_path)
    texts = [[f"{'y' * i}" for i in range(start, start + 50)] for start in range(1, 41, 10)]
    with ThreadPoolExecutor(4) as pool:
        modalities = list(pool.map(lambda t: cache.encode(Lengths(), t, content_bytes=encode_utf8, chunk=7), texts))
    assert all(
        modality.vectors[:, 0].tolist() == [len(x) for x in t] for modality, t in zip(modalities, texts, strict=True)
    )


def test_chunks_without_a_cache_are_the_same() -> None:
    whole, parts = Lengths().encode(TEXTS), encode_in_chunks(Lengths(), TEXTS, chunk=2)
    assert whole.vectors.tobytes() == parts.vectors.tobytes() and parts.present.tolist() == whole.present.tolist()
    assert len(encode_in_chunks(Lengths(), [])) == 0
    told: list[float] = []
    nothing = encode_in_chunks(Lengths(), [], progress=lambda message, share: told.append(share))
    assert len(nothing) == 0 and told == [], "an update without new items encodes nothing"


def test_the_default_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert find_cache_folder() == tmp_path / ".cache" / "penchant"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert find_cache_folder() == tmp_path / "x" / "penchant"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert find_cache_folder() == tmp_path / "Library" / "Caches" / "penchant"
    monkeypatch.setattr(sys, "platform", "win32")
    assert find_cache_folder().parts[-2:] == ("penchant", "cache")
