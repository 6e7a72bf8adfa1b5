"""Every column name and modality, defined once. Other files import these constants."""

from __future__ import annotations

from typing import Final

# ids outside, codes inside (only Vocabulary converts)
USER_ID: Final = "user_id"
ITEM_ID: Final = "item_id"
EVENT_ID: Final = "event_id"
USER: Final = "user"
"""Integer code of the user, Int32, row of `Dataset.users`."""
ITEM: Final = "item"
"""Integer code of the item, Int32, row of `Dataset.items`; null where the event has content only."""
KIND: Final = "kind"
"""Integer code of the event's kind, Int16, index into `Dataset.kinds`."""

# events
TIMESTAMP: Final = "timestamp"
TIME_S: Final = "time_s"
"""UTC seconds, Int64, may be null where `seq` orders."""
SEQ: Final = "seq"
EVENT: Final = "event"
VALUE: Final = "value"
DWELL_S: Final = "dwell_s"
SESSION_ID: Final = "session_id"
RECOMMENDATION_ID: Final = "recommendation_id"
POSITION: Final = "position"
PROPENSITY: Final = "propensity"
CONTEXT_PREFIX: Final = "context_"

# content, of items, events and users
TEXT: Final = "text"
IMAGE: Final = "image"
AUDIO: Final = "audio"
VIDEO: Final = "video"
"""Of items: frames become the image modality and the sound track the audio modality, unless the item has such files."""
CONTENT: Final = (TEXT, IMAGE, AUDIO)
"""Columns of events with content of the event itself."""

# items
TITLE: Final = "title"
DESCRIPTION: Final = "description"
CATEGORIES: Final = "categories"
CREATED_AT: Final = "created_at"
CREATOR: Final = "creator"
PRICE: Final = "price"

# relations
SOURCE_ID: Final = "source_id"
TARGET_ID: Final = "target_id"
RELATION_KIND: Final = "kind"

# results
RANK: Final = "rank"
SCORE: Final = "score"

# tables of the contract
EVENTS: Final = "events"
ITEMS: Final = "items"
USERS: Final = "users"
RELATIONS: Final = "relations"
TABLES: Final = (EVENTS, ITEMS, USERS, RELATIONS)

# modalities: kinds of content of an item, an event or a user
BEHAVIOUR: Final = "behaviour"
ATTRIBUTES: Final = "attributes"
GRAPH: Final = "graph"
MODALITIES: Final = (TEXT, IMAGE, AUDIO, BEHAVIOUR, ATTRIBUTES, GRAPH)

DEFAULT_KIND: Final = "view"
"""The kind of an event whose table has no `event` column."""
RATING_KIND: Final = "rating"
"""The kind of an event whose table has no `event` column but a column of ratings."""
DEFAULT_RELATION: Final = "related"

NEGATIVE_KINDS: Final = frozenset(
    {
        *("dislike", "downvote", "thumbs_down", "hide", "skip", "block", "report", "not_interested"),
        *("return", "refund", "cancel", "remove_from_cart", "unlike", "unfollow", "unsubscribe"),
    }
)
"""Kinds of negative feedback: never a target, never a reason to recommend more of the same."""

PASSIVE_KINDS: Final = frozenset({"impression", "exposure", "show", "shown", "recommended"})
"""Kinds of events that the platform caused, not the user: never a target either."""

OTHERS: Final = "(others)"
"""The name of the group of categories that are too rare to be listed."""
