"""A text encoder for any language, trained on the corpus itself: words and character n-grams, TF-IDF, then SVD.

Latent semantic analysis (Deerwester et al. 1990) over words and character n-grams. It downloads nothing, depends on
no language, and gives the same vectors for the same texts and seed. Choose it where a pretrained encoder does not know
the language. It learns only which words and characters occur together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from penchant.arrays import Array, Bools, Float32s, Int64s, UInt64s
from penchant.data.modalities import Modality
from penchant.encoders.protocol import EncoderState
from penchant.encoders.spans import Spans, hash_spans, to_series
from penchant.encoders.svd import compute_truncated_svd
from penchant.errors import EncoderError
from penchant.options import require_range

_BLOCK: Final = 4096
_SMALL_CORPUS: Final = 100


@dataclass(frozen=True)
class NgramOptions:
    """Options of the encoder of words and character n-grams."""

    dim: int = 192
    """Length of a vector. 1 or more."""
    min_count: int = 2
    """Texts in which a feature must occur. 1 or more; below 100 texts one is enough."""
    max_share: float = 0.5
    """Largest share of texts in which a feature may occur. Above 0, at most 1."""
    max_features: int = 20_000
    """Maximum number of features; at most half of them are words. 1 or more."""
    max_texts: int = 50_000
    """Maximum number of texts that the decomposition learns from. 1 or more."""
    seed: int = 0
    """Seed of the decomposition. 0 or more."""

    def __post_init__(self) -> None:
        require_range(self, "dim", "min_count", "max_features", "max_texts", least=1)
        require_range(self, "max_share", above=0, most=1)
        require_range(self, "seed", least=0)


@dataclass(frozen=True)
class _Fitted:
    """`features`: hashes, sorted; `words`: which are words; `idf`; `projection` `[features, dim]`."""

    features: UInt64s
    words: Bools
    idf: Float32s
    projection: npt.NDArray[np.float16]


class NgramEncoder:
    """TF-IDF of words and character n-grams, projected on the leading singular vectors of the corpus.

    tf = 1 + ln(count), idf = ln((1 + N) / (1 + df)) + 1; words and n-grams are each scaled to length 1, then the
    row. Vectors have length 1; a text that shares no feature with the corpus is absent.
    """

    name = "ngram"

    def __init__(self, options: NgramOptions = NgramOptions()) -> None:
        self.options = options
        self._fitted: _Fitted | None = None

    def fit(self, texts: Sequence[str | None] | pl.Series) -> NgramEncoder:
        """Learn features, weights and directions from a corpus; returns itself. Raises `EncoderError` on no text."""
        corpus = to_series(texts).drop_nulls().unique(maintain_order=True)
        if corpus.len() > self.options.max_texts:
            rng = np.random.default_rng(self.options.seed)
            corpus = corpus.gather(np.sort(rng.choice(corpus.len(), self.options.max_texts, replace=False)))
        blocks = [hash_spans(corpus[i : i + _BLOCK]) for i in range(0, corpus.len(), _BLOCK)]
        features, words, counts = self._select_features(blocks, corpus.len())
        if not len(features):
            raise EncoderError(
                "No word or character occurs often enough in the texts to fit the n-gram encoder.",
                remedy="Check the text columns, lower min_count, or switch the text modality off (encoder='none').",
            )
        idf = (np.log((1 + corpus.len()) / (1 + counts)) + 1).astype(np.float32)
        blank = _Fitted(features, words, idf, np.empty((len(features), 0), dtype=np.float16))
        sizes = [min(_BLOCK, corpus.len() - i) for i in range(0, corpus.len(), _BLOCK)]
        matrix = sp.csr_array(sp.vstack([_weigh(blank, b, n) for b, n in zip(blocks, sizes, strict=True)]))
        _, _, right = compute_truncated_svd(matrix, self.options.dim, seed=self.options.seed, iterations=2)
        self._fitted = _Fitted(features, words, idf, right.T.astype(np.float16))
        return self

    def _select_features(self, blocks: list[Spans], n_texts: int) -> tuple[UInt64s, Bools, Int64s]:
        """Sorted hashes of the features, whether each is a word, and the number of texts with it."""
        least = self.options.min_count if n_texts >= _SMALL_CORPUS else 1
        most = max(self.options.max_share * n_texts, least)
        words, word_counts = _count_documents([(b.word_rows, b.words) for b in blocks])
        grams, gram_counts = _count_documents([(b.gram_rows, b.grams) for b in blocks])
        chosen_words = _select_frequent(word_counts, least, most, self.options.max_features // 2)
        rest = self.options.max_features - len(chosen_words)
        chosen_grams = _select_frequent(gram_counts, least, most, rest)
        features = np.concatenate([words[chosen_words], grams[chosen_grams]])
        counts = np.concatenate([word_counts[chosen_words], gram_counts[chosen_grams]])
        order = np.argsort(features)
        return features[order], (np.arange(len(features)) < len(chosen_words))[order], counts[order]

    @property
    def fitted(self) -> _Fitted:
        """The fitted arrays; raises `EncoderError` before `fit`."""
        if self._fitted is None:
            raise EncoderError("The n-gram encoder was not fitted.", remedy="Call fit(texts) with the corpus first.")
        return self._fitted

    @property
    def dim(self) -> int:
        """Length of a vector: the option, or less where the corpus is smaller."""
        return int(self.fitted.projection.shape[1])

    @property
    def fingerprint(self) -> str:
        """Name, options and a digest of the fitted arrays."""
        digest = hashlib.sha256(self.fitted.features.tobytes() + self.fitted.projection.tobytes())
        digest.update(self.fitted.idf.tobytes())
        return f"ngram@{digest.hexdigest()[:16]} {json.dumps(asdict(self.options), sort_keys=True)}"

    def encode(self, texts: Sequence[str | None]) -> Modality:
        """Unit vectors `[N, D]`; a text that is None, blank or shares no feature with the corpus is absent."""
        series = to_series(texts)
        projection = self.fitted.projection.astype(np.float32)
        vectors = np.zeros((series.len(), projection.shape[1]), dtype=np.float32)
        for start in range(0, series.len(), _BLOCK):
            block = series[start : start + _BLOCK]
            vectors[start : start + block.len()] = _weigh(self.fitted, hash_spans(block), block.len()) @ projection
        norms = np.linalg.norm(vectors, axis=1)
        present = norms > 1e-6
        vectors[present] /= norms[present, None]
        vectors[~present] = 0.0
        return Modality(vectors, present, self.fingerprint)

    def state(self) -> EncoderState:
        """Arrays and options, for the bundle; it holds no text."""
        f = self.fitted
        tensors: dict[str, Array] = {
            "features": f.features.view(np.int64),
            "words": f.words,
            "idf": f.idf,
            "projection": f.projection,
        }
        return EncoderState(tensors, {"name": self.name, "options": asdict(self.options)})

    @classmethod
    def from_state(cls, state: EncoderState) -> NgramEncoder:
        """The encoder of a `state`; it encodes to the same bytes."""
        encoder = cls(NgramOptions(**state.metadata["options"]))
        t = state.tensors
        features = np.ascontiguousarray(t["features"]).view(np.uint64)
        encoder._fitted = _Fitted(features, t["words"].astype(bool), t["idf"], t["projection"])
        return encoder


def _count_documents(parts: list[tuple[Int64s, UInt64s]]) -> tuple[UInt64s, Int64s]:
    """Distinct hashes and the number of texts with each."""
    hashes = [np.empty(0, dtype=np.uint64)]
    for rows, values in parts:
        frame = pl.DataFrame({"row": rows, "hash": values}).unique()
        hashes.append(frame["hash"].to_numpy())
    distinct, counts = np.unique(np.concatenate(hashes), return_counts=True)
    return distinct, counts.astype(np.int64)


def _select_frequent(counts: Int64s, least: float, most: float, n: int) -> Int64s:
    """Positions of the n most frequent features within bounds; ties by hash."""
    allowed = np.flatnonzero((counts >= least) & (counts <= most))
    return allowed[np.argsort(-counts[allowed], kind="stable")[:n]]


def _weigh(fitted: _Fitted, occurrences: Spans, n_rows: int) -> sp.csr_array:
    """The TF-IDF matrix `[n_rows, features]`, rows of length 1."""
    rows = np.concatenate([occurrences.word_rows, occurrences.gram_rows])
    hashes = np.concatenate([occurrences.words, occurrences.grams])
    columns = np.minimum(np.searchsorted(fitted.features, hashes), len(fitted.features) - 1)
    known = fitted.features[columns] == hashes
    shape = (n_rows, len(fitted.features))
    counts = sp.coo_array((np.ones(int(known.sum()), dtype=np.float32), (rows[known], columns[known])), shape=shape)
    matrix = sp.csr_array(counts.tocsr())
    matrix.data = (1 + np.log(matrix.data)) * fitted.idf[matrix.indices]
    # words and n-grams of a row are two groups: each is divided by its norm, then by the root of the number of groups
    entry_rows = np.repeat(np.arange(n_rows), np.diff(matrix.indptr))
    group = entry_rows * 2 + fitted.words[matrix.indices]
    squares = np.bincount(group, weights=matrix.data.astype(np.float64) ** 2, minlength=2 * n_rows)
    n_groups = (squares.reshape(n_rows, 2) > 0).sum(axis=1)
    matrix.data = (matrix.data / np.sqrt(squares[group] * n_groups[entry_rows])).astype(np.float32)
    return matrix
