"""Whether a processor multiplies in bfloat16: read from what the system says of it, and from what oneDNN may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.encoders import precision
from penchant.encoders.precision import has_fast_bf16, resolve_precision


@pytest.fixture
def processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in precision._CAPS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(precision, "_CPUINFO", tmp_path / "cpuinfo")
    return tmp_path / "cpuinfo"


@pytest.mark.parametrize(
    ("line", "fast"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", True),
        ("flags\t\t: fpu avx2 avx512f amx_bf16 amx_tile", True),
        ("Features\t: fp asimd bf16", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("Features\t: fp asimd", False),
        ("model name\t: bf16", False),
    ],
)
def test_the_flags_of_a_processor_say_it(processor: Path, line: str, fast: bool) -> None:
    processor.write_text(f"processor\t: 0\n{line}\nbugs\t: none\n")
    assert has_fast_bf16() is fast
    assert resolve_precision("auto") == ("bf16" if fast else "fp32")


def test_without_flags_it_counts_as_slow(processor: Path) -> None:
    assert not processor.exists() and not has_fast_bf16()


@pytest.mark.parametrize("name", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(
    ("cap", "fast"),
    [("AVX2", False), ("avx512_core", False), ("AVX512_CORE_BF16", True), ("AVX512_CORE_AMX", True), ("ALL", True)],
)
def test_what_onednn_may_not_use_does_not_count(
    processor: Path, monkeypatch: pytest.MonkeyPatch, name: str, cap: str, fast: bool
) -> None:
    processor.write_text("flags\t\t: avx512f avx512_bf16 amx_bf16\n")
    monkeypatch.setenv(name, cap)
    assert has_fast_bf16() is fast
