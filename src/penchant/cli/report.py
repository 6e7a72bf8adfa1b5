"""What the commands put into report.html: the data, the comparison, three people's interests, lists with reasons."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.errors import ModelError
from penchant.evaluation.ablation import contributions, coverage
from penchant.profiles.categories import category_weights
from penchant.reports.report import Example, ReportData, Timeline, render_report
from penchant.workflows.check import count_contents
from penchant.workflows.gallery import gallery

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset
    from penchant.recommender.recommender import Recommender

_PEOPLE = 3
_LISTED = 5
_TOPICS = 6
_MOST_EVENTS = 200
_CANDIDATES = 24
_NOBODY = "People's interests and lists: the bundle is written without histories, so nobody's are shown."


def page(
    rec: Recommender,
    data: Dataset,
    *,
    title: str,
    command: str,
    comparison: Mapping[str, Any] | None = None,
    language: str = "en",
    noun: str = "",
    recovery: Mapping[str, Any] | None = None,
    drift: Mapping[str, Any] | None = None,
    cold: Mapping[str, Any] | None = None,
    left_out: Sequence[str] = (),
    anybody: bool = True,
) -> str:
    """The report of a recommender that learned from `data`, as HTML.

    `comparison` is what `compare --json` writes, `cold` the same for items kept out of training; `left_out` says which
    parts are missing and why. Without `anybody` no person is shown: where nothing of a user may stay in the bundle.
    """
    people = _movers(rec) if anybody else []
    left_out = left_out if anybody else [*left_out, _NOBODY]
    found = count_contents(data)
    return render_report(
        ReportData(
            title=title,
            model=rec.config.model,
            language=language,
            noun=noun,
            dataset={
                "users": found["users"],
                "items": found["items"],
                "events": found["events"],
                "first_s": data.events[schema.TIME_S].min(),
                "last_s": data.events[schema.TIME_S].max(),
                "kinds": found["kinds"],
            },
            ingest=data.report.to_dict() if data.report else {},
            comparison=comparison or {},
            training=_epochs(rec.facts.get("training", {})),
            timelines=_timelines(rec, people),
            examples=[_example(rec, user) for user in people],
            coverage={name: modality.coverage for name, modality in rec.modalities.items()},
            modalities=_modalities(rec, comparison or {}),
            recovery=recovery or {},
            drift=drift or {},
            cold=cold or {},
            media=gallery(rec, people, k=_LISTED),
            made_with={
                "command": command,
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
                "versions": rec.facts.get("versions") or _versions(),
                "seed": rec.config.seed,
                "encoders": rec.facts.get("encoders", {}),
                "modalities": rec.facts.get("modality_notes", []),
                "fit CPU seconds": rec.facts.get("fit_cpu_s"),
                **({"left out": " ".join(left_out)} if left_out else {}),
            },
        )
    )


def _modalities(rec: Recommender, comparison: Mapping[str, Any]) -> dict[str, Any]:
    """Coverage and contribution of the modalities now; the ablation of the recipe on its held-out part, where
    tested."""
    histories = rec.histories(np.arange(rec.dataset.n_users))
    tested = (comparison.get("modalities") or {}).get(rec.config.model) or {}
    now = {"coverage": coverage(rec.modalities, histories), "contribution": contributions(rec, histories)}
    return {**tested, **now}


def _versions() -> dict[str, str]:
    from penchant.recommender.bundle import library_versions

    return library_versions()


def _epochs(log: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row an epoch of the (first) model that was trained by epochs."""
    parts = [log, *log.get("experts", {}).values()]
    rows: list[dict[str, Any]] = next((part["epochs"] for part in parts if part.get("epochs")), [])
    return [
        {
            "epoch": row.get("epoch", number + 1),
            "loss": row.get("loss"),
            "validation": row.get("ndcg"),
            "seconds": row.get("seconds"),
        }
        for number, row in enumerate(rows)
    ]


def _movers(rec: Recommender) -> list[str]:
    """The people shown: of the most active, those whose interests moved most from their first to their last events."""
    lengths = rec.dataset.sequences().lengths
    suited = np.flatnonzero((lengths >= 5) & (lengths <= _MOST_EVENTS))
    suited = suited[np.argsort(-lengths[suited], kind="stable")][:_CANDIDATES]
    if not len(suited):
        suited = np.argsort(-lengths, kind="stable")[:_PEOPLE]
    names = rec.dataset.user_vocabulary.decode(suited)
    try:
        moved = [_moved(rec.interests(name).vectors) for name in names]
    except ModelError:
        return names[:_PEOPLE]
    return [names[n] for n in np.argsort(moved, kind="stable")[:_PEOPLE]]


def _moved(vectors: npt.NDArray[np.float32]) -> float:
    """Cosine of the mean vector of the first third and of the last third."""
    flat = vectors.reshape(len(vectors), -1)
    third = max(1, len(flat) // 3)
    first, last = flat[:third].mean(axis=0), flat[-third:].mean(axis=0)
    return float(first @ last / max(float(np.linalg.norm(first) * np.linalg.norm(last)), 1e-12))


def _timelines(rec: Recommender, people: Sequence[str]) -> list[Timeline]:
    """How near each person's interest vector was to each category, after every event."""
    out = []
    for user in people:
        try:
            series = rec.interests(user)
        except ModelError:
            return []
        categories = category_weights(series.vectors, rec.dense_model().item_vectors, rec.dataset.items)
        if categories is None:
            return []
        weights, names = categories.weights, categories.names
        chosen = np.argsort(-weights.mean(axis=0), kind="stable")[:_TOPICS]
        events = rec.dataset.events.filter(pl.col(schema.USER) == rec.dataset.user_codes([user])[0])
        titles = pl.Series([*rec.titles, ""], dtype=pl.String)
        table = pl.DataFrame(
            {
                "time_s": series.times_s,
                "event": rec.dataset.kinds.decode(events[schema.KIND].to_numpy()),
                "title": titles.gather(events[schema.ITEM].fill_null(len(titles) - 1)),
            }
        )
        out.append(Timeline(user, series.times_s, [names[n] for n in chosen], weights[:, chosen], table))
    return out


def _example(rec: Recommender, user: str) -> Example:
    found = rec.recommend([user], k=_LISTED, explain=True)
    titles = rec.titles
    history = rec.dataset.sequences(rec.dataset.user_codes([user])).items
    return Example(
        user_id=user,
        history=[titles[code] for code in history[history >= 0][-8:]],
        titles=[titles[code] for code in found.items[0] if code >= 0],
        reasons=found.reasons[0],
    )
