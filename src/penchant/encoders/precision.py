"""Device and number format: where an encoder runs, and whether its products use bfloat16."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

from penchant.errors import OptionError, UsageError

PRECISIONS: Final = ("auto", "fp32", "bf16")
_CPU_FLAGS: Final = {"amx_bf16", "avx512_bf16", "bf16"}
_CPUINFO: Final = Path("/proc/cpuinfo")
_CAPS: Final = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_BELOW: Final = {"SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE", "AVX512_CORE_VNNI"}
"""Instruction sets, in the names of oneDNN, without bfloat16 products."""


def has_fast_bf16(device: str = "cpu") -> bool:
    """Whether the hardware has bfloat16 products (AMX, AVX-512 BF16, Arm BF16, a recent GPU).

    False for a CPU whose flags cannot be read, and where `ONEDNN_MAX_CPU_ISA` keeps oneDNN, the library behind torch's
    products, from these instructions: in software, bfloat16 is several times slower than float32.
    """
    if device != "cpu":
        import torch

        return bool(device.startswith("cuda") and torch.cuda.is_bf16_supported())
    cap = next((os.environ[name] for name in _CAPS if os.environ.get(name)), "")
    if cap.upper() in _BELOW or not _CPUINFO.is_file():
        return False
    with _CPUINFO.open(encoding="utf-8", errors="replace") as stream:
        flags = next((line for line in stream if line.startswith(("flags", "Features"))), "")
    return not _CPU_FLAGS.isdisjoint(flags.split())


def resolve_precision(precision: str, device: str = "cpu") -> str:
    """`fp32` or `bf16`; `auto` takes bf16 where the hardware has it. Raises `OptionError` for another name."""
    if precision not in PRECISIONS:
        raise OptionError("precision", precision, allowed=PRECISIONS)
    if precision == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    return precision


def resolve_device(device: str) -> str:
    """`cpu`, `cuda` …; `auto` takes a CUDA device if there is one. Raises `UsageError` for a missing device."""
    if device != "auto" and not device.startswith("cuda"):
        return device
    import torch

    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if not available:
        raise UsageError(f"device={device}, but PyTorch finds no such GPU.", remedy="Use device=auto, or device=cpu.")
    return device


def autocast(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """Mixed precision: products in bfloat16, sensitive operations (norms, softmax, sums) in float32. No effect for
    fp32.

    Compared with a model converted to bfloat16, mixed precision takes the same time and has a smaller error: the worst
    cosine to float32 of MiniLM over 480 film plots was .99997 instead of .99992.
    """
    if precision == "fp32":
        return contextlib.nullcontext()
    import torch

    return torch.autocast(device.split(":")[0], dtype=torch.bfloat16)
