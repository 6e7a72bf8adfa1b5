"""The backend of a network: PyTorch, or ONNX Runtime where a measurement shows that it is clearly faster."""

from __future__ import annotations

import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from penchant.arrays import Float32s
from penchant.errors import MissingExtraError, OptionError

BACKENDS: Final = ("auto", "torch", "onnx")
CLEARLY_FASTER: Final = 1.5
"""Minimum speed-up for which ONNX Runtime is chosen. Near a tie, noise must not choose between two backends."""


@dataclass(frozen=True)
class Forward:
    """A network as a function of arrays; `backend` names what runs it (`torch`, `onnx`), `note` gives the reason."""

    run: Callable[[Float32s], Float32s]
    backend: str
    note: str


def choose_forward(module: Any, example: Float32s, *, backend: str = "auto", device: str = "cpu") -> Forward:
    """`module` (a batch of inputs in, `[B, D]` out) by the named backend, or by the faster one (`auto`).

    `example` is one small batch. Raises `OptionError`, and `MissingExtraError` if `onnx` is named and not installed.
    """
    if backend not in BACKENDS:
        raise OptionError("backend", backend, allowed=BACKENDS)
    module = module.eval()
    plain = _run_with_torch(module, device)
    if backend == "torch" or (backend == "auto" and device != "cpu"):
        return Forward(plain, "torch", f"PyTorch on {device} encodes.")
    missing = next((name for name in ("onnxruntime", "onnx") if importlib.util.find_spec(name) is None), None)
    if missing:
        if backend == "onnx":
            raise MissingExtraError(missing, "onnx")
        return Forward(plain, "torch", f"PyTorch encodes: {missing} is not installed (extra 'onnx').")
    try:
        exported = _run_with_onnx(module, example)
    except Exception as error:
        if backend == "onnx":
            raise
        return Forward(plain, "torch", f"PyTorch encodes: the model cannot be exported to ONNX ({error}).")
    if backend == "onnx":
        return Forward(exported, "onnx", "ONNX Runtime encodes: it is the named backend.")
    ratio = _measure_seconds(plain, example) / _measure_seconds(exported, example)
    measured = f"ONNX Runtime takes 1/{ratio:.1f} of PyTorch's time on this machine"
    if ratio < CLEARLY_FASTER:
        return Forward(plain, "torch", f"PyTorch encodes: {measured}, less than {CLEARLY_FASTER} times faster.")
    return Forward(exported, "onnx", f"ONNX Runtime encodes: {measured}.")


def _run_with_torch(module: Any, device: str) -> Callable[[Float32s], Float32s]:
    import torch

    module = module.to(device)

    def run(batch: Float32s) -> Float32s:
        with torch.inference_mode():
            result: Float32s = module(torch.from_numpy(batch).to(device)).float().cpu().numpy()
        return result

    return run


def _run_with_onnx(module: Any, example: Float32s) -> Callable[[Float32s], Float32s]:
    """Export with a free batch size; the file is removed once the session has read it."""
    import onnxruntime
    import torch

    with tempfile.TemporaryDirectory(prefix="penchant-onnx-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of every constant shape
        path = Path(folder) / "model.onnx"
        axes = {"contents": {0: "batch"}, "vectors": {0: "batch"}}
        torch.onnx.export(
            module,
            (torch.from_numpy(example[:1]),),
            str(path),
            dynamo=False,
            input_names=["contents"],
            output_names=["vectors"],
            dynamic_axes=axes,
        )
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    expected = _run_with_torch(module, "cpu")(example)

    def run(batch: Float32s) -> Float32s:
        result: Float32s = session.run(None, {"contents": batch})[0]
        return result

    if not np.allclose(run(example), expected, rtol=1e-2, atol=1e-3 * (1 + float(np.abs(expected).max()))):
        raise ValueError("the exported model computes other vectors")
    return run


def _measure_seconds(run: Callable[[Float32s], Float32s], example: Float32s) -> float:
    """The shorter of two runs, after one to warm up."""
    run(example)
    durations = []
    for _ in range(2):
        start = time.perf_counter()
        run(example)
        durations.append(time.perf_counter() - start)
    return max(min(durations), 1e-9)
