"""The encoders of one recommender: fitted once, saved in the bundle, and used for later items, users and events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

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
    """Options of the item modalities, one table per modality."""

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
    """Seconds within which a user's posts (an image and a voice note) form one event. 0 or more; 0 keeps every post
    separate."""
    media: MediaOptions = field(default_factory=MediaOptions)
    """Limits and form of decoded files."""
    seed: int = 0
    """Seed of the encoders that learn. 0 or more."""

    def __post_init__(self) -> None:
        require_range(self, "align_s", "seed", least=0, part="modalities.")


@dataclass(frozen=True)
class FittedEncoders:
    """Encoders that give later items, users, events and sentences vectors of the same space.

    `fields` are the text columns of items, `choice` the reason for the text encoder. `attributes` are encoders by table
    (`items`, `users`; `events` for the context), `media` those of `image` and `audio`, within `limits`, and `speech`
    transcribes sounds. `vectors` are files of precomputed embeddings by modality. Contents within `align_s` seconds
    form one moment. `reasons` explain the choice of media encoders; `chosen` are kinds of media whose encoder `auto`
    chose: a failure there is a note, not an error. Not in the bundle: `reports` of files by table and column, and
    `user_embeddings`, modalities of users that are learned from events.
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
    user_embeddings: tuple[PrecomputedEmbeddings, ...] = field(default=(), compare=False)
    reasons: list[str] = field(default_factory=list)
    chosen: tuple[str, ...] = field(default=(), compare=False)

    @property
    def notes(self) -> list[str]:
        """Choices with their reasons and results of files, one sentence each, for the report."""
        notes = [*([self.choice.reason] if self.choice else []), *self.reasons]
        notes += [f"{place}: {report.sentence}" for place, report in self.reports.items()]
        return notes + [f"{kind}: {encoder.note}" for kind, encoder in self.media.items() if encoder.is_loaded]

    @property
    def untrained(self) -> list[str]:
        """Kinds of media whose encoder needs training."""
        return [kind for kind, one in self.media.items() if isinstance(one, TrainableEncoder) and one.learned is None]

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every encoder by what it encodes, for the bundle."""
        encoders: dict[str, TextEncoder | MediaEncoder | AttributeEncoder | Transcriber] = {}
        if self.text is not None:
            encoders[schema.TEXT] = self.text
        encoders |= self.media
        encoders |= {f"{schema.ATTRIBUTES}.{table}": encoder for table, encoder in self.attributes.items()}
        if self.speech is not None:
            encoders[self.speech.name] = self.speech
        return {name: encoder.fingerprint for name, encoder in encoders.items()}

    def encode_text(
        self, texts: Sequence[str | None], *, cache: EncoderCache | None = None, progress: Progress | None = None
    ) -> Modality:
        """Vectors `[N, D]` of sentences. Raises `EncoderError` without a text encoder."""
        if self.text is None:
            raise EncoderError(
                "There is no text encoder: the items have no text.", remedy="Ask with a history instead of a sentence."
            )
        if cache is None or isinstance(self.text, NgramEncoder):  # n-grams are as fast as a look-up
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
        """Vectors of images (`image`) or sounds (`audio`) in files named relative to `root`, and a report."""
        if kind not in self.media:
            raise EncoderError(
                f"There is no {kind} encoder.",
                remedy=f"Name one in the options of the {kind} modality and train again.",
            )
        return encode_files(self.media[kind], names, root=root, options=self.limits, cache=cache, progress=progress)

    def build_texts(
        self,
        name: str,
        table: pl.DataFrame,
        *,
        root: Path | None = None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> list[str | None]:
        """One text per row of `items`, `users` or `events`: its text fields, and the transcript of its sound."""
        written = join_text_fields(table, self.fields if name == schema.ITEMS else (schema.TEXT,))
        if self.speech is None or schema.AUDIO not in table.columns or table[schema.AUDIO].is_null().all():
            return written
        files, folder = table[schema.AUDIO].cast(pl.String).to_list(), None if cache is None else cache.folder
        spoken, self.reports[f"{name}.{self.speech.name}"] = transcribe_files(
            self.speech, files, root=root, folder=folder, options=self.limits, progress=progress
        )
        transcripts = join_text_fields(pl.DataFrame({"spoken": pl.Series(spoken, dtype=pl.String)}), ("spoken",))
        return [". ".join(part for part in pair if part) or None for pair in zip(written, transcripts, strict=True)]

    def encode_media_columns(
        self,
        kind: str,
        table: pl.DataFrame,
        *,
        root: Path | None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> tuple[Modality, MediaReport] | None:
        """The modality `image` or `audio` of a table from its files, where absent from its videos; None without
        both."""
        named = {column: table[column].cast(pl.String).to_list() for column in (kind, schema.VIDEO) if column in table}
        encoded = None
        if any(named.get(kind, [])):
            encoded = self.encode_media(kind, named[kind], root=root, cache=cache, progress=progress)
        if any(named.get(schema.VIDEO, [])):
            names = named[schema.VIDEO]
            if encoded is not None:
                names = [None if has else name for name, has in zip(names, encoded[0].present, strict=True)]
            encoder, limits = self.media[kind], self.limits
            videos = encode_videos(encoder, names, root=root, options=limits, cache=cache, progress=progress)
            encoded = fill_from_videos(encoded, videos)
        return encoded

    def encode_table(
        self,
        name: str,
        table: pl.DataFrame,
        *,
        root: Path | None = None,
        cache: EncoderCache | None = None,
        progress: Progress | None = None,
    ) -> Modalities:
        """All modalities of the rows of `items`, `users` or `events` that have an encoder and a column.

        `root` is the folder of images and sounds; `reports` gets the failures.
        """
        modalities: dict[str, Modality] = {}
        texts = (
            self.build_texts(name, table, root=root, cache=cache, progress=progress) if self.text is not None else []
        )
        if self.text is not None and (name == schema.ITEMS or any(texts)):
            modalities[schema.TEXT] = self.encode_text(texts, cache=cache, progress=progress)
        for kind in [kind for kind in self.media if kind not in self.untrained]:
            encoded = self.encode_media_columns(kind, table, root=root, cache=cache, progress=progress)
            if encoded is not None:
                modalities[kind], self.reports[f"{name}.{kind}"] = encoded
        encoder = self.attributes.get(name)
        if encoder is not None and encoder.dim:
            modalities[schema.ATTRIBUTES] = encoder.encode(table)
        return Modalities(modalities)

    def state(self) -> EncoderState:
        """Tensors and metadata, for the bundle."""
        parts: dict[str, AttributeEncoder | MediaEncoder | Transcriber | TextEncoder] = {}
        parts |= {f"attributes_{table}": encoder for table, encoder in self.attributes.items()}
        parts |= self.media
        if self.speech is not None:
            parts[self.speech.name] = self.speech
        if self.text is not None:
            parts["text"] = self.text
        states = {name: part.state() for name, part in parts.items()}
        settings = {
            "fields": list(self.fields),
            "choice": asdict(self.choice) if self.choice else None,
            "media": asdict(self.limits),
            "vectors": {name: str(path) for name, path in self.vectors.items()},
            "align_s": self.align_s,
            "reasons": list(self.reasons),
        }
        return EncoderState.join({**states, "encoders": EncoderState({}, settings)})

    @classmethod
    def from_state(cls, state: EncoderState) -> FittedEncoders:
        """The encoders of a `state`; pretrained weights are loaded at the first use."""
        settings = state.metadata["encoders"]
        tables = [name.removeprefix("attributes_") for name in state.metadata if name.startswith("attributes_")]
        kinds = (schema.IMAGE, schema.AUDIO)
        return cls(
            text=restore_text_encoder(state.extract("text")) if "text" in state.metadata else None,
            fields=tuple(settings["fields"]),
            choice=TextChoice(**settings["choice"]) if settings["choice"] else None,
            attributes={table: AttributeEncoder.from_state(state.extract(f"attributes_{table}")) for table in tables},
            media={kind: restore_media_encoder(state.extract(kind)) for kind in kinds if kind in state.metadata},
            limits=MediaOptions(**settings["media"]),
            vectors={name: Path(path) for name, path in settings["vectors"].items()},
            align_s=float(settings["align_s"]),
            speech=Transcriber.from_state(state.extract(Transcriber.name))
            if Transcriber.name in state.metadata
            else None,
            reasons=list(settings["reasons"]),
        )


def fit_encoders(
    dataset: Dataset, options: ModalityOptions = ModalityOptions(), cache: EncoderCache | None = None
) -> FittedEncoders:
    """Choose and fit the encoders on a dataset. Sounds are transcribed; nothing else is encoded yet."""
    speech = Transcriber(options.speech) if options.speech.model != NONE else None
    reading = FittedEncoders(fields=options.text.fields, limits=options.media, speech=speech)
    corpus = reading.build_texts(schema.ITEMS, dataset.items, root=dataset.root, cache=cache)
    item_texts = tuple(corpus)
    for name, table in ((schema.USERS, dataset.users), (schema.EVENTS, dataset.events)):
        corpus += [text for text in reading.build_texts(name, table, root=dataset.root, cache=cache) if text]
    text, choice = fit_text_encoder(corpus, options.text, seed=options.seed)
    attributes: dict[str, AttributeEncoder] = {}
    if options.attributes.enabled:
        context = dataset.events.select(select_context_columns(dataset.events.columns))
        attributes[schema.ITEMS] = AttributeEncoder(options.attributes).fit(dataset.items)
        free = replace(options.attributes, columns=())  # `columns` name columns of items
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
            name, reason = choose_media_encoder(kind, dataset, least_files=least, texts=item_texts)
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
