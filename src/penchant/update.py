"""A fitted recommender takes in new data: its parts, grown and learned on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from penchant.data.dataset import Dataset
from penchant.data.merge import Merged, merge
from penchant.data.sequences import SequenceBatch
from penchant.encoders.growth import grown_histories, grown_item_views
from penchant.encoders.packing import packed
from penchant.errors import DataError, ModelError
from penchant.models.base import TrainingData
from penchant.models.registry import create
from penchant.persistence import Parts
from penchant.training.continuing import UpdateOptions, continue_fit

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Updated:
    """The parts after an update, and what was new (`Merged.counts`)."""

    parts: Parts
    merged: Merged

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

    Codes, encoders and the weights of an ensemble are kept. New items and events are encoded, networks go on from
    their weights on recent histories with replay, closed forms and popularity are computed from everything. Raises
    `DataError` where the histories are not with the recommender.
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
    views = grown_item_views(
        parts.views, parts.encoders, merged, new, config.views.behaviour, seed=config.views.seed, progress=progress
    )
    old = parts.packed if parts.packed is not None else packed(parts.dataset, parts.encoders)
    histories = grown_histories(old, parts.encoders, merged, new, progress)
    data = TrainingData(
        histories,
        merged.dataset.n_items,
        merged.dataset.kinds.ids.to_list(),
        int(histories.times_s.max(initial=0)),
        views=views,
        seed=config.seed,
        progress=progress,
    )
    model, popularity = create(config.model, config.options), create("popularity", config.options)
    try:
        model.load_state(parts.model.state())
    except ModelError as error:
        raise ModelError(f"The model cannot be learned on: {error}", remedy="Train it again.") from error
    touched = np.bincount(histories.rows[merged.is_new], minlength=merged.dataset.n_users) > 0
    seen, told = _seen(old, merged.n_old_items), options or UpdateOptions()
    continue_fit(model, data, touched, seen, told, training=config.training, device=config.device)
    continue_fit(popularity, data, touched, seen)
    counts = {name: count for name, count in merged.counts.items() if count}
    facts = {key: value for key, value in parts.facts.items() if key != "metrics"} | {
        "trained_until_s": data.now_s,
        "users": merged.dataset.n_users,
        "items": merged.dataset.n_items,
        "events": merged.dataset.n_events,
        "updates": [
            *parts.facts.get("updates", []),
            {
                "new": counts,
                "known_events": merged.known_events,
                "until_s": data.now_s,
                "cpu_s": round(time.process_time() - started, 2),
            },
        ],
    }
    return Updated(Parts(config, merged.dataset, views, parts.encoders, model, popularity, facts, histories), merged)


def _seen(histories: SequenceBatch, n_items: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which items `[N]` had events."""
    return np.bincount(histories.items[histories.items >= 0], minlength=n_items) > 0
