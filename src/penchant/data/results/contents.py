"""The contents of a data set, in counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penchant.options import Json


@dataclass(frozen=True)
class DatasetContents:
    """Counts of a data set, its kinds of events, and the span of its times (ISO 8601; None without times)."""

    users: int = 0
    items: int = 0
    events: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Events by kind, the most frequent first."""
    first_time: str | None = None
    last_time: str | None = None
    median_events: float = 0.0
    """Median number of events of the users with an event."""
    most_events: int = 0
    """Events of the user with the most."""
    items_with_events: int = 0
    items_with_text: int = 0
    relations: int = 0

    def to_dict(self) -> Json:
        """Plain values for JSON."""
        return {
            "users": self.users,
            "items": self.items,
            "events": self.events,
            "kinds": dict(self.kinds),
            "first_time": self.first_time,
            "last_time": self.last_time,
            "events_a_user": {"median": self.median_events, "most": self.most_events},
            "items_with_events": self.items_with_events,
            "items_with_text": self.items_with_text,
            "relations": self.relations,
        }
