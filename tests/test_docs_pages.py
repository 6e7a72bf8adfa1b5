"""The documentation as a reader sees it: built, opened in a browser, wide and narrow, light and dark."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = (390, 1024, 1600)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of mkdocs is an error."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_tables_from_the_code_are_filled_in(site: Path) -> None:
    for page in site.glob("*.html"):
        assert "<!-- options" not in page.read_text(encoding="utf-8"), page.name
    assert "learning_rate" in (site / "settings.html").read_text(encoding="utf-8")
    assert "movieid" in (site / "data.html").read_text(encoding="utf-8")
    assert "--allow-seen" in (site / "commands.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_pages_fit_and_load_nothing_from_elsewhere(site: Path, browser: Any, colours: str) -> None:
    context = browser.new_context(color_scheme=colours)
    page = context.new_page()
    foreign: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if request.url.startswith("http") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for name in ("index", "settings", "architecture", "metrics", "commands"):
                page.goto((site / f"{name}.html").as_uri())
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), (name, width)
        assert not foreign
        assert not faults
    finally:
        context.close()
