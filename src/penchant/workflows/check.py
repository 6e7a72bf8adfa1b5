"""The work of `penchant check`: read a data folder, count its contents, examine it, and write the page."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from penchant.arrays import Progress
from penchant.artifacts.atomic import atomic_file
from penchant.cleaning.doctor.advice import Machine
from penchant.cleaning.doctor.contents import count_contents
from penchant.cleaning.doctor.doctor import Diagnosis, examine
from penchant.data.dataset import Dataset
from penchant.errors import DataError
from penchant.options import Json
from penchant.reports.doctor import render_doctor


@dataclass(frozen=True)
class Check:
    """A folder of data with the findings of the doctor."""

    folder: Path
    dataset: Dataset
    diagnosis: Diagnosis

    def to_dict(self, language: str = "en") -> Json:
        """Counts, files, findings and advice as plain values, with texts in `en` or `zh`."""
        return {"data": str(self.folder), **describe_dataset(self.dataset), **self.diagnosis.to_dict(language)}

    def write_page(self, path: Path, language: str = "en") -> None:
        """Write everything as one self-contained page."""
        title, contents = self.folder.resolve().name, count_contents(self.dataset)
        page = render_doctor(title, self.diagnosis, contents, self.dataset.report, language)
        with atomic_file(path) as temporary:
            temporary.write_bytes(page.encode("utf-8", "replace"))

    def require_clean(self) -> None:
        """Raise `DataError` if rows are in quarantine or the doctor finds a problem."""
        rejected = self.dataset.report.rows_quarantined if self.dataset.report else 0
        problems = self.diagnosis.count("problem")
        if rejected:
            raise DataError(
                f"{rejected:,} rows of {self.folder} are in quarantine, and --strict allows none.",
                remedy="Correct the rows that the table above names, or leave --strict out.",
            )
        if problems:
            raise DataError(
                f"The doctor finds {problems} problems in {self.folder}, and --strict allows none.",
                remedy="Resolve the problems above, or leave --strict out.",
            )


def check_folder(folder: str | Path, *, now_s: int | None = None, progress: Progress | None = None) -> Check:
    """Read and examine a folder of data. `now_s`: the present in UTC seconds (None: no check for future events)."""
    report = progress or (lambda phase, share: None)
    report("reading", 0.0)
    dataset = Dataset.load(folder)
    report("examining", 0.0)
    diagnosis = examine(dataset, machine=describe_machine(), now_s=now_s)
    return Check(Path(folder), dataset, replace(diagnosis, folder=str(folder)))


def describe_machine() -> Machine:
    """Cores, memory and whether there is a GPU, for the advice."""
    from penchant.evaluation.backtest import count_cores

    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):
        memory = 8.0
    return Machine(count_cores(), round(memory, 1), gpu=Path("/proc/driver/nvidia/version").exists())


def describe_dataset(dataset: Dataset) -> Json:
    """Counts of a data set and the report on its files, as plain values."""
    report = dataset.report
    return {
        "counts": count_contents(dataset).to_dict(),
        "rows_quarantined": report.rows_quarantined if report else 0,
        "tables": report.to_dict() if report else {},
    }
