"""Words and their vectors: a table read from a file, saved in a bundle, and looked up a column at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Array, Float32s, Int64s
from penchant.errors import EncoderError, UnknownEncoderError, require_extra

NGRAM_LENGTHS: Final = (3, 6)
"""Characters of the shortest and the longest n-gram of FastText (Bojanowski et al. 2017), with `<` and `>`."""


@dataclass(frozen=True)
class WordTable:
    """`words` `[W]`, `vectors` `[W, D]` float16, and `ngrams` `[buckets, D]` float16 of FastText (else None)."""

    words: pl.Series
    vectors: npt.NDArray[np.float16]
    ngrams: npt.NDArray[np.float16] | None = None

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def find_rows(self, words: pl.Series) -> Int64s:
        """The row of each word `[n]`, -1 for an unknown word."""
        known = pl.DataFrame({"word": self.words, "at": np.arange(len(self.words))})
        queries = words.cast(pl.String).alias("word").to_frame()
        at = queries.join(known, on="word", how="left", maintain_order="left")["at"]
        return at.fill_null(-1).to_numpy().astype(np.int64)

    def to_tensors(self) -> dict[str, Array]:
        """Arrays for safetensors; words are UTF-8, separated by line feeds."""
        text = np.frombuffer("\n".join(self.words.to_list()).encode(), dtype=np.uint8)
        tensors: dict[str, Array] = {"words": text, "vectors": self.vectors}
        return tensors if self.ngrams is None else {**tensors, "ngrams": self.ngrams}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> WordTable:
        """The inverse of `to_tensors`."""
        text = np.asarray(tensors["words"], dtype=np.uint8).tobytes().decode()
        ngrams = np.asarray(tensors["ngrams"]) if "ngrams" in tensors else None
        return cls(pl.Series("word", text.split("\n"), dtype=pl.String), np.asarray(tensors["vectors"]), ngrams)


def read_word_file(path: Path, max_words: int) -> WordTable:
    """The first `max_words` words of a file in the text format of GloVe, or of word2vec (a first line `W D`).

    One word per line, then its D numbers, separated by spaces; `.gz` is unpacked. Words are lower-cased as texts are;
    the first of several equal words is used. Raises `EncoderError` that names the line, `UnknownEncoderError` if the
    file is missing.
    """
    if not path.is_file():
        raise UnknownEncoderError(f"There is no file of word vectors {path}.", remedy="Give it as glove:PATH.")
    try:
        lines = pl.read_csv(
            path, has_header=False, separator="\x01", quote_char=None, new_columns=["line"], n_rows=max_words + 1,
            schema={"line": pl.String}, encoding="utf8-lossy",
        )["line"]  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise EncoderError(f"{path} cannot be read as word vectors: {error}") from error
    parts = lines.str.strip_chars_end(" \r\t").str.split(" ")
    head = 1 if parts.len() and parts[0].len() == 2 else 0
    parts = parts[head : head + max_words]
    dim = int(parts[0].len()) - 1 if parts.len() else 0
    if dim < 2:
        raise EncoderError(f"{path} holds no word vectors.", remedy="Each line is a word and its numbers.")
    frame = pl.DataFrame({"parts": parts, "line": np.arange(parts.len()) + 1 + head}).with_columns(
        word=pl.col("parts").list.head(pl.col("parts").list.len().cast(pl.Int64) - dim).list.join(" "),
        numbers=pl.col("parts").list.tail(dim).cast(pl.List(pl.Float32), strict=False),
    )
    bad = (pl.col("parts").list.len() <= dim) | ~pl.col("numbers").list.eval(pl.element().is_finite()).list.all()
    bad = bad | (pl.col("numbers").list.eval(pl.element().is_null()).list.any())
    wrong = frame.filter(bad)["line"]
    if wrong.len():
        raise EncoderError(
            f"{path}, line {wrong[0]}: not a word and {dim} finite numbers ({wrong.len():,} such lines).",
            remedy="Every line has one word and as many numbers as the first.",
        )
    kept = frame.with_columns(pl.col("word").str.normalize("NFKC").str.to_lowercase())
    kept = kept.unique("word", keep="first", maintain_order=True)
    vectors = kept["numbers"].list.to_array(dim).to_numpy()
    peak = float(np.abs(vectors).max(initial=0.0))
    scale = 1.0 if peak < 1e4 else 1e4 / peak  # float16 ends at 65,504; a common scale changes no direction
    return WordTable(kept["word"], np.ascontiguousarray(vectors * scale, dtype=np.float16))


def compute_subword_vectors(words: pl.Series, ngrams: npt.NDArray[np.float16], lengths: tuple[int, int]) -> Float32s:
    """FastText vectors `[n, D]` of unknown words: the mean of the vectors of their character n-grams.

    Raises `MissingExtraError` if gensim, which hashes them, is not installed.
    """
    with require_extra("gensim", "words"):
        from gensim.models.fasttext import ft_ngram_hashes
    hashes = [ft_ngram_hashes(word, *lengths, len(ngrams)) for word in words]
    counts = np.array([len(each) for each in hashes], dtype=np.int64)
    flat = np.array([value for each in hashes for value in each], dtype=np.int64)
    out = np.zeros((len(words), ngrams.shape[1]), dtype=np.float32)
    np.add.at(out, np.repeat(np.arange(len(words)), counts), ngrams[flat].astype(np.float32))
    return np.asarray(out / np.maximum(counts, 1)[:, None], dtype=np.float32)
