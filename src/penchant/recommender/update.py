"""A fitted recommender takes in new data: its parts, grown and learned on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from penchant.arrays import Bools, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import Merged, merge
from penchant.data.modalities import Modalities
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.incremental import grown_histories, grown_item_modalities
from penchant.embeddings.packing import informed, packed
from penchant.errors import DataError
from penchant.models.base import Model, ModelEnsemble
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.registry import create
from penchant.recommender.bundle import Parts
from penchant.recommender.config import Config
from penchant.training.continuing import UpdateOptions, continue_fit
from penchant.training.selection import inner_holdout


@dataclass(frozen=True)
class Updated:
    """The parts after an update, and what was new (`Merged.counts`).

    `held`: which events `[E]` the model was not taught since they teach probes (None: no probes are configured).
    """

    parts: Parts
    merged: Merged
    held: Bools | None = None

    @property
    def nothing_new(self) -> bool:
        """Whether all of the new data was known: the parts are the old ones."""
        return not any(self.merged.counts.values())


def updated(
    parts: Parts,
    new: Dataset,
    options: UpdateOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Updated:
    """Grow every part by `new`; the old parts stay as they are.

    Codes and encoders are kept, and an ensemble's weights unless they are asked anew. New items and events are
    encoded, networks go on from their weights on recent histories with replay, closed forms and popularity are computed
    from everything. Where probes are configured, each user's newest events are kept from the model and teach the
    probes anew, since vectors have moved. Raises `DataError` where the histories are not with the recommender.
    """
    if not parts.dataset.n_events:
        raise DataError(
            "The histories that new events would join are not in the bundle (--no-histories).",
            remedy="Train it again from all the data.",
        )
    merged = merge(parts.dataset, new)
    if not any(merged.counts.values()):
        return Updated(parts, merged)
    started = time.process_time()
    config = parts.config
    parts.encoders.reports.clear()
    old = parts.packed if parts.packed is not None else packed(parts.dataset, parts.encoders)
    held = _teaching_probes(merged, old, config)
    modalities = grown_item_modalities(
        parts.modalities,
        parts.encoders,
        merged,
        new,
        config.modalities.behaviour,
        learned=None if held is None else merged.dataset.sequences().keep(~held),
        seed=config.modalities.seed,
        progress=progress,
    )
    histories = grown_histories(old, parts.encoders, merged, new, progress)
    options = options or UpdateOptions()
    seed = config.seed if options.seed is None else options.seed
    data = TrainingData(
        histories,
        merged.dataset.n_items,
        merged.dataset.kinds.ids.to_list(),
        int(histories.times_s.max(initial=0)),
        modalities=modalities,
        seed=seed,
        progress=progress,
        items=merged.dataset.items,
    )
    popularity = create("popularity", config.options)
    touched = np.bincount(histories.rows[merged.is_new], minlength=merged.dataset.n_users) > 0
    work = _Work(parts, data, touched, _seen(old, merged.n_old_items), options)
    model = work.learned(data if held is None else replace(data, sequences=histories.keep(~held)))
    if isinstance(model, Ensemble) and work.options.fit_weights:
        work.fit_weights(model, merged.dataset)
    continue_fit(popularity, data, touched, work.seen)
    facts = _facts(parts, merged, model, data, time.process_time() - started)
    if unused := _unused_vectors(new, modalities, histories):
        facts["updates"][-1]["vectors_unused"] = unused
    grown = Parts(config, merged.dataset, modalities, parts.encoders, model, popularity, facts, histories)
    return Updated(grown, merged, held)


def _facts(parts: Parts, merged: Merged, model: Model, data: TrainingData, cpu_s: float) -> dict[str, Any]:
    """The facts of the grown parts: what this update brought stands last of the `updates`."""
    left_out = model.left_out if isinstance(model, ModelEnsemble) else {}
    left_out = {name: why for name, why in left_out.items() if name in _experts(parts.model)}
    return {key: value for key, value in parts.facts.items() if key not in ("metrics", "probes")} | {
        "trained_until_s": data.now_s,
        "users": merged.dataset.n_users,
        "items": merged.dataset.n_items,
        "events": merged.dataset.n_events,
        "updates": [
            *parts.facts.get("updates", []),
            {
                "new": {name: count for name, count in merged.counts.items() if count},
                "known_events": merged.known_events,
                "seed": data.seed,
                "until_s": data.now_s,
                "files": {place: report.sentence for place, report in parts.encoders.reports.items()},
                "cpu_s": round(cpu_s, 2),
                **({"left_out": left_out} if left_out else {}),
                **({"cells_unread": merged.unread} if merged.unread else {}),
            },
        ],
    }


def _unused_vectors(new: Dataset, modalities: Modalities, histories: SequenceBatch) -> list[str]:
    """Vectors that the new data bring under a name that items or users have no modality of."""
    known = {schema.ITEMS: set(modalities), schema.USERS: set(histories.user_modalities or ())}
    return [f"{each.table}: {each.name}" for each in new.vectors if each.name not in known[each.table]]


@dataclass(frozen=True)
class _Work:
    """The old parts, all data, who has new events, which items had some before, and how to learn."""

    parts: Parts
    data: TrainingData
    touched: Bools
    seen: Bools
    options: UpdateOptions

    def learned(self, data: TrainingData) -> Model:
        """A copy of the model that has taken in `data`."""
        config = self.parts.config
        model = create(config.model, config.options)
        model.load_state(self.parts.model.state())
        continue_fit(model, data, self.touched, self.seen, self.options, training=config.training, device=config.device)
        return model

    def fit_weights(self, model: Ensemble, dataset: Dataset) -> None:
        """Give an ensemble that has taken in everything the weights of `weighed`, where there are some."""
        weighed = self.weighed(dataset)
        if weighed is not None:
            told = weighed.foretelling
            model.take(weighed.weights, told.weights if told else {}, told.inverse_temperature if told else 1.0)
            model.price(self.data.sequences)

    def weighed(self, dataset: Dataset) -> Ensemble | None:
        """The ensemble weighed on the newest event of each person with new ones; None where nobody has enough."""
        cut = inner_holdout(dataset)
        if cut is None:
            return None
        inner, held = cut
        rows = np.flatnonzero(self.touched[held.histories.users])
        if not len(rows):
            return None
        histories = self.data.sequences
        kept = dataset.events[schema.EVENT_ID].is_in(inner.events[schema.EVENT_ID].implode()).to_numpy()
        model = self.learned(replace(self.data, sequences=histories.keep(kept)))
        assert isinstance(model, Ensemble)
        asked = informed(held.histories.take(rows), histories)
        model.weigh(Validation(asked, held.targets.take(rows), held.seen.take(rows)))
        return model


def _teaching_probes(merged: Merged, old: SequenceBatch, config: Config) -> Bools | None:
    """The events that are kept from the model to teach its probes; None where none are configured.

    Of those that were there before only what the `old` histories held back too: events that came late can make one
    that the model has learned newest.
    """
    if not config.probes.fit:
        return None
    from penchant.models.probes.probes import newest_events

    held, before = newest_events(merged.dataset.sequences(), config.probes), newest_events(old, config.probes)
    if held is None:
        return None
    known = np.flatnonzero(~merged.is_new)
    held[known] &= False if before is None else before[merged.old_rows[known]]
    return held


def _experts(model: Model) -> set[str]:
    return set(model.experts) if isinstance(model, ModelEnsemble) else set()


def _seen(histories: SequenceBatch, n_items: int) -> Bools:
    """Which items `[N]` had events."""
    return np.bincount(histories.items[histories.items >= 0], minlength=n_items) > 0
