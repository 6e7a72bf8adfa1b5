from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions
from penchant.embeddings.modalities import embed_items
from penchant.encoders.protocol import EncoderState
from penchant.encoders.text import TextOptions
from penchant.encoders.words.table import read_word_file
from penchant.encoders.words.vectors import WordVectorEncoder, WordVectorOptions
from penchant.errors import EncoderError, MissingExtraError, OptionError, UsageError
from penchant.testing.encoders import check_encoder

ENGLISH = (
    ["cat", "dog", "hamster"],
    ["eats", "sleeps", "purrs", "barks"],
    ["car", "truck", "bus"],
    ["drives", "brakes", "parks"],
)
CHINESE = (["小猫", "小狗", "仓鼠"], ["睡觉", "吃饭", "玩耍"], ["汽车", "卡车"], ["驾驶", "刹车", "停车"])


def corpus(language: tuple[list[str], ...], joined: str, n: int = 400) -> list[str]:
    """Sentences of one of two worlds: animals do what animals do, vehicles what vehicles do."""
    rng = np.random.default_rng(0)
    out = []
    for turn in range(n):
        nouns, verbs = language[2 * (turn % 2)], language[2 * (turn % 2) + 1]
        out.append(joined.join([*rng.choice(nouns, 2), *rng.choice(verbs, 3)]))
    return out


def fitted(source: str, texts: list[str], **told: object) -> WordVectorEncoder:
    options = {"dim": 16, "epochs": 15, **told}
    return WordVectorEncoder(WordVectorOptions(source=source, **options)).fit(texts)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["word2vec", "fasttext"])
def test_words_that_share_contexts_end_nearer(source: str) -> None:
    pytest.importorskip("gensim")
    encoder = fitted(source, corpus(ENGLISH, " "))
    animals = {*ENGLISH[0], *ENGLISH[1]}
    for word in ("cat", "barks"):
        assert set(encoder.find_nearest(word, 6)) == animals - {word}
    told = encoder.encode(["the dog sleeps", "a hamster eats", "the bus parks", None, "  "]).vectors
    assert told[0] @ told[1] > 0.5 > told[0] @ told[2]


def test_chinese_words_are_cut_first() -> None:
    pytest.importorskip("gensim")
    pytest.importorskip("jieba")
    encoder = fitted("word2vec", corpus(CHINESE, "，"))
    assert encoder.options.chinese == "jieba"
    nearest = encoder.find_nearest("小猫", 5)
    assert set(nearest) == {*CHINESE[0], *CHINESE[1]} - {"小猫"}
    pairs = fitted("word2vec", corpus(CHINESE, "，"), chinese="bigrams")
    told = pairs.encode(["小狗睡觉", "仓鼠玩耍", "卡车停车"]).vectors
    assert told[0] @ told[1] > told[0] @ told[2] + 0.3


def test_fasttext_reads_words_it_has_not_seen() -> None:
    pytest.importorskip("gensim")
    texts = corpus(ENGLISH, " ")
    modality = fitted("fasttext", texts).encode(["hamsters", "hamster", "trucks"])
    assert (
        modality.present.all() and modality.vectors[0] @ modality.vectors[1] > modality.vectors[0] @ modality.vectors[2]
    )
    assert not fitted("word2vec", texts).encode(["hamsters"]).present.any()


@pytest.mark.parametrize("source", ["word2vec", "fasttext"])
def test_same_seed_same_bytes_and_the_state_gives_them_again(source: str) -> None:
    pytest.importorskip("gensim")
    texts = corpus(ENGLISH, " ", 60)
    first, second, other = (fitted(source, texts, epochs=2, seed=seed) for seed in (3, 3, 4))
    asked = ["a cat eats", "dogs", None]
    assert first.encode(asked).vectors.tobytes() == second.encode(asked).vectors.tobytes()
    assert first.fingerprint == second.fingerprint != other.fingerprint
    state = first.state()
    metadata = json.loads(json.dumps(dict(state.metadata)))
    again = WordVectorEncoder.from_state(EncoderState({k: v.copy() for k, v in state.tensors.items()}, metadata))
    assert again.encode(asked).vectors.tobytes() == first.encode(asked).vectors.tobytes()
    assert again.fingerprint == first.fingerprint


def glove(path: Path, head: str = "") -> Path:
    path.write_text(head + "Red 1 0 0\nblue 0.6 0.8 0\nsea 0 0 2\nred 9 9 9\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("head", ["", "4 3\n"])
def test_a_file_of_word_vectors_by_hand(tmp_path: Path, head: str) -> None:
    path = glove(tmp_path / "v.txt", head)
    table = read_word_file(path, 10)
    assert table.words.to_list() == ["red", "blue", "sea"] and read_word_file(path, 2).words.to_list() == [
        "red",
        "blue",
    ]
    encoder = fitted(f"glove:{path}", ["red red sea", "blue"], common=0, smoothing=0.25)
    # p(red) = 2/4, p(sea) = p(blue) = 1/4: weights 1/3, 1/2; (1/3·[1,0,0] + 1/2·[0,0,2]) ∝ [1, 0, 3]
    modality = encoder.encode(["a red sea", "green", None])
    assert modality.present.tolist() == [True, False, False]
    assert modality.vectors[0] == pytest.approx(np.array([1, 0, 3]) / 10**0.5, abs=1e-3)
    assert encoder.dim == 3 and encoder.fingerprint.startswith("v.txt@")


def test_what_all_texts_have_in_common_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "v.vec"
    path.write_text("one 10 1\ntwo 10 -1\nthree 10 0.5\nfour 10 -0.5\n", encoding="utf-8")
    texts = ["one", "two", "three", "four"]
    told = fitted(str(path), texts).encode(texts).vectors
    assert told[0] @ told[2] > 0.99 and told[0] @ told[1] < -0.99
    assert fitted(str(path), texts, common=0).encode(texts).vectors[:2].prod(axis=0)[0] > 0.9


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "v.txt.gz"
    path.write_bytes(gzip.compress(glove(tmp_path / "v.txt").read_bytes()))
    assert read_word_file(path, 10).words.to_list() == ["red", "blue", "sea"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a 1 2\nb 1\n", "line 2: not a word and 2 finite numbers"),
        ("a 1 2\nb 1 nan\n", "line 2"),
        ("2 2\na 1 2\nb x 3\n", "line 3"),
        ("word\n", "holds no word vectors"),
    ],
)
def test_a_bad_file_is_refused_with_the_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "v.txt").write_text(text, encoding="utf-8")
    with pytest.raises(EncoderError, match=told):
        read_word_file(tmp_path / "v.txt", 10)


def test_bad_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"word2vec, fasttext, glove:PATH.*Did you mean 'word2vec'"):
        WordVectorOptions(source="word2vek")
    with pytest.raises(UsageError, match="dim=0 is out of range"):
        WordVectorOptions(dim=0)
    with pytest.raises(EncoderError, match="There is no file of word vectors"):
        fitted(f"glove:{tmp_path / 'gone.txt'}", ["a"])
    with pytest.raises(EncoderError, match=r"not fitted.*fit\(texts\)"):
        WordVectorEncoder().encode(["a"])
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(MissingExtraError, match=r"penchant\[words\]"):
        fitted("word2vec", ["a cat"])


def test_it_is_chosen_by_name_and_kept_with_the_encoders() -> None:
    pytest.importorskip("gensim")
    titles = corpus(ENGLISH, " ", 40)
    items = pl.DataFrame({"item_id": [str(n) for n in range(40)], "title": titles})
    data = Dataset.from_tables(pl.DataFrame({"user_id": ["u"], "item_id": ["1"], "timestamp": [1]}), items)
    modalities, encoders = embed_items(data, ModalityOptions(text=TextOptions(encoder="word2vec", dim=8)))
    assert modalities["text"].dim == 8 and modalities["text"].present.all()
    again = FittedEncoders.from_state(encoders.state())
    assert again.encode_text(titles).vectors.tobytes() == modalities["text"].vectors.tobytes()
    assert again.fingerprints["text"].startswith("word2vec@")


@pytest.mark.parametrize("source", ["word2vec", "fasttext"])
def test_contract(source: str) -> None:
    pytest.importorskip("gensim")
    texts = corpus(ENGLISH, " ", 120)
    check_encoder(
        lambda: fitted(source, texts, epochs=2),
        texts[:6],
        blanks=["", "  "],
        others=[
            lambda: fitted(source, texts, epochs=2, dim=12),
            lambda: fitted(source, texts, epochs=2, seed=1),
            lambda: fitted(source, texts[1:], epochs=2),
        ],
        restore=WordVectorEncoder.from_state,
        unfitted=WordVectorEncoder(WordVectorOptions(source=source)),
    )


def test_contract_of_a_file_of_vectors(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("cat 1 0 0\ndog 1 1 0\nbus 0 0 2\ncar 0 1 2\n")
    texts = ["cat dog", "bus car cat", "car", "the dog"]

    def make(**told: object) -> WordVectorEncoder:
        return WordVectorEncoder(WordVectorOptions(f"glove:{tmp_path / 'w.txt'}", **told)).fit(texts)  # type: ignore[arg-type]

    check_encoder(
        make, texts, blanks=["", "xyz"], others=[lambda: make(common=2)], restore=WordVectorEncoder.from_state
    )
