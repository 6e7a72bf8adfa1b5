"""The report of a recommender: the data, the comparison, three users' interests, and lists with their reasons."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from penchant.arrays import Float32s
from penchant.data import schema
from penchant.data.results.comparison import Comparison
from penchant.data.results.modality_use import ModalityUse
from penchant.data.results.records import TrainingRecord
from penchant.data.results.recovery import Recovery
from penchant.errors import ModelError
from penchant.evaluation.ablation import measure_contributions, measure_coverage
from penchant.profiles.categories import measure_category_weights
from penchant.reports.outcome import EMPTY
from penchant.reports.report import DatasetSummary, Epoch, Example, ReportData, Timeline, render_report
from penchant.workflows.gallery import gallery

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset
    from penchant.recommender.recommender import Recommender

_USERS = 3
_LISTED = 5
_TOPICS = 6
_MOST_EVENTS = 200
_CANDIDATES = 24
_NO_USERS = "Interests and lists of users: the bundle is written without histories, so no user is shown."


@dataclass(frozen=True)
class ReportOptions:
    """Contents of a report that the recommender does not have."""

    title: str = ""
    """What the data is called."""
    language: str = "en"
    """Language of the page: en or zh."""
    noun: str = ""
    """Noun for items, such as `film` or `部电影`."""
    command: str = ""
    """The command that was typed."""
    recovery: Recovery = field(default_factory=Recovery)
    """Recovery of planted interests from interest vectors."""
    cold: Comparison | None = None
    """A comparison on cold items."""
    left_out: Sequence[str] = ()
    """Which parts are missing, and why."""
    shows_users: bool = True
    """Whether users are shown; False where nothing of a user may stay in the bundle."""


def report(
    recommender: Recommender,
    comparison: Comparison | None = None,
    options: ReportOptions | None = None,
    *,
    dataset: Dataset | None = None,
) -> str:
    """The report of a recommender as one HTML page; `comparison` is the result of `compare` or `evaluate`.

    `dataset` is what was read, where that is more than what the recommender keeps.
    """
    options, comparison = options or ReportOptions(), comparison or EMPTY
    users = _select_users(recommender) if options.shows_users else []
    left_out = [*options.left_out, *([] if options.shows_users else [_NO_USERS])]
    data = dataset or recommender.dataset
    return render_report(
        ReportData(
            title=options.title or "penchant",
            model=recommender.config.model,
            language=options.language,
            noun=options.noun,
            dataset=_summarise(data),
            ingest=data.report,
            comparison=comparison,
            training=_epochs(recommender.record.training),
            timelines=_timelines(recommender, users),
            examples=[_example(recommender, user) for user in users],
            coverage={name: modality.coverage for name, modality in recommender.modalities.items()},
            modalities=_modality_use(recommender, comparison),
            recovery=options.recovery,
            cold=options.cold or EMPTY,
            media=gallery(recommender, users, k=_LISTED),
            provenance={
                "command": options.command,
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
                "versions": dict(recommender.record.versions),
                "seed": recommender.config.seed,
                "encoders": dict(recommender.record.encoders),
                "modalities": list(recommender.record.notes),
                "fit_cpu_s": recommender.record.fit_cpu_s,
                "left_out": " ".join(left_out),
            },
        )
    )


def _summarise(dataset: Dataset) -> DatasetSummary:
    kinds = dataset.events[schema.KIND].value_counts(sort=True)
    names = dataset.kinds.decode(kinds[schema.KIND].to_numpy())
    first_s, last_s = (
        time_s if isinstance(time_s, int) else None
        for time_s in (dataset.events[schema.TIME_S].min(), dataset.events[schema.TIME_S].max())
    )
    counts = dict(zip(names, kinds["count"].to_list(), strict=True))
    return DatasetSummary(dataset.n_users, dataset.n_items, dataset.n_events, first_s, last_s, counts)


def _modality_use(recommender: Recommender, comparison: Comparison) -> ModalityUse:
    """Coverage and contributions now; the ablation of the recipe on its held-out part, where tested."""
    histories = recommender.histories(np.arange(recommender.dataset.n_users))
    return replace(
        comparison.modalities.get(recommender.config.model, ModalityUse()),
        coverage=measure_coverage(recommender.modalities, histories),
        contribution=measure_contributions(recommender, histories),
    )


def _epochs(record: TrainingRecord) -> list[Epoch]:
    """The epochs of the (first) model that was trained by epochs."""
    rows = next((part.epochs for part in (record, *record.experts.values()) if part.epochs), ())
    return [
        Epoch(int(row.get("epoch", number)), row.get("loss"), row.get("ndcg"), row.get("seconds") or 0.0)
        for number, row in enumerate(rows, 1)
    ]


def _select_users(recommender: Recommender) -> list[str]:
    """The users shown: of the most active, those whose interests moved most from their first to their last events."""
    lengths = recommender.dataset.sequences().lengths
    suited = np.flatnonzero((lengths >= 5) & (lengths <= _MOST_EVENTS))
    suited = suited[np.argsort(-lengths[suited], kind="stable")][:_CANDIDATES]
    if not len(suited):
        suited = np.argsort(-lengths, kind="stable")[:_USERS]
    names = recommender.dataset.user_vocabulary.decode(suited)
    try:
        likeness = [_likeness(recommender.interests(name).vectors) for name in names]
    except ModelError:
        return names[:_USERS]
    return [names[n] for n in np.argsort(likeness, kind="stable")[:_USERS]]


def _likeness(vectors: Float32s) -> float:
    """Cosine of the mean vector of the first third and of the last third."""
    flat = vectors.reshape(len(vectors), -1)
    third = max(1, len(flat) // 3)
    first, last = flat[:third].mean(axis=0), flat[-third:].mean(axis=0)
    return float(first @ last / max(float(np.linalg.norm(first) * np.linalg.norm(last)), 1e-12))


def _timelines(recommender: Recommender, users: Sequence[str]) -> list[Timeline]:
    """The weight of each category in the interest vector of each user, after every event."""
    dataset, timelines = recommender.dataset, []
    titles = pl.Series([*recommender.titles, ""], dtype=pl.String)
    for user in users:
        try:
            series = recommender.interests(user)
            item_vectors = recommender.dense_model().item_vectors
        except ModelError:
            return []
        categories = measure_category_weights(series.vectors, item_vectors, dataset.items)
        if categories is None:
            return []
        largest = np.argsort(-categories.weights.mean(axis=0), kind="stable")[:_TOPICS]
        events = dataset.events.filter(pl.col(schema.USER) == dataset.encode_users([user])[0])
        table = pl.DataFrame(
            {
                "time_s": series.times_s,
                "event": dataset.kinds.decode(events[schema.KIND].to_numpy()),
                "title": titles.gather(events[schema.ITEM].fill_null(len(titles) - 1)),
            }
        )
        names = [categories.names[n] for n in largest]
        timelines.append(Timeline(user, series.times_s, names, categories.weights[:, largest], table))
    return timelines


def _example(recommender: Recommender, user: str) -> Example:
    lists = recommender.recommend([user], k=_LISTED, explain=True)
    titles, items = recommender.titles, recommender.dataset.sequences(recommender.dataset.encode_users([user])).items
    return Example(
        user_id=user,
        history=[titles[code] for code in items[items >= 0][-8:]],
        titles=[titles[code] for code in lists.items[0] if code >= 0],
        reasons=lists.reasons[0],
    )
