"""`penchant interests`: the interest series of a user, or the interest vector at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from penchant.cli import parameters, requests, terminal

if TYPE_CHECKING:
    from penchant.data.results.interest_series import InterestSeries
    from penchant.recommender.recommender import Recommender

_LINES = 20
_ITEMS = 3


def interests(
    bundle: parameters.BundleFolder,
    user: parameters.User = None,
    history: parameters.History = None,
    text: parameters.Text = None,
    image: parameters.Image = None,
    audio: parameters.Audio = None,
    at: parameters.At = None,
    each: Annotated[bool, typer.Option("--each", help="Show every interest of a multi-interest model.")] = False,
    json: parameters.AsJson = False,
) -> None:
    """Show how the interest vector of a user moves over time, or with --at the vector at a time."""
    requests.require_exactly_one(user=user, history=history, text=text, image=image, audio=audio)
    for option, file in (("--history", history), ("--image", image), ("--audio", audio)):
        requests.require_file(option, file)
    requests.check_time(at)
    from penchant.recommender.recommender import Recommender

    rec = Recommender.load(bundle)
    when = None if at is None else requests.moment(at)
    series = rec.interests(user, history=history, text=text, image=image, audio=audio, at=when, each=each)
    happened = user is not None or history is not None
    times = [int(time_s) if happened else None for time_s in series.times_s]
    kept = user is not None and rec.probes is not None and rec.probes.category is not None
    following = rec.next_category(str(user), at=when) if kept else {}
    if json:
        values = {"user_id": series.user_id, "times_s": times, "event_ids": series.event_ids, "vectors": series.vectors}
        terminal.show_json(values | ({"next_category": following} if following else {}))
        return
    events = "1 event" if len(series) == 1 else f"{len(series):,} events"
    terminal.show(f"{series.user_id}: {events}, vectors of {series.vectors.shape[-1]} dimensions")
    if len(series):
        show_now(rec, series) if each else show_path(rec, series, times)
    if following:
        likeliest = [f"{name} {share:.0%}" for name, share in list(following.items())[:_ITEMS]]
        terminal.show(f"Most likely categories of the next item: {', '.join(likeliest)}")


def show_now(rec: Recommender, series: InterestSeries) -> None:
    """Print every interest after the last event, with the nearest categories and items."""
    from penchant.profiles.categories import measure_category_weights

    now, titles, item_vectors = series.vectors[-1], rec.titles, rec.dense_model().item_vectors
    near = (-(now @ item_vectors.T)).argsort(axis=1, kind="stable")[:, :_ITEMS]
    categories = measure_category_weights(now, item_vectors, rec.dataset.items)
    columns = ("interest", *(("nearest categories",) if categories else ()), "nearest items")
    rows = [
        (
            n + 1,
            *((categories.nearest(n),) if categories else ()),
            "; ".join(titles[int(item)] for item in near[n]),
        )
        for n in range(len(now))
    ]
    terminal.show_table(columns, rows)


def show_path(rec: Recommender, series: InterestSeries, times: list[int | None]) -> None:
    """Print the last events, one per line, with the cosine to the latest interest and the nearest categories."""
    import numpy as np

    from penchant.profiles.categories import measure_category_weights

    unit = series.vectors / np.maximum(np.linalg.norm(series.vectors, axis=1, keepdims=True), 1e-12)
    to_now = unit @ unit[-1]
    categories = measure_category_weights(series.vectors, rec.dense_model().item_vectors, rec.dataset.items)
    shown = range(max(0, len(series) - _LINES), len(series))
    columns = ("time (UTC)", "after event", "cosine to latest", *(("nearest categories",) if categories else ()))
    rows = [
        (
            _day(times[n]),
            series.event_ids[n],
            float(to_now[n]),
            *((categories.nearest(n),) if categories else ()),
        )
        for n in shown
    ]
    terminal.show_table(columns, rows)
    if len(series) > len(rows):
        terminal.note(f"The last {len(rows)} of {len(series):,} events. --json prints all of them with their vectors.")


def _day(time_s: int | None) -> str:
    """The minute of an event; a cold query has no time."""
    if time_s is None:
        return ""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M")
