"""A recommender as a bundle: the content of each file. The folder itself (versions, hashes) is
`artifacts/bundle.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from penchant.arrays import Array, Int32s
from penchant.artifacts import bundle
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.results.records import FitRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.embeddings.fitted import FittedEncoders
from penchant.encoders.protocol import EncoderState
from penchant.errors import BundleError, UsageError
from penchant.models.base import DenseModel, ModelState, Multimodal
from penchant.models.probes.probes import Probes
from penchant.models.registry import create
from penchant.options import JsonMapping
from penchant.recommender.config import Config
from penchant.recommender.state import RecommenderState

MODEL = "model.safetensors"
ITEMS = "items.parquet"
USERS = "users.parquet"
HISTORIES = "histories.parquet"
CONTENTS = "contents.safetensors"
REPORT = "report.html"
MODALITIES = "modalities"
INDEX = "index"

Arrays = Mapping[str, Array]
Metadata = JsonMapping


def write_bundle(
    path: Path, state: RecommenderState, *, histories: bool = True, report_html: str | None = None
) -> Path:
    """Write a new version of the bundle at `path` and make it current; returns its folder.

    Without `histories` nothing of a user is in it, and known users cannot be requested. Raises `BundleError`.
    """
    parts = {"model": state.model.state(), "popularity": state.popularity.state()}
    if state.probes is not None:
        parts["probes"] = state.probes.state()
    encoders, data = state.encoders.state(), state.dataset
    packed = state.histories
    contents = {schema.EVENTS: packed.content, schema.USERS: packed.user_modalities} if histories else {}
    metadata = {
        **state.record.to_dict(),
        "config": state.config.to_dict(),
        "states": {name: part.metadata for name, part in parts.items()} | {"encoders": encoders.metadata},
        "modalities": _encoder_names(state.modalities),
        "kinds": data.kinds.ids.to_list(),
        "vocabularies": {"items": data.item_vocabulary.digest(), "users": data.user_vocabulary.digest()},
        "has_histories": histories,
        "named_events": data.named_events,
        "contents": {table: _encoder_names(modalities) for table, modalities in contents.items()},
    }

    def write(folder: Path) -> None:
        tensors = {f"{name}:{key}": value for name, part in parts.items() for key, value in part.tensors.items()}
        tensors |= {f"encoders:{key}": value for key, value in encoders.tensors.items()}
        _save(folder / MODEL, tensors)
        data.items.write_parquet(folder / ITEMS)
        for name, modality in state.modalities.items():
            _save(
                folder / MODALITIES / f"{name}.safetensors", {"vectors": modality.vectors, "present": modality.present}
            )
        if isinstance(state.model, DenseModel):
            _save(folder / INDEX / "exact.safetensors", {"item_vectors": state.model.item_vectors})
        if histories:
            data.events.write_parquet(folder / HISTORIES)
            data.users.write_parquet(folder / USERS)
        if vectors := _content_tensors(contents, packed.content_rows if histories else None):
            _save(folder / CONTENTS, vectors)
        if report_html is not None:
            (folder / REPORT).write_text(report_html, encoding="utf-8")

    return bundle.write_bundle(path, write, metadata=metadata)


def read_bundle(path: Path) -> RecommenderState:
    """Read the current version of a bundle; hashes are verified first. Raises `BundleError`."""
    folder = bundle.open_bundle(path)
    try:
        return _read(folder, bundle.read_metadata(folder))
    except KeyError as error:
        raise BundleError(
            f"{folder} lacks {error}: another version of penchant wrote it.", remedy="Train the bundle again."
        ) from error
    except RuntimeError as error:  # torch: a network of another shape
        raise BundleError(
            f"{folder} holds a network that this version of penchant does not make: {str(error)[:300]}.",
            remedy="Train the bundle again.",
        ) from error


def _read(folder: Path, metadata: Metadata) -> RecommenderState:
    try:
        config = Config.from_dict(metadata["config"])
    except UsageError as error:
        raise BundleError(
            f"{folder} has settings that this version of penchant does not know: {error}",
            remedy="Train the bundle again, or use the version that wrote it (`versions` in penchant.json).",
        ) from error
    dataset = _read_dataset(folder, metadata)
    if dataset.item_vocabulary.digest() != metadata["vocabularies"]["items"]:
        raise BundleError(f"{folder}: the items are not those the model was trained on.", remedy="Train it again.")
    modalities = Modalities(
        {
            name: _modality(_load(folder / MODALITIES / f"{name}.safetensors"), "", encoder)
            for name, encoder in metadata["modalities"]
        }
    )
    tensors, states = _load(folder / MODEL), metadata["states"]

    def state_of(part: str) -> ModelState:
        return ModelState(_part(tensors, part), states[part])

    model, popularity = create(config.model, config.options), create("popularity", config.options)
    model.load_state(state_of("model"))
    if isinstance(model, Multimodal):
        model.attach(modalities)
    popularity.load_state(state_of("popularity"))
    encoders = FittedEncoders.from_state(EncoderState(_part(tensors, "encoders"), states["encoders"]))
    histories = _read_histories(folder, dataset, metadata)
    record = FitRecord.from_dict(metadata)
    probes = Probes.from_state(state_of("probes"), config.probes) if "probes" in states else None
    return RecommenderState(config, dataset, modalities, encoders, model, popularity, histories, record, probes)


def _encoder_names(modalities: Modalities | None) -> list[tuple[str, str]]:
    """Each modality and its encoder, in the order of the modalities: sums over them depend on it."""
    return [(name, modality.encoder) for name, modality in (modalities or {}).items()]


def _content_tensors(contents: Mapping[str, Modalities | None], rows: Int32s | None) -> dict[str, Array]:
    """Vectors of the content of events and of users, so that a bundle answers without the folder of media files."""
    tensors: dict[str, Array] = {} if rows is None else {"rows": rows}
    for table, modalities in contents.items():
        for name, modality in (modalities or {}).items():
            tensors |= {f"{table}:{name}:vectors": modality.vectors, f"{table}:{name}:present": modality.present}
    return tensors


def _read_histories(folder: Path, dataset: Dataset, metadata: Metadata) -> SequenceBatch:
    """The histories with the content of their events and users."""
    tensors = _load(folder / CONTENTS) if (folder / CONTENTS).is_file() else {}
    contents = {
        table: Modalities({name: _modality(tensors, f"{table}:{name}:", encoder) for name, encoder in encoders})
        for table, encoders in metadata["contents"].items()
    }
    return replace(
        dataset.sequences(),
        content_rows=tensors.get("rows"),
        content=contents.get(schema.EVENTS) or None,
        user_modalities=contents.get(schema.USERS) or None,
    )


def _read_dataset(folder: Path, metadata: Metadata) -> Dataset:
    items = pl.read_parquet(folder / ITEMS)
    if metadata["has_histories"]:
        events, users = pl.read_parquet(folder / HISTORIES), pl.read_parquet(folder / USERS)
    else:
        users = pl.DataFrame(schema={schema.USER_ID: pl.String})
        events = pl.DataFrame(
            schema={
                schema.EVENT_ID: pl.String,
                schema.USER: pl.Int32,
                schema.ITEM: pl.Int32,
                schema.KIND: pl.Int16,
                schema.TIME_S: pl.Int64,
                schema.SEQ: pl.Int64,
                schema.VALUE: pl.Float32,
            }
        )
    return Dataset(
        items=items,
        events=events,
        users=users,
        item_vocabulary=Vocabulary(items[schema.ITEM_ID]),
        user_vocabulary=Vocabulary(users[schema.USER_ID]),
        kinds=Vocabulary(metadata["kinds"]),
        named_events=metadata["named_events"],
    )


def _modality(tensors: Arrays, prefix: str, encoder: str) -> Modality:
    return Modality(tensors[f"{prefix}vectors"], tensors[f"{prefix}present"].astype(np.bool_), encoder)


def _part(tensors: Arrays, name: str) -> dict[str, Array]:
    return {key.removeprefix(f"{name}:"): value for key, value in tensors.items() if key.startswith(f"{name}:")}


def _save(path: Path, tensors: Arrays) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)


def _load(path: Path) -> dict[str, Array]:
    from safetensors.numpy import load_file

    try:
        tensors: dict[str, Array] = load_file(path)
    except Exception as error:
        raise BundleError(f"{path} cannot be read: {error}.", remedy="Train the bundle again.") from error
    return tensors
