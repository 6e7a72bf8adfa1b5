from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.encoders.ngram import NgramEncoder, NgramOptions
from penchant.encoders.protocol import TextEncoder
from penchant.encoders.similarity import find_nearest_rows
from penchant.encoders.spans import hash_spans
from penchant.errors import EncoderError
from penchant.testing.encoders import check_encoder

CORPUS = [
    "red wooden train",
    "blue wooden train set",
    "wooden trains for children",
    "garden hose with nozzle",
    "long garden hose",
    "hose reel for the garden",
    "程序员看电影",
    "电影和音乐",
    "看电影的程序员",
]


def test_neighbours_share_their_topic_in_any_language() -> None:
    modality = NgramEncoder(NgramOptions(dim=6)).fit(CORPUS).encode(CORPUS)
    topics = np.repeat([0, 1, 2], 3)
    assert (topics[find_nearest_rows(modality, 1)[:, 0]] == topics).all()
    assert np.allclose(np.linalg.norm(modality.vectors, axis=1), 1, atol=1e-5)


def test_a_new_text_finds_its_place_and_a_strange_one_is_absent() -> None:
    encoder = NgramEncoder(NgramOptions(dim=6)).fit(CORPUS)
    modality = encoder.encode(["TRAINS, wooden!", "音乐", None, " ", "ЖЩЮ", "?!"])
    assert modality.present.tolist() == [True, True, False, False, False, False]
    scores = modality.vectors[:2] @ encoder.encode(CORPUS).vectors.T
    assert scores[0].argmax() in (0, 1, 2) and scores[1].argmax() == 7
    assert isinstance(encoder, TextEncoder)


def test_same_corpus_same_bytes_and_a_saved_one_too() -> None:
    once, twice = (NgramEncoder(NgramOptions(dim=4, seed=5)).fit(CORPUS) for _ in range(2))
    expected = once.encode(CORPUS).vectors.tobytes()
    assert twice.encode(CORPUS).vectors.tobytes() == expected and once.fingerprint == twice.fingerprint
    again = NgramEncoder.from_state(once.state())
    assert again.encode(CORPUS).vectors.tobytes() == expected and again.fingerprint == once.fingerprint
    assert NgramEncoder(NgramOptions(dim=4)).fit(CORPUS[:5]).fingerprint != once.fingerprint


def test_a_batch_equals_its_texts_alone() -> None:
    encoder = NgramEncoder(NgramOptions(dim=4)).fit(CORPUS)
    alone = np.concatenate([encoder.encode([text]).vectors for text in CORPUS])
    assert np.allclose(encoder.encode(CORPUS).vectors, alone, atol=1e-6)


def test_tf_idf_by_hand() -> None:
    # two texts, words only: df(ab) = 2, df(cd) = 1; n-grams of three letters are " ab", "ab ", " cd", "cd "
    encoder = NgramEncoder(NgramOptions(dim=2, max_share=1.0)).fit(["ab ab cd", "ab"])
    kept = dict(zip(encoder.fitted.features.tolist(), encoder.fitted.idf.tolist(), strict=True))
    found = hash_spans(["ab", "cd"])
    words = {int(h): kept[int(h)] for h in found.words}
    assert [round(value, 4) for value in words.values()] == [1.0, round(float(np.log(3 / 2)) + 1, 4)]
    ab, cd = (1 + np.log(2)) * 1.0, float(np.log(3 / 2)) + 1
    # every part (words, n-grams) of the first text is [ab, cd] with the n-grams of each word doubled
    first, second = encoder.encode(["ab ab cd", "ab"]).vectors
    assert first @ second == pytest.approx(ab / np.hypot(ab, cd), abs=2e-3)


def naive_spans(text: str) -> tuple[int, int]:
    """How many words and n-grams a text has, counted one character at a time."""
    folded = unicodedata.normalize("NFKC", text).lower().replace("\0", " ")
    kinds = "".join(
        "d" if "\u4e00" <= c <= "\u9fff" else "l" if unicodedata.category(c)[0] in "LNM" else " " for c in folded
    )
    words = [word for word in kinds.replace("d", " ").split(" ") if word]
    padded = " " + kinds + " "
    letters = sum(
        set(gram[1:-1]) == {"l"} and set(gram) <= {"l", " "}
        for size in (3, 4, 5)
        for gram in (padded[i : i + size] for i in range(len(padded) - size + 1))
    )
    dense = sum(
        set(gram) == {"d"} for size in (1, 2, 3) for gram in (kinds[i : i + size] for i in range(len(kinds) - size + 1))
    )
    return len(words), letters + dense


@given(st.lists(st.text(alphabet="abcÉ ,.1电影看", max_size=12), min_size=1, max_size=5))
@settings(max_examples=60)
def test_spans_agree_with_counting_by_hand(texts: list[str]) -> None:
    found = hash_spans(texts)
    for row, text in enumerate(texts):
        assert ((found.word_rows == row).sum(), (found.gram_rows == row).sum()) == naive_spans(text)


def test_equal_runs_have_equal_hashes_wherever_they_stand() -> None:
    found = hash_spans(["train", "a red TRAIN.", "trains"])
    by_row = [set(found.words[found.word_rows == row].tolist()) for row in range(3)]
    assert by_row[0] <= by_row[1] and not by_row[0] & by_row[2]
    grams = [set(found.grams[found.gram_rows == row].tolist()) for row in range(3)]
    assert grams[0] <= grams[1] and len(grams[0] & grams[2]) == 3 + 3 + 2 + 1  # " tr" … without the end of the word


def test_no_text_is_refused_and_so_is_use_before_fit() -> None:
    with pytest.raises(EncoderError, match=r"occurs often enough.*encoder='none'"):
        NgramEncoder().fit([None, "", "!"])
    with pytest.raises(EncoderError, match=r"not fitted.*fit\(texts\)"):
        NgramEncoder().encode(["a"])


def test_features_are_bounded_and_half_are_words() -> None:
    corpus = [f"alpha{i} beta{i % 7} gamma{i % 3} delta{i % 5} 电影{i}" for i in range(200)]
    encoder = NgramEncoder(NgramOptions(dim=8, max_features=20)).fit(corpus)
    assert len(encoder.fitted.features) == 20 and encoder.fitted.words.sum() == 10 and encoder.dim == 8


def test_chinese_captions_have_neighbours_of_their_category(shared_data: Path) -> None:
    items = pl.read_parquet(shared_data / "kuairec-captions" / "items.parquet").head(3000)
    category = items["categories"].list.first().fill_null("").to_numpy().astype(str)
    modality = NgramEncoder(NgramOptions(dim=64)).fit(items["title"]).encode(items["title"].to_list())
    rows = np.flatnonzero(modality.present & (category != ""))
    near = find_nearest_rows(modality.take(rows), 5)
    same = (category[rows][near] == category[rows][:, None]).mean()
    counts = np.unique(category[rows], return_counts=True)[1]
    assert same > 2.5 * ((counts / counts.sum()) ** 2).sum()


def test_contract() -> None:
    check_encoder(
        lambda: NgramEncoder(NgramOptions(dim=6)).fit(CORPUS),
        CORPUS,
        blanks=["", " \n"],
        others=[
            lambda: NgramEncoder(NgramOptions(dim=5)).fit(CORPUS),
            lambda: NgramEncoder(NgramOptions(dim=6, seed=1)).fit(CORPUS),
            lambda: NgramEncoder(NgramOptions(dim=6)).fit(CORPUS[:8]),
        ],
        restore=NgramEncoder.from_state,
        unfitted=NgramEncoder(),
    )
