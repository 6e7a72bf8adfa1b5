from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penchant.cleaning.doctor.advice import Advice, Traits
from penchant.cleaning.doctor.doctor import Diagnosis
from penchant.cleaning.doctor.finding import Severity, observe
from penchant.cleaning.doctor.times import Period
from penchant.data.read_report import IngestReport, TableReport
from penchant.data.results.contents import DatasetContents
from penchant.errors import OptionError
from penchant.reports.doctor import render_doctor

EVIL = "<script>alert(1)</script>" + "x" * 90


CONTENTS = DatasetContents(2, 3, 4_000_000, median_events=1.5, items_with_text=1)
INGEST = IngestReport({EVIL: TableReport(EVIL, EVIL, 4, 3, quarantined={EVIL: 1}, notes=[EVIL])})
SIZE = Advice("size", "usual", "")


def diagnose(severity: Severity = "problem") -> Diagnosis:
    """One finding with hostile examples and one with a hostile text, advice with a hostile choice, and a volume."""
    leak = observe("leak_future", severity, (EVIL, "雨", EVIL, "雨"), after=0.5)
    shift = observe("hours_kind", "info", kind=EVIL, main=EVIL, hours=8)
    advice = [Advice("split", "future", "--split time"), Advice("model", "fresh", f"--model {EVIL}")]
    volume = [Period(n * 86_400, (n + 1) * 86_400, n) for n in range(48)]
    return Diagnosis([leak, shift], volume, Traits(2, 3, 4_000_000), advice)


def render(diagnosis: Diagnosis, language: str = "en", title: str = EVIL) -> str:
    return render_doctor(title, diagnosis, CONTENTS, INGEST, language)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_text_is_escaped(language: str) -> None:
    page = render(diagnose(), language)
    assert "<script" not in page and page.count("&lt;script&gt;") >= 10
    assert page == render(diagnose(), language)
    assert {"en": ">--split time</code>; leave", "zh": ">--split time</code>；"}[language] in page
    default = {"en": "<span>the default</span>", "zh": "<span>默认即可</span>"}[language]
    advice = [SIZE, Advice("model", "fresh", "--model lite"), Advice("split", "future", "--split time")]
    assert default in render(replace(diagnose(), advice=advice), language)


def test_the_first_sentence_is_the_verdict() -> None:
    assert "1 problem to resolve before training" in render(diagnose())
    assert "Training can start, with 1 warning to check" in render(diagnose("warn"))
    assert "没有发现问题" in render(replace(diagnose(), observations=[]), "zh")
    assert "No event has a time" in render(replace(diagnose(), volume=[]))
    with pytest.raises(OptionError, match="Allowed: en, zh"):
        render(diagnose(), "fr")


@pytest.mark.browser
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_fits(browser: Any, tmp_path: Path, language: str, colours: str) -> None:
    context = browser.new_context(color_scheme=colours, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    try:
        file = tmp_path / "doctor.html"
        file.write_text(render(diagnose(), language), encoding="utf-8")
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for width in (360, 768, 1024, 1600):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert not faults
    finally:
        context.close()
