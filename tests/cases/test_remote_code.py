"""A model folder whose config.json names Python code of its author: loading it never runs that code."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.encoders.pretrained.loading import load_audio_model, load_image_model, load_speech_model, load_text_model
from penchant.errors import PenchantError
from penchant.llm.language_model import load as load_language_model

TODAY = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="stdin may allow the author's code; fixed by issue 14, point 12"
)
CODE = """
from pathlib import Path
Path({mark!r}).write_text("yes")
from transformers import PretrainedConfig, PreTrainedModel
class C(PretrainedConfig):
    model_type = "stranger"
class S(PreTrainedModel):
    config_class = C
"""
CLASSES = ("AutoModel", "AutoModelForTextEncoding", "AutoModelForCausalLM", "AutoModelForSpeechSeq2Seq")
OTHERS = ("AutoTokenizer", "AutoImageProcessor", "AutoFeatureExtractor", "AutoProcessor")


@pytest.fixture
def stranger(tmp_path: Path) -> tuple[Path, Path]:
    """A model folder with code, and the file that this code writes."""
    folder, mark = tmp_path / "model", tmp_path / "code-ran"
    folder.mkdir()
    places = {"AutoConfig": "stranger.C"} | {name: "stranger.S" for name in (*CLASSES, *OTHERS)}
    config = {"model_type": "stranger", "architectures": ["S"], "auto_map": places}
    for name in ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json"):
        (folder / name).write_text(json.dumps(config), encoding="utf-8")
    (folder / "stranger.py").write_text(CODE.format(mark=str(mark)), encoding="utf-8")
    return folder, mark


@TODAY
@pytest.mark.parametrize(
    "load", [load_text_model, load_image_model, load_audio_model, load_speech_model, load_language_model]
)
def test_no_loader_runs_it(
    stranger: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, load: Callable[[Path], Any]
) -> None:
    folder, mark = stranger
    monkeypatch.setattr("builtins.input", lambda *words: "y")
    with suppress(PenchantError):
        load(folder)
    assert not mark.exists()


@pytest.mark.slow
@TODAY
@pytest.mark.parametrize("answer", ["y\ny\n", "1\n"])
def test_encode_does_not_run_it_whatever_stdin_says(
    stranger: tuple[Path, Path], run_python: Callable[..., Any], tmp_path: Path, answer: str
) -> None:
    folder, mark = stranger
    data = tmp_path / "data"
    data.mkdir()
    table = pl.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [1, 2]})
    table.write_parquet(data / "events.parquet")
    pl.DataFrame({"item_id": ["x", "y"], "title": ["one", "two"]}).write_parquet(data / "items.parquet")
    words = ("encode", data, "--modality", "text", "--encoder", folder, "--out", tmp_path / "out.parquet")
    script = "from penchant.cli.app import run\nrun()"
    done = run_python(script, *words, "--cache", tmp_path / "cache", answer=answer)
    assert not mark.exists()
    assert done.returncode == 1 and "model" in done.stderr
