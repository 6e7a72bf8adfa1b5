"""From a dataset and a configuration to a fitted recommender: embed the modalities, select, learn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from penchant.arrays import Bools, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.results.records import FitRecord, TrainingRecord
from penchant.data.splits import Holdout
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.modalities import embed_items, recompute_event_modalities
from penchant.embeddings.packing import default_cache, pack_histories
from penchant.encoders.precision import resolve_device
from penchant.errors import DataError, ModelError
from penchant.models.base import InterestModel, Model, ModelEnsemble
from penchant.models.registry import create, require_kinds
from penchant.recommender.config import Config
from penchant.recommender.probes import try_fit_probes
from penchant.recommender.state import RecommenderState
from penchant.recommender.versions import collect_library_versions
from penchant.training.cpu_seconds import CpuSeconds
from penchant.training.phases import Phases
from penchant.training.prepare import build_training_data
from penchant.training.selection import build_validation, hold_out_last, needs_selection


def fit(
    data: Dataset,
    config: Config,
    *,
    validation: Holdout | Validation | None = None,
    modalities: tuple[Modalities, FittedEncoders] | None = None,
    chosen: TrainingRecord | None = None,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> RecommenderState:
    """Embed the modalities, select and learn; the arguments are those of `Recommender.fit`.

    Raises `DataError` / `ModelError` if the data do not allow the model.
    """
    from penchant.embeddings.contrastive import train_encoder

    if data.n_events == 0:
        raise DataError("There are no events to learn from.", remedy="See `penchant check` for what was refused.")
    resolve_device(config.device)
    require_kinds((config.model, "popularity"), config.options, data.kinds.ids.to_list())
    spent = CpuSeconds()
    probe_events = select_probe_events(data, config) if validation is None else None
    learn = data if probe_events is None else data.where(~probe_events)
    if modalities is None:
        items, encoders = embed_items(
            learn, config.modalities, default_cache(), progress=progress, trainer=train_encoder
        )
    else:
        items, encoders = (
            modalities if probe_events is None else recompute_event_modalities(learn, *modalities, config.modalities)
        )
    train = build_training_data(learn, items, encoders, config.seed, progress)
    model = create(config.model, config.options)
    if probe_events is not None:
        _check_vectors(model, items, config)
    phases = Phases(config.device, config.training, checkpoints, spent)
    if validation is not None:
        training = phases.fit(model, replace(train, validation=build_validation(validation)), "validated")
    else:
        if chosen is None and needs_selection(model):
            chosen = _select(learn, train, config, encoders, phases)
        training = phases.fit(model, train, "refit", chosen)
        training = chosen or training
    popularity = create("popularity", config.options)
    known = train if probe_events is None else _with_all_events(train, data)
    phases.fit(popularity, known, "popularity")
    record = FitRecord(
        model=config.model,
        seed=config.seed,
        users=data.n_users,
        items=data.n_items,
        events=data.n_events,
        trained_until_s=known.now_s,
        fit_cpu_s=round(spent.total, 2),
        encoders=encoders.fingerprints,
        notes=tuple(encoders.notes),
        training=training,
        versions=collect_library_versions(),
    )
    histories = train.sequences if probe_events is None else pack_histories(data, encoders)
    state = RecommenderState(config, data, items, encoders, model, popularity, histories, record)
    return state if probe_events is None else try_fit_probes(state, probe_events)


def _select(
    data: Dataset, train: TrainingData, config: Config, encoders: FittedEncoders, phases: Phases
) -> TrainingRecord | None:
    """The selection of a fit without each user's last event, on those events; None if no user has two events."""
    held_out = hold_out_last(data)
    if held_out is None:
        return None
    inner, holdout = held_out
    part = build_training_data(
        inner,
        *recompute_event_modalities(inner, train.modalities, encoders, config.modalities),
        config.seed,
        train.progress,
    )
    histories = replace(train.sequences, user_modalities=part.sequences.user_modalities)
    selection = replace(part, validation=build_validation(holdout, histories))
    return phases.fit(create(config.model, config.options), selection, "selection")


def select_probe_events(data: Dataset, config: Config) -> Bools | None:
    """Which events `[E]` are kept from the model for the probes; None if the configuration names no probe.

    Raises `DataError` if no probe can learn from these events, whatever the model: before anything is learned.
    """
    if not config.probes.fit:
        return None
    from penchant.models.probes.categories import first_categories
    from penchant.models.probes.pairs import TargetEvents
    from penchant.models.probes.probes import CATEGORY, check_targets, newest_events

    if CATEGORY in config.probes.fit:
        first_categories(data.items)
    sequences = data.sequences()
    events = newest_events(sequences, config.probes)
    if events is None:
        raise DataError(
            "No user has two events, so no event can be kept from the model for the probes.",
            remedy="Leave probes.fit out, or provide longer histories.",
        )
    targets = TargetEvents.select(sequences, data.kinds.ids.to_list(), events, config.probes.users)
    check_targets(targets, data.items, config.probes)
    return events


def _check_vectors(model: Model, modalities: Modalities, config: Config) -> None:
    """Raises `ModelError` if probes would have no interest vectors to read. Experts say so once they are known."""
    if isinstance(model, ModelEnsemble | InterestModel) or set(modalities) - {schema.BEHAVIOUR}:
        return
    raise ModelError(
        f"The model {config.model!r} has no interest vectors and no item has a modality: probes have nothing to read.",
        remedy="Train a transformer or gru, give items text, or leave probes.fit out.",
    )


def _with_all_events(train: TrainingData, data: Dataset) -> TrainingData:
    """The same with all events: for what is counted."""
    histories = data.sequences()
    return replace(train, sequences=histories, now_s=int(histories.times_s.max(initial=0)))
