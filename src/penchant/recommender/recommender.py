"""The recommender: everything together, and the only class that knows the order of the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penchant.arrays import Bools, Float32s, Int32s, Ints, Progress
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import TimeLike
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.results.interest_series import InterestSeries
from penchant.data.results.reasons import Reason
from penchant.data.results.recommendations import Recommendations
from penchant.data.results.records import FitRecord, TrainingRecord
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.data.training import Validation
from penchant.embeddings.fitted import FittedEncoders
from penchant.models.base import DenseModel, Model, each_interest
from penchant.profiles.reasons import event_ids, titles
from penchant.recommender import answer, probes
from penchant.recommender.bundle import read_bundle, write_bundle
from penchant.recommender.config import Config
from penchant.recommender.fit import fit
from penchant.recommender.request import read_request
from penchant.recommender.state import RecommenderState
from penchant.recommender.update import update

if TYPE_CHECKING:
    from penchant.models.probes.probes import Probes
    from penchant.retrieval.filters import Filters
    from penchant.training.continuing import UpdateOptions


class Recommender:
    """Interest vectors, ranked lists and reasons from a dataset."""

    def __init__(self, state: RecommenderState) -> None:
        self.state = state
        self._interest_probe: Probes | None = None

    def __repr__(self) -> str:
        data = self.dataset
        sizes = f"users={data.n_users}, items={data.n_items}, events={data.n_events}"
        return f"Recommender(model={self.config.model!r}, {sizes})"

    # learning

    @classmethod
    def fit(
        cls,
        data: Dataset,
        config: Config | None = None,
        *,
        validation: Holdout | Validation | None = None,
        modalities: tuple[Modalities, FittedEncoders] | None = None,
        chosen: TrainingRecord | None = None,
        progress: Progress | None = None,
        checkpoints: Path | None = None,
    ) -> Recommender:
        """Embed the modalities, train, and be ready to answer.

        With `validation` the model learns from `data` as given and selects on it. Without, it selects on each user's
        last event, then learns the same recipe again from everything; `chosen` (`record.training` of an earlier fit of
        the same recipe) saves that selection. `modalities` (of the same catalogue) saves embedding them again. Where
        `config.probes.fit` names probes, each user's newest events teach these and not the model (see
        `newest_events`); with `validation` they are left to `fit_probes`. `checkpoints`
        is a folder: a killed fit resumes from it, to the same numbers. Raises `DataError` / `ModelError` if the data
        do not allow the model.
        """
        state = fit(
            data,
            config or Config(),
            validation=validation,
            modalities=modalities,
            chosen=chosen,
            progress=progress,
            checkpoints=checkpoints,
        )
        return cls(state)

    def fit_probes(self, sequences: SequenceBatch, targets: Bools, seed: int | None = None) -> None:
        """Fit the probes that the configuration names on the events `targets` `[E]` of some histories.

        Their probabilities are reliable where the model has not learned these events; `seed` is by default the
        configuration's. Raises `DataError` / `ModelError` if events or interest vectors do not suffice.
        """
        self.state = probes.fit_probes(self.state, sequences, targets, seed)

    def update(
        self, data: Dataset, options: UpdateOptions | None = None, *, progress: Progress | None = None
    ) -> Recommender:
        """A recommender updated with new events, items and users without training from scratch.

        This one stays as it is, and is returned where nothing is new. Raises `DataError`.
        """
        state = update(self.state, data, options, progress=progress)
        return self if state is self.state else type(self)(state)

    # answering

    def scores(self, histories: SequenceBatch) -> Float32s:
        """Scores `[B, N]` by the source of each answer (see `sources`)."""
        return answer.score(self.state, histories)

    def sources(self, histories: SequenceBatch) -> list[str]:
        """The source of each answer: `model`, `content` (a cold query alone) or `popularity` (nothing known)."""
        return answer.answer_sources(self.state, histories)

    def rank(
        self, histories: SequenceBatch, k: int, *, exclude: Ragged | None = None, allowed: Bools | None = None
    ) -> tuple[Int32s, Float32s]:
        """The best k items of every history: codes `[B, k]` (-1 where fewer are left) and scores `[B, k]`.

        The one path that evaluation, the command line and a service share.
        """
        return answer.rank(self.state, histories, k, exclude=exclude, allowed=allowed)

    def recommend(
        self,
        users: Sequence[str] | str | None = None,
        *,
        history: Any = None,
        k: int = 10,
        at: TimeLike | Sequence[TimeLike] | None = None,
        allow_seen: bool = False,
        filters: Filters | None = None,
        explain: bool = False,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
    ) -> Recommendations:
        """Ranked lists for known users, an ad-hoc history, or a cold query: `text`, `image` or `audio` (a file).

        `at` asks as of a time (later events are not read, and models that know elapsed time use it). Items of the
        history are left out unless `allow_seen`. Raises `UnknownIdError`, `UsageError`.
        """
        request = read_request(self.state, users, history=history, at=at, text=text, image=image, audio=audio)
        return answer.recommend(self.state, request, k, allow_seen=allow_seen, filters=filters, explain=explain)

    def explain(self, user: str, item: str, *, at: TimeLike | None = None) -> Reason:
        """The contributions of events and modalities to an item's score for a user (see `Reason`)."""
        code = self.dataset.item_vocabulary.encode_one(item, kind="item")
        return answer.explain_score(self.state, read_request(self.state, user, at=at), 0, code)

    # interests

    def interests(
        self,
        user: str | None = None,
        *,
        history: Any = None,
        at: TimeLike | None = None,
        each: bool = False,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
    ) -> InterestSeries:
        """The interest vector after every event, `[T, D]`; with `at`, only events up to then.

        With `each` all K interests of a multi-interest model, `[T, K, D]` (K = 1 for any other), of which the one
        nearest to an item gives its score; without, their mean. A model without interest vectors (counts,
        linear) answers with the decayed mean of its items' modalities. Raises `ModelError` if there is neither.
        """
        request = read_request(self.state, user, history=history, at=at, text=text, image=image, audio=audio).single()
        dense, histories = self.dense_model(), request.histories.at(None)
        vectors = each_interest(dense, histories) if each else dense.interests(histories)
        ids = event_ids(request.dataset, request.histories)
        return InterestSeries(request.user_ids[0], request.histories.times_s, vectors, ids)

    def interested(self, user: str, items: Sequence[str], *, at: TimeLike | None = None) -> Float32s:
        """The probability that each item is of interest to the user, `[n]`, by the interest probe.

        Where none was fitted (`probes.fit`), the first call fits one on histories that the model has learned: it
        orders items, but its probabilities are too confident.
        """
        codes = [self.dataset.item_vocabulary.encode_one(item, kind="item") for item in items]
        history = read_request(self.state, user, at=at).histories
        if self.probes is not None and self.probes.interest is not None:
            return probes.interest_probabilities(self.state, self.probes, history, codes)
        if self._interest_probe is None:
            self._interest_probe = probes.fit_interest_probe(self.state)
        return probes.interest_probabilities(self.state, self._interest_probe, history, codes)

    def next_category(self, user: str, *, at: TimeLike | None = None) -> dict[str, float]:
        """The probability of each category for the next item, most likely first, by the category probe; sums to 1.

        Categories too rare to have a class are `(others)`. Raises `ModelError` if no such probe was fitted.
        """
        return probes.next_categories(self.state, read_request(self.state, user, at=at).histories)

    def dense_model(self) -> DenseModel:
        """The model of the interest vectors: the model itself, its first active expert that has them, or content."""
        return self.state.dense_model()

    def content_vectors(self) -> DenseModel:
        """Interest vectors from the items' modalities alone. Raises `ModelError` if no item has one."""
        return self.state.content_vectors()

    # on disk

    def save(self, path: str | Path, *, histories: bool = True, report_html: str | None = None) -> Path:
        """Write a bundle (see `penchant.recommender.bundle`); returns the folder of the new version."""
        return write_bundle(Path(path), self.state, histories=histories, report_html=report_html)

    @classmethod
    def load(cls, path: str | Path) -> Recommender:
        """Read a bundle; every file's hash is verified. Raises `BundleError`."""
        return cls(read_bundle(Path(path)))

    # parts

    def histories(self, users: Ints) -> SequenceBatch:
        """Histories of known users (codes), with the content of their events."""
        return self.state.histories.take(users)

    def with_model(self, model: Model) -> Recommender:
        """The same recommender with another model, such as its model without some modalities."""
        return type(self)(replace(self.state, model=model))

    def with_record(self, record: FitRecord) -> Recommender:
        """The same recommender with another record, such as one with metrics of the recipe."""
        return type(self)(replace(self.state, record=record))

    @property
    def titles(self) -> list[str]:
        """A readable name of every item, by code: its title, else its id."""
        return titles(self.dataset)

    @property
    def config(self) -> Config:
        """The configuration."""
        return self.state.config

    @property
    def dataset(self) -> Dataset:
        """The catalogue and, as events, the histories of known users."""
        return self.state.dataset

    @property
    def modalities(self) -> Modalities:
        """The item modalities."""
        return self.state.modalities

    @property
    def encoders(self) -> FittedEncoders:
        """The encoders of the modalities."""
        return self.state.encoders

    @property
    def model(self) -> Model:
        """The model that ranks."""
        return self.state.model

    @property
    def popularity(self) -> Model:
        """The popularity fallback."""
        return self.state.popularity

    @property
    def record(self) -> FitRecord:
        """The provenance of the recommender: data, training, cost, updates."""
        return self.state.record

    @property
    def probes(self) -> Probes | None:
        """The linear probes on the interest vectors, where the configuration names some."""
        return self.state.probes
