"""The cost of a step: CPU seconds and peak memory, as the operating system counts them."""

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
    """CPU seconds of this process and its ended children, and the peak of resident memory in MB."""

    cpu_s: float = 0.0
    peak_rss_mb: float = 0.0


@contextmanager
def measure_cost() -> Iterator[Cost]:
    """Measure a block. Linux resets the peak of memory first; elsewhere the peak is that of the process so far.

    >>> with measure_cost() as cost:
    ...     _ = sum(range(1000))
    >>> cost.cpu_s >= 0 and cost.peak_rss_mb > 1
    True
    """
    cost = Cost()
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5")
    started = _read_cpu_s()
    try:
        yield cost
    finally:
        cost.cpu_s = _read_cpu_s() - started
        cost.peak_rss_mb = _read_peak_rss_mb()


def _read_cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _read_peak_rss_mb() -> float:
    with suppress(OSError, StopIteration, ValueError):
        lines = (_PROCESS / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
