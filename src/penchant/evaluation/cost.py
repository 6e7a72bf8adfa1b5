"""What a step costs: CPU seconds and peak memory, measured by the operating system."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """CPU seconds of this process and its ended children, and the highest resident memory in MB while measured."""

    cpu_s: float = 0.0
    peak_rss_mb: float = 0.0


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure a block. Linux resets the high-water mark of memory first; elsewhere it is that of the whole process.

    >>> with measured() as cost:
    ...     _ = sum(range(1000))
    >>> cost.cpu_s >= 0 and cost.peak_rss_mb > 1
    True
    """
    cost = Cost()
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")
    started = _cpu_s()
    try:
        yield cost
    finally:
        cost.cpu_s = _cpu_s() - started
        cost.peak_rss_mb = _peak_rss_mb()


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_rss_mb() -> float:
    with suppress(OSError, StopIteration, ValueError):
        lines = (_PROCESS / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
