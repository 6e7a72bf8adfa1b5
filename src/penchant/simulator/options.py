"""Options of the simulated platform."""

from __future__ import annotations

from dataclasses import dataclass, fields

from penchant.errors import UsageError
from penchant.messages import check_language
from penchant.simulator.texts import N_TOPICS

DAY_S = 86_400
_SHARES = (
    *("drifting", "jumping", "season", "staying", "near", "exploring", "text_noise", "fresh_items"),
    *("text_missing", "image_missing", "audio_missing", "media_noise", "searches", "uploads"),
    *("spammers", "bots", "takeovers", "broken"),
)


@dataclass(frozen=True)
class SimulatorOptions:
    """Size, language and nature of a simulated platform. The defaults are the demo's and fixed."""

    users: int = 2_000
    """Users. 1 to 10,000,000."""
    items: int = 1_000
    """Items. 4 a topic to 10,000,000."""
    events: int = 60_000
    """Events, without those of searches, uploads and anomalies. 3 a user to 2,000,000,000."""
    language: str = "en"
    """Language of titles and comments: en or zh."""
    seed: int = 0
    """Seed of every random draw. 0 to 2**32 - 1."""
    topics: int = 24
    """Topics. 2 to 24."""
    days: int = 180
    """Length of the log, days. 7 to 3,650."""
    start_s: int = 1_767_225_600
    """Start of the log, UTC seconds."""
    drifting: float = 0.4
    """Share of users whose interests change slowly. 0 to 1, with `jumping` at most 1."""
    jumping: float = 0.3
    """Share of users whose interests change at once. 0 to 1."""
    season: float = 0.5
    """Strength of seasonal topics. 0 (none) to 1."""
    season_days: float = 90.0
    """Period of seasonal topics, days. 1 to 3,650."""
    staying: float = 0.75
    """Probability that an event keeps the topic of the event before it in the session. 0 to 1."""
    near: float = 0.5
    """Probability that an event takes a neighbour of an item just seen. 0 to 1."""
    exploring: float = 0.06
    """Probability that an event takes a popular item at random. 0 to 1."""
    style: float = 1.5
    """Weight of a user's lasting taste. 0 to 20."""
    freshness: float = 0.8
    """Weight of recently added items. 0 to 20."""
    session_length: float = 5.0
    """Mean number of events in a session. 1 to 100."""
    text_noise: float = 0.15
    """Share of words that come from a wrong topic. 0 to 1."""
    fresh_items: float = 0.2
    """Share of items that appear during the log. 0 to 1."""
    text_missing: float = 0.0
    """Share of items without text. 0 to 1."""
    media: bool = False
    """Whether items have images and sounds; the simulation writes the files."""
    image_missing: float = 0.1
    """Share of items without an image. 0 to 1."""
    audio_missing: float = 0.4
    """Share of items without a sound. 0 to 1."""
    media_noise: float = 0.15
    """Probability that a colour, shape, texture, timbre, rhythm or pitch is that of another topic, and strength of
    grain and hiss. 0 to 1."""
    picture_size: int = 64
    """Side of an image, pixels. 16 to 1,024."""
    sound_s: float = 1.6
    """Length of a sound, seconds. 0.2 to 60."""
    searches: float = 0.0
    """Events with a search text, as a share of `events`. 0 to 1."""
    uploads: float = 0.0
    """Uploaded images and voice notes, as a share of `events`. 0 to 1; needs media=true."""
    follows: float = 5.0
    """Mean number of users that a user follows. 0 to 16; 0 writes no relations."""
    spammers: float = 0.0
    """Spammers added, as a share of `users`. 0 to 1."""
    bots: float = 0.0
    """Bots added, as a share of `users`. 0 to 1."""
    takeovers: float = 0.0
    """Share of users whose account is taken over after their last event. 0 to 1."""
    broken: float = 0.0
    """Invalid rows added, as a share of `events`. 0 to 1."""

    def __post_init__(self) -> None:
        check_language(self.language)
        limits: dict[str, tuple[float, float]] = {
            "topics": (2, N_TOPICS),
            "users": (1, 10_000_000),
            "items": (4 * self.topics, 10_000_000),
            "events": (3 * self.users, 2_000_000_000),
            "seed": (0, 2**32 - 1),
            "days": (7, 3_650),
            "start_s": (0, 4_102_444_800),
            "season_days": (1, 3_650),
            "session_length": (1, 100),
            "style": (0, 20),
            "freshness": (0, 20),
            "follows": (0, 16),
            "picture_size": (16, 1_024),
            "sound_s": (0.2, 60),
        }
        for name, (low, high) in (limits | dict.fromkeys(_SHARES, (0, 1))).items():
            self._check(name, low, high)
        if self.drifting + self.jumping > 1:
            raise UsageError(
                f"drifting={self.drifting} and jumping={self.jumping} are shares of users and add up to more than 1.",
                remedy="Lower one of them; the interests of the other users stay.",
            )
        if not isinstance(self.media, bool):
            raise UsageError(f"media={self.media!r} must be true or false.")
        if self.uploads and not self.media:
            raise UsageError(f"uploads={self.uploads} needs images and sounds.", remedy="Set media=True as well.")

    @property
    def end_s(self) -> int:
        """End of the log, UTC seconds."""
        return self.start_s + self.days * DAY_S

    def _check(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        is_integer = next(f.type for f in fields(self) if f.name == name) == "int"
        if isinstance(value, bool) or not isinstance(value, int if is_integer else (int, float)):
            raise UsageError(f"{name}={value!r} must be {'an integer' if is_integer else 'a number'}.")
        if not low <= value <= high:
            least = {"items": "A topic needs 4 items.", "events": "A user needs 3 events."}
            raise UsageError(
                f"{name}={value:,} is out of range: allowed is {low:,} to {high:,}.", remedy=least.get(name, "")
            )
