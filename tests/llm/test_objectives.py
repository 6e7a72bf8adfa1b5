"""Masked tokens and sentence pairs: shares and labels."""

from __future__ import annotations

import numpy as np

from penchant.llm.objectives import IGNORED, build_sentence_pairs, mask_tokens

MASK, PAD = 1, 0


def batch(rows: int = 400, width: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    tokens = rng.integers(100, 1000, (rows, width))
    maskable = np.arange(width)[None, :] < rng.integers(5, width + 1, rows)[:, None]
    return np.where(maskable, tokens, PAD), maskable


def test_fifteen_percent_of_the_tokens_of_which_eight_in_ten_are_masked() -> None:
    tokens, maskable = batch()
    inputs, labels = mask_tokens(tokens, maskable, MASK, 100, np.random.default_rng(1))
    chosen = labels != IGNORED
    assert not (chosen & ~maskable).any()
    assert (labels[chosen] == tokens[chosen]).all() and (inputs[~chosen] == tokens[~chosen]).all()
    assert abs(chosen.sum() / maskable.sum() - 0.15) < 0.02
    masked, same = inputs[chosen] == MASK, inputs[chosen] == tokens[chosen]
    assert abs(masked.mean() - 0.8) < 0.03 and abs(same.mean() - 0.1) < 0.02
    drawn = inputs[chosen][~masked & ~same]
    assert abs(len(drawn) / chosen.sum() - 0.1) < 0.02 and (drawn < 100).all()
    assert chosen.any(axis=1).all(), "every text gives a token"


def test_pairs_follow_or_come_from_elsewhere() -> None:
    texts = [f"Title {n}. Story {n}. End {n}" for n in range(200)]
    pairs, other = build_sentence_pairs(texts, np.random.default_rng(0))
    assert len(pairs) == 400 and abs(other.mean() - 0.5) < 0.1
    for (first, second), is_other in zip(pairs, other, strict=True):
        follows = first.split()[1].strip(".") == second.split()[1].strip(".") and first[0] != second[0]
        assert follows == (is_other == 0)


def test_texts_of_one_sentence_give_no_pairs() -> None:
    assert build_sentence_pairs(["One", "两句话"], np.random.default_rng(0))[0] == []
