"""What passes between a benchmark and a peer: a folder of tables in, ranked lists and a JSON of costs out.

Tables are int64 arrays with three columns, in files that numpy of any age reads. `train.npy` holds the events to learn
from, `known.npy` the events known when asked: user and item (codes) and the place in the user's history. A peer answers
with `lists_NAME.npy`: user, rank from 1, item. Only the standard library is imported here.
"""

from __future__ import annotations

import json
import resource
from pathlib import Path


def cpu_s() -> float:
    """CPU seconds of this process so far, user and system, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_rss_mb() -> float:
    """The most memory this process has held, in MB (10^6 bytes)."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, 1)


def said(folder: Path, name: str, facts: dict[str, object]) -> None:
    """Write what was measured as `NAME.json`, whole or not at all."""
    path = folder / f"{name}.json"
    path.with_suffix(".part").write_text(json.dumps(facts), encoding="utf-8")
    path.with_suffix(".part").rename(path)
