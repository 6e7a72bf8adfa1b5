"""From a dataset to its modalities: of items, of users and of what events carry themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.arrays import Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.alignment import group_moments
from penchant.data.modalities import Modalities
from penchant.data.precomputed import PrecomputedEmbeddings, check_vectors, read_vectors
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
    """Modalities of every item (row = item code), and the encoders that made them.

    `text` where the items have text, `image` and `audio` where they name files and an encoder is named, `attributes`
    where they have any, `behaviour` and, where it is enabled, `graph` (from the events of this dataset: give it the
    training part only), and the vectors that were brought, under their names. `trainer` trains a small network on the
    files where the options name one (`cnn`, `crnn`, `lstm`, or `auto` chose it), beside the text and behaviour
    modalities.
    """
    if dataset.n_events:
        resolve_kind_weights(
            dataset.kinds.ids.to_list(), options.behaviour.weights
        )  # refused before anything is encoded
    fitted = fit_encoders(dataset, options, cache)
    modalities = fitted.encode_table(schema.ITEMS, dataset.items, root=dataset.root, cache=cache, progress=progress)
    if options.behaviour.enabled and dataset.n_events:
        behaviour = embed_cooccurrence(dataset.sequences(), dataset.n_items, options.behaviour, seed=options.seed)
        if behaviour.present.any():
            modalities = modalities.with_modality(schema.BEHAVIOUR, behaviour)
    for kind in train_pending(dataset, fitted, modalities, trainer, progress):
        found = fitted.encode_media_columns(kind, dataset.items, root=dataset.root, cache=cache, progress=progress)
        if found is not None:
            modalities, fitted.reports[f"{schema.ITEMS}.{kind}"] = modalities.with_modality(kind, found[0]), found[1]
    if options.graph.enabled:
        items, users = embed_graph(dataset, options.graph, weights=options.behaviour.weights, seed=options.seed)
        fitted = replace(fitted, people=(users,))
        modalities = modalities.with_modality(schema.GRAPH, items) if items.present.any() else modalities
    return _with_own(modalities, schema.ITEMS, dataset, fitted), fitted


def recompute_event_modalities(
    part: Dataset, modalities: Modalities, fitted: FittedEncoders, options: ModalityOptions
) -> tuple[Modalities, FittedEncoders]:
    """The same modalities with those that events make, `behaviour` and `graph`, made again from a part of the events.

    So what is held out to select on is not in the vectors that are selected. Modalities of the same name that were made
    otherwise stay.
    """
    if schema.BEHAVIOUR in modalities and options.behaviour.enabled:
        behaviour = embed_cooccurrence(part.sequences(), part.n_items, options.behaviour, seed=options.seed)
        if behaviour.encoder == modalities[schema.BEHAVIOUR].encoder:
            modalities = modalities.with_modality(schema.BEHAVIOUR, behaviour)
    if options.graph.enabled and fitted.people:
        items, users = embed_graph(part, options.graph, weights=options.behaviour.weights, seed=options.seed)
        fitted = replace(fitted, people=(users,))
        if schema.GRAPH in modalities and items.encoder == modalities[schema.GRAPH].encoder:
            modalities = modalities.with_modality(schema.GRAPH, items)
    return modalities, fitted


def embed_users(
    dataset: Dataset, fitted: FittedEncoders, cache: EncoderCache | None = None, progress: Progress | None = None
) -> Modalities:
    """Modalities of every user (row = user code): attributes, text and media of their own, vectors that were
    brought."""
    modalities = fitted.encode_table(schema.USERS, dataset.users, root=dataset.root, cache=cache, progress=progress)
    for own in fitted.people:
        modalities = modalities.with_modality(own.name, own.align(dataset.user_vocabulary))
    return _with_own(modalities, schema.USERS, dataset, fitted)


def _with_own(modalities: Modalities, table: str, dataset: Dataset, fitted: FittedEncoders) -> Modalities:
    """The modalities with the vectors that were brought for a table: files named in the options, then the dataset's."""
    named = check_vectors([read_vectors(path, name) for name, path in fitted.vectors.items()], dataset.vocabularies)
    own: dict[tuple[str, str], PrecomputedEmbeddings] = {
        (each.name, each.table): each for each in (*dataset.vectors, *named)
    }
    for each in own.values():
        if each.table != table:
            continue
        if each.name in modalities:
            raise DataError(
                f"The modality {each.name!r} of {table} is both brought as vectors and made by an encoder.",
                remedy=f"Rename the file, or switch the encoder off: --set modalities.{each.name}.encoder=none",
            )
        modalities = modalities.with_modality(each.name, each.align(dataset.vocabularies[table]))
    return modalities


def embed_event_contents(
    dataset: Dataset, fitted: FittedEncoders, cache: EncoderCache | None = None, progress: Progress | None = None
) -> tuple[npt.NDArray[np.int32], Modalities]:
    """What events carry themselves: `content_rows` `[E]` into the modalities (-1: nothing), equal contents once.

    `text` of the event (a comment, a search; what is said in its sound, where that is made text), its `image` and
    `audio` where such an encoder is named, `attributes` from its `context_*` columns. Rows follow `Dataset.events`;
    both go into `SequenceBatch`. What a user posts on one item, or on none, within `fitted.align_s` seconds is one
    moment: its last event carries all of it (see `group_moments`).
    """
    events = dataset.events
    encoder = fitted.attributes.get(schema.EVENTS)
    context = select_context_columns(events.columns) if encoder is not None and encoder.dim else []
    own = join_text_fields(events, (schema.TEXT,)) if fitted.text is not None else [None] * events.height
    kinds = {*fitted.media, *((schema.AUDIO,) if fitted.speech is not None else ())}
    files = {kind: events[kind].cast(pl.String) for kind in sorted(kinds) if kind in events.columns}
    content = {schema.TEXT: pl.Series(own, dtype=pl.String), **files, **events.select(context).to_dict()}
    told = _in_moments(pl.DataFrame(content), events, fitted.align_s)
    filled = ~told.select(pl.all_horizontal(pl.all().is_null())).to_series()
    distinct = told.filter(filled).unique(maintain_order=True).with_row_index("content")
    rows = told.join(distinct, on=told.columns, how="left", nulls_equal=True, maintain_order="left")["content"]
    content_rows = rows.cast(pl.Int32).fill_null(-1).to_numpy().copy()
    if not distinct.height:
        return content_rows, Modalities()
    modalities = fitted.encode_table(schema.EVENTS, distinct, root=dataset.root, cache=cache, progress=progress)
    return content_rows, modalities


def _in_moments(content: pl.DataFrame, events: pl.DataFrame, align_s: float) -> pl.DataFrame:
    """The contents `[E]` with those of one moment in the row of its last event; events without a time stand alone."""
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
    whole = content.with_row_index("at").with_columns(pl.col("at").cast(pl.Int64)).select("at")
    whole = whole.join(pieces, on="at", how="left", maintain_order="left")
    moved = np.zeros(content.height, dtype=bool)
    moved[rows] = True
    told = pl.Series(moved)
    return content.with_columns([pl.when(told).then(whole[name]).otherwise(pl.col(name)).alias(name) for name in names])
