"""A check of a folder from Python: the same as `penchant check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.errors import DataError
from penchant.workflows.check import check_folder


def test_a_folder_is_counted_examined_and_written_as_a_page(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu1,i1,100\nu2,i2,200\nu2,,300\n")
    phases: list[str] = []
    checked = check_folder(tmp_path, progress=lambda phase, share: phases.append(phase))
    assert phases == ["reading", "examining"]
    result = checked.to_dict("zh")
    assert (result["counts"]["events"], result["rows_quarantined"], result["language"]) == (2, 1, "zh")
    checked.write_page(tmp_path / "page.html")
    assert "data doctor" in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"1 rows of .* are in quarantine"):
        checked.require_clean()
