"""The image of the report in the READMEs: report_picture.py REPORT.html [docs/images/report.png]

`make demo` writes a report and says where; its first screen at 1200 × 1000 is the image.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def take(report: Path, picture: Path) -> None:
    """Open the report in Chromium and save its first screen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1200, "height": 1000}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    take(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/images/report.png"))
