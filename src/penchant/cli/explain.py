"""`penchant explain`: which events and modalities carry an item's score for a user."""

from __future__ import annotations

from typing import Annotated

import typer

from penchant.cli import parameters, requests, terminal


def explain(
    bundle: parameters.BundleFolder,
    user: Annotated[str, typer.Option("--user", metavar="ID", help="A user the bundle knows.")],
    item: Annotated[str, typer.Option("--item", metavar="ID", help="The item whose score is explained.")],
    at: parameters.At = None,
    json: parameters.AsJson = False,
) -> None:
    """Say why an item would be recommended to a user: past events and modalities, by what they give to the score."""
    requests.check_time(at)
    from dataclasses import asdict

    from penchant.recommender.recommender import Recommender

    rec = Recommender.load(bundle)
    when = None if at is None else requests.moment(at)
    reason = rec.explain(user, item, at=when)
    kept = rec.probes is not None and rec.probes.interest is not None
    likely = float(rec.interested(user, [item], at=when)[0]) if kept else None
    if json:
        told = {} if likely is None else {"interested": likely}
        terminal.show_json({"user_id": user, **told, **asdict(reason)})
        return
    title = rec.titles[rec.dataset.item_vocabulary.encode_one(item, kind="item")]
    terminal.show(f"{title}: score {reason.score:.4f} for {user}, {reason.lead:+.2f} sd from the mean of all items")
    if likely is not None:
        terminal.show(f"Of interest with a probability of {likely:.0%}")
    if reason.sentence:
        terminal.show(reason.sentence)
    terminal.show()
    if reason.events:
        terminal.show_table(
            ("event", "item", "title", "takes away when removed (sd)"),
            [(e.event_id, e.item_id, e.title, e.contribution) for e in reason.events],
        )
    else:
        terminal.show("No past event raises this item's score.")
    terminal.show()
    terminal.show_table(("modality", "gives to the score"), list(reason.modalities.items()))
