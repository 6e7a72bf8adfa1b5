"""`penchant encode`: item vectors of one modality as a table, through the cache that can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from penchant.cli import parameters, terminal
from penchant.errors import DataError


def encode(
    data: parameters.DataFolder,
    modality: Annotated[Literal["text"], typer.Option("--modality", help="What of the items is encoded.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.parquet", help="Table of item_id and vector.")],
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder", metavar="NAME", help="auto, minilm, ngram, or a model by folder or Hugging Face name."
        ),
    ] = "auto",
    cache: Annotated[
        Path | None, typer.Option("--cache", metavar="DIR", help="Folder of vectors by content.  [default: the user's]")
    ] = None,
    set_: parameters.Settings = None,
    seed: parameters.Seed = 0,
    strict: parameters.Strict = False,
    json: parameters.AsJson = False,
) -> None:
    """Encode the items of a folder of data; what was encoded once is not encoded again."""
    import polars as pl

    from penchant.data import schema
    from penchant.data.atomic import atomic_file
    from penchant.data.dataset import Dataset
    from penchant.data.options import replaced, settings
    from penchant.encoders.cache import EncoderCache, default_cache_folder
    from penchant.encoders.fitted import ViewOptions, fit_encoders
    from penchant.encoders.text import TextOptions, table_text

    options = TextOptions(encoder=encoder)
    for key, value in settings(set_ or []).items():
        options = replaced(options, key, value)
    with atomic_file(out) as temporary:
        dataset = Dataset.load(data, strict=strict)
        if not any(table_text(dataset.items, options.fields)):
            raise DataError(
                f"No item of {data} has text in {', '.join(options.fields)}.",
                remedy="Give the items a title or description, or name the columns: --set fields=COLUMN,COLUMN",
            )
        fitted = fit_encoders(dataset, ViewOptions(text=options, seed=seed))
        store = EncoderCache(cache if cache is not None else default_cache_folder())
        with terminal.progress() as report:
            views = fitted.encode_table(schema.ITEMS, dataset.items, cache=store, progress=report)
        view = views[schema.TEXT]
        vectors = pl.Series("vector", view.vectors, dtype=pl.Array(pl.Float32, view.dim))
        table = pl.DataFrame({schema.ITEM_ID: dataset.items[schema.ITEM_ID]}).with_columns(
            vectors.set(pl.Series(~view.present), None) if not view.present.all() else vectors
        )
        table.write_parquet(temporary)
    summary = {
        "items": table.height,
        "with_vector": int(view.present.sum()),
        "dim": view.dim,
        "encoder": view.encoder,
        "notes": fitted.notes,
        "from_cache": store.counts.found,
        "encoded": store.counts.computed,
        "out": str(out),
    }
    if json:
        terminal.show_json(summary)
        return
    for line in fitted.notes:
        terminal.show(line)
    terminal.show(f"Wrote {summary['with_vector']:,} vectors of {view.dim} numbers for {table.height:,} items to {out}")
    if store.counts.found + store.counts.computed:
        terminal.note(
            f"{store.counts.found:,} came from the cache {store.folder}, {store.counts.computed:,} were encoded"
        )
