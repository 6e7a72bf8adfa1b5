import dataclasses
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.read_report import IngestReport, TableReport
from penchant.data.results.comparison import Comparison, PairedTest, SliceResult
from penchant.data.results.curves import CurveResult, CurveResults
from penchant.data.results.estimates import Difference, Interval
from penchant.data.results.modality_use import Ablation, AblationRow, Coverage, ModalityUse
from penchant.data.results.reasons import EventReason, Reason
from penchant.data.results.recovery import Recovery
from penchant.messages import Note
from penchant.reports.report import DatasetSummary, Epoch, Example, ReportData, Timeline, render_report
from penchant.reports.story import ShownItem

HOSTILE = '</style></svg><script>alert(1)</script><img src=x onerror="alert(1)">&amp;"\'\x00\u202e'
LANGUAGES = ("en", "zh")
_VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """Elements, headings and ids of a page; every element must be closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _value(mean: float, half: float = 0.01) -> Interval:
    return Interval(mean, mean - half, mean + half)


def _test(model: str, baseline: str, low: float, high: float, p_holm: float = 0.0001) -> PairedTest:
    difference = Difference(Interval((low + high) / 2, low, high), p_holm, p_holm)
    return PairedTest(model, baseline, "ndcg@10", "t", difference)


def _comparison(name: str) -> Comparison:
    means = {"transformer": 0.176, "cooccurrence": 0.155, "popularity": 0.021}
    grid = np.linspace(0, 1, 50)
    return Comparison(
        split="leave-one-out",
        k=10,
        users=6040,
        seeds=5,
        models={
            m: {"ndcg@10": _value(v), "hit_rate@10": _value(1.8 * v), "coverage@10": _value(v, 0)}
            for m, v in means.items()
        },
        slices={
            "users: warm": SliceResult(900, {m: {"ndcg@10": _value(v)} for m, v in means.items()}),
            name: SliceResult(90, {m: {"ndcg@10": _value(v + 0.1)} for m, v in means.items()}),
        },
        cost={m: {"fit_cpu_s": 1160.4, "peak_rss_mb": 210.0} for m in means},
        tests=[_test("transformer", "cooccurrence", 0.015, 0.027)],
        curves={
            m: CurveResults(
                CurveResult(grid.tolist(), (grid**v).tolist(), 1 / (1 + v)),
                CurveResult(grid.tolist(), (v * (1 - grid)).tolist(), v),
            )
            for m, v in means.items()
        },
        notes=[name],
    )


def _modality_use(name: str, rows: Sequence[AblationRow] | None = None) -> ModalityUse:
    def row(mean: float, gap: float, *modalities: str) -> AblationRow:
        return AblationRow(modalities, _value(mean), Difference(_value(gap), 0.01, 0.01))

    ablation = rows or [
        AblationRow(("behaviour", "text", name), _value(0.18)),
        row(0.05, -0.13, "text", name),
        row(0.15, -0.03, "behaviour", name),
        row(0.18, 0.001, "behaviour", "text"),
        row(0.04, -0.14, "text"),
    ]
    return ModalityUse(
        {"behaviour": Coverage(0.9, 1.0), "text": Coverage(1.0, 1.0)},
        {"behaviour": 0.7, "text": 0.25, name: 0.05},
        Ablation("ndcg@10", 1000, ablation),
    )


def sample(language: str = "en", name: str = "A tale of two seas", **more: Any) -> ReportData:
    """A full report; `name` stands wherever text comes from the data."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(1_600_000_000, 1_630_000_000, 40))
    events = pl.DataFrame({"time_s": times, "event": rng.choice(["view", "purchase"], 40), "title": [name] * 40})
    weights = rng.dirichlet(np.ones(8), 40)
    scores = {"text": 0.4, "image": -0.1, "behaviour": 0.6}
    reason = Reason("i1", 0.9, [EventReason("e1", "i2", name, int(times[0]), 0.3)], scores, name, lead=2.0)
    table = TableReport("events", "events.csv", 1010, 1000, 3, {name: 7}, timestamp="seconds", added=2, notes=[name])
    return ReportData(
        title=name,
        model="transformer",
        language=language,
        dataset=DatasetSummary(6040, 3416, 999_611, 956703932, 1046454590, {name: 800, "view": 200}),
        ingest=IngestReport({"events": table}),
        comparison=_comparison(name),
        training=[Epoch(n, 5 / n, 0.2 - 0.01 * abs(n - 4), 40) for n in range(1, 8)],
        timelines=[Timeline(name, times, [name, *"abcdefg"], weights, events)] * 2,
        examples=[Example(name, [name] * 3, [name, "b"], [reason, reason])],
        coverage={"text": 1.0, "image": 0.62, name: 0.1},
        modalities=_modality_use(name),
        recovery=more.pop("recovery", Recovery({"transformer": _value(0.7), name: _value(0.2)})),
        provenance={"command": f"penchant compare {name}", "seed": 0, "versions": {"penchant": "0.1.0"}, name: name},
        **more,
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["A tale of two seas", "海边的最后一封信", HOSTILE, ""])
def test_the_page_is_well_formed_whatever_the_data_says(language: str, name: str) -> None:
    page = render_report(sample(language, name))
    outline = Outline(page)
    assert "script" not in outline.tags and "img" not in outline.tags
    assert not any(key.startswith("on") for key, _ in outline.attributes)
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert {"header", "nav", "main", "footer"} <= set(outline.tags)
    assert "\x00" not in page and "nan" not in outline.text.lower().split()


def test_what_an_event_carries_is_a_share_of_the_lead_not_of_the_score() -> None:
    said = Outline(render_report(sample())).text
    assert "Without A tale of two seas its lead would be 15\u00a0% smaller" in said  # .3 of 2 standard deviations
    assert "没有 A tale of two seas，领先优势会少 15%" in Outline(render_report(sample("zh"))).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_story_of_the_demo(language: str) -> None:
    turn = {"events": _value(4.0), "days": _value(9.5), "seen": _value(0.8), "decoy": _value(0.1)}
    recovery = Recovery({"transformer": _value(0.7)}, {"transformer": turn})
    shown = [ShownItem("Sea", "travel", "data:image/png;base64,AA==", "data:audio/wav;base64,AA==", [("u1", 2)])]
    shown.append(ShownItem(HOSTILE, "", "", "data:audio/wav;base64,AA==", []))
    page = render_report(sample(language, recovery=recovery, cold=_comparison("content"), media=shown))
    outline = Outline(page)
    assert outline.tags.count("img") == 1 and outline.tags.count("audio") == 2 and "script" not in outline.tags
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    says = ("4.0", "9.5", "80\u00a0%", "Rank 2 for u1", "Topic: travel", "On cold items, transformer ranks best")
    if language == "zh":
        says = ("4.0", "9.5", "80%", "u1 的第 2 名", "主题：travel", "在冷启动物品上，transformer 排得最好")
    assert all(word in outline.text for word in says)
    assert ("no encoder is chosen" in outline.text) or ("尚未选择编码器" in outline.text)  # no encoder reads sounds
    assert "media-src data:" in page


def test_hostile_text_is_shown_as_text() -> None:
    page = render_report(sample("en", HOSTILE))
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") > 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_loaded_and_nothing_may_be(language: str) -> None:
    page = render_report(sample(language))
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "default-src &#x27;none&#x27;" in page
    assert not re.search(r"@import|url\((?!#)", page)


def test_same_data_same_bytes() -> None:
    assert render_report(sample()) == render_report(sample())


def test_the_report_says_what_came_out() -> None:
    text = Outline(render_report(sample(noun="film"))).text
    assert (
        "Transformer places the next film in the first 10 for 32\u00a0% of users; its NDCG@10 is 14\u00a0% above the "
        "best simple model, cooccurrence." in text
    )
    assert "transformer ranks best, and chance does not explain its lead" in text
    assert "difference +0.015 to +0.027: not chance" in text
    assert "The validation measure peaked at epoch 4 of 7" in text


def test_the_report_says_it_in_chinese() -> None:
    text = Outline(render_report(sample("zh", noun="部电影"))).text
    assert "transformer 能为 32% 的用户把下一部电影排进前 10 名，NDCG@10 比最好的简单模型 cooccurrence 高 14%。" in text


def _sentence(means: dict[str, float], tests: list[PairedTest]) -> str:
    models = {m: {"ndcg@10": _value(v)} for m, v in means.items()}
    comparison = Comparison("time", 10, 5, 1, models, tests=tests)
    data = dataclasses.replace(sample(), comparison=comparison)
    match = re.search(r"<h1>(.*?)</h1>", render_report(data))
    assert match
    return re.sub("<[^>]+>", "", match.group(1)).replace("\u00a0", " ")


def test_the_sentence_is_no_stronger_than_the_numbers() -> None:
    unsure = _test("transformer", "ease", -0.01, 0.03, p_holm=0.3)
    assert "may be chance" in _sentence({"transformer": 0.11, "ease": 0.1}, [unsure])
    assert "the difference was not tested" in _sentence({"transformer": 0.11, "ease": 0.1}, [])
    assert "the simple model ease ranks better: NDCG@10 0.200 against 0.100" in _sentence(
        {"transformer": 0.1, "ease": 0.2}, []
    )
    assert "on NDCG@10 it is not distinguishable from the simple model ease" in _sentence(
        {"transformer": 0.1, "ease": 0.1}, []
    )
    assert "no simple model was compared with it" in _sentence({"transformer": 0.1, "gru": 0.2}, [])
    assert _sentence({"gru": 0.1}, []) == (
        "transformer is not in this comparison. Gru reaches NDCG@10 0.100, the best model in it."
    )
    assert _sentence({}, []) == "Nothing has been measured yet."


def test_bold_needs_a_paired_test() -> None:
    data = sample()
    page = render_report(data)
    assert "<b>0.176</b>" in page
    assert "<b>0.317</b>" not in page
    untested = dataclasses.replace(data, comparison=dataclasses.replace(data.comparison, tests=[]))
    assert "<b>" not in render_report(untested)
    assert "No value is bold" in render_report(untested)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_missing_names_the_next_step(language: str) -> None:
    page = render_report(ReportData(title="shop", model="ease", language=language))
    outline = Outline(page)
    assert page.count('class="empty"') == 9
    for command in ("compare DATA", "evaluate BUNDLE DATA", "interests BUNDLE --user ID", "check DATA", "--explain"):
        assert command in outline.text
    assert outline.headings.count(1) == 1


def test_data_and_cleaning_are_shown() -> None:
    text = Outline(render_report(sample())).text
    for part in ("6,040", "999,611", "from 25 April 2000 to 28 February 2003", "1,010", "1,000", "7 · A tale", "0.1.0"):
        assert part in text, part
    assert "events: times read as seconds" in text and "events: 2 more appear in events only" in text


def test_notes_are_written_in_the_language_of_the_page() -> None:
    data = sample("zh")
    comparison = dataclasses.replace(data.comparison, notes=[Note("notes.split.tested", tested=40, validated=38)])
    assert "测试 40 位用户，验证 38 位。" in render_report(dataclasses.replace(data, comparison=comparison))


def test_a_given_headline() -> None:
    assert "<h1><bdi>All is well.</bdi></h1>" in render_report(sample(headline="All is well."))


def test_ids_are_unique() -> None:
    ids = Outline(render_report(sample())).ids
    assert len(ids) == len(set(ids))


_PAGES = {"full": sample, "empty": lambda language: ReportData(title="shop", language=language)}

_DRAWINGS = """[...document.querySelectorAll('.sizes,.one')]
  .map(s => [...s.children].filter(c => c.getClientRects().length).length)"""
_CONTRAST = """() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.getClientRects().length || e.closest('title,desc,.hidden')) continue;
    const style = getComputedStyle(e);
    const ink = parse(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) out.push([n.data.trim().slice(0, 30), ratio.toFixed(2)]);
  }
  return out;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_fits_and_reads_at_every_width(browser: Any, tmp_path: Path, language: str, colours: str) -> None:
    context = browser.new_context(color_scheme=colours, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        for kind, build in _PAGES.items():
            file = tmp_path / f"{kind}.html"
            file.write_text(render_report(build(language)), encoding="utf-8")
            page.goto(file.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            for width in (360, 768, 1024, 1600):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (kind, width)
                assert set(page.evaluate(_DRAWINGS)) <= {1}, (kind, width)
            assert page.evaluate(_CONTRAST) == [], kind
        assert not faults
    finally:
        context.close()


@pytest.mark.browser
def test_print_opens_what_is_folded_and_keyboard_reaches_it(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_report(sample()), encoding="utf-8")
    page = browser.new_page()
    try:
        page.goto(file.as_uri())
        inside = "document.querySelector('#provenance-h').getBoundingClientRect().top"
        folded = page.evaluate(inside)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.tagName"))
        assert reached.count("SUMMARY") >= 7
        small = """[...document.querySelectorAll('a,summary')].filter(e => e.getClientRects().length
          && !e.classList.contains('skip') && e.getBoundingClientRect().height < 40).length"""
        assert page.evaluate(small) == 0
        page.emulate_media(media="print")
        assert page.evaluate(inside) > folded + 1000
    finally:
        page.close()


def test_modalities_say_what_they_give_and_what_is_lost_without_them() -> None:
    text = Outline(render_report(sample())).text
    assert "70\u00a0% of the score comes from behaviour, 25\u00a0% from text" in text
    assert "Without behaviour NDCG@10 falls by 0.130" in text
    assert "without text" in text and "−0.030" in text and "1,000 users" in text
    chinese = Outline(render_report(sample("zh"))).text
    assert "行为占得分的 70%，文字占 25%" in chinese and "去掉行为，NDCG@10 下降 0.130" in chinese
    spared = dataclasses.replace(sample(), modalities=dataclasses.replace(_modality_use("x"), ablation=None))
    assert "is not known" in Outline(render_report(spared)).text
    alone = dataclasses.replace(sample(), modalities=ModalityUse(contribution={"behaviour": 1.0}))
    assert "one modality only" in Outline(render_report(alone)).text


def test_a_modality_that_harms_is_named_and_chance_is_not_sold_as_loss() -> None:
    def page(gap: float) -> str:
        rows = [
            AblationRow(("behaviour", "text"), _value(0.18)),
            AblationRow(("behaviour",), _value(0.18 + gap), Difference(_value(gap), 0.01, 0.01)),
        ]
        return Outline(render_report(dataclasses.replace(sample(), modalities=_modality_use("x", rows)))).text

    assert "Without text NDCG@10 rises by 0.020" in page(0.02)
    assert "No single modality is missed" in page(0.001)
