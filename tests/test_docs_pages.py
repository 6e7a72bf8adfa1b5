"""The documentation as a reader sees it: built, opened in a browser, wide and narrow, light and dark."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from penchant.recommender.settings import list_settings

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


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on this machine's loopback, since its search does not run from files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.slow
def test_tables_from_the_code_are_filled_in(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<!-- options" not in text and "<!-- settings" not in text, page.name
    settings = (site / "settings.html").read_text(encoding="utf-8")
    assert not [one.key for one in list_settings() if f"<code>{one.key}</code>" not in settings]
    assert "movieid" in (site / "data.html").read_text(encoding="utf-8")
    assert "--allow-seen" in (site / "commands.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_pages_fit_and_load_nothing_from_elsewhere(address: str, browser: Any, colours: str) -> None:
    context = browser.new_context(color_scheme=colours)
    page = context.new_page()
    foreign: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(address) else foreign.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            for name in ("index", "settings", "architecture", "metrics", "commands"):
                page.goto(f"{address}/{name}.html")
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), (name, width)
        assert not foreign
        assert not faults
    finally:
        context.close()
