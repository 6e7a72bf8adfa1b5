"""Pre-training objectives of BERT: masked tokens, and whether one sentence follows another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from penchant.arrays import Bools, Int64s

IGNORED: Final = -100
"""Label of a token that is not to be predicted, as PyTorch's cross-entropy has it."""

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")


def mask_tokens(
    tokens: Int64s, maskable: Bools, mask_code: int, n_tokens: int, rng: np.random.Generator
) -> tuple[Int64s, Int64s]:
    """Masked-language-model inputs and labels `[batch, tokens]` (Devlin et al., NAACL 2019).

    15 % of the tokens are to be predicted; 80 % of these are replaced by [MASK], 10 % by a random token, 10 % stay.
    A row where the draw takes none gives one of its tokens, so that every text counts. `maskable` leaves out padding
    and special tokens.
    """
    draws = np.where(maskable, rng.random(tokens.shape), 2.0)
    lowest = draws == draws.min(axis=1, keepdims=True)
    chosen = maskable & ((draws < 0.15) | lowest)
    labels = np.where(chosen, tokens, IGNORED)
    fate = rng.random(tokens.shape)
    replaced = np.where(fate < 0.8, mask_code, rng.integers(0, n_tokens, tokens.shape))
    return np.where(chosen & (fate < 0.9), replaced, tokens), labels


def build_sentence_pairs(texts: Sequence[str], rng: np.random.Generator) -> tuple[list[tuple[str, str]], Int64s]:
    """Pairs of sentences and whether the second is from elsewhere: 0 follows, 1 does not (Devlin et al. 2019).

    A pair is two neighbouring sentences of one text, such as a title and what describes it; for half of the pairs the
    second is drawn from all other pairs. Texts of one sentence give none.

    >>> pairs, other = build_sentence_pairs(["One. Two. Three", "四。五"], np.random.default_rng(0))
    >>> [first for first, _ in pairs], len(other)
    (['One.', 'Two.', '四。'], 3)
    """
    cut = [[part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()] for text in texts]
    pairs = [pair for parts in cut for pair in pairwise(parts)]
    if len(pairs) < 2:
        return [], np.empty(0, dtype=np.int64)
    other = (rng.random(len(pairs)) < 0.5).astype(np.int64)
    drawn = (np.arange(len(pairs)) + rng.integers(1, len(pairs), len(pairs))) % len(pairs)
    seconds = [pairs[int(d) if o else n][1] for n, (o, d) in enumerate(zip(other, drawn, strict=True))]
    other &= np.fromiter((a != b for a, (_, b) in zip(seconds, pairs, strict=True)), dtype=np.int64, count=len(pairs))
    return [(first, second) for (first, _), second in zip(pairs, seconds, strict=True)], other
