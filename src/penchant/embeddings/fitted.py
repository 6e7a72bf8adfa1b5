"""The encoders of one recommender: fitted once, able to encode what comes later, kept in the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from penchant.arrays import Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.media.decode import MediaOptions
from penchant.data.media.reader import MediaReport
from penchant.data.modalities import Modalities, Modality
from penchant.data.precomputed import PrecomputedEmbeddings
from penchant.embeddings.behaviour import BehaviourOptions
from penchant.embeddings.choose_media import choose_media_encoder
from penchant.embeddings.graph import GraphOptions
from penchant.embeddings.media import MediaEncoder, build_media_encoder, encode_files, restore_media_encoder
from penchant.embeddings.transcripts import transcribe_files
from penchant.embeddings.video import encode_videos, fill_from_videos
from penchant.encoders.attributes import AttributeEncoder, AttributeOptions, select_context_columns
from penchant.encoders.audio import AudioOptions
from penchant.encoders.cache import EncoderCache, encode_in_chunks, encode_utf8
from penchant.encoders.choose import AUTO, NONE, TextChoice
from penchant.encoders.image import ImageOptions
from penchant.encoders.ngram import NgramEncoder
from penchant.encoders.protocol import EncoderState, TextEncoder
from penchant.encoders.speech import SpeechOptions, Transcriber
from penchant.encoders.text import TextOptions, fit_text_encoder, join_text_fields, restore_text_encoder
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.errors import EncoderError
from penchant.options import require_range


@dataclass(frozen=True)
class ModalityOptions:
    """Which item modalities are computed, and how: one table of options a modality."""

    text: TextOptions = field(default_factory=TextOptions)
    """Options of the text modality."""
    image: ImageOptions = field(default_factory=ImageOptions)
    """Options of the image modality."""
    audio: AudioOptions = field(default_factory=AudioOptions)
    """Options of the audio modality."""
    trainable: TrainableOptions = field(default_factory=TrainableOptions)
    """Options of the small networks `cnn`, `crnn` and `lstm`."""
    attributes: AttributeOptions = field(default_factory=AttributeOptions)
    """Options of the modality of attributes."""
    behaviour: BehaviourOptions = field(default_factory=BehaviourOptions)
    """Options of the modality of co-occurrence."""
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    """Options of speech to text."""
    graph: GraphOptions = field(default_factory=GraphOptions)
    """Options of the graph modality."""
    vectors: Mapping[str, Path] = field(default_factory=dict)
    """Files of precomputed embeddings by modality name, as `shape:shape.parquet`. They override files of the same name
    in the folder `modalities/` of the dataset."""
    align_s: float = 5.0
    """Seconds within which a user's posts (a picture and a voice note) form one event. 0 or more; 0 keeps every post
    separate."""
    media: MediaOptions = field(default_factory=MediaOptions)
    """Limits and form of decoded files."""
    seed: int = 0
    """Seed of the encoders that learn. 0 or more."""

    def __post_init__(self) -> None:
        require_range(self, "align_s", "seed", least=0, part="modalities.")


class _Stateful(Protocol):
    def state(self) -> EncoderState: ...


@dataclass(frozen=True)
class FittedEncoders:
    """What turns new items, users, events and sentences into the same vectors as before.

    `attributes`: by table (`items`, `users`, `events` for the context). `choice`: why this text encoder. `media`: the
    encoders of `image` and `audio`. `reports`: what became of the files, by table and column (not part of the bundle).
    `vectors`: files of vectors that were brought, by modality. `align_s`: the seconds of one moment. `speech`: what
    makes text of sounds. `people`: modalities of users that were learned from the events (not part of the bundle
    either). `reasons`: why these encoders of media, or none. `chosen`: kinds of media whose encoder nobody named; what
    cannot be learned there is left out and said, not refused.
    """

    text: TextEncoder | None = None
    fields: tuple[str, ...] = ()
    choice: TextChoice | None = None
    attributes: dict[str, AttributeEncoder] = field(default_factory=dict)
    media: dict[str, MediaEncoder] = field(default_factory=dict)
    limits: MediaOptions = field(default_factory=MediaOptions)
    reports: dict[str, MediaReport] = field(default_factory=dict, compare=False)
    vectors: Mapping[str, Path] = field(default_factory=dict)
    align_s: float = 0.0
    speech: Transcriber | None = None
    people: tuple[PrecomputedEmbeddings, ...] = field(default=(), compare=False)
    reasons: list[str] = field(default_factory=list)
    chosen: tuple[str, ...] = field(default=(), compare=False)

    @property
    def notes(self) -> list[str]:
        """What was chosen and why, one sentence each, for the report."""
        told = [*([self.choice.reason] if self.choice else []), *self.reasons]
        told += [f"{place}: {report.sentence}" for place, report in self.reports.items()]
        return told + [f"{kind}: {encoder.note}" for kind, encoder in self.media.items() if encoder.is_loaded]

    @property
    def waiting(self) -> list[str]:
        """Kinds of media whose encoder is still to be trained."""
        return [kind for kind, one in self.media.items() if isinstance(one, TrainableEncoder) and one.learned is None]

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every encoder, by what it encodes, for the bundle."""
        told = {f"{schema.ATTRIBUTES}.{table}": encoder.fingerprint for table, encoder in self.attributes.items()}
        told |= {} if self.speech is None else {self.speech.name: self.speech.fingerprint}
        media = {kind: encoder.fingerprint for kind, encoder in self.media.items()}
        return {**({schema.TEXT: self.text.fingerprint} if self.text is not None else {}), **media, **told}

    def encode_text(
        self, texts: Sequence[str | None], *, cache: EncoderCache | None = None, progress: Progress | None = None
    ) -> Modality:
        """Vectors `[N, D]` of sentences. Raises `EncoderError` where there is no text modality."""
        if self.text is None:
            raise EncoderError(
                "There is no text encoder: the items have no text.", remedy="Ask with a history instead of a sentence."
            )
        if cache is None or isinstance(self.text, NgramEncoder):  # n-grams are as fast as the look-up
            return encode_in_chunks(self.text, texts, progress=progress)
        filled = [text if text and text.strip() else None for text in texts]
        return cache.encode(self.text, filled, content_bytes=encode_utf8, progress=progress)

    def encode_media(
        self,
        kind: str,
        names: Sequence[str | None],
        *,
        root: Path | None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> tuple[Modality, MediaReport]:
        """Vectors of pictures (`image`) or sounds (`audio`) in files named relative to `root`, and what failed."""
        if kind not in self.media:
            raise EncoderError(
                f"There is no {kind} encoder.",
                remedy=f"Name one in the options of the {kind} modality and train again.",
            )
        return encode_files(self.media[kind], names, root=root, options=self.limits, cache=cache, progress=progress)

    def texts(
        self,
        name: str,
        table: pl.DataFrame,
        *,
        root: Path | None = None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> list[str | None]:
        """One text a row of `items`, `users` or `events`: what is written, and what is said in its sound."""
        written = join_text_fields(table, self.fields if name == schema.ITEMS else (schema.TEXT,))
        if self.speech is None or schema.AUDIO not in table.columns or table[schema.AUDIO].is_null().all():
            return written
        files, folder = table[schema.AUDIO].cast(pl.String).to_list(), None if cache is None else cache.folder
        told, self.reports[f"{name}.{self.speech.name}"] = transcribe_files(
            self.speech, files, root=root, folder=folder, options=self.limits, progress=progress
        )
        said = join_text_fields(pl.DataFrame({"said": pl.Series(told, dtype=pl.String)}), ("said",))
        return [". ".join(part for part in pair if part) or None for pair in zip(written, said, strict=True)]

    def encode_media_columns(
        self,
        kind: str,
        table: pl.DataFrame,
        *,
        root: Path | None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> tuple[Modality, MediaReport] | None:
        """The modality `image` or `audio` of the rows of a table from its column, filled from its videos; None where
        the table names neither."""
        named = {column: table[column].cast(pl.String).to_list() for column in (kind, schema.VIDEO) if column in table}
        found = None
        if any(named.get(kind, [])):
            found = self.encode_media(kind, named[kind], root=root, cache=cache, progress=progress)
        if any(named.get(schema.VIDEO, [])):
            names = named[schema.VIDEO]
            if found is not None:
                names = [None if has else name for name, has in zip(names, found[0].present, strict=True)]
            encoder, told = self.media[kind], self.limits
            videos = encode_videos(encoder, names, root=root, options=told, cache=cache, progress=progress)
            found = fill_from_videos(found, videos)
        return found

    def encode_table(
        self,
        name: str,
        table: pl.DataFrame,
        *,
        root: Path | None = None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> Modalities:
        """The modalities of the rows of `items`, `users` or `events`, as far as there are encoders and columns.

        `root` is the folder of their pictures and sounds; what fails is noted in `reports`.
        """
        modalities: dict[str, Modality] = {}
        texts = self.texts(name, table, root=root, cache=cache, progress=progress) if self.text is not None else []
        if self.text is not None and (name == schema.ITEMS or any(texts)):
            modalities[schema.TEXT] = self.encode_text(texts, cache=cache, progress=progress)
        for kind in [kind for kind in self.media if kind not in self.waiting]:
            found = self.encode_media_columns(kind, table, root=root, cache=cache, progress=progress)
            if found is not None:
                modalities[kind], self.reports[f"{name}.{kind}"] = found
        encoder = self.attributes.get(name)
        if encoder is not None and encoder.dim:
            modalities[schema.ATTRIBUTES] = encoder.encode(table)
        return Modalities(modalities)

    def state(self) -> EncoderState:
        """Tensors and metadata, for the bundle."""
        parts: dict[str, _Stateful] = {f"attributes_{table}": encoder for table, encoder in self.attributes.items()}
        parts.update(self.media)
        states = {name: part.state() for name, part in parts.items()}
        if self.speech is not None:
            states[self.speech.name] = self.speech.state()
        if self.text is not None:
            states["text"] = self.text.state()
        own: dict[str, Any] = {
            "fields": list(self.fields),
            "choice": asdict(self.choice) if self.choice else None,
            "media": asdict(self.limits),
            "vectors": {name: str(path) for name, path in self.vectors.items()},
            "align_s": self.align_s,
            "reasons": list(self.reasons),
        }
        return EncoderState.join({**states, "encoders": EncoderState({}, own)})

    @classmethod
    def from_state(cls, state: EncoderState) -> FittedEncoders:
        """The encoders that gave `state`; pretrained weights are looked up at the first use."""
        own = state.metadata["encoders"]
        tables = [name.removeprefix("attributes_") for name in state.metadata if name.startswith("attributes_")]
        kinds = (schema.IMAGE, schema.AUDIO)
        return cls(
            text=restore_text_encoder(state.extract("text")) if "text" in state.metadata else None,
            fields=tuple(own["fields"]),
            choice=TextChoice(**own["choice"]) if own["choice"] else None,
            attributes={table: AttributeEncoder.from_state(state.extract(f"attributes_{table}")) for table in tables},
            media={kind: restore_media_encoder(state.extract(kind)) for kind in kinds if kind in state.metadata},
            limits=MediaOptions(**own["media"]),
            vectors={name: Path(path) for name, path in own["vectors"].items()},
            align_s=float(own["align_s"]),
            speech=Transcriber.from_state(state.extract(Transcriber.name))
            if Transcriber.name in state.metadata
            else None,
            reasons=list(own["reasons"]),
        )


def fit_encoders(
    dataset: Dataset, options: ModalityOptions = ModalityOptions(), cache: EncoderCache | None = None
) -> FittedEncoders:
    """Choose and fit the encoders on a dataset; nothing is encoded yet, but what is said in sounds is listened to."""
    speech = Transcriber(options.speech) if options.speech.model != NONE else None
    reading = FittedEncoders(fields=options.text.fields, limits=options.media, speech=speech)
    corpus = reading.texts(schema.ITEMS, dataset.items, root=dataset.root, cache=cache)
    of_items = tuple(corpus)
    for name, table in ((schema.USERS, dataset.users), (schema.EVENTS, dataset.events)):
        corpus += [text for text in reading.texts(name, table, root=dataset.root, cache=cache) if text]
    text, choice = fit_text_encoder(corpus, options.text, seed=options.seed)
    attributes: dict[str, AttributeEncoder] = {}
    if options.attributes.enabled:
        context = dataset.events.select(select_context_columns(dataset.events.columns))
        told = options.attributes
        attributes[schema.ITEMS] = AttributeEncoder(told).fit(dataset.items)
        free = AttributeOptions(max_categories=told.max_categories, min_count=told.min_count)
        attributes[schema.USERS] = AttributeEncoder(free).fit(dataset.users)
        attributes[schema.EVENTS] = AttributeEncoder(free).fit(context)
    media: dict[str, MediaEncoder] = {}
    reasons: list[str] = []
    chosen: list[str] = []
    named: dict[str, ImageOptions | AudioOptions] = {schema.IMAGE: options.image, schema.AUDIO: options.audio}
    for kind, one in named.items():
        name, reason = one.encoder, ""
        if name == AUTO:
            least = options.trainable.least_files
            name, reason = choose_media_encoder(kind, dataset, least_files=least, texts=of_items)
            chosen += [kind] if name != NONE else []
        reasons += [reason] if reason else []
        if name != NONE:
            media[kind] = build_media_encoder(kind, replace(one, encoder=name), options.trainable, seed=options.seed)
    return FittedEncoders(
        text,
        options.text.fields,
        choice,
        attributes,
        media,
        options.media,
        vectors=dict(options.vectors),
        align_s=options.align_s,
        speech=speech,
        reasons=reasons,
        chosen=tuple(chosen),
    )
