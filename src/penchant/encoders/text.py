"""The text of an item, a user or an event, and its encoder by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from penchant.data import schema
from penchant.data.columns import as_text
from penchant.data.text import normalise
from penchant.encoders.choose import AUTO, NGRAM, NONE, TextChoice, choose_text_encoder
from penchant.encoders.ngram import NgramEncoder, NgramOptions
from penchant.encoders.pretrained.hub import MINILM
from penchant.encoders.pretrained.huggingface import HuggingFaceEncoder, HuggingFaceOptions
from penchant.encoders.protocol import EncoderState, TextEncoder
from penchant.encoders.words.vectors import WordVectorEncoder, WordVectorOptions, is_word_vector_source
from penchant.errors import EncoderError
from penchant.options import require_range

ITEM_FIELDS: Final = (schema.TITLE, schema.CATEGORIES, schema.DESCRIPTION, schema.TEXT)


@dataclass(frozen=True)
class TextOptions:
    """Options of the text modality."""

    encoder: str = AUTO
    """Text encoder: auto, minilm, ngram, word2vec, fasttext, glove:FILE, none, or the folder or hub name of a model.
    auto decides by the share of unknown tokens."""
    fields: tuple[str, ...] = ITEM_FIELDS
    """Columns of `items` that make up the text, in this order."""
    dim: int = 192
    """Length of the vectors of ngram, word2vec and fasttext. 1 or more."""
    pooling: str = AUTO
    """Pooling of token vectors: auto, mean, cls, last, max, idf or attention. auto reads the
    folder of the model."""
    max_length: int | None = None
    """Maximum number of tokens read per text. 1 or more; none takes the limit of the model, 512 at most."""
    precision: str = AUTO
    """Number format of a transformer model: auto, fp32 or bf16."""
    device: str = AUTO
    """Device of a transformer model: auto, cpu or cuda."""
    prefix: str = ""
    """Text put before every text, as some models require (`query: `)."""
    revision: str | None = None
    """Commit or branch of a model on the hub. none means the default branch."""
    download: bool = False
    """Whether a model may be downloaded from the hub."""

    def __post_init__(self) -> None:
        require_range(self, "dim", "max_length", least=1, part="text.")


def join_text_fields(table: pl.DataFrame, fields: Sequence[str]) -> list[str | None]:
    """One normalised text per row `[N]`: the available fields joined by ". "; None if all are empty.

    >>> join_text_fields(pl.DataFrame({"title": ["Heat", None], "categories": [["Crime", "Action"], []]}), ITEM_FIELDS)
    ['Heat. Crime, Action', None]
    """
    parts = [normalise(as_text(table[name])).alias(name) for name in fields if name in table.columns]
    if not parts:
        return [None] * table.height
    joined = pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator=". ", ignore_nulls=True)).to_series()
    return joined.set(joined == "", None).to_list()


def fit_text_encoder(
    corpus: Sequence[str | None], options: TextOptions, *, seed: int = 0
) -> tuple[TextEncoder | None, TextChoice | None]:
    """The encoder of the options, and the reason of an automatic choice (None for a named encoder).

    `ngram`, word vectors and idf weights are learned from the corpus. `none`, or a corpus without text, gives no
    encoder.
    """
    if options.encoder == NONE or not any(text and text.strip() for text in corpus):
        return None, None
    choice = choose_text_encoder(corpus, seed=seed) if options.encoder == AUTO else None
    name = choice.encoder if choice else options.encoder
    if name == NGRAM:
        return NgramEncoder(NgramOptions(dim=options.dim, seed=seed)).fit(corpus), choice
    if is_word_vector_source(name):
        return WordVectorEncoder(WordVectorOptions(source=name, dim=options.dim, seed=seed)).fit(corpus), choice
    encoder = HuggingFaceEncoder(
        HuggingFaceOptions(
            source=MINILM if name == MINILM else name,
            revision=options.revision,
            download=options.download,
            pooling=options.pooling,
            max_length=options.max_length,
            precision=options.precision,
            device=options.device,
            prefix=options.prefix,
        )
    )
    return encoder.fit(corpus) if options.pooling == "idf" else encoder, choice


def restore_text_encoder(state: EncoderState) -> NgramEncoder | HuggingFaceEncoder | WordVectorEncoder:
    """The encoder of a bundle, by the name in its metadata."""
    encoders = (NgramEncoder, WordVectorEncoder, HuggingFaceEncoder)
    for encoder in encoders:
        if state.metadata.get("name") == encoder.name:
            return encoder.from_state(state)
    raise EncoderError(f"The bundle names an unknown text encoder: {state.metadata.get('name')!r}.")
