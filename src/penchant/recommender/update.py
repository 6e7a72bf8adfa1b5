"""The incremental update of every part of a fitted recommender."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from penchant.arrays import Bools, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import MergeResult, merge
from penchant.data.modalities import Modalities
from penchant.data.results.records import FitRecord, UpdateRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.incremental import update_histories, update_item_modalities
from penchant.embeddings.packing import attach_content
from penchant.errors import DataError
from penchant.models.base import Model, ModelEnsemble
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.registry import create
from penchant.recommender.config import Config
from penchant.recommender.probes import try_fit_probes
from penchant.recommender.state import RecommenderState
from penchant.recommender.versions import collect_library_versions
from penchant.training.continuing import UpdateOptions, continue_fit
from penchant.training.selection import hold_out_last


def update(
    state: RecommenderState,
    new: Dataset,
    options: UpdateOptions | None = None,
    *,
    progress: Progress | None = None,
) -> RecommenderState:
    """Extend every part by `new`; the old state stays as it is, and is returned where nothing is new.

    Codes and encoders are kept, and an ensemble's weights unless `options` fit them anew. New items and events are
    embedded, networks continue from their weights on recent histories with replay, and closed forms and
    popularity are computed again from all data. Where probes are configured, each user's newest events are kept from
    the model and teach the probes anew, since vectors have moved. Raises `DataError` if the histories are not with the
    recommender.
    """
    if not state.dataset.n_events:
        raise DataError(
            "The histories that new events would join are not in the bundle (--no-histories).",
            remedy="Train it again from all the data.",
        )
    merged = merge(state.dataset, new)
    if not any(merged.counts.values()):
        return state
    started = time.process_time()
    config, dataset, options = state.config, merged.dataset, options or UpdateOptions()
    state.encoders.reports.clear()
    probe_events = select_probe_events(merged, state.histories, config)
    modalities = update_item_modalities(
        state.modalities,
        state.encoders,
        merged,
        new,
        config.modalities,
        learned=None if probe_events is None else dataset.sequences().keep(~probe_events),
        progress=progress,
    )
    histories = update_histories(state.histories, state.encoders, merged, new, progress)
    data = TrainingData(
        histories,
        dataset.n_items,
        dataset.kinds.ids.to_list(),
        int(histories.times_s.max(initial=0)),
        modalities=modalities,
        seed=config.seed if options.seed is None else options.seed,
        progress=progress,
        items=dataset.items,
    )
    work = _Work(state, data, merged, options)
    train = data if probe_events is None else replace(data, sequences=histories.keep(~probe_events))
    model = work.continue_model(train)
    if isinstance(model, Ensemble) and options.fit_weights:
        work.fit_weights(model)
    popularity = create("popularity", config.options)
    continue_fit(popularity, data, work.has_new, work.seen)
    record = _record(work, model, _unused_vectors(new, modalities, histories), time.process_time() - started)
    updated = RecommenderState(config, dataset, modalities, state.encoders, model, popularity, histories, record)
    return updated if probe_events is None else try_fit_probes(updated, probe_events, data.seed)


def select_probe_events(merged: MergeResult, old: SequenceBatch, config: Config) -> Bools | None:
    """The events `[E]` that are kept from the model to teach its probes; None if none are configured.

    Of the known events, only those that the `old` histories also held out: late events can make an event that the
    model has learned the newest one.
    """
    if not config.probes.fit:
        return None
    from penchant.models.probes.probes import newest_events

    events, before = newest_events(merged.dataset.sequences(), config.probes), newest_events(old, config.probes)
    if events is None:
        return None
    known = np.flatnonzero(~merged.is_new)
    events[known] &= False if before is None else before[merged.old_rows[known]]
    return events


class _Work:
    """One update: the old state, all data, and how to learn.

    `has_new` `[users]` says who has new events, `seen` `[items before]` which items had events.
    """

    def __init__(
        self, state: RecommenderState, data: TrainingData, merged: MergeResult, options: UpdateOptions
    ) -> None:
        self.state, self.data, self.merged, self.options = state, data, merged, options
        users = data.sequences.rows[merged.is_new]
        self.has_new: Bools = np.bincount(users, minlength=merged.dataset.n_users) > 0
        items = state.histories.items
        self.seen: Bools = np.bincount(items[items >= 0], minlength=merged.n_old_items) > 0

    def continue_model(self, data: TrainingData) -> Model:
        """A copy of the old model that has learned `data`."""
        config = self.state.config
        model = create(config.model, config.options)
        model.load_state(self.state.model.state())
        training, device = config.training, config.device
        continue_fit(model, data, self.has_new, self.seen, self.options, training=training, device=device)
        return model

    def fit_weights(self, model: Ensemble) -> None:
        """Give an updated ensemble weights fitted on the newest events; it keeps its weights where these are few."""
        weighed = self._refit_weights()
        if weighed is not None:
            cold = weighed.cold_start
            model.set_weights(weighed.weights, cold.weights if cold else {}, cold.inverse_temperature if cold else 1.0)
            model.fit_thresholds(self.data.sequences)

    def _refit_weights(self) -> Ensemble | None:
        """The ensemble with weights from the newest event of each user with new ones; None if they are too few."""
        dataset = self.merged.dataset
        cut = hold_out_last(dataset)
        if cut is None:
            return None
        inner, holdout = cut
        rows = np.flatnonzero(self.has_new[holdout.histories.users])
        if not len(rows):
            return None
        histories = self.data.sequences
        is_inner = dataset.events[schema.EVENT_ID].is_in(inner.events[schema.EVENT_ID].implode()).to_numpy()
        model = self.continue_model(replace(self.data, sequences=histories.keep(is_inner)))
        assert isinstance(model, Ensemble)
        requests = attach_content(holdout.histories.take(rows), histories)
        model.fit_weights(Validation(requests, holdout.targets.take(rows), holdout.seen.take(rows)))
        return model


def _record(work: _Work, model: Model, unused: tuple[str, ...], cpu_s: float) -> FitRecord:
    """The record after an update, without metrics and probes: they were those of the old model."""
    merged, state, until_s = work.merged, work.state, work.data.now_s
    experts = set(state.model.experts) if isinstance(state.model, ModelEnsemble) else set()
    left_out = model.left_out if isinstance(model, ModelEnsemble) else {}
    update = UpdateRecord(
        new={name: count for name, count in merged.counts.items() if count},
        known_events=merged.known_events,
        seed=work.data.seed,
        until_s=until_s,
        cpu_s=round(cpu_s, 2),
        files={column: report.sentence for column, report in state.encoders.reports.items()},
        left_out={name: why for name, why in left_out.items() if name in experts},
        cells_unread=merged.unread,
        vectors_unused=unused,
    )
    return replace(
        state.record,
        users=merged.dataset.n_users,
        items=merged.dataset.n_items,
        events=merged.dataset.n_events,
        trained_until_s=until_s,
        updates=(*state.record.updates, update),
        metrics={},
        probes={},
        versions=collect_library_versions(),
    )


def _unused_vectors(new: Dataset, modalities: Modalities, histories: SequenceBatch) -> tuple[str, ...]:
    """Precomputed embeddings of the new data under a name that items or users have no modality of."""
    known = {schema.ITEMS: set(modalities), schema.USERS: set(histories.user_modalities or ())}
    return tuple(f"{each.table}: {each.name}" for each in new.vectors if each.name not in known[each.table])
