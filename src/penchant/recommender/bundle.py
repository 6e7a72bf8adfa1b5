"""A recommender as a bundle: which file holds what. The folder itself (versions, hashes) is `artifacts/bundle.py`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.artifacts.bundle import open_bundle, read_facts, write_bundle
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.vocabulary import Vocabulary
from penchant.embeddings.fitted import FittedEncoders
from penchant.encoders.protocol import EncoderState
from penchant.errors import BundleError, UsageError
from penchant.models.base import DenseModel, Model, ModelState, Multimodal
from penchant.models.registry import create
from penchant.recommender.config import Config

if TYPE_CHECKING:
    from penchant.models.probes.probes import Probes

LIBRARIES = ("numpy", "polars", "safetensors", "scipy", "torch", "transformers")
MODEL, ITEMS, USERS, HISTORIES, REPORT, CONTENTS = (
    "model.safetensors",
    "items.parquet",
    "users.parquet",
    "histories.parquet",
    "report.html",
    "contents.safetensors",
)


@dataclass(frozen=True)
class Parts:
    """What a recommender is made of; `packed`: the histories with what events carry and what is known of users.

    `probes`: linear probes on interest vectors, where the configuration names them.
    """

    config: Config
    dataset: Dataset
    modalities: Modalities
    encoders: FittedEncoders
    model: Model
    popularity: Model
    facts: dict[str, Any]
    packed: SequenceBatch | None = None
    probes: Probes | None = None


def write(path: Path, parts: Parts, *, histories: bool = True, report_html: str | None = None) -> Path:
    """Write a new version of the bundle at `path` and make it current; returns its folder.

    Without `histories` nothing of a user is in it, and known users cannot be asked for. Raises `BundleError`.
    """
    states = {"model": parts.model.state(), "popularity": parts.popularity.state()}
    if parts.probes is not None:
        states["probes"] = parts.probes.state()
    encoders = parts.encoders.state()
    data = parts.dataset
    contents, told = _contents(parts.packed if histories else None)
    facts = {
        **parts.facts,
        "config": parts.config.to_dict(),
        "model_state": states["model"].facts,
        "popularity_state": states["popularity"].facts,
        "probes_state": states["probes"].facts if parts.probes is not None else None,
        "encoder_state": encoders.facts,
        "modality_encoders": [[name, modality.encoder] for name, modality in parts.modalities.items()],
        "kinds": data.kinds.ids.to_list(),
        "vocabularies": {"items": data.item_vocabulary.digest(), "users": data.user_vocabulary.digest()},
        "histories": histories,
        "named_events": data.named_events,
        "contents": told,
        "versions": library_versions(),
    }

    def fill(folder: Path) -> None:
        tensors = {f"{part}:{key}": value for part, state in states.items() for key, value in state.tensors.items()}
        tensors |= {f"encoders:{key}": value for key, value in encoders.tensors.items()}
        _save(folder / MODEL, tensors)
        data.items.write_parquet(folder / ITEMS)
        for name, modality in parts.modalities.items():
            _save(
                folder / "modalities" / f"{name}.safetensors",
                {"vectors": modality.vectors, "present": modality.present},
            )
        if isinstance(parts.model, DenseModel):
            _save(folder / "index" / "exact.safetensors", {"item_vectors": parts.model.item_vectors})
        if histories:
            data.events.write_parquet(folder / HISTORIES)
            data.users.write_parquet(folder / USERS)
        if contents:
            _save(folder / CONTENTS, contents)
        if report_html is not None:
            (folder / REPORT).write_text(report_html, encoding="utf-8")

    return write_bundle(path, fill, facts=facts)


def read(path: Path) -> Parts:
    """Read the current version of a bundle; hashes are verified first. Raises `BundleError`."""
    folder = open_bundle(path)
    try:
        return _read(folder, read_facts(folder))
    except KeyError as error:
        raise BundleError(
            f"{folder} lacks {error}: another version of penchant wrote it.", remedy="Train the bundle again."
        ) from error
    except RuntimeError as error:  # torch: a network of another shape
        raise BundleError(
            f"{folder} holds a network that this version of penchant does not make: {str(error)[:300]}.",
            remedy="Train the bundle again.",
        ) from error


def _read(folder: Path, facts: dict[str, Any]) -> Parts:
    items = pl.read_parquet(folder / ITEMS)
    dataset = _dataset(folder, items, facts)
    if dataset.item_vocabulary.digest() != facts["vocabularies"]["items"]:
        raise BundleError(f"{folder}: the items are not those the model was trained on.", remedy="Train it again.")
    tensors = _load(folder / MODEL)
    modalities = {}
    for modality, encoder in facts["modality_encoders"]:
        stored = _load(folder / "modalities" / f"{modality}.safetensors")
        modalities[modality] = Modality(stored["vectors"], stored["present"].astype(np.bool_), encoder)
    try:
        config = Config.from_dict(facts["config"])
    except UsageError as error:
        raise BundleError(
            f"{folder} has settings that this version of penchant does not know: {error}",
            remedy="Train the bundle again, or use the version that wrote it (`versions` in penchant.json).",
        ) from error
    options = config.options
    model, popularity = create(config.model, options), create("popularity", options)
    model.load_state(ModelState(_part(tensors, "model"), facts["model_state"]))
    if isinstance(model, Multimodal):
        model.attach(Modalities(modalities))
    popularity.load_state(ModelState(_part(tensors, "popularity"), facts["popularity_state"]))
    encoders = FittedEncoders.from_state(EncoderState(_part(tensors, "encoders"), facts["encoder_state"]))
    packed, probes = _packed(folder, dataset, facts), _probes(tensors, config, facts)
    return Parts(config, dataset, Modalities(modalities), encoders, model, popularity, facts, packed, probes)


def _probes(tensors: Mapping[str, npt.NDArray[Any]], config: Config, facts: Mapping[str, Any]) -> Probes | None:
    """The probes of the bundle; None where it has none."""
    if not facts.get("probes_state"):
        return None
    from penchant.models.probes.probes import Probes

    return Probes.from_state(ModelState(_part(tensors, "probes"), facts["probes_state"]), config.probes)


def library_versions() -> dict[str, str]:
    """Versions of penchant, Python and the libraries that a result depends on."""
    from penchant import __version__

    found = {"penchant": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _contents(packed: SequenceBatch | None) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any] | None]:
    """Vectors of what events carry and of the users themselves, and which encoder made each.

    They are kept, so that a bundle answers without the dataset's folder of pictures and sounds.
    """
    if packed is None:
        return {}, None
    tensors: dict[str, npt.NDArray[Any]] = {}
    told: dict[str, Any] = {}
    for part, modalities in ((schema.EVENTS, packed.content), (schema.USERS, packed.user_modalities)):
        told[part] = [[name, modality.encoder] for name, modality in (modalities or {}).items()]
        for name, modality in (modalities or {}).items():
            tensors |= {f"{part}:{name}:vectors": modality.vectors, f"{part}:{name}:present": modality.present}
    if packed.content_rows is not None:
        tensors["rows"] = packed.content_rows
    return tensors, told


def _packed(folder: Path, dataset: Dataset, facts: Mapping[str, Any]) -> SequenceBatch | None:
    """The histories with their contents as they were written, or None where the bundle has none."""
    if not facts["histories"] or facts.get("contents") is None:
        return None
    tensors = _load(folder / CONTENTS) if (folder / CONTENTS).is_file() else {}
    found: dict[str, Modalities | None] = {}
    for part, told in facts["contents"].items():
        modalities = {
            modality: Modality(
                tensors[f"{part}:{modality}:vectors"], tensors[f"{part}:{modality}:present"].astype(np.bool_), encoder
            )
            for modality, encoder in told
        }
        found[part] = Modalities(modalities) if modalities else None
    content, users = found[schema.EVENTS], found[schema.USERS]
    return replace(dataset.sequences(), content_rows=tensors.get("rows"), content=content, user_modalities=users)


def _dataset(folder: Path, items: pl.DataFrame, facts: Mapping[str, Any]) -> Dataset:
    if facts["histories"]:
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
        kinds=Vocabulary(facts["kinds"]),
        named_events=facts.get("named_events"),
    )


def _part(tensors: Mapping[str, npt.NDArray[Any]], name: str) -> dict[str, npt.NDArray[Any]]:
    return {key.removeprefix(f"{name}:"): value for key, value in tensors.items() if key.startswith(f"{name}:")}


def _save(path: Path, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors.numpy import load_file

    try:
        found: dict[str, npt.NDArray[Any]] = load_file(path)
    except Exception as error:
        raise BundleError(f"{path} cannot be read: {error}.", remedy="Train the bundle again.") from error
    return found
