"""The contract of encoders as one call: `check_encoder(make, contents)` in ten lines of test."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from penchant.arrays import Float32s
from penchant.data.modalities import Modality
from penchant.embeddings.media import MediaEncoder, encode_files
from penchant.encoders.protocol import Encoder, EncoderState
from penchant.errors import EncoderError
from penchant.testing.media import generate_broken_media

AnyEncoder = Encoder[Any]
"""An encoder of any kind of content."""
Make = Callable[[], AnyEncoder]


class StatefulEncoder(Encoder[Any], Protocol):
    """An encoder that a bundle keeps."""

    def state(self) -> EncoderState:
        """Tensors and metadata."""


def check_encoder(
    make: Make,
    contents: Sequence[Any],
    *,
    blanks: Sequence[Any] = (),
    others: Sequence[Make] = (),
    restore: Callable[[EncoderState], AnyEncoder] | None = None,
    unfitted: AnyEncoder | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Run the complete contract; `make` returns a new, fitted encoder, equal at every call.

    `contents`: three or more, all different. `blanks`: absent contents beside None, such as an empty text. `others`:
    encoders with another option or other training data. `restore`: the encoder of a state. `unfitted`: an encoder
    before `fit`. `tolerance`: of batching, relative to the longest vector.
    """
    assert len(contents) > 2, "give three contents or more"
    if unfitted is not None:
        check_unfitted(unfitted, contents)
    encoder = make()
    assert encoder.fingerprint and encoder.fingerprint == encoder.fingerprint.strip(), "a fingerprint must not be empty"
    modality = encoder.encode(list(contents))
    check_modality(modality, len(contents), dim=encoder.dim)
    assert modality.encoder == encoder.fingerprint, "a modality must name its encoder"
    assert modality.present.all(), f"absent: contents {np.flatnonzero(~modality.present).tolist()}"
    check_distinct(modality)
    check_absent(encoder, contents, blanks, modality, tolerance)
    check_batches(encoder, contents, modality, tolerance)
    check_determinism(make, contents, modality)
    check_fingerprints(encoder, others)
    if restore is not None:
        check_round_trip(encoder, restore, contents, modality)


def check_modality(modality: Modality, count: int, *, dim: int | None = None) -> None:
    """`count` vectors, float32 and finite; absent rows are zero."""
    assert modality.vectors.shape == (count, modality.dim if dim is None else dim), f"shape {modality.vectors.shape}"
    assert modality.vectors.dtype == np.float32, f"vectors are {modality.vectors.dtype}, not float32"
    assert modality.present.dtype == np.bool_, f"present is {modality.present.dtype}, not bool"
    assert modality.present.shape == (count,), f"present has the shape {modality.present.shape}"
    assert np.isfinite(modality.vectors).all(), "vectors must be finite"
    assert not modality.vectors[~modality.present].any(), "an absent vector must be zero"


def check_unfitted(encoder: Any, contents: Sequence[Any]) -> None:
    """Before `fit`, encoding, `dim`, `fingerprint` and `state` raise `EncoderError`."""
    calls: list[Callable[[], object]] = [lambda: encoder.encode(list(contents)), lambda: encoder.dim]
    calls += [lambda: encoder.fingerprint, lambda: encoder.state()]
    for call in calls:
        try:
            call()
        except EncoderError:
            continue
        raise AssertionError(f"{type(encoder).__name__} is not fitted and must raise EncoderError")


def check_distinct(modality: Modality) -> None:
    """Different contents do not all have one vector."""
    length = np.linalg.norm(modality.vectors, axis=1).max()
    assert np.ptp(modality.vectors, axis=0).max() > 1e-6 * length > 0, "different contents must get different vectors"


def check_absent(
    encoder: AnyEncoder, contents: Sequence[Any], blanks: Sequence[Any], modality: Modality, tolerance: float
) -> None:
    """None and blank contents are absent at every position and change no other row; no contents give an empty
    modality."""
    missing = [None, *blanks]
    check_modality(encoder.encode([]), 0, dim=encoder.dim)
    nothing = encoder.encode(missing)
    check_modality(nothing, len(missing), dim=encoder.dim)
    assert not nothing.present.any(), f"present: {[missing[row] for row in np.flatnonzero(nothing.present)]!r}"
    mixed = [one for content in contents for one in (*missing, content)]
    encoded = encoder.encode(mixed)
    check_modality(encoded, len(mixed), dim=encoder.dim)
    there = np.arange(len(mixed)) % (len(missing) + 1) == len(missing)
    assert (encoded.present == there).all(), "absent contents must be absent between others too"
    _close(encoded.vectors[there], modality.vectors, tolerance, "absent contents between them change the others")


def check_batches(encoder: AnyEncoder, contents: Sequence[Any], modality: Modality, tolerance: float) -> None:
    """A row does not depend on the others, on their order or number; the contents are not altered."""
    before = [content.copy() if isinstance(content, np.ndarray) else content for content in contents]
    for row, content in enumerate(contents):
        _close(encoder.encode([content]).vectors[0], modality.vectors[row], tolerance, f"content {row} alone differs")
    backwards = encoder.encode(list(contents)[::-1]).vectors[::-1]
    _close(backwards, modality.vectors, tolerance, "another order gives other vectors")
    often = encoder.encode(list(contents) * 3).vectors
    _close(often, np.tile(modality.vectors, (3, 1)), tolerance, "more contents give other vectors")
    for content, was in zip(contents, before, strict=True):
        assert not isinstance(was, np.ndarray) or np.array_equal(content, was), "encode must not alter its input"


def check_determinism(make: Make, contents: Sequence[Any], modality: Modality) -> None:
    """A second encoder with the same options and data has the same fingerprint and gives the same bytes."""
    again = make()
    assert again.fingerprint == modality.encoder, f"two equal encoders: {modality.encoder!r} and {again.fingerprint!r}"
    assert again.encode(list(contents)).vectors.tobytes() == modality.vectors.tobytes(), (
        "two equal encoders give different vectors"
    )


def check_fingerprints(encoder: AnyEncoder, others: Sequence[Make]) -> None:
    """Encoders of other options have other fingerprints, which are keys of the cache."""
    fingerprints = [encoder.fingerprint, *(other().fingerprint for other in others)]
    assert len(set(fingerprints)) == len(fingerprints), f"two encoders share a fingerprint: {fingerprints}"


def check_round_trip(
    encoder: Any, restore: Callable[[EncoderState], AnyEncoder], contents: Sequence[Any], modality: Modality
) -> None:
    """The encoder of `state()` encodes to the same bytes; a state is plain arrays and JSON."""
    state = encoder.state()
    for key, tensor in state.tensors.items():
        assert isinstance(tensor, np.ndarray) and tensor.dtype != object, f"{key} must be a plain array"
    tensors = {key: np.ascontiguousarray(tensor).copy() for key, tensor in state.tensors.items()}
    back = restore(EncoderState(tensors, json.loads(json.dumps(dict(state.metadata)))))
    assert back.dim == modality.dim and back.fingerprint == modality.encoder, f"restored as {back.fingerprint!r}"
    assert back.encode(list(contents)).vectors.tobytes() == modality.vectors.tobytes(), (
        "the restored encoder gives other vectors"
    )


def check_files(encoder: MediaEncoder, good: Mapping[str, bytes], folder: Path) -> None:
    """Check that broken and hostile files do not affect the files of `good` (name → bytes). Each broken file is
    absent and in the report with its reason, or can be decoded. `folder` is empty and may be used."""
    broken = {
        name: data for kind, name, data in generate_broken_media(np.random.default_rng(0), 2) if kind == encoder.name
    }
    files = {f"good {name}": data for name, data in good.items()} | broken
    for name, data in files.items():
        (folder / name).write_bytes(data)
    names = [None, "gone", *sorted(files, key=lambda name: name[::-1]), "../out"]
    modality, report = encode_files(encoder, names, root=folder)
    check_modality(modality, len(names), dim=encoder.dim)
    alone, _ = encode_files(encoder, [f"good {name}" for name in good], root=folder)
    assert alone.present.all(), "a good file must have a vector"
    rows = [names.index(f"good {name}") for name in good]
    _close(modality.vectors[rows], alone.vectors, 1e-5, "broken files beside it change a vector")
    failed = [problem.row for problem in report.problems]
    there = np.flatnonzero(modality.present).tolist()
    assert sorted([*failed, *there]) == list(range(1, len(names))), "a file is either used or in the report"
    assert {1, len(names) - 1} <= set(failed) and len(failed) > len(broken) / 2, "broken files must not be used"
    assert all(problem.reason for problem in report.problems), "a problem must say its reason"


def _close(left: Float32s, right: Float32s, tolerance: float, what: str) -> None:
    scale = max(float(np.linalg.norm(right, axis=-1).max()), 1e-12)
    np.testing.assert_allclose(left, right, rtol=0, atol=tolerance * scale, err_msg=what)
