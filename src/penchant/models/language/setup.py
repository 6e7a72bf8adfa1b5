"""Setup of the model `llm` before training: item texts, a language model, pre-training, text vectors of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from penchant.arrays import evenly_spaced
from penchant.data import schema
from penchant.data.columns import as_text
from penchant.data.language import find_main_language
from penchant.data.text import normalise
from penchant.data.training import TrainingData
from penchant.encoders.pretrained.hub import digest_folder, find_model_folder
from penchant.encoders.pretrained.huggingface import split_token_batches
from penchant.encoders.pretrained.pooling import pool
from penchant.encoders.text import ITEM_FIELDS, join_text_fields
from penchant.errors import ModelError
from penchant.llm.language_model import LanguageModel, load, make_small, read_states
from penchant.llm.pretraining import DEFAULT_OBJECTIVE, PretrainingLog, PretrainingOptions, pretrain
from penchant.llm.tokenizer import TextTokenizer, train_tokenizer
from penchant.llm.verbalise import shorten, verbalise_history
from penchant.models.language.options import LLMOptions

ITEM_TOKENS = 64
"""Tokens of an item's text that the language model reads."""
MODALITY, READ = "modality", "lm"
"""The source of item vectors: the text modality, or the language model."""
CORPUS_HISTORIES = 2000
"""Verbalised histories in the corpus, beside the items' texts."""


@dataclass(frozen=True)
class ItemTexts:
    """Texts of the catalogue: `titles` `[N]` (the id where an item has none), `texts` `[N]` (None: no text)."""

    titles: list[str]
    texts: list[str | None]
    language: str

    @classmethod
    def of(cls, data: TrainingData, options: LLMOptions) -> ItemTexts:
        """Titles and texts of the catalogue. Raises `ModelError` if no item has a text."""
        table = data.items
        texts: list[str | None] = [] if table is None else join_text_fields(table, ITEM_FIELDS)
        if table is None or not any(texts):
            raise ModelError(
                "llm reads texts, and no item has a title, categories or a description.",
                remedy="Give items a title, or use --model transformer.",
            )
        ids = table[schema.ITEM_ID].cast(pl.String)
        titles = normalise(as_text(table[schema.TITLE])) if schema.TITLE in table.columns else ids
        named = pl.DataFrame({"t": titles, "x": pl.Series(texts, dtype=pl.String), "i": ids})
        names = named.select(pl.coalesce("t", "x", "i")).to_series().to_list()
        language = options.language
        if language == "auto":
            language = "zh" if find_main_language([t for t in texts if t][:5000]) == "zh" else "en"
        return cls([shorten(title, options.title_length) for title in names], texts, language)

    def build_corpus(self, data: TrainingData, *, histories: int = CORPUS_HISTORIES) -> list[str]:
        """Texts of the items and evenly spaced verbalised histories, at most 40 events of each."""
        batch = data.sequences
        rows = np.flatnonzero(batch.lengths >= 2)
        rows = rows[evenly_spaced(len(rows), histories)]
        part = batch.take(rows, last=40)
        part = part.keep(part.items >= 0)
        titles = [self.titles[item] for item in part.items]
        kinds = [data.kinds[kind] for kind in part.kinds]
        values = [float(v) if np.isfinite(v) else None for v in part.values]
        times_s = part.times_s.tolist()
        verbalised = [
            verbalise_history(titles[a:b], kinds[a:b], times_s[a:b], self.language, values=values[a:b])
            for a, b in pairwise(part.offsets.tolist())
            if b - a >= 2
        ]
        return [text for text in self.texts if text] + verbalised


def choose_item_source(options: LLMOptions, data: TrainingData) -> str:
    """The source of item vectors, by the options and the data. Raises `ModelError`."""
    source = options.items
    if source == "auto":
        source = MODALITY if schema.TEXT in data.modalities and not options.train_items else READ
    if source == MODALITY and (schema.TEXT not in data.modalities or options.train_items):
        raise ModelError(
            "items='modality' needs a text modality of the items, and no train_items.", remedy="Take items='lm'."
        )
    return source


@dataclass
class Prepared:
    """A language model before training; `digest` of its folder (None: created or changed here)."""

    model: LanguageModel
    item_texts: ItemTexts
    pretraining: PretrainingLog | None
    digest: str | None


def prepare(options: LLMOptions, data: TrainingData, device: torch.device) -> Prepared:
    """Item texts, language model and pre-training, as the options say. Raises `ModelError`, `EncoderError`."""
    item_texts = ItemTexts.of(data, options)
    corpus = item_texts.build_corpus(data)
    objective, digest = options.pretrain, None
    if options.source:
        folder = find_model_folder(options.source, revision=options.revision, download=options.download)
        objective = "none" if objective == "auto" else objective
        model = load(folder, with_head=objective != "none")
        digest = digest_folder(folder) if objective == "none" else None
    else:
        kind = "gpt" if options.architecture == "auto" else options.architecture
        objective = DEFAULT_OBJECTIVE[kind] if objective == "auto" else objective
        model = make_small(
            kind,
            train_tokenizer(corpus, item_texts.language, kind, size=options.vocabulary),
            dim=options.width,
            layers=options.layers,
            heads=options.n_heads,
            positions=options.max_length + 8,
        )
    if options.levels == 2 and model.kind != "gpt":
        raise ModelError(
            f"levels=2 needs a causal (GPT-type) language model, and {options.source} is of the type {model.kind}.",
            remedy="Take another source, or levels=1.",
        )
    if objective == "none":
        return Prepared(model, item_texts, None, digest)
    settings = PretrainingOptions(
        objective,
        epochs=options.pretrain_epochs,
        tokens=options.pretrain_tokens,
        batch_tokens=1024 if objective == "nsp" else 2048,
        max_length=min(128, model.positions),
        learning_rate=1e-3 if model.is_new else 1e-4,
    )
    log = pretrain(model, corpus, settings, seed=data.seed, device=device, progress=data.progress)
    return Prepared(model, item_texts, log, digest)


def choose_pooling(options: LLMOptions, kind: str) -> str:
    """The pooling of tokens: that of the options, or the last for GPT-type models and the mean for the others."""
    if options.pooling != "auto":
        return options.pooling
    return "last" if kind == "gpt" else "mean"


def tokenise_items(texts: Sequence[str | None], tokenizer: TextTokenizer, positions: int) -> list[list[int]]:
    """Token codes of every item's text `[N]` with special tokens; empty where there is no text."""
    room = max(1, min(ITEM_TOKENS, positions) - len(tokenizer.before) - len(tokenizer.after))
    codes = tokenizer.encode([text or "" for text in texts])
    return [[*tokenizer.before, *c[:room], *tokenizer.after] if c else [] for c in codes]


def read_items(
    reader: nn.Module, rows: Sequence[Sequence[int]], pooling: str, pad: int, width: int, device: torch.device
) -> Tensor:
    """Unit vectors `[N, width]` of items' texts as token codes; zeros for an empty one."""
    lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
    out = torch.zeros(len(rows), width, device=device)
    vectors: list[Tensor] = []
    numbers: list[Tensor] = []
    for batch in split_token_batches(lengths, 4096):
        longest = int(lengths[batch].max())
        tokens = torch.full((len(batch), longest), pad, dtype=torch.int64)
        is_token = torch.from_numpy(np.arange(longest)[None, :] < lengths[batch][:, None])
        tokens[is_token] = torch.tensor([code for n in batch for code in rows[n]])
        mask = is_token.long().to(device)
        states = read_states(reader, tokens.to(device), mask)
        vectors.append(nn.functional.normalize(pool(pooling, states, mask), dim=1))
        numbers.append(torch.from_numpy(batch))
    if vectors:
        out = out.index_copy(0, torch.cat(numbers).to(device), torch.cat(vectors))
    return out
