"""Write a simulated platform of 100,000 users, 50,000 items and 3 million events: CPU seconds, memory, size, digest.

    python benchmarks/simulator_stream.py [USERS ITEMS EVENTS]

The platform is written twice; both copies must have the same bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from _report import cpu_s, peak_rss_mb, write

from penchant.simulator import SimulatorOptions, stream


def written(options: SimulatorOptions) -> tuple[float, int, int, str]:
    """CPU seconds, files, bytes on disk and a digest of all files."""
    with TemporaryDirectory() as folder:
        begin = cpu_s()
        root = stream(options, Path(folder) / "world")
        spent = cpu_s() - begin
        files = sorted(path for path in root.rglob("*") if path.is_file())
        digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in files)).hexdigest()
        return spent, len(files), sum(path.stat().st_size for path in files), digest


def main(users: int = 100_000, items: int = 50_000, events: int = 3_000_000) -> int:
    options = SimulatorOptions(users=users, items=items, events=events)
    (first_s, files, size, digest), (again_s, _, _, other) = written(options), written(options)
    print(f"{users:,} users, {items:,} items, {events:,} events: {first_s:.0f} and {again_s:.0f} CPU s,")
    print(f"peak {peak_rss_mb():.0f} MB, {files} files, {size / 1e6:.0f} MB; same bytes: {digest == other}")
    result = {
        "users": users,
        "items": items,
        "events": events,
        "cpu_s": [round(first_s, 1), round(again_s, 1)],
        "peak_rss_mb": peak_rss_mb(),
        "files": files,
        "disk_mb": round(size / 1e6, 1),
        "sha256": digest,
        "same_bytes_twice": digest == other,
    }
    write("simulator_stream", result)
    return 0 if digest == other else 1


if __name__ == "__main__":
    raise SystemExit(main(*(int(argument) for argument in sys.argv[1:4])))
