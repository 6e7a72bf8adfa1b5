"""Word2Vec and FastText (skip-gram with negative sampling) on a corpus, by gensim, in one thread for reproducible
vectors."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from penchant.encoders.words.table import NGRAM_LENGTHS, WordTable
from penchant.errors import EncoderError, require_extra
from penchant.options import Json

if TYPE_CHECKING:
    from penchant.encoders.words.vectors import WordVectorOptions

WORD2VEC: Final = "word2vec"
FASTTEXT: Final = "fasttext"
_SMALL_CORPUS: Final = 1_000
_WORDS_SEEN: Final = 2_000_000
_BUCKETS_PER_WORD: Final = 10
_BUCKETS: Final = (2_000, 100_000)


def train_words(corpus: pl.Series, options: WordVectorOptions) -> WordTable:
    """Vectors of the words of a corpus cut into words `[N]` of lists.

    Skip-gram with negative sampling (Mikolov et al. 2013), for `fasttext` with character n-grams (Bojanowski et al.
    2017). Raises `EncoderError` if no word occurs often enough, `MissingExtraError` without gensim.
    """
    with require_extra("gensim", "words"):
        from gensim.models import FastText, Word2Vec
    sentences = corpus.filter(corpus.list.len() > 0).to_list()
    total = int(corpus.list.len().sum())
    least = options.min_count if total >= _SMALL_CORPUS else 1
    arguments: Json = {
        "vector_size": options.dim,
        "window": options.window,
        "min_count": least,
        "sg": 1,
        "negative": 10,
        "sample": 1e-3 if total >= 100_000 else 0,
        "epochs": options.epochs or int(np.clip(_WORDS_SEEN // max(total, 1), 5, 50)),
        "seed": options.seed + 1,
        "workers": 1,
        "hashfxn": _hash,
    }
    distinct = corpus.explode(empty_as_null=False).drop_nulls().n_unique()
    try:
        if options.source == FASTTEXT:
            buckets = int(np.clip(_BUCKETS_PER_WORD * distinct, *_BUCKETS))
            low, high = NGRAM_LENGTHS
            vectors = FastText(sentences, min_n=low, max_n=high, bucket=buckets, **arguments).wv
            ngrams = vectors.vectors_ngrams.astype(np.float16)
        else:
            vectors, ngrams = Word2Vec(sentences, **arguments).wv, None
    except RuntimeError as error:  # gensim: "you must first build vocabulary"
        raise EncoderError(
            f"No word occurs {least} times, so {options.source} cannot be trained.",
            remedy="Check the text columns, or use modalities.text.encoder=ngram.",
        ) from error
    words = pl.Series("word", list(vectors.index_to_key), dtype=pl.String)
    return WordTable(words, np.ascontiguousarray(vectors.vectors, dtype=np.float16), ngrams)


def _hash(word: str) -> int:
    """A hash that is equal in every process, unlike that of Python."""
    return zlib.crc32(word.encode())
