"""The encoders of one recommender: fitted once, able to encode what comes later, kept in the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import polars as pl

from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.views import View, Views
from penchant.encoders.attributes import AttributeEncoder, AttributeOptions, context_columns
from penchant.encoders.behaviour import BehaviourOptions
from penchant.encoders.cache import EncoderCache, encode_in_chunks, text_bytes
from penchant.encoders.choose import TextChoice
from penchant.encoders.ngram import NgramEncoder
from penchant.encoders.protocol import EncoderState, Progress, TextEncoder
from penchant.encoders.text import TextOptions, fit_text_encoder, table_text, text_encoder_from_state
from penchant.errors import EncoderError


@dataclass(frozen=True)
class ViewOptions:
    """Which views are made and how, one field per modality."""

    text: TextOptions = field(default_factory=TextOptions)
    attributes: AttributeOptions = field(default_factory=AttributeOptions)
    behaviour: BehaviourOptions = field(default_factory=BehaviourOptions)
    seed: int = 0


class _Stateful(Protocol):
    def state(self) -> EncoderState: ...


@dataclass(frozen=True)
class FittedEncoders:
    """What turns new items, users, events and sentences into the same vectors as before.

    `attributes`: by table (`items`, `users`, `events` for the context). `choice`: why this text encoder.
    """

    text: TextEncoder | None = None
    fields: tuple[str, ...] = ()
    choice: TextChoice | None = None
    attributes: dict[str, AttributeEncoder] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What was chosen and why, one sentence each, for the report."""
        return [self.choice.reason] if self.choice else []

    @property
    def identities(self) -> dict[str, str]:
        """The identity of every encoder, by what it encodes, for the bundle."""
        told = {f"{schema.ATTRIBUTES}.{table}": encoder.identity for table, encoder in self.attributes.items()}
        return {**({schema.TEXT: self.text.identity} if self.text is not None else {}), **told}

    def encode_text(
        self, texts: Sequence[str | None], *, cache: EncoderCache | None = None, progress: Progress | None = None
    ) -> View:
        """Vectors `[N, D]` of sentences. Raises `EncoderError` where there is no text view."""
        if self.text is None:
            raise EncoderError(
                "There is no text encoder: the items have no text.", remedy="Ask with a history instead of a sentence."
            )
        if cache is None or isinstance(self.text, NgramEncoder):  # n-grams are as fast as the look-up
            return encode_in_chunks(self.text, texts, progress=progress)
        filled = [text if text and text.strip() else None for text in texts]
        return cache.encode(self.text, filled, content_bytes=text_bytes, progress=progress)

    def encode_table(
        self,
        name: str,
        table: pl.DataFrame,
        *,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> Views:
        """Text and attribute views of the rows of `items` or `users`, as far as there are encoders and columns."""
        views: dict[str, View] = {}
        texts = table_text(table, self.fields if name == schema.ITEMS else (schema.TEXT,))
        if self.text is not None and (name == schema.ITEMS or any(texts)):
            views[schema.TEXT] = self.encode_text(texts, cache=cache, progress=progress)
        encoder = self.attributes.get(name)
        if encoder is not None and encoder.dim:
            views[schema.ATTRIBUTES] = encoder.encode(table)
        return Views(views)

    def state(self) -> EncoderState:
        """Tensors and facts, for the bundle."""
        parts: dict[str, _Stateful] = {f"attributes_{table}": encoder for table, encoder in self.attributes.items()}
        states = {name: part.state() for name, part in parts.items()}
        if self.text is not None:
            states["text"] = self.text.state()  # type: ignore[attr-defined]
        own: dict[str, Any] = {"fields": list(self.fields), "choice": asdict(self.choice) if self.choice else None}
        return EncoderState.joined({**states, "encoders": EncoderState({}, own)})

    @classmethod
    def from_state(cls, state: EncoderState) -> FittedEncoders:
        """The encoders that gave `state`; pretrained weights are looked up at the first use."""
        own = state.facts["encoders"]
        tables = [name.removeprefix("attributes_") for name in state.facts if name.startswith("attributes_")]
        return cls(
            text=text_encoder_from_state(state.part("text")) if "text" in state.facts else None,
            fields=tuple(own["fields"]),
            choice=TextChoice(**own["choice"]) if own["choice"] else None,
            attributes={table: AttributeEncoder.from_state(state.part(f"attributes_{table}")) for table in tables},
        )


def fit_encoders(dataset: Dataset, options: ViewOptions = ViewOptions()) -> FittedEncoders:
    """Choose and fit the encoders on a dataset; nothing is encoded yet."""
    corpus = table_text(dataset.items, options.text.fields)
    for table in (dataset.users, dataset.events):
        corpus += [text for text in table_text(table, (schema.TEXT,)) if text]
    text, choice = fit_text_encoder(corpus, options.text, seed=options.seed)
    attributes: dict[str, AttributeEncoder] = {}
    if options.attributes.enabled:
        context = dataset.events.select(context_columns(dataset.events.columns))
        told = options.attributes
        attributes[schema.ITEMS] = AttributeEncoder(told).fit(dataset.items)
        free = AttributeOptions(max_categories=told.max_categories, min_count=told.min_count)
        attributes[schema.USERS] = AttributeEncoder(free).fit(dataset.users)
        attributes[schema.EVENTS] = AttributeEncoder(free).fit(context)
    return FittedEncoders(text, options.text.fields, choice, attributes)
