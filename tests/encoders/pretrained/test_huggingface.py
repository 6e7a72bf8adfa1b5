from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from penchant.encoders.choose import NGRAM
from penchant.encoders.pretrained import hub
from penchant.encoders.pretrained.huggingface import HuggingFaceEncoder, HuggingFaceOptions, split_token_batches
from penchant.encoders.pretrained.sentence_transformers import read_recipe
from penchant.encoders.protocol import EncoderState, TextEncoder
from penchant.encoders.words.vectors import FASTTEXT, WORD2VEC
from penchant.errors import EncoderError, OptionError, UnknownEncoderError
from penchant.testing.encoders import check_encoder

Make = Callable[[str], Path]
TEXTS = [
    "the red train",
    None,
    "a film about trains and gardens of the long short story",
    "  ",
    "hose",
    "the red train",
]


def encoder(folder: Path, **options: Any) -> HuggingFaceEncoder:
    return HuggingFaceEncoder(HuggingFaceOptions(str(folder), **{"precision": "fp32", "device": "cpu", **options}))


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
@pytest.mark.parametrize("pooling", ["auto", "mean", "cls", "last", "max", "attention"])
def test_a_batch_equals_its_texts_alone(tiny_models: Make, kind: str, pooling: str) -> None:
    model = encoder(tiny_models(kind), pooling=pooling)
    together = model.encode(TEXTS)
    alone = [model.encode([text]) for text in TEXTS]
    assert together.present.tolist() == [True, False, True, False, True, True]
    assert np.allclose(together.vectors, np.concatenate([modality.vectors for modality in alone]), atol=1e-5)
    assert not together.vectors[1].any() and (together.vectors[0] == together.vectors[5]).all()
    assert together.vectors.shape == (6, model.dim) and isinstance(model, TextEncoder)
    assert not np.allclose(together.vectors[0], together.vectors[2], atol=1e-3)


def test_the_way_to_pool_fits_the_type_of_model(tiny_models: Make) -> None:
    for kind, expected in (("bert", "mean"), ("t5", "mean"), ("gpt2", "last")):
        told, chosen = (
            encoder(tiny_models(kind)).encode(TEXTS),
            encoder(tiny_models(kind), pooling=expected).encode(TEXTS),
        )
        assert np.array_equal(told.vectors, chosen.vectors)


def test_mean_pooling_agrees_with_the_model_called_by_hand(tiny_models: Make) -> None:
    from transformers import AutoModel, AutoTokenizer

    from penchant.llm.silence import silence_transformers

    with silence_transformers():
        model = AutoModel.from_pretrained(tiny_models("bert")).eval()
        tokenizer = AutoTokenizer.from_pretrained(tiny_models("bert"))
    with torch.no_grad():
        hidden = model(**tokenizer("a red train", return_tensors="pt")).last_hidden_state[0]
    assert len(hidden) == 5  # [CLS] a red train [SEP]
    assert np.allclose(encoder(tiny_models("bert")).encode(["a red train"]).vectors[0], hidden.mean(0), atol=1e-5)


def test_idf_weights_come_from_the_corpus(tiny_models: Make) -> None:
    model = encoder(tiny_models("gpt2"), pooling="idf")
    with pytest.raises(EncoderError, match=r"weights from a corpus.*Call fit\(texts\) first"):
        model.encode(["the red train"])
    model.fit(["the train", "the garden", "the red hose", None])
    weight = {"the": 1.0, "train": 1 + np.log(4 / 2)}
    tokens = encoder(tiny_models("gpt2"), pooling="last")
    hidden = [tokens.encode(["the"]).vectors[0], tokens.encode(["the train"]).vectors[0]]  # causal: a prefix is itself
    expected = (weight["the"] * hidden[0] + weight["train"] * hidden[1]) / sum(weight.values())
    assert np.allclose(model.encode(["the train"]).vectors[0], expected, atol=1e-5)
    again = HuggingFaceEncoder.from_state(model.state())
    assert again.encode(TEXTS).vectors.tobytes() == model.encode(TEXTS).vectors.tobytes()
    with pytest.raises(EncoderError, match="no texts to learn idf"):
        model.fit([None, " "])


def test_bfloat16_stays_close(tiny_models: Make) -> None:
    exact, fast = (encoder(tiny_models("bert"), precision=p, normalize=True).encode(TEXTS) for p in ("fp32", "bf16"))
    assert (exact.vectors * fast.vectors).sum(axis=1)[exact.present].min() > 0.999
    assert exact.encoder != fast.encoder


def test_options_that_change_a_vector_change_the_identity(tiny_models: Make) -> None:
    base = encoder(tiny_models("bert")).fingerprint
    for changed in ({"pooling": "cls"}, {"normalize": True}, {"max_length": 4}, {"prefix": "a "}):
        assert encoder(tiny_models("bert"), **changed).fingerprint != base
    assert encoder(tiny_models("bert"), batch_tokens=7).fingerprint == base
    assert encoder(tiny_models("gpt2")).fingerprint != base


def test_long_texts_are_cut(tiny_models: Make) -> None:
    long = "the red train " * 100
    for kind in ("bert", "gpt2", "t5"):
        assert encoder(tiny_models(kind)).encode([long]).present.all()
    short = encoder(tiny_models("gpt2"), max_length=2, pooling="last")
    assert np.array_equal(short.encode(["the red train"]).vectors, short.encode(["the red hose"]).vectors)


def sentence_transformer(folder: Path, body: Path, pooling: dict[str, Any], *, dense: bool = False) -> Path:
    shutil.copytree(body, folder)
    names = ["Transformer", "Pooling", *(["Dense"] if dense else []), "Normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{name}" if i else "", "type": f"sentence_transformers.models.{name}"}
        for i, name in enumerate(names)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 6, "do_lower_case": False}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **pooling}))
    if dense:
        from safetensors.torch import save_file

        (folder / "2_Dense").mkdir()
        told = {
            "in_features": 16,
            "out_features": 4,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
        }
        (folder / "2_Dense" / "config.json").write_text(json.dumps(told))
        weights = {"linear.weight": torch.eye(16)[:4].contiguous(), "linear.bias": torch.zeros(4)}
        save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def test_sentence_transformers_folders_load(tiny_models: Make, tmp_path: Path) -> None:
    body = tiny_models("bert")
    modes = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    plain = sentence_transformer(tmp_path / "plain", body, modes)
    recipe = read_recipe(plain)
    assert (recipe.pooling, recipe.normalize, recipe.max_length) == ("cls", True, 6)
    expected = encoder(body, pooling="cls", normalize=True, max_length=6).encode(TEXTS).vectors
    assert np.allclose(encoder(plain).encode(TEXTS).vectors, expected, atol=1e-6)

    deep = sentence_transformer(tmp_path / "deep", body, {"pooling_mode": "mean"}, dense=True)
    pooled = encoder(body, pooling="mean", max_length=6).encode(TEXTS).vectors
    vectors = encoder(deep).encode(TEXTS).vectors
    squashed = np.tanh(pooled[:, :4])
    lengths = np.linalg.norm(squashed, axis=1, keepdims=True)
    assert np.allclose(vectors, squashed / np.maximum(lengths, 1e-12), atol=1e-5)
    assert encoder(deep).dim == 4


def test_sentence_transformers_itself_agrees(tiny_models: Make, tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = sentence_transformer(tmp_path / "st", tiny_models("bert"), {"pooling_mode_max_tokens": True})
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    texts = [text for text in TEXTS if text and text.strip()]
    assert np.allclose(encoder(folder).encode(texts).vectors, theirs.encode(texts), atol=1e-5)


def test_what_cannot_be_read_is_refused(tiny_models: Make, tmp_path: Path) -> None:
    folder = sentence_transformer(tmp_path / "odd", tiny_models("bert"), {"pooling_mode_mean_sqrt_len_tokens": True})
    with pytest.raises(EncoderError, match="pooling that is not supported"):
        encoder(folder).encode(["a train"])
    assert encoder(folder, pooling="mean").encode(["a train"]).present.all()  # told, it need not be read
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([{"idx": 9, "path": "", "type": "x.models.WordWeights"}, *modules]))
    with pytest.raises(EncoderError, match=r"'x\.models\.WordWeights' that is not supported"):
        encoder(folder).encode(["a train"])
    with pytest.raises(EncoderError, match=r"no model folder '\./nowhere'.*config\.json"):
        HuggingFaceEncoder(HuggingFaceOptions("./nowhere")).encode(["a"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match=r"cannot be loaded as a text encoder.*config.json"):
        encoder(tmp_path / "empty").encode(["a"])
    with pytest.raises(OptionError, match="pooling='average'"):
        encoder(tmp_path, pooling="average")


def test_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[bool] = []

    def refuse(*_: Any, local_files_only: bool, **__: Any) -> str:
        asked.append(local_files_only)
        raise FileNotFoundError("not here")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(
        UnknownEncoderError, match=r"neither a folder nor among the models on this machine.*download=true"
    ):
        HuggingFaceEncoder(HuggingFaceOptions("some/encoder")).encode(["a"])
    with pytest.raises(EncoderError, match="could not be fetched: not here"):
        HuggingFaceEncoder(HuggingFaceOptions("some/encoder", download=True)).encode(["a"])
    assert asked == [True, False]


def test_lacking_weights_are_refused(tiny_models: Make, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "cut"
    shutil.copytree(tiny_models("bert"), folder)
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.0.output.dense.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lack 1 parts of the model.*random numbers"):
        encoder(folder).encode(["a"])


def test_a_bundle_refuses_other_weights(tiny_models: Make) -> None:
    state = encoder(tiny_models("bert")).state()
    told = json.loads(json.dumps(dict(state.metadata)))
    assert HuggingFaceEncoder.from_state(EncoderState({}, told)).encode(["a"]).present.all()
    told["options"]["source"] = str(tiny_models("gpt2"))
    with pytest.raises(EncoderError, match="is not the encoder of this bundle"):
        HuggingFaceEncoder.from_state(EncoderState({}, told)).encode(["a"])


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 200))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    sizes = np.array(lengths, dtype=np.int64)
    batches = list(split_token_batches(sizes, budget))
    rows = sorted(row for batch in batches for row in batch.tolist())
    assert rows == [row for row, length in enumerate(lengths) if length]
    assert all(len(batch) == 1 or sizes[batch].max() * len(batch) <= budget for batch in batches)


def test_a_name_that_is_not_here_is_a_bad_call_unless_a_bundle_names_it() -> None:
    assert set(hub.TEXT_ENCODERS) == {hub.MINILM, NGRAM, WORD2VEC, FASTTEXT}
    for name, hint in (("ngrm", r"Did you mean 'ngram'\?"), ("./nowhere", "Give a folder that holds config.json")):
        with pytest.raises(UnknownEncoderError, match=hint) as refused:
            HuggingFaceEncoder(HuggingFaceOptions(name)).encode(["a"])
        assert refused.value.exit_code == 2 and isinstance(refused.value, EncoderError)
    state = EncoderState({}, {"options": {"source": "./nowhere"}, "fingerprint": "x", "dim": 3})
    with pytest.raises(
        EncoderError, match=r"There is no model folder '\./nowhere'\. The bundle was trained with it"
    ) as kept:
        HuggingFaceEncoder.from_state(state).encode(["a"])
    assert kept.value.exit_code == 1


@pytest.mark.parametrize("kind", ["bert", "gpt2", "t5"])
def test_contract(tiny_models: Make, kind: str) -> None:
    check_encoder(
        lambda: encoder(tiny_models(kind)),
        ["the red train", "a film about trains and gardens of the long short story", "hose"],
        blanks=["", "  "],
        others=[
            lambda: encoder(tiny_models(kind), pooling="max"),
            lambda: encoder(tiny_models(kind), max_length=4),
            lambda: encoder(tiny_models({"bert": "gpt2"}.get(kind, "bert"))),
        ],
        restore=HuggingFaceEncoder.from_state,
    )
