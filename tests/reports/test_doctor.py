from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penchant.errors import OptionError
from penchant.reports.doctor import render_doctor

EVIL = "<script>alert(1)</script>" + "x" * 90


def sample(severity: str = "problem") -> dict[str, Any]:
    finding = {
        "code": "c", "severity": severity, "title": EVIL, "sentence": EVIL, "remedy": "Use --split time.",
        "examples": [EVIL, "雨"] * 2, "numbers": {},
    }  # fmt: skip
    advice = {"topic_title": "Split", "choice": "--split time", "condition": EVIL, "why": "w"}
    volume = [{"start_s": n * 86_400, "end_s": (n + 1) * 86_400, "events": n} for n in range(48)]
    return {
        "counts": {"users": 2, "items": 3, "events": 4_000_000, "events_a_user": {"median": 1.5}, "items_with_text": 1},
        "rows_quarantined": 1, "severities": {severity: 1}, "findings": [finding, {**finding, "severity": "info"}],
        "advice": [advice], "command": f"penchant {EVIL}", "volume": volume,
        "tables": {EVIL: {"rows_read": 4, "notes": [EVIL], "quarantined": {EVIL: 1}}},
    }  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hostile_text_is_escaped(language: str) -> None:
    page = render_doctor(EVIL, sample(), language)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert page == render_doctor(EVIL, sample(), language)
    assert ">--split time</code>." in page
    sized = {"topic_title": "Size", "choice": "", "condition": EVIL, "why": "w"}
    assert {"en": "<span>the default</span>", "zh": "<span>默认即可</span>"}[language] in render_doctor(
        "t", {**sample(), "advice": [sized]}, language
    )


def test_the_first_sentence_is_the_verdict() -> None:
    assert "1 problem to resolve before training" in render_doctor("t", sample())
    assert "Training can start, with 1 warning to check" in render_doctor("t", sample("warn"))
    assert "没有发现问题" in render_doctor("t", {**sample(), "severities": {}}, "zh")
    assert "No event has a time" in render_doctor("t", {**sample(), "volume": []})
    with pytest.raises(OptionError, match="Allowed: en, zh"):
        render_doctor("t", sample(), "fr")


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
        file.write_text(render_doctor(EVIL, sample(), language), encoding="utf-8")
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        for width in (360, 768, 1024, 1600):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert not faults
    finally:
        context.close()
