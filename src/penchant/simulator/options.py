"""Options of the simulated platform."""

from __future__ import annotations

from dataclasses import dataclass, fields

from penchant.errors import OptionError, UsageError
from penchant.simulator.concepts import LANGUAGES, TOPICS

DAY_S = 86_400
_SHARES = (
    *("drifting", "jumping", "season", "staying", "near", "exploring", "text_noise", "fresh_items"),
    *("text_missing", "image_missing", "audio_missing", "media_noise", "searches", "uploads"),
    *("spammers", "bots", "takeovers", "broken"),
)


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
    that appear during the log; `text_missing`, `image_missing` and `audio_missing` are the shares of items without
    that view.

    Media (files are made where the simulation is written): with `media` items have pictures of `picture_size` pixels
    and sounds of `sound_s` seconds; `media_noise` is the chance that a colour, shape, texture, timbre, rhythm or
    pitch is that of another topic, and the strength of grain and hiss.

    More events, as shares of `events`: `searches` (own text), `uploads` (own pictures and voice notes; needs
    `media`). `follows` is the mean number of people a user follows (0: no relations).

    Trouble on request, labelled in the truth: `spammers` and `bots` (more users, as shares of `users`), `takeovers`
    (share of users whose account is taken over after their last event), `broken` (more rows, as a share of events).
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
    text_missing: float = 0.0
    media: bool = False
    image_missing: float = 0.1
    audio_missing: float = 0.4
    media_noise: float = 0.15
    picture_size: int = 64
    sound_s: float = 1.6
    searches: float = 0.0
    uploads: float = 0.0
    follows: float = 5.0
    spammers: float = 0.0
    bots: float = 0.0
    takeovers: float = 0.0
    broken: float = 0.0

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
        self._bounded("follows", 0, 16)
        self._bounded("picture_size", 16, 1_024)
        self._bounded("sound_s", 0.2, 60)
        for name in _SHARES:
            self._bounded(name, 0, 1)
        if self.drifting + self.jumping > 1:
            raise UsageError(
                f"drifting={self.drifting} and jumping={self.jumping} are shares of users and add up to more than 1.",
                remedy="Lower one of them; the rest of the users keeps its interests.",
            )

        if not isinstance(self.media, bool):
            raise UsageError(f"media={self.media!r} must be true or false.")
        if self.uploads and not self.media:
            raise UsageError(f"uploads={self.uploads} needs pictures and sounds.", remedy="Set media=True as well.")

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
            least = {"items": "The least number of items is 4 a topic.", "events": "The least is 3 events a user."}
            raise UsageError(
                f"{name}={value:,} is out of range: allowed is {low:,} to {high:,}.", remedy=least.get(name, "")
            )
