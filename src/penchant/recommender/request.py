"""Requests: a known user, an ad-hoc history, or a cold query (a sentence, an image, a sound)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import ANONYMOUS, LEFT_OUT, TimeLike, parse_request_times
from penchant.data.sequences import SequenceBatch
from penchant.embeddings.packing import embed_cold_query, pack_ad_hoc_history
from penchant.errors import UsageError
from penchant.recommender.state import RecommenderState


class ColdQuery(TypedDict, total=False):
    """A cold query: a sentence, an image file or a sound file in place of a history."""

    text: str | None
    image: str | Path | None
    audio: str | Path | None


@dataclass(frozen=True)
class Request:
    """B requests: user ids, histories, and the dataset that the event rows of the histories refer to.

    `notes` say what was left out of an ad-hoc history.
    """

    user_ids: list[str]
    histories: SequenceBatch
    dataset: Dataset
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.user_ids)

    def single(self) -> Request:
        """The same; raises `UsageError` where it is not of one user."""
        if len(self) != 1:
            raise UsageError(f"The history holds {len(self)} users.", remedy="Give the events of one user.")
        return self


def read_request(
    state: RecommenderState,
    users: Sequence[str] | str | None = None,
    *,
    history: Any = None,
    at: TimeLike | Sequence[TimeLike] | None = None,
    **query: Unpack[ColdQuery],
) -> Request:
    """One of `users`, `history` or a cold query as histories up to `at`.

    Raises `UnknownIdError` for an unknown user or a history of unknown items, `UsageError` if not exactly one is
    given.
    """
    given = {"users": users, "history": history, **query}
    names = [name for name, value in given.items() if value is not None]
    if len(names) != 1:
        raise UsageError(
            f"Ask for one of users, history, text, image or audio; got {', '.join(names) or 'none'}.",
            remedy="Give a known user, the events of a new user, or a sentence, an image or a sound.",
        )
    if users is not None:
        request = _known_users(state, [users] if isinstance(users, str) else [str(user) for user in users])
    elif history is not None:
        request = _ad_hoc_history(state, history)
    else:
        request = Request([ANONYMOUS], embed_cold_query(state.encoders, state.modalities, **query), state.dataset)
    if at is None:
        return request
    return replace(request, histories=request.histories.before(parse_request_times(at, len(request))))


def _known_users(state: RecommenderState, ids: list[str]) -> Request:
    return Request(ids, state.histories.take(state.dataset.encode_users(ids)), state.dataset)


def _ad_hoc_history(state: RecommenderState, history: Any) -> Request:
    ids, histories, dataset = pack_ad_hoc_history(history, state.dataset, state.encoders, state.histories)
    notes = dataset.report.tables[schema.EVENTS].notes if dataset.report else []
    return Request(ids, histories, dataset, tuple(note for note in notes if LEFT_OUT in note))
