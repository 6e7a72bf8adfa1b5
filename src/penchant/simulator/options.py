"""Options of the simulated platform."""

from __future__ import annotations

from dataclasses import dataclass, fields

from penchant.errors import OptionError, UsageError
from penchant.simulator.concepts import LANGUAGES, TOPICS

DAY_S = 86_400
_SHARES = ("drifting", "jumping", "season", "staying", "near", "exploring", "text_noise", "fresh_items")


@dataclass(frozen=True)
class SimulatorOptions:
    """Size, language and nature of a simulated platform; the defaults are the demo's and fixed.

    Sizes: `users`, `items`, `events` (exactly so many, without those that extras add), `topics` (up to 24),
    `days` (length of the log) from `start_s` (UTC seconds).

    Interests: shares of users whose interests `drifting` (slowly) or `jumping` (at once) change, the others stay;
    `season` is how much a seasonal topic waxes and wanes (0: not at all), `season_days` its period.

    Behaviour: chance of `staying` with the topic of the event before inside a session, of choosing a neighbour of an
    item just seen (`near`) or something popular at random (`exploring`); `style` is the weight of a user's lasting
    taste, `freshness` that of new items, `session_length` the mean number of events in a session.

    Content: `text_noise` is the share of words that come from a wrong topic, `fresh_items` the share of items
    that appear during the log.
    """

    users: int = 2_000
    items: int = 1_000
    events: int = 60_000
    language: str = "en"
    seed: int = 0
    topics: int = 24
    days: int = 180
    start_s: int = 1_767_225_600
    drifting: float = 0.4
    jumping: float = 0.3
    season: float = 0.5
    season_days: float = 90.0
    staying: float = 0.75
    near: float = 0.5
    exploring: float = 0.06
    style: float = 1.5
    freshness: float = 0.8
    session_length: float = 5.0
    text_noise: float = 0.15
    fresh_items: float = 0.2

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise OptionError("language", self.language, allowed=LANGUAGES)
        self._bounded("topics", 2, len(TOPICS))
        self._bounded("users", 1, 10_000_000)
        self._bounded("items", 4 * self.topics, 10_000_000)
        self._bounded("events", 3 * self.users, 2_000_000_000)
        self._bounded("seed", 0, 2**32 - 1)
        self._bounded("days", 7, 3_650)
        self._bounded("start_s", 0, 4_102_444_800)
        self._bounded("season_days", 1, 3_650)
        self._bounded("session_length", 1, 100)
        self._bounded("style", 0, 20)
        self._bounded("freshness", 0, 20)
        for name in _SHARES:
            self._bounded(name, 0, 1)
        if self.drifting + self.jumping > 1:
            raise UsageError(
                f"drifting={self.drifting} and jumping={self.jumping} are shares of users and add up to more than 1.",
                remedy="Lower one of them; the rest of the users keeps its interests.",
            )

    @property
    def end_s(self) -> int:
        """End of the log, UTC seconds."""
        return self.start_s + self.days * DAY_S

    def _bounded(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        whole = next(f.type for f in fields(self) if f.name == name) == "int"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise UsageError(f"{name}={value!r} must be {'a whole number' if whole else 'a number'}.")
        if not low <= value <= high:
            raise UsageError(
                f"{name}={value!r} is out of range: allowed is {low:g} to {high:g}.",
                remedy="The least number of items is 4 a topic, of events 3 a user.",
            )
