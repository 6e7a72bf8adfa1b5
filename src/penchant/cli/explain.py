"""`penchant explain`: the contributions of events and modalities to an item's score for a user."""

from __future__ import annotations

from typing import Annotated

import typer

from penchant.cli import parameters, requests, terminal


def explain(
    bundle: parameters.BundleFolder,
    user: Annotated[str, typer.Option("--user", metavar="ID", help="A user that the bundle knows.")],
    item: Annotated[str, typer.Option("--item", metavar="ID", help="The item to explain.")],
    at: parameters.At = None,
    json: parameters.AsJson = False,
) -> None:
    """Explain an item's score for a user by the contributions of past events and of modalities."""
    requests.check_time(at)
    from dataclasses import asdict

    from penchant.recommender.recommender import Recommender

    rec = Recommender.load(bundle)
    when = None if at is None else requests.moment(at)
    reason = rec.explain(user, item, at=when)
    kept = rec.probes is not None and rec.probes.interest is not None
    likely = float(rec.interested(user, [item], at=when)[0]) if kept else None
    if json:
        probability = {} if likely is None else {"interested": likely}
        terminal.show_json({"user_id": user, **probability, **asdict(reason)})
        return
    title = rec.titles[rec.dataset.item_vocabulary.encode_one(item, kind="item")]
    terminal.show(f"{title}: score {reason.score:.4f} for {user}, z-score {reason.lead:+.2f} over all items")
    if likely is not None:
        terminal.show(f"Probability of interest: {likely:.0%}")
    if reason.sentence:
        terminal.show(reason.sentence)
    terminal.show()
    if reason.events:
        terminal.show_table(
            ("event", "item", "title", "z-score lost when removed"),
            [(e.event_id, e.item_id, e.title, e.contribution) for e in reason.events],
        )
    else:
        terminal.show("No past event raises this item's score.")
    terminal.show()
    terminal.show_table(("modality", "contribution to the score"), list(reason.modalities.items()))
