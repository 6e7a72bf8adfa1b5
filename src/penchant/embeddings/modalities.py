"""The modalities of a dataset: of its items, of its users and of the contents of its events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from penchant.arrays import Int32s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.alignment import group_moments
from penchant.data.modalities import Modalities
from penchant.data.precomputed import check_vectors, read_vectors
from penchant.embeddings.behaviour import embed_cooccurrence, resolve_kind_weights
from penchant.embeddings.fitted import FittedEncoders, ModalityOptions, fit_encoders
from penchant.embeddings.graph import embed_graph
from penchant.embeddings.training_files import Trainer, train_pending
from penchant.encoders.attributes import select_context_columns
from penchant.encoders.cache import EncoderCache
from penchant.encoders.text import join_text_fields
from penchant.errors import DataError


def embed_items(
    dataset: Dataset,
    options: ModalityOptions = ModalityOptions(),  # noqa: B008
    cache: EncoderCache | None = None,
    progress: Progress | None = None,
    trainer: Trainer | None = None,
) -> tuple[Modalities, FittedEncoders]:
    """Modalities of every item (row = item code), and the fitted encoders.

    `text` for items with text, `image` and `audio` for items with files where an encoder is named, `attributes`,
    `behaviour` and, where it is enabled, `graph`; and the precomputed embeddings under their names. `behaviour` and
    `graph` come from all events of the dataset, so it must be the training part. `trainer` trains a small network on
    the files where the options name one (`cnn`, `crnn`, `lstm`, or `auto` chose it), with the text and behaviour
    modalities.
    """
    if dataset.n_events:
        # an unknown kind raises here, before the expensive encoding
        resolve_kind_weights(dataset.kinds.ids.to_list(), options.behaviour.weights)
    fitted = fit_encoders(dataset, options, cache)
    modalities = fitted.encode_table(schema.ITEMS, dataset.items, root=dataset.root, cache=cache, progress=progress)
    if options.behaviour.enabled and dataset.n_events:
        behaviour = embed_cooccurrence(dataset.sequences(), dataset.n_items, options.behaviour, seed=options.seed)
        if behaviour.present.any():
            modalities = modalities.with_modality(schema.BEHAVIOUR, behaviour)
    for kind in train_pending(dataset, fitted, modalities, trainer, progress):
        encoded = fitted.encode_media_columns(kind, dataset.items, root=dataset.root, cache=cache, progress=progress)
        if encoded is not None:
            modality, fitted.reports[f"{schema.ITEMS}.{kind}"] = encoded
            modalities = modalities.with_modality(kind, modality)
    if options.graph.enabled:
        items, users = embed_graph(dataset, options.graph, weights=options.behaviour.weights, seed=options.seed)
        fitted = replace(fitted, user_embeddings=(users,))
        modalities = modalities.with_modality(schema.GRAPH, items) if items.present.any() else modalities
    return _add_precomputed(modalities, schema.ITEMS, dataset, fitted), fitted


def recompute_event_modalities(
    part: Dataset, modalities: Modalities, fitted: FittedEncoders, options: ModalityOptions
) -> tuple[Modalities, FittedEncoders]:
    """Modalities with `behaviour` and `graph` computed again from a part of the events.

    Held-out events are then in no vector that a model is selected with. A modality of the same name from another
    encoder stays.
    """
    if schema.BEHAVIOUR in modalities and options.behaviour.enabled:
        behaviour = embed_cooccurrence(part.sequences(), part.n_items, options.behaviour, seed=options.seed)
        if behaviour.encoder == modalities[schema.BEHAVIOUR].encoder:
            modalities = modalities.with_modality(schema.BEHAVIOUR, behaviour)
    if options.graph.enabled and fitted.user_embeddings:
        items, users = embed_graph(part, options.graph, weights=options.behaviour.weights, seed=options.seed)
        fitted = replace(fitted, user_embeddings=(users,))
        if schema.GRAPH in modalities and items.encoder == modalities[schema.GRAPH].encoder:
            modalities = modalities.with_modality(schema.GRAPH, items)
    return modalities, fitted


def embed_users(
    dataset: Dataset, fitted: FittedEncoders, cache: EncoderCache | None = None, progress: Progress | None = None
) -> Modalities:
    """Modalities of every user (row = user code): attributes, text, media, and precomputed embeddings."""
    modalities = fitted.encode_table(schema.USERS, dataset.users, root=dataset.root, cache=cache, progress=progress)
    for each in fitted.user_embeddings:
        modalities = modalities.with_modality(each.name, each.align(dataset.user_vocabulary))
    return _add_precomputed(modalities, schema.USERS, dataset, fitted)


def _add_precomputed(modalities: Modalities, table: str, dataset: Dataset, fitted: FittedEncoders) -> Modalities:
    """The modalities with the precomputed embeddings of a table; files in the options override those of the dataset."""
    named = check_vectors([read_vectors(path, name) for name, path in fitted.vectors.items()], dataset.vocabularies)
    precomputed = {(each.name, each.table): each for each in (*dataset.vectors, *named)}
    for each in precomputed.values():
        if each.table != table:
            continue
        if each.name in modalities:
            raise DataError(
                f"The modality {each.name!r} of {table} has both precomputed embeddings and an encoder.",
                remedy=f"Rename the file, or switch the encoder off: --set modalities.{each.name}.encoder=none",
            )
        modalities = modalities.with_modality(each.name, each.align(dataset.vocabularies[table]))
    return modalities


def embed_event_contents(
    dataset: Dataset, fitted: FittedEncoders, cache: EncoderCache | None = None, progress: Progress | None = None
) -> tuple[Int32s, Modalities]:
    """The contents of events: `content_rows` `[E]` into the modalities (-1: none); equal contents share a row.

    `text` of the event (a comment, a search, the transcript of its sound), `image` and `audio` where an encoder is
    named, `attributes` from its `context_*` columns. Rows follow `Dataset.events`; both results go into
    `SequenceBatch`. Posts of a user on one item, or on none, within `fitted.align_s` seconds are one moment: its last
    event has all their contents (see `group_moments`).
    """
    events = dataset.events
    encoder = fitted.attributes.get(schema.EVENTS)
    context = select_context_columns(events.columns) if encoder is not None and encoder.dim else []
    written = join_text_fields(events, (schema.TEXT,)) if fitted.text is not None else [None] * events.height
    kinds = {*fitted.media, *((schema.AUDIO,) if fitted.speech is not None else ())}
    files = {kind: events[kind].cast(pl.String) for kind in sorted(kinds) if kind in events.columns}
    content = {schema.TEXT: pl.Series(written, dtype=pl.String), **files, **events.select(context).to_dict()}
    contents = _join_moments(pl.DataFrame(content), events, fitted.align_s)
    filled = ~contents.select(pl.all_horizontal(pl.all().is_null())).to_series()
    distinct = contents.filter(filled).unique(maintain_order=True).with_row_index("content")
    rows = contents.join(distinct, on=contents.columns, how="left", nulls_equal=True, maintain_order="left")["content"]
    content_rows = rows.cast(pl.Int32).fill_null(-1).to_numpy().copy()
    if not distinct.height:
        return content_rows, Modalities()
    modalities = fitted.encode_table(schema.EVENTS, distinct, root=dataset.root, cache=cache, progress=progress)
    return content_rows, modalities


def _join_moments(content: pl.DataFrame, events: pl.DataFrame, align_s: float) -> pl.DataFrame:
    """The contents `[E]`, those of one moment in the row of its last event; an event without a time is a moment."""
    names = [name for name in (schema.TEXT, schema.IMAGE, schema.AUDIO) if name in content.columns]
    has = content.select(pl.col(names).is_not_null()).to_numpy()
    rows = np.flatnonzero(has.any(axis=1) & events[schema.TIME_S].is_not_null().to_numpy())
    if align_s <= 0 or len(names) < 2 or len(rows) < 2:
        return content
    owner = events.select(pl.struct(schema.USER, schema.ITEM).rle_id()).to_series().gather(rows)
    carrier = rows[group_moments(owner.to_numpy(), events[schema.TIME_S].gather(rows).to_numpy(), has[rows], align_s)]
    if (carrier == rows).all():
        return content
    pieces = content[rows].select(names).with_columns(at=carrier).group_by("at").agg(pl.col(names).drop_nulls().first())
    joined = content.with_row_index("at").with_columns(pl.col("at").cast(pl.Int64)).select("at")
    joined = joined.join(pieces, on="at", how="left", maintain_order="left")
    moved = np.zeros(content.height, dtype=bool)
    moved[rows] = True
    where = pl.Series(moved)
    return content.with_columns(
        [pl.when(where).then(joined[name]).otherwise(pl.col(name)).alias(name) for name in names]
    )
