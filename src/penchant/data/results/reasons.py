"""Why an item was recommended: contributions of past events and of modalities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class EventReason:
    """One past event and the share of the item's lead that its removal takes away (standard deviations)."""

    event_id: str
    item_id: str | None
    title: str
    time_s: int
    contribution: float


@dataclass(frozen=True)
class Reason:
    """Why an item was recommended: per event (by removal) and per modality (additive where the model is).

    There are two units: `score` and `modalities` are in units of the model. `lead` (the score above the mean of all
    items for this user) and the contributions of `events` to it are in standard deviations over the items.
    """

    item_id: str
    score: float
    events: list[EventReason]
    modalities: Mapping[str, float]
    sentence: str = ""
    lead: float = float("nan")
