"""`penchant interests`: the interest vector of a person, after every event or as of a time."""

from __future__ import annotations

from penchant.cli import parameters, requests, terminal


def interests(
    bundle: parameters.BundleFolder,
    user: parameters.User = None,
    history: parameters.History = None,
    text: parameters.Text = None,
    at: parameters.At = None,
    json: parameters.AsJson = False,
) -> None:
    """Show how somebody's interest vector moved; with --at, as of that time."""
    requests.exactly_one(user=user, history=history, text=text)
    requests.existing_file("--history", history)
    requests.check_time(at)
    import numpy as np

    from penchant.recommender import Recommender

    rec = Recommender.load(bundle)
    series = rec.interests(user, history=history, text=text, at=None if at is None else requests.moment(at))
    if json:
        terminal.show_json(
            {
                "user_id": series.user_id,
                "times_s": series.times_s,
                "event_ids": series.event_ids,
                "vectors": series.vectors,
            }
        )
        return
    terminal.show(f"{series.user_id}: {len(series):,} events, vectors of {series.vectors.shape[-1]} numbers")
    flat = series.vectors.reshape(len(series), -1)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    moved = np.concatenate([[1.0], (unit[1:] * unit[:-1]).sum(axis=1)]) if len(unit) else np.empty(0)
    to_last = unit @ unit[-1] if len(unit) else np.empty(0)
    rows = [
        (_day(int(series.times_s[n])), series.event_ids[n], float(moved[n]), float(to_last[n]))
        for n in range(max(0, len(series) - 20), len(series))
    ]
    terminal.show_table(("time (UTC)", "after event", "cosine to the one before", "cosine to the last"), rows)
    if len(series) > len(rows):
        terminal.note(f"The last {len(rows)} of {len(series):,}; all of them, with the numbers: --json")


def _day(time_s: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M")
