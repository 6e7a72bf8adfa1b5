"""Word embeddings as a text encoder: Word2Vec or FastText trained on the corpus, or a file of word vectors.

A text is the weighted mean of its words, each weighted by a / (a + p(word)), less the common directions of all texts
(Arora, Liang and Ma, "A simple but tough-to-beat baseline for sentence embeddings", 2017). Choose it where texts are
many and their words special (part numbers, dialect, names), or where a file has vectors of the language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from penchant.arrays import Bools, Float32s
from penchant.data.modalities import Modality
from penchant.data.text import WordOptions, split_words
from penchant.encoders.protocol import EncoderState
from penchant.encoders.spans import to_series
from penchant.encoders.words.table import NGRAM_LENGTHS, WordTable, compute_subword_vectors, read_word_file
from penchant.encoders.words.training import FASTTEXT, WORD2VEC, train_words
from penchant.errors import EncoderError, OptionError
from penchant.options import require_range

FILE_PREFIX: Final = "glove:"
_SUFFIXES: Final = (".txt", ".vec", ".txt.gz", ".vec.gz")
_CORPUS: Final = 50_000
_BLOCK: Final = 4_096


def is_word_vector_source(encoder: str) -> bool:
    """True for `word2vec`, `fasttext`, `glove:PATH`, and the path of a file that ends in `.txt` or `.vec` (`.gz`).

    >>> is_word_vector_source("fasttext"), is_word_vector_source("vectors/zh.vec"), is_word_vector_source("minilm")
    (True, True, False)
    """
    return encoder in (WORD2VEC, FASTTEXT) or encoder.startswith(FILE_PREFIX) or encoder.lower().endswith(_SUFFIXES)


@dataclass(frozen=True)
class WordVectorOptions:
    """Options of word vectors."""

    source: str = WORD2VEC
    """word2vec, fasttext (the extra `split_words`), or a file in the text format of GloVe or word2vec (glove:FILE)."""
    dim: int = 192
    """Length of trained vectors. 1 or more."""
    window: int = 5
    """Distance up to which words are context, words. 1 or more."""
    min_count: int = 2
    """Occurrences that a word needs. 1 or more; once is enough in a corpus below 1,000 words."""
    epochs: int = 0
    """Passes over the corpus. 0 or more; 0 takes as many as give two million words, from 5 to 50."""
    max_words: int = 200_000
    """Maximum number of words read from a file, from its start (the frequent ones). 1 or more."""
    smoothing: float = 1e-3
    """a of the weights a / (a + frequency). Above 0."""
    common: int = 1
    """Directions that all texts share and that are removed. 0 or more."""
    chinese: str = "auto"
    """Segmentation of Chinese, as in `WordOptions`."""
    seed: int = 0
    """Seed of the training. 0 or more."""

    def __post_init__(self) -> None:
        if not is_word_vector_source(self.source):
            raise OptionError("source", self.source, allowed=(WORD2VEC, FASTTEXT, f"{FILE_PREFIX}PATH"))
        require_range(self, "dim", "window", "min_count", "max_words", least=1)
        require_range(self, "smoothing", above=0)
        require_range(self, "common", "epochs", "seed", least=0)


@dataclass(frozen=True)
class _Fitted:
    """`table` of words; `weights` `[W]` of them; `common` `[c, D]`: directions that are removed."""

    table: WordTable
    weights: Float32s
    common: Float32s


class WordVectorEncoder:
    """Texts → unit vectors: Σ wₜvₜ / Σ wₜ over known words, less its part along the common directions.

    A text without a known word is absent. FastText gives unknown words the mean of their character n-grams (and the
    median weight), so there it is rare.
    """

    name = "word_vectors"

    def __init__(self, options: WordVectorOptions = WordVectorOptions()) -> None:
        self.options = options
        self._fitted: _Fitted | None = None

    def fit(self, texts: Sequence[str | None] | pl.Series) -> WordVectorEncoder:
        """Learn words (or read their file), weights and common directions from a corpus; returns itself.

        Raises `EncoderError` for an empty corpus or an unusable file, `MissingExtraError` if gensim is not
        installed.
        """
        chosen = WordOptions(chinese=self.options.chinese).cache_key.rsplit("-", 1)[1]  # type: ignore[arg-type]
        self.options = replace(self.options, chinese=chosen)
        corpus = self._split(to_series(texts).drop_nulls())
        counts = _count_words(corpus)
        trained = self.options.source in (WORD2VEC, FASTTEXT)
        if trained:
            table = train_words(corpus, self.options)
        else:
            table = read_word_file(_to_path(self.options.source), self.options.max_words)
        known = pl.DataFrame({"word": table.words}).join(counts, on="word", how="left", maintain_order="left")
        share = known["len"].fill_null(1).to_numpy() / max(int(counts["len"].sum()), 1)
        weights = (self.options.smoothing / (self.options.smoothing + share)).astype(np.float32)
        bare = _Fitted(table, weights, np.zeros((0, table.dim), dtype=np.float32))
        sample = corpus if corpus.len() <= _CORPUS else corpus.sample(_CORPUS, seed=self.options.seed)
        vectors, present = self._average_words(bare, sample)
        self._fitted = replace(bare, common=_find_common_directions(vectors[present], self.options.common))
        self.__dict__.pop("fingerprint", None)
        return self

    @property
    def fitted(self) -> _Fitted:
        """The fitted arrays; raises `EncoderError` before `fit`."""
        if self._fitted is None:
            raise EncoderError("The word vectors were not fitted.", remedy="Call fit(texts) with the corpus first.")
        return self._fitted

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.fitted.table.dim

    @cached_property
    def fingerprint(self) -> str:
        """Source, a digest of the words and their vectors and weights, and the options."""
        digest = hashlib.sha256()
        for part in self.state().tensors.values():
            digest.update(part.tobytes())
        settings = {key: value for key, value in asdict(self.options).items() if key != "source"}
        source = self.options.source
        name = source if source in (WORD2VEC, FASTTEXT) else _to_path(source).name
        return f"{name}@{digest.hexdigest()[:16]} {json.dumps(settings, sort_keys=True)}"

    def encode(self, texts: Sequence[str | None]) -> Modality:
        """Unit vectors `[N, D]`; None, blank texts and those without a known word are absent."""
        series = to_series(texts)
        out = np.zeros((series.len(), self.dim), dtype=np.float32)
        present = np.zeros(series.len(), dtype=bool)
        for start in range(0, series.len(), _BLOCK):
            block = slice(start, start + _BLOCK)
            out[block], present[block] = self._average_words(self.fitted, self._split(series[block]))
        common = self.fitted.common
        out -= (out @ common.T) @ common
        norms = np.linalg.norm(out, axis=1)
        present &= norms > 1e-6
        out[present] /= norms[present, None]
        out[~present] = 0.0
        return Modality(out, present, self.fingerprint)

    def find_nearest(self, word: str, k: int = 10) -> list[str]:
        """The k words with the highest cosine to a known word, best first."""
        table = self.fitted.table
        rows = table.find_rows(pl.Series([word]))
        if rows[0] < 0:
            return []
        vectors = table.vectors.astype(np.float32)
        scores = vectors @ vectors[rows[0]] / np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
        scores[rows[0]] = -np.inf
        return table.words.gather(np.argsort(-scores, kind="stable")[: min(k, len(scores) - 1)]).to_list()

    def state(self) -> EncoderState:
        """Words, vectors, weights and options, for the bundle."""
        fitted = self.fitted
        tensors = {**fitted.table.to_tensors(), "weights": fitted.weights, "common": fitted.common}
        return EncoderState(tensors, {"name": self.name, "options": asdict(self.options)})

    @classmethod
    def from_state(cls, state: EncoderState) -> WordVectorEncoder:
        """The encoder of a `state`; it encodes to the same bytes and needs no file."""
        encoder = cls(WordVectorOptions(**state.metadata["options"]))
        table = WordTable.from_tensors(state.tensors)
        encoder._fitted = _Fitted(table, np.asarray(state.tensors["weights"]), np.asarray(state.tensors["common"]))
        return encoder

    def _split(self, texts: pl.Series) -> pl.Series:
        return split_words(texts, WordOptions(chinese=self.options.chinese))  # type: ignore[arg-type]

    def _average_words(self, fitted: _Fitted, cut: pl.Series) -> tuple[Float32s, Bools]:
        """Weighted means `[N, D]` of split texts, and which have a known word."""
        table = fitted.table
        flat = pl.DataFrame({"row": np.arange(cut.len()), "word": cut}).explode("word", empty_as_null=False)
        flat = flat.drop_nulls("word")
        at, rows = table.find_rows(flat["word"]), flat["row"].to_numpy()
        vectors, weights = table.vectors, fitted.weights
        if table.ngrams is not None and (at < 0).any():
            unknown = flat["word"].filter(pl.Series(at < 0)).unique(maintain_order=True)
            subwords = compute_subword_vectors(unknown, table.ngrams, NGRAM_LENGTHS)
            vectors = np.concatenate([vectors.astype(np.float32), subwords])
            weights = np.concatenate([weights, np.full(len(subwords), np.median(weights), dtype=np.float32)])
            places = pl.DataFrame({"word": unknown, "place": np.arange(len(subwords)) + len(table.words)})
            place = flat.join(places, on="word", how="left", maintain_order="left")["place"].fill_null(-1).to_numpy()
            at = np.where(at < 0, place, at)
        rows, at = rows[at >= 0], at[at >= 0]
        out = np.zeros((cut.len(), table.dim), dtype=np.float64)
        np.add.at(out, rows, vectors[at].astype(np.float64) * weights[at, None])
        total = np.bincount(rows, weights=weights[at].astype(np.float64), minlength=cut.len())
        out /= np.maximum(total, 1e-12)[:, None]
        return out.astype(np.float32), total > 0


def _find_common_directions(vectors: Float32s, count: int) -> Float32s:
    """The leading right singular vectors `[c, D]` of the texts; none where there are too few texts."""
    kept = count if len(vectors) > 2 * count else 0
    if not kept:
        return np.zeros((0, vectors.shape[1]), dtype=np.float32)
    # eigenvectors of the Gram matrix [D, D]: cheaper than a decomposition of [N, D], and ascending
    gram = vectors.T.astype(np.float64) @ vectors.astype(np.float64)
    _, directions = np.linalg.eigh(gram)
    return np.ascontiguousarray(directions[:, ::-1][:, :kept].T, dtype=np.float32)


def _count_words(corpus: pl.Series) -> pl.DataFrame:
    """Columns `word` and `len`, how often it occurs."""
    flat = corpus.rename("word").explode(empty_as_null=False).drop_nulls()
    return flat.to_frame().group_by("word", maintain_order=True).len()


def _to_path(source: str) -> Path:
    return Path(source.removeprefix(FILE_PREFIX)).expanduser()
