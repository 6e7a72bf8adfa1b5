"""Tables of the report, and the tables that its figures are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from penchant.plots.bars import figure_counts, figure_coverage
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.plots.scale import day
from penchant.plots.svg import Labels
from penchant.reports import page
from penchant.reports.facts import (
    Estimate,
    Outcome,
    as_estimate,
    finite,
    metric_title,
    number,
    paired_tests,
)
from penchant.reports.strings import Words

ESTIMATES = {"model": pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64}
_MAIN_METRICS = 3
_MOST_CURVES = 6


def estimates(comparison: Outcome, metric: str) -> pl.DataFrame:
    """`model`, `mean`, `low`, `high` of one measure, the best first."""
    rows = [(name, comparison.estimate(name, metric)) for name in comparison.models]
    return pl.DataFrame(
        [(name, value.mean, value.low, value.high) for name, value in rows if value is not None],
        schema=ESTIMATES,
        orient="row",
    )


def spoken(value: Estimate | None) -> str:
    """An estimate in words."""
    if value is None:
        return "–"
    return number(value.mean) + ("" if value.low is None or value.high is None else f" ({_range(value)})")


def main_table(model: str, comparison: Outcome, words: Words) -> list[Markup]:
    """Models as rows, the main measures and the cost as columns; bold only where a paired test supports the lead."""
    metrics = comparison.main_metrics[:_MAIN_METRICS]
    cost: Mapping[str, Any] = comparison.raw.get("cost") or {}
    winners = {metric: comparison.winner(metric) for metric in metrics}
    columns = [page.Column(words("model"), number=False), *(page.Column(metric_title(m)) for m in metrics)]
    columns += [page.Column(words("cost")), page.Column(words("memory"))] if cost else []
    rows: list[list[object]] = []
    for name in comparison.models:
        gloss = words.gloss(name)
        head = join([tag("span", name, class_="name"), tag("span", gloss, class_="sub") if gloss else ""])
        cells = [_value(comparison.estimate(name, m), bold=winners[m] == name) for m in metrics]
        spent: Mapping[str, Any] = cost.get(name) or {}
        fitted, memory = finite(spent.get("fit_cpu_s")), finite(spent.get("peak_rss_mb"))
        costs = (
            ["–" if fitted is None else _seconds(fitted), "–" if memory is None else f"{memory:,.0f}"] if cost else []
        )
        rows.append([head, *cells, *costs])
    chosen = comparison.models.index(model) if model in comparison.models else None
    note = words("compare.bold" if any(winners.values()) else "compare.nobold")
    remarks = [str(text) for text in comparison.raw.get("notes") or []]
    return [
        page.data_table(words("compare.table"), columns, rows, chosen=chosen),
        tag("p", note, class_="muted small"),
        page.notes([foreign(text, words.language) for text in remarks]),
    ]


def all_table(comparison: Outcome, words: Words) -> Markup:
    """Measures as rows, models as columns."""
    winners = {metric: comparison.winner(metric) for metric in comparison.metrics}
    columns = [page.Column(words("measure"), number=False), *(page.Column(name) for name in comparison.models)]
    rows: list[list[object]] = [
        [
            metric_title(metric),
            *(
                _value(comparison.estimate(name, metric), bold=winners[metric] == name, below=True)
                for name in comparison.models
            ),
        ]
        for metric in comparison.metrics
    ]
    return page.data_table(words("all.table"), columns, rows)


def paired_table(comparison: Outcome, words: Words) -> Markup:
    """The paired tests, one a row; nothing where none was made."""
    tests = paired_tests(comparison.raw)
    if not tests:
        return Markup("")
    keys = ("tests.pair", "measure", "tests.difference", "tests.p")
    columns = [page.Column(words(key), number=n > 1) for n, key in enumerate(keys)]
    rows: list[list[object]] = []
    for test in tests:
        difference = as_estimate({"mean": test["difference"], "low": test["low"], "high": test["high"]})
        p = test["p_holm"]
        rows.append(
            [
                words("versus", model=test["model"], baseline=test["baseline"]),
                metric_title(test["metric"]),
                _value(difference, bold=False),
                "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}",
            ]
        )
    return join([tag("h3", words("tests")), page.data_table(words("tests"), columns, rows, caption=False)])


def slice_rows(comparison: Outcome, models: Sequence[str], words: Words) -> pl.DataFrame:
    """`slice`, `note`, `model`, `mean`, `low`, `high`: the main measure of some models in each group."""
    metric = comparison.metric
    rows = []
    for group, inside in (comparison.raw.get("slices") or {}).items():
        for model in models:
            measures = inside.get(model) or {}
            value = as_estimate(measures.get(metric))
            users = finite(measures.get("users", inside.get("users")))
            note = "" if users is None else words("slices.people", n=words.count(users))
            if value is not None:
                rows.append((words.group(str(group)), note, model, value.mean, value.low, value.high))
    return pl.DataFrame(rows, schema={"slice": pl.String, "note": pl.String, **ESTIMATES}, orient="row")


def curve_rows(given: Mapping[str, Any], x: str, y: str, area: str) -> pl.DataFrame:
    """`model`, `x`, `y`, `note`, `area` of curves kept as lists by model, the largest area first."""
    frames = [
        pl.DataFrame({"x": list(curve[x]), "y": list(curve[y])}, schema={"x": pl.Float64, "y": pl.Float64}).select(
            pl.lit(name).alias("model"),
            "x",
            "y",
            pl.lit("" if value is None else f"{area.upper()} {value:.3f}").alias("note"),
            pl.lit(value, dtype=pl.Float64).alias("area"),
        )
        for name, curve in given.items()
        for value in [finite(curve.get(area, curve.get("average_precision", curve.get("auc"))))]
        if len(curve.get(x, ())) and len(curve.get(y, ()))
    ]
    frames.sort(key=lambda frame: -(frame.item(0, "area") or 0.0))
    return pl.concat(frames[:_MOST_CURVES]) if frames else pl.DataFrame(schema={"model": pl.String, "area": pl.Float64})


def training_rows(log: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """`epoch`, `loss`, `validation` of a training log; the validation measure may carry its own name (`ndcg@10`)."""
    rows = []
    for place, row in enumerate(log, 1):
        key = next((k for k in row if k == "validation" or k.startswith(("validation", "ndcg", "val"))), "validation")
        rows.append((int(row.get("epoch", place)), finite(row.get("loss")), finite(row.get(key))))
    return pl.DataFrame(rows, schema={"epoch": pl.Int64, "loss": pl.Float64, "validation": pl.Float64}, orient="row")


def dataset_part(
    dataset: Mapping[str, Any], ingest: Mapping[str, Any], coverage: Mapping[str, float], words: Words
) -> Markup:
    """Sizes, span and kinds; the share of items with each modality; rows read, kept and set aside."""
    if not dataset and not ingest and not coverage:
        empty = page.empty_state(words("empty.data"), words("empty.data.next"), "penchant check DATA")
        return page.folded("data", words("data"), words("empty.data"), empty)
    sizes = {
        key: words.count(dataset[key]) for key in ("users", "items", "events") if finite(dataset.get(key)) is not None
    }
    pairs: list[tuple[object, object]] = [(words(f"data.{key}"), value) for key, value in sizes.items()]
    first, last = finite(dataset.get("first_s")), finite(dataset.get("last_s"))
    if first is not None and last is not None:
        span = words("data.span", first=day(first, words.language), last=day(last, words.language))
        pairs.append((words("data.time"), span))
    if dataset.get("languages"):
        pairs.append((words("data.languages"), _languages(dataset["languages"], words)))
    lead = words("data.lead", **sizes) if len(sizes) == 3 else words("data.unknown")
    figures = [_kinds(dataset.get("kinds") or {}, words), _coverage(coverage, words)]
    shown = [figure for figure in figures if figure]
    return page.folded(
        "data",
        words("data"),
        lead,
        page.facts(pairs) if pairs else "",
        *shown,
        _cleaned(ingest, words),
    )


def made_part(made_with: Mapping[str, Any], comparison: Mapping[str, Any], words: Words) -> Markup:
    """Command, split, seeds, versions, machine; what is a mapping is written as names and values."""
    if not made_with:
        empty = page.empty_state(
            words("empty.made"), words("empty.made.next"), "penchant train DATA --out BUNDLE --seed 0"
        )
        return page.section("made", words("made"), empty)
    pairs: list[tuple[object, object]] = []
    if made_with.get("command"):
        pairs.append((words("made.command"), tag("pre", tag("code", made_with["command"]))))
    if comparison.get("split"):
        split = str(comparison["split"])
        pairs.append((words("made.split"), words.get(f"split.{split}", split)))
    if comparison.get("seeds") is not None:
        seeds = comparison["seeds"]
        pairs.append((words("made.seeds"), ", ".join(map(str, seeds)) if isinstance(seeds, list | tuple) else seeds))
    for key, value in {"options": comparison.get("options"), **made_with}.items():
        if key == "command" or value in (None, "", {}, []):
            continue
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        shown = page.notes([foreign(line, words.language) for line in value]) if isinstance(value, list) else shown
        pairs.append((words.get(f"made.{key}", key.replace("_", " ")), shown))
    return page.section("made", words("made"), page.facts(pairs), lead=words("made.lead"))


def _cleaned(ingest: Mapping[str, Any], words: Words) -> Markup:
    reports = [(name, raw) for name, raw in ingest.items() if isinstance(raw, Mapping) and "rows_read" in raw]
    if not reports:
        return Markup("")
    keys = ("cleaned.name", "cleaned.read", "cleaned.kept", "cleaned.duplicates", "cleaned.out", "cleaned.why")
    columns = [page.Column(words(key), number=key not in {"cleaned.name", "cleaned.why"}) for key in keys]
    rows: list[list[object]] = []
    remarks: list[object] = []
    for name, raw in reports:
        reasons: Mapping[str, int] = raw.get("quarantined") or {}
        told = [tag("span", f"{words.count(n)} · ", reason, class_="sub") for reason, n in reasons.items()]
        rows.append(
            [
                name,
                *(words.count(raw.get(key) or 0) for key in ("rows_read", "rows_kept", "duplicates_dropped")),
                words.count(sum(reasons.values())),
                join(told) if told else words("cleaned.none"),
            ]
        )
        remarks += [f"{name}: {words('cleaned.times', form=raw['timestamp'])}"] if raw.get("timestamp") else []
        remarks += [f"{name}: {words('cleaned.added', n=words.count(raw['added']))}"] if raw.get("added") else []
        remarks += [f"{name}: {note}" for note in raw.get("notes") or []]
    table = page.data_table(words("cleaned.table"), columns, rows)
    return join([tag("h3", words("cleaned")), table, page.notes(remarks)])


def _kinds(kinds: Mapping[str, Any], words: Words) -> Markup:
    rows = sorted(((str(kind), int(n)) for kind, n in kinds.items()), key=lambda row: -row[1])[:10]
    if not rows:
        return Markup("")
    total = sum(int(n) for n in kinds.values()) or 1
    title = words("data.kinds", kind=rows[0][0], share=words.percent(rows[0][1] / total))
    table = pl.DataFrame(rows, schema={"name": pl.String, "count": pl.Int64}, orient="row")
    desc = "; ".join(f"{kind} {words.count(n)}" for kind, n in rows)
    labels = Labels(title, desc, words("data.count"))
    return page.figure(title, lambda width: figure_counts(table, labels, width=width))


def _coverage(coverage: Mapping[str, float], words: Words) -> Markup:
    known = {modality: share for modality, share in coverage.items() if finite(share) is not None}
    if not known:
        return Markup("")
    names = {modality: words.get(f"modality.{modality}", modality) for modality in known}
    most, least = max(known, key=lambda v: known[v]), min(known, key=lambda v: known[v])
    if known[least] >= 1:
        title = words("coverage.all", modality=words("coverage.between").join(names.values()))
    elif known[most] >= 1:
        title = words("coverage.two", modality=names[most], other=names[least], share=words.percent(known[least]))
    else:
        title = words("coverage.most", modality=names[least], share=words.percent(known[least]))
    title = title[0].upper() + title[1:]
    table = pl.DataFrame({"modality": list(known), "share": [float(share) for share in known.values()]})
    desc = "; ".join(f"{names[modality]} {words.percent(share)}" for modality, share in known.items())
    labels = Labels(title, desc, words("coverage.unit"))
    return page.figure(title, lambda width: figure_coverage(table, labels, names=names, width=width))


def _value(value: Estimate | None, *, bold: bool, below: bool = False) -> Markup:
    if value is None:
        return Markup("–")
    mean = tag("b", number(value.mean)) if bold else tag("span", number(value.mean))
    if value.low is None or value.high is None:
        return mean
    return join([mean, tag("span", _range(value), class_="sub" if below else "range")])


def _range(value: Estimate) -> str:
    low, high = value.low or 0.0, value.high or 0.0
    return f"{number(low)}–{number(high)}" if low >= 0 else f"{number(low)} … {number(high)}"


def _seconds(value: float) -> str:
    return "< 0.1" if value < 0.1 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _languages(languages: Any, words: Words) -> str:
    if isinstance(languages, Mapping):
        return ", ".join(f"{name} {words.percent(float(share))}" for name, share in languages.items())
    return ", ".join(map(str, languages)) if isinstance(languages, list | tuple) else str(languages)
