"""`report.html`: one self-contained page that says what came out, on what data, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data.results.recommendations import Reason
from penchant.plots.markup import join
from penchant.reports import examples, sections, story
from penchant.reports import modalities as report_modalities
from penchant.reports import probes as report_heads
from penchant.reports.facts import Outcome
from penchant.reports.page import render_page
from penchant.reports.strings import Words


@dataclass(frozen=True)
class Timeline:
    """How one user's interests moved.

    `times_s` `[T]` UTC seconds, `topics` K names, `weights` `[T, K]` (negative counts as none), `events` a table with
    `time_s`, `event`, `title`.
    """

    user_id: str
    times_s: npt.NDArray[np.int64]
    topics: Sequence[str]
    weights: npt.NDArray[np.floating]
    events: pl.DataFrame

    def table(self) -> pl.DataFrame:
        """Columns `time_s`, `topic`, `weight`: one row an event and topic, as `figure_timeline` takes it."""
        return pl.DataFrame(
            {
                "time_s": np.repeat(np.asarray(self.times_s, dtype=np.int64), len(self.topics)),
                "topic": list(self.topics) * len(self.times_s),
                "weight": np.asarray(self.weights, dtype=np.float64).ravel(),
            }
        )


@dataclass(frozen=True)
class Example:
    """A list recommended to one user: `history` (titles, the latest last), `titles` and `reasons` of the k items."""

    user_id: str
    history: Sequence[str]
    titles: Sequence[str]
    reasons: Sequence[Reason]


@dataclass(frozen=True)
class ReportData:
    """Everything the page shows. A part that is empty gets a designed state that names the next step.

    `title`: what the data is called. `model`: the model the report is about. `noun`: what is recommended (`film`;
    in Chinese with its measure word, `部电影`).
    `headline`: a sentence of your own in place of the one read off the comparison.
    `dataset`: `users`, `items`, `events`, `first_s`, `last_s`, `kinds` (event kind → count), `languages` (→ share).
    `ingest`: `IngestReport.to_dict()`. `comparison`: the JSON of `evaluate` and `compare`, with `tests` (rows of
    `model`, `baseline`, `metric`, `difference`, `low`, `high`, `p_holm`), `curves` (`roc`: model → `fpr`, `tpr`, `auc`;
    `pr`: model → `recall`, `precision`, `ap`), `probes` (by model, as
    `penchant.evaluation.probes` gives them) and `notes` where there are.
    `training`: one dictionary an epoch (`epoch`, `loss`, `validation`, `seconds`). `coverage`: modality → share of
    items. `modalities`: what `penchant.evaluation.ablation.modality_use` found.
    `calibration`: rows of `predicted`, `observed`, `count`. `recovery`: model → `{"mean", "low", "high"}`; `drift`:
    model → `events`, `days`, `seen`, `early`, `decoy` → the same. `cold`: as `comparison`, on items kept out of
    training. `media`: items with their pictures and sounds.
    `made_with`: `command`, `machine`, `versions` (name → version), `seed`, `date`, or anything else worth saying.
    """

    title: str
    model: str = ""
    language: str = "en"
    noun: str = ""
    headline: str = ""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    ingest: Mapping[str, Any] = field(default_factory=dict)
    comparison: Mapping[str, Any] = field(default_factory=dict)
    training: Sequence[Mapping[str, Any]] = ()
    timelines: Sequence[Timeline] = ()
    examples: Sequence[Example] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    modalities: Mapping[str, Any] = field(default_factory=dict)
    calibration: Sequence[Mapping[str, Any]] = ()
    recovery: Mapping[str, Any] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)
    cold: Mapping[str, Any] = field(default_factory=dict)
    media: Sequence[story.Shown] = ()
    made_with: Mapping[str, Any] = field(default_factory=dict)


def render_report(data: ReportData) -> str:
    """The whole page as HTML: self-contained, without scripts, in English or Chinese, light or dark.

    Same data, same bytes. Text from the data is escaped. Raises `OptionError` for a language that is neither `en` nor
    `zh`.

    >>> page = render_report(ReportData(title="shop <1>"))
    >>> page.startswith("<!doctype html>"), "shop &lt;1&gt;" in page, "Nothing has been measured yet." in page
    (True, True, True)
    """
    words = Words(data.language)
    comparison = Outcome(data.comparison)
    parts = [
        sections.compare(data, comparison, words),
        sections.interests(data.timelines, words),
        examples.reasons(data.examples, words),
        report_modalities.modalities(data.modalities, words),
        report_heads.probes((data.comparison.get("probes") or {}).get(data.model) or {}, words),
        story.media(data.media, data.coverage, words),
        story.recovery(data.model, data.recovery, data.drift, words),
        story.cold(data.model, data.cold, words),
        sections.slices(data.model, comparison, words),
        sections.curves(data, words),
        sections.training(data.training, comparison.metric, words),
        sections.all_measures(data.model, comparison, words),
        sections.dataset(data, words),
        sections.made(data, words),
    ]
    return render_page(
        title=f"{data.title} · penchant",
        language=words.language,
        kind=words("report"),
        hero=sections.hero_of(data, comparison, words),
        body=join(parts),
        footer=words("footer"),
        jump={part: words(f"jump.{part}") for part in ("models", "interests", "reasons", "data", "made")},
    )
