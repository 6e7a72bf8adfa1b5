"""Exchange between a benchmark and a peer: a folder of tables in, ranked lists and a JSON file of costs out.

Tables are int64 arrays with three columns, in files that every version of numpy reads. `train.npy` holds the events to
learn from, `known.npy` the events known at the request: user and item (codes) and the position in the history. A peer
writes `lists_NAME.npy`: user, rank from 1, item. This file imports the standard library only.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path


def cpu_s() -> float:
    """CPU seconds of this process so far: user and system, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_rss_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def write_costs(folder: Path, name: str, costs: dict[str, object]) -> None:
    """Write the measured costs as `NAME.json`, atomically."""
    path = folder / f"{name}.json"
    path.with_suffix(".part").write_text(json.dumps(costs), encoding="utf-8")
    path.with_suffix(".part").rename(path)
