"""From a dataset and a configuration to the parts of a recommender: encode the modalities, select, learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penchant.arrays import Bools, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.splits import Holdout
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.modalities import as_of, item_modalities
from penchant.embeddings.packing import kept_vectors
from penchant.encoders.precision import resolve_device
from penchant.errors import DataError, ModelError
from penchant.models.base import InterestModel, Model, ModelEnsemble
from penchant.models.registry import create, require_kinds
from penchant.recommender.bundle import Parts
from penchant.recommender.config import Config
from penchant.training.cpu_seconds import CpuSeconds
from penchant.training.log import TrainingLog
from penchant.training.phases import Stages
from penchant.training.prepare import training_data
from penchant.training.selection import inner_holdout, needs_selection, validation_of


@dataclass(frozen=True)
class Fitted:
    """The parts, and which events `[E]` the model has not learned since they teach probes (None: all were)."""

    parts: Parts
    held: Bools | None = None


def fitted(
    data: Dataset,
    config: Config,
    *,
    validation: Holdout | Validation | None = None,
    modalities: tuple[Modalities, FittedEncoders] | None = None,
    chosen: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Fitted:
    """Encode the modalities, select and learn; the arguments are those of `Recommender.fit`.

    Raises `DataError` / `ModelError` where the data do not allow the model.
    """
    from penchant.embeddings.contrastive import train_encoder

    if data.n_events == 0:
        raise DataError("There are no events to learn from.", remedy="See `penchant check` for what was refused.")
    resolve_device(config.device)
    require_kinds((config.model, "popularity"), config.options, data.kinds.ids.to_list())
    spent = CpuSeconds()
    held = events_for_probes(data, config) if validation is None else None
    learn = data if held is None else data.where(~held)
    found, encoders = modalities or item_modalities(
        learn, config.modalities, kept_vectors(), progress=progress, trainer=train_encoder
    )
    if held is not None and modalities is not None:
        found, encoders = as_of(learn, found, encoders, config.modalities)
    everything = training_data(learn, found, encoders, config.seed, progress)
    model = create(config.model, config.options)
    if held is not None:
        _check_vectors(model, found, config)
    stages = Stages(config.device, config.training, checkpoints, spent)
    if validation is not None:
        training = stages.fit(model, replace(everything, validation=validation_of(validation)), "validated")
    else:
        log = TrainingLog.from_dict(chosen) if chosen else None
        if chosen is None and needs_selection(model):
            log = _selected(learn, everything, config, found, encoders, stages, progress)
        training = stages.fit(model, everything, "refit", log)
        training = log or training
    popularity = create("popularity", config.options)
    known = everything if held is None else _all_events(everything, data)
    stages.fit(popularity, known, "popularity")
    facts = {
        "model": config.model,
        "seed": config.seed,
        "encoders": encoders.identities,
        "modality_notes": encoders.notes,
        "training": training.to_dict(),
        "fit_cpu_s": round(spent.total, 2),
        "trained_until_s": known.now_s,
        "users": data.n_users,
        "items": data.n_items,
        "events": data.n_events,
    }
    return Fitted(Parts(config, data, found, encoders, model, popularity, facts), held)


def _selected(
    data: Dataset,
    everything: TrainingData,
    config: Config,
    modalities: Modalities,
    encoders: FittedEncoders,
    stages: Stages,
    progress: Progress | None,
) -> TrainingLog | None:
    """What a fit without each user's last event chose on those events; None where nobody has two."""
    held = inner_holdout(data)
    if held is None:
        return None
    inner, holdout = held
    part = training_data(inner, *as_of(inner, modalities, encoders, config.modalities), config.seed, progress)
    asked = replace(everything.sequences, user_modalities=part.sequences.user_modalities)
    selection = replace(part, validation=validation_of(holdout, asked))
    return stages.fit(create(config.model, config.options), selection, "selection")


def events_for_probes(data: Dataset, config: Config) -> Bools | None:
    """Which events `[E]` are kept from the model for the probes; None where the configuration names no probe.

    Raises `DataError` where no probe can learn from these events, whatever the model: before anything is learned.
    """
    if not config.probes.fit:
        return None
    from penchant.models.probes.categories import first_categories
    from penchant.models.probes.pairs import TargetEvents
    from penchant.models.probes.probes import CATEGORY, check_targets, newest_events

    if CATEGORY in config.probes.fit:
        first_categories(data.items)
    sequences = data.sequences()
    held = newest_events(sequences, config.probes)
    if held is None:
        raise DataError(
            "No user has two events, so no event can be kept from the model for the probes.",
            remedy="Leave probes.fit out, or bring longer histories.",
        )
    targets = TargetEvents.select(sequences, data.kinds.ids.to_list(), held, config.probes.users)
    check_targets(targets, data.items, config.probes)
    return held


def _check_vectors(model: Model, modalities: Modalities, config: Config) -> None:
    """Raises `ModelError` where probes would have no interest vectors to read. Experts say so once they are known."""
    if isinstance(model, ModelEnsemble | InterestModel) or set(modalities) - {schema.BEHAVIOUR}:
        return
    raise ModelError(
        f"The model {config.model!r} has no interest vectors and no item has a modality: probes have nothing to read.",
        remedy="Train a transformer or gru, give items text, or leave probes.fit out.",
    )


def _all_events(learned: TrainingData, data: Dataset) -> TrainingData:
    """The same with all events: for what is counted."""
    whole = data.sequences()
    return replace(learned, sequences=whole, now_s=int(whole.times_s.max(initial=0)))
