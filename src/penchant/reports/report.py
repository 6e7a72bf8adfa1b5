"""`report.html`: one self-contained page with the results, the data and the provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from penchant.arrays import Float64s, Floats, Int64s
from penchant.data.read_report import IngestReport
from penchant.data.results.comparison import Comparison
from penchant.data.results.modality_use import ModalityUse
from penchant.data.results.probes import ProbeResults
from penchant.data.results.reasons import Reason
from penchant.data.results.recovery import Recovery
from penchant.plots.markup import join
from penchant.reports import dataset, examples, modalities, probes, sections, story
from penchant.reports.outcome import EMPTY, Outcome
from penchant.reports.page import render_page
from penchant.reports.texts import Texts

_JUMPS = ("models", "interests", "reasons", "data", "provenance")


@dataclass(frozen=True)
class DatasetSummary:
    """Sizes of a dataset, its first and last time in UTC seconds, and how many events it has of each kind."""

    users: int
    items: int
    events: int
    first_s: int | None = None
    last_s: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: the loss, the validation measure and the seconds it took."""

    epoch: int
    loss: float | None = None
    validation: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Timeline:
    """How one user's interests moved.

    `times_s` `[T]` UTC seconds, `topics` K names, `weights` `[T, K]` (negative counts as none), `events` a table with
    `time_s`, `event`, `title`.
    """

    user_id: str
    times_s: Int64s
    topics: Sequence[str]
    weights: Floats
    events: pl.DataFrame

    def positive_weights(self) -> Float64s:
        """The weights `[T, K]`; negative and missing ones count as none."""
        return np.clip(np.nan_to_num(np.asarray(self.weights, dtype=np.float64)), 0, None)

    def table(self) -> pl.DataFrame:
        """Columns `time_s`, `topic`, `weight`: one row per event and topic, as `draw_timeline` takes it."""
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
    """The content of the page. A part without content names the next step.

    `title`: the name of the data. `model`: the model of the report. `noun`: what is recommended (`film`;
    in Chinese with its measure word, `部电影`). `headline`: a sentence instead of the one that summarises the
    comparison. `coverage`: modality → share of items that have it. `cold`: a comparison on items without events in
    training. `media`: items with their images and sounds. `provenance`: `command`, `machine`, `versions` (name →
    version), `seed`, `date`, or any other entry.
    """

    title: str
    model: str = ""
    language: str = "en"
    noun: str = ""
    headline: str = ""
    dataset: DatasetSummary | None = None
    ingest: IngestReport | None = None
    comparison: Comparison = EMPTY
    training: Sequence[Epoch] = ()
    timelines: Sequence[Timeline] = ()
    examples: Sequence[Example] = ()
    coverage: Mapping[str, float] = field(default_factory=dict)
    modalities: ModalityUse | None = None
    recovery: Recovery = field(default_factory=Recovery)
    cold: Comparison = EMPTY
    media: Sequence[story.ShownItem] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)


def render_report(data: ReportData) -> str:
    """The page as HTML: self-contained, without scripts, in English or Chinese, light or dark.

    Same data, same bytes. Text from the data is escaped. Raises `OptionError` for a language that is neither `en` nor
    `zh`.

    >>> page = render_report(ReportData(title="shop <1>"))
    >>> page.startswith("<!doctype html>"), "shop &lt;1&gt;" in page, "Nothing has been measured yet." in page
    (True, True, True)
    """
    say, outcome = Texts(data.language), Outcome(data.comparison)
    parts = [
        sections.render_comparison(data, outcome, say),
        sections.render_interests(data.timelines, say),
        examples.render_reasons(data.examples, say),
        modalities.render_modalities(data.modalities, say),
        probes.render_probes(data.comparison.probes.get(data.model, ProbeResults()), say),
        story.render_media(data.media, data.coverage, say),
        story.render_recovery(data.model, data.recovery, say),
        story.render_cold_items(data.model, Outcome(data.cold), say),
        sections.render_slices(data.model, outcome, say),
        sections.render_curves(data, say),
        sections.render_training(data.training, outcome.metric, say),
        sections.render_all_measures(outcome, say),
        dataset.render_dataset(data, say),
        dataset.render_provenance(data, say),
    ]
    return render_page(
        title=f"{data.title} · penchant",
        language=say.language,
        kind=say("report"),
        hero=sections.render_hero(data, outcome, say),
        body=join(parts),
        footer=say("footer"),
        jump={part: say(f"jump.{part}") for part in _JUMPS},
    )
