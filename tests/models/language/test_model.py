"""Language models as user models: contract, texts, causality, every type, adapters, round trips, refusals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import EncoderError, ModelError, OptionError, UsageError
from penchant.llm.adapters import ADAPTER
from penchant.llm.language_model import make_small
from penchant.llm.tokenizer import train_tokenizer
from penchant.llm.verbalise import verbalise_history
from penchant.models.base import ModelState
from penchant.models.language.histories import Narrator, make_page
from penchant.models.language.model import LLM, LLMOptions
from penchant.testing.models import check_model
from penchant.training import fit
from penchant.training.checkpoints import Checkpoints

WORDS = ["apple", "bridge", "candle", "dragon", "engine", "forest"]
CHINESE = ["苹果", "大桥", "蜡烛", "巨龙", "引擎", "森林"]
SMALL = LLMOptions(
    width=16, layers=1, dim=16, max_length=96, epochs=2, vocabulary=150, batch_tokens=512, dropout=0.0, pretrain="none"
)
DAY_S = 86_400


def catalogue(titles: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"item_id": [f"i{n}" for n in range(len(titles))], "title": titles})


def cycles(users: int = 24, length: int = 7) -> SequenceBatch:
    """Everybody walks round the catalogue, a day between two events."""
    rows = [[(start + n) % 6 for n in range(length)] for start in range(users)]
    return SequenceBatch.of_items(rows, [[n * DAY_S for n in range(length)] for _ in rows])


def data(titles: list[str] = WORDS, sequences: SequenceBatch | None = None) -> TrainingData:
    return TrainingData(sequences or cycles(), 6, ["view", "hide"], 100, seed=3, items=catalogue(titles))


def requests(*rows: list[int]) -> SequenceBatch:
    return SequenceBatch.of_items(list(rows), [[n * DAY_S for n in range(len(row))] for row in rows])


def again(model: LLM) -> LLM:
    other, state = LLM(model.options), model.state()
    other.load_state(ModelState({k: np.array(v) for k, v in state.tensors.items()}, dict(state.metadata)))
    return other


CAUSAL = {"one level": replace(SMALL, epochs=40, width=32), "two levels": replace(SMALL, levels=2, epochs=25)}


@pytest.fixture(scope="module")
def fitted() -> dict[str, LLM]:
    models = {name: LLM(replace(options, learning_rate=5e-3)) for name, options in CAUSAL.items()}
    for model in models.values():
        fit(model, data())
    return models


@pytest.mark.parametrize("levels", [1, 2])
def test_contract(levels: int) -> None:
    def taught(model: Any, board: TrainingData) -> None:
        colours = ["white", "black"]
        titles = [f"{colours[item % 2]} field {item}" for item in range(board.n_items)]
        fit(model, replace(board, items=catalogue(titles)))

    options = replace(SMALL, levels=levels, max_length=200, ids=False)
    check_model(lambda: LLM(options), fit=taught, personal=False, uses_content=True, tolerance=1e-3)


@pytest.mark.parametrize("name", CAUSAL)
def test_learns_what_comes_next(fitted: dict[str, LLM], name: str) -> None:
    model = fitted[name]
    assert model.score(requests([0, 1, 2], [3, 4, 5])).argmax(axis=1).tolist() == [3, 0]


@pytest.mark.parametrize("name", CAUSAL)
def test_the_vector_after_an_event_knows_nothing_later(fitted: dict[str, LLM], name: str) -> None:
    row = [3, 1, 4, 1, 5, 2, 0, 2, 1, 3] * 3
    model = LLM(replace(fitted[name].options, max_length=24))
    state = fitted[name].state()
    model.load_state(ModelState(dict(state.tensors), dict(state.metadata)))
    series = model.interests(requests(row, [2, 1]))
    for stop in (1, 2, 5, 17, len(row)):
        np.testing.assert_allclose(series[stop - 1], model.user_vectors(requests(row[:stop]))[0], atol=1e-5)
    np.testing.assert_allclose(series[-1], model.user_vectors(requests([2, 1]))[0], atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_round_trip_gives_equal_scores(fitted: dict[str, LLM], name: str) -> None:
    history = requests([1, 2], [0])
    assert again(fitted[name]).score(history).tobytes() == fitted[name].score(history).tobytes()


def test_scores_are_taken_from_the_device_on_purpose(fitted: dict[str, LLM], monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy reads no tensor of a GPU by itself."""
    asked_for: list[torch.Tensor] = []
    fresh = again(fitted["one level"])
    monkeypatch.setattr(torch.Tensor, "__array__", lambda tensor, *_: asked_for.append(tensor))
    assert np.isfinite(fresh.score(requests([0, 1]))).all() and not asked_for


@pytest.mark.parametrize("name", CAUSAL)
def test_the_time_of_the_request_is_read(fitted: dict[str, LLM], name: str) -> None:
    hidden = requests([0, 1, 2])
    soon, late = (fitted[name].score(hidden.at(np.array([2 * DAY_S + wait]))) for wait in (DAY_S, 900 * DAY_S))
    assert np.abs(soon - late).max() > 1e-3
    assert soon.argmax() == 3


@pytest.mark.parametrize("architecture", ["bert", "t5"])
def test_other_types_learn_too(architecture: str) -> None:
    options = replace(SMALL, architecture=architecture, epochs=25, learning_rate=5e-3, width=32)
    model = LLM(options)
    log = fit(model, data(CHINESE))
    assert log.epochs[-1]["loss"] < 0.5 * log.epochs[0]["loss"]
    assert model.score(requests([0, 1, 2])).argmax() == 3
    history = requests([1, 2, 3], [0])
    series = model.interests(history)
    np.testing.assert_allclose(series[[2, 3]], model.user_vectors(history), atol=1e-5)
    assert again(model).score(history).tobytes() == model.score(history).tobytes()


@pytest.mark.parametrize(("titles", "language"), [(WORDS, "en"), (CHINESE, "zh")])
def test_the_text_that_is_read_is_the_verbalised_history(titles: list[str], language: str) -> None:
    corpus = [verbalise_history(titles, ["view"] * 6, list(range(0, 6 * DAY_S, DAY_S)), language)]
    tokenizer = train_tokenizer(corpus, language, "gpt", size=200)
    narrator = Narrator(tokenizer, titles, ["view", "rating"], language)
    batch = SequenceBatch.of_items([[0, 3], [1, 2, 4]], [[0, 30], [0, 3 * DAY_S, 60 * DAY_S]])
    batch = replace(
        batch.at(np.array([3630, 61 * DAY_S])),
        kinds=np.array([0, 0, 0, 1, 0], dtype=np.int16),
        values=np.array([1, 1, np.nan, 4.5, 1], dtype=np.float32),
    )
    stream, extra = narrator.verbalise(batch), narrator.tokenise_requests(batch)
    begins, stops = stream.ends[2 * batch.offsets[:-1]], stream.ends[2 * batch.offsets[1:]]
    read = make_page(stream, begins, stops, tokenizer, causal=True, extra=extra)
    described = [
        verbalise_history([titles[0], titles[3]], ["view", "view"], [0, 30], language, request_s=3630),
        verbalise_history(
            [titles[1], titles[2], titles[4]],
            ["view", "rating", "view"],
            [0, 3 * DAY_S, 60 * DAY_S],
            language,
            values=[None, 4.5, None],
            request_s=61 * DAY_S,
        ),
    ]
    for row in range(2):
        expected = [*tokenizer.before, *tokenizer.encode([described[row]])[0]]
        assert read.tokens[row][read.mask[row] > 0].tolist() == expected


def test_windows_keep_to_the_budget_and_make_every_event_a_target_once() -> None:
    tokenizer = train_tokenizer(WORDS, "en", "gpt", size=100)
    stream = Narrator(tokenizer, WORDS, ["view"], "en").verbalise(cycles(users=5, length=30))
    starts, stops = stream.cut_windows(60, np.random.default_rng(0))
    assert (stream.ends[2 * stops] - stream.ends[2 * starts] <= 60).all()
    targets = np.concatenate([np.arange(a + 1, b) for a, b in zip(starts, stops, strict=True)])
    assert sorted(targets.tolist()) == [row * 30 + n for row in range(5) for n in range(1, 30)]


def test_a_trained_item_level_moves_items_and_needs_no_modality() -> None:
    options = replace(SMALL, levels=2, train_items=True, ids=False, epochs=3)
    model = LLM(options)
    net = model.start(data(), torch.device("cpu"))
    before = net.items.texts.clone()
    log = fit(model, data())
    assert model.net is not None and log.epochs[-1]["loss"] < log.epochs[0]["loss"]
    assert not torch.allclose(model.net.items.texts, before, atol=1e-3)
    assert again(model).score(requests([1])).tobytes() == model.score(requests([1])).tobytes()


def test_a_trained_item_level_goes_on_to_the_same_weights_whatever_else_was_drawn(tmp_path: Path) -> None:
    """Its vectors of all items are those of the beginning of an epoch, read without dropout; 30 items, few a batch."""
    tokenizer = train_tokenizer(WORDS, "en", "gpt", size=80)
    torch.manual_seed(0)
    network = make_small("gpt", tokenizer, dim=16, layers=1, heads=2, positions=64).network
    network.config.embd_pdrop = network.config.resid_pdrop = 0.3
    network.save_pretrained(tmp_path / "model")
    tokenizer.inner.save_pretrained(tmp_path / "model")
    rows = [[(3 * user + n) % 30 for n in range(4)] for user in range(20)]
    items = catalogue([f"{WORDS[n % 6]} {n}" for n in range(30)])
    shop = TrainingData(SequenceBatch.of_items(rows), 30, ["view"], 100, seed=3, items=items)
    options = replace(SMALL, source=str(tmp_path / "model"), levels=2, train_items=True, batch_tokens=12, tuning="full")

    class Stop(Exception):
        pass

    def stopping(calls: int) -> TrainingData:
        left = iter(range(calls - 1))

        def progress(message: str, share: float) -> None:
            if next(left, None) is None:
                raise Stop

        return replace(shop, progress=progress)

    def learned(data: TrainingData) -> dict[str, bytes]:
        model = LLM(options)
        fit(model, data, checkpoints=Checkpoints(tmp_path / "kept", 0.0, lambda: 0.0))
        return {name: value.tobytes() for name, value in model.state().tensors.items()}

    full = learned(shop)
    shutil.rmtree(tmp_path / "kept")
    torch.rand(7)
    with pytest.raises(Stop):
        learned(stopping(3))
    torch.rand(7)
    assert learned(shop) == full


def test_items_by_their_modality_or_by_the_language_model() -> None:
    modalities = Modalities({"text": Modality(np.eye(6, 9, dtype=np.float32), np.ones(6, dtype=bool), "v")})
    by_modality, by_words = LLM(replace(SMALL, levels=2)), LLM(replace(SMALL, levels=2, items="lm"))
    for model in (by_modality, by_words):
        model.start(replace(data(), modalities=modalities), torch.device("cpu"))
    assert by_modality.net is not None and by_words.net is not None
    assert by_modality.net.items.texts.shape == (6, 9) and by_words.net.items.texts.shape == (6, 16)
    with pytest.raises(ModelError, match="items='modality' needs a text modality"):
        LLM(replace(SMALL, items="modality")).start(data(), torch.device("cpu"))


def test_pretraining_is_in_the_log_of_the_model() -> None:
    model = LLM(replace(SMALL, pretrain="causal", pretrain_epochs=3, epochs=1))
    fit(model, data())
    assert model.pretraining["perplexity_after"] < model.pretraining["perplexity_before"]
    assert again(model).pretraining == model.pretraining


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A small language model on disk, as if trained elsewhere."""
    root = tmp_path_factory.mktemp("models")

    def make(kind: str) -> Path:
        if not (root / kind).exists():
            torch.manual_seed(0)
            tokenizer = train_tokenizer([f'viewed "{word}". A day later,' for word in WORDS], "en", kind, size=120)
            model = make_small(kind, tokenizer, dim=16, layers=1, heads=2, positions=64)
            model.network.save_pretrained(root / kind)
            tokenizer.inner.save_pretrained(root / kind)
        return root / kind

    return make


@pytest.mark.parametrize("kind", ["bert", "gpt", "t5"])
def test_a_given_model_learns_by_adapters_and_only_these_are_saved(folder: Callable[[str], Path], kind: str) -> None:
    options = replace(SMALL, source=str(folder(kind)), epochs=2, max_length=60)
    model = LLM(options)
    fit(model, data())
    state = model.state()
    kept = [name for name in state.tensors if name.startswith("reader.")]
    assert kept and all(ADAPTER in name for name in kept) and state.metadata["tuning"] == "lora"
    assert again(model).score(requests([1, 2])).tobytes() == model.score(requests([1, 2])).tobytes()


def test_other_weights_in_the_folder_are_an_error(folder: Callable[[str], Path], tmp_path: Path) -> None:
    model = LLM(replace(SMALL, source=str(folder("gpt")), epochs=1))
    fit(model, data())
    other = LLM(replace(model.options, source=str(folder("bert"))))
    with pytest.raises(EncoderError, match="is not the encoder of this bundle"):
        other.load_state(model.state())
    with pytest.raises(EncoderError, match="neither a folder nor among the models"):
        LLM(replace(SMALL, source="nobody/nothing")).start(data(), torch.device("cpu"))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded as a language model"):
        LLM(replace(SMALL, source=str(tmp_path))).start(data(), torch.device("cpu"))


def test_further_pretraining_of_a_given_model_saves_all_of_it(folder: Callable[[str], Path]) -> None:
    model = LLM(replace(SMALL, source=str(folder("bert")), pretrain="mlm", epochs=1, max_length=60))
    fit(model, data())
    assert model.pretraining["objective"] == "mlm" and model.state().metadata["digest"] is None
    assert again(model).score(requests([1, 2])).tobytes() == model.score(requests([1, 2])).tobytes()


def test_two_levels_need_a_causal_model(folder: Callable[[str], Path]) -> None:
    with pytest.raises(ModelError, match="needs a causal"):
        LLM(replace(SMALL, source=str(folder("bert")), levels=2)).start(data(), torch.device("cpu"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"architecture": "gp"}, r"architecture='gp' is not known\. Allowed: auto, bert, gpt, t5"),
        ({"levels": 3}, "levels=3 is not known. Allowed: 1, 2"),
        ({"levels": 2, "architecture": "t5"}, "levels=2 needs a causal model, not t5"),
        ({"source": "x", "architecture": "gpt"}, "has its own architecture"),
        ({"tuning": "frozen", "train_items": True}, "tuning='frozen' trains no weights. Set tuning to full or lora"),
        ({"items": "modality", "train_items": True}, "which train_items=True cannot train. Set items=lm"),
        ({"pretrain": "mlm"}, "is for a bert model, not for architecture gpt. Set pretrain to causal or auto or none"),
        ({"pretrain": "nsp", "architecture": "t5"}, "'nsp' is for a bert model, not for architecture t5"),
        ({"pretrain": "causal", "architecture": "bert"}, "Set pretrain to mlm or nsp or auto or none, or architecture"),
        ({"pretrain": "mlm", "levels": 2}, "'mlm' is for a bert model, not for levels=2, which needs gpt"),
        ({"pretrain": "spans"}, r"pretrain='spans' is not known\. Allowed: auto, none, mlm, causal, nsp"),
        ({"language": "fr"}, "Allowed: auto, zh, en"),
        ({"width": 15}, "width=15 is not a multiple of n_heads=2"),
        ({"max_length": 3}, "max_length=3 is out of range. Give 8 or more"),
    ],
)
def test_bad_options_say_what_is_allowed(changed: dict[str, Any], message: str) -> None:
    with pytest.raises((OptionError, UsageError), match=message):
        replace(SMALL, **changed)


def test_of_a_given_model_the_objective_is_judged_when_it_is_read(folder: Callable[[str], Path]) -> None:
    model = LLM(replace(SMALL, source=str(folder("gpt")), pretrain="mlm"))
    with pytest.raises(ModelError, match=r"objective 'mlm' is not for a gpt model\. Take causal or none"):
        model.start(data(), torch.device("cpu"))


def test_data_without_texts_or_without_a_next_event_are_errors() -> None:
    with pytest.raises(ModelError, match="llm reads texts, and no item has a title"):
        fit(LLM(SMALL), replace(data(), items=None))
    with pytest.raises(ModelError, match="no user has two events"):
        fit(LLM(SMALL), data(sequences=SequenceBatch.of_items([[1], [2]])))
