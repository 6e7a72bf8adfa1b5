"""`penchant encode`: the item embeddings of one modality as a table, through the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from penchant.cli import parameters, requests, terminal
from penchant.options import Json


def encode(
    data: parameters.DataFolder,
    modality: Annotated[Literal["text", "image", "audio"], typer.Option("--modality", help="Modality to encode.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.parquet", help="Output table: item_id, vector, present.")],
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="NAME",
            help="auto, minilm, ngram, word2vec, fasttext, glove:PATH, cnn, crnn, lstm, or the folder or "
            "Hugging Face name of a model.",
        ),
    ] = "auto",
    beside: Annotated[
        Path | None,
        typer.Option(
            "--beside",
            metavar="OLD.parquet",
            help="Earlier table: report how much the neighbours of each item changed.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="Folder of the embedding cache.  [default: the user's cache folder]"
        ),
    ] = None,
    set_: parameters.Settings = None,
    seed: parameters.Seed = 0,
    strict: parameters.Strict = False,
    json: parameters.AsJson = False,
) -> None:
    """Encode one modality of the items of a data folder; cached embeddings are not computed again."""
    requests.require_parquet_name("--out", out)
    from dataclasses import asdict, replace

    from penchant.data.dataset import Dataset
    from penchant.embeddings.contrastive import train_encoder
    from penchant.embeddings.encode_table import EncodeOptions, encode_table
    from penchant.embeddings.fitted import ModalityOptions
    from penchant.encoders.cache import EncoderCache, find_cache_folder
    from penchant.options import parse_settings, replace_options

    options = replace(ModalityOptions(), seed=seed)
    options = replace_options(
        options, {f"{modality}.{key}": value for key, value in parse_settings(set_ or []).items()}
    )
    dataset = Dataset.load(data, strict=strict)
    store = EncoderCache(cache if cache is not None else find_cache_folder())
    with terminal.progress() as report:
        wanted = EncodeOptions(modality, encoder, options, beside)
        encoded = encode_table(dataset, out, wanted, cache=store, progress=report, trainer=train_encoder)
    present = int(encoded.modality.present.sum())
    summary: Json = {
        "items": dataset.n_items,
        "with_vector": present,
        "dim": encoded.modality.dim,
        "encoder": encoded.modality.encoder,
        "notes": encoded.notes,
        "from_cache": store.counts.reused,
        "encoded": store.counts.computed,
        "out": str(out),
    }
    if encoded.moved is not None:
        summary["moved"] = {**asdict(encoded.moved), "moved": dataset.item_vocabulary.decode(list(encoded.moved.moved))}
    if json:
        terminal.show_json(summary)
        return
    for line in encoded.notes:
        terminal.show(line)
    terminal.show(
        f"Wrote {present:,} vectors of {encoded.modality.dim} dimensions for {dataset.n_items:,} items to {out}"
    )
    if store.counts.reused + store.counts.computed:
        terminal.note(f"{store.counts.reused:,} from the cache {store.folder}, {store.counts.computed:,} computed")
