"""The recommender: everything together, and the only class that knows the order of the stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penchant.arrays import Bools, Float32s, Progress
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.ingest.ad_hoc_history import LEFT_OUT, TimeLike, request_times
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.results.recommendations import InterestSeries, Reason, Recommendations
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.data.training import TrainingData, Validation
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.packing import described, described_rows, handed_in, packed
from penchant.errors import ModelError, PenchantError, UsageError
from penchant.models.base import ContentReader, DenseModel, Model, Placing, each_interest, heard
from penchant.models.probes.options import ProbeOptions
from penchant.models.registry import create
from penchant.profiles.reasons import event_ids, reason, titles
from penchant.recommender.bundle import Parts, read, write
from penchant.recommender.config import Config
from penchant.recommender.fit import fitted
from penchant.retrieval.exact import top_k

if TYPE_CHECKING:
    from penchant.models.probes.probes import Probes
    from penchant.retrieval.filters import Filters
    from penchant.training.continuing import UpdateOptions

SCORES_AT_ONCE = 1 << 23
"""Scores held at a time while ranking: 32 MB an expert."""


class Recommender:
    """Interest vectors, ranked lists and reasons from a dataset.

    `dataset` holds the catalogue and, as events, the histories that known users are answered from; `modalities` the
    item modalities; `facts` what is worth knowing about how it was made (log, encoders, versions, `trained_until_s`).
    """

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        modalities: Modalities,
        encoders: FittedEncoders,
        model: Model,
        popularity: Model,
        facts: dict[str, Any],
        probes: Probes | None = None,
    ) -> None:
        self.config = config
        self.dataset = dataset
        self.modalities = modalities
        self.encoders = encoders
        self.model = model
        self.popularity = popularity
        self.facts = facts
        self.probes = probes
        self._packed: SequenceBatch | None = None
        self._content: Model | None = None
        self._unkept: Probes | None = None

    # learning

    @classmethod
    def fit(
        cls,
        data: Dataset,
        config: Config | None = None,
        *,
        validation: Holdout | Validation | None = None,
        modalities: tuple[Modalities, FittedEncoders] | None = None,
        chosen: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        checkpoints: Path | None = None,
    ) -> Recommender:
        """Encode the modalities, train, and be ready to answer.

        With `validation` the model learns from `data` as given and selects on it. Without, it selects on each user's
        last event, then learns the same recipe again from everything; `chosen` (`facts["training"]` of an earlier
        fit of the same recipe) saves that selection. `modalities` (of the same catalogue) saves encoding them again.
        Where `config.probes.fit` names probes, each user's newest events teach these and not the model (see
        `newest_events`); with `validation` they are left to `fit_probes`. `checkpoints` is a
        folder: a fit that was killed goes on from it, to the same numbers. Raises `DataError` / `ModelError` where the
        data do not allow the model.
        """
        made = fitted(
            data,
            config or Config(),
            validation=validation,
            modalities=modalities,
            chosen=chosen,
            progress=progress,
            checkpoints=checkpoints,
        )
        rec = cls.of(made.parts)
        if made.held is not None:
            rec._try_probes(made.held)
        return rec

    def fit_probes(self, sequences: SequenceBatch, targets: Bools, seed: int | None = None) -> None:
        """Fit the probes that the configuration names on the events `targets` `[E]` of some histories.

        Their probabilities are reliable where the model has not learned these events; `seed` is by default the
        configuration's. Raises `DataError` / `ModelError` where events or interest vectors do not suffice.
        """
        seed = self.config.seed if seed is None else seed
        self.probes = self._fit_probes(sequences, targets, self.config.probes, seed)
        self.facts["probes"] = dict(self.probes.facts)

    def _try_probes(self, targets: Bools, seed: int | None = None) -> None:
        """`fit_probes`, but a finished model stays where its probes cannot be fitted: `facts["probes"]` says why."""
        try:
            self.fit_probes(self._whole(), targets, seed)
        except PenchantError as error:
            self.facts["probes"] = self.config.probes.left_out(error)

    def _fit_probes(self, sequences: SequenceBatch, targets: Bools, options: ProbeOptions, seed: int) -> Probes:
        from penchant.models.probes.pairs import TargetEvents
        from penchant.models.probes.probes import Probes

        events = TargetEvents.select(sequences, self.dataset.kinds.ids.to_list(), targets, options.users)
        return Probes.fit(self.dense_model(), events, self.dataset.items, options, seed)

    def update(
        self, data: Dataset, options: UpdateOptions | None = None, *, progress: Progress | None = None
    ) -> Recommender:
        """A recommender that took in new events, items and users without training from scratch.

        This one stays as it is; where nothing was new, it is what is returned. Raises `DataError`.
        """
        from penchant.recommender.update import updated

        found = updated(self.parts(), data, options, progress=progress)
        if found.nothing_new:
            return self
        fresh = type(self).of(found.parts)
        if found.held is not None:
            fresh._try_probes(found.held, fresh.facts["updates"][-1]["seed"])
        return fresh

    # answering

    def scores(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """Scores `[B, N]`: by the model; by content where a request has words only and the model cannot read them;
        by popularity where nothing at all is known."""
        return self._answered(self.model.score, histories)

    def _answered(self, asked: Callable[[SequenceBatch], Float32s], histories: SequenceBatch) -> Float32s:
        scores = np.asarray(asked(histories), dtype=np.float32)
        stages = np.asarray(self.stages(histories))
        for stage, model in (("content", self._content_model), ("popularity", lambda: self.popularity)):
            rows = np.flatnonzero(stages == stage)
            if len(rows):
                scores[rows] = model().score(histories.take(rows))
        return scores

    def stages(self, histories: SequenceBatch) -> list[str]:
        """Which stage answers each history: `model`, `content` (words alone) or `popularity` (nothing known)."""
        with_items = np.bincount(histories.rows[histories.items >= 0], minlength=len(histories)) > 0
        reads = self.model.reads if isinstance(self.model, ContentReader) else frozenset[str]()
        by_content = described_rows(histories, self.modalities)
        by_model = with_items | described_rows(histories, reads, people=False)
        return [str(stage) for stage in np.where(by_model, "model", np.where(by_content, "content", "popularity"))]

    def rank(
        self, histories: SequenceBatch, k: int, *, exclude: Ragged | None = None, allowed: Bools | None = None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """The best k items of every history: codes `[B, k]` (-1 where fewer are left) and scores `[B, k]`.

        The one path that evaluation, the command line and a service share.
        """
        items = np.full((len(histories), k), -1, dtype=np.int32)
        scores = np.full((len(histories), k), -np.inf, dtype=np.float32)
        for rows, block in histories.blocks(max(1, min(512, SCORES_AT_ONCE // max(1, self.dataset.n_items)))):
            left_out = exclude.take(np.arange(rows.start, rows.stop)) if exclude is not None else None
            items[rows], scores[rows] = top_k(self.scores(block), k, exclude=left_out, allowed=allowed)
        return items, scores

    def recommend(
        self,
        users: Sequence[str] | str | None = None,
        *,
        history: Any = None,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        k: int = 10,
        at: TimeLike | Sequence[TimeLike] | None = None,
        allow_seen: bool = False,
        filters: Filters | None = None,
        explain: bool = False,
    ) -> Recommendations:
        """Ranked lists for known users, for a history handed in, or for a sentence, a picture or a sound (a file).

        `at` asks as of a time (later events are not looked at, and models that know elapsed time use it). Items of
        the history are left out unless `allow_seen`. Raises `UnknownIdError`, `UsageError`.
        """
        if k < 1:
            raise UsageError(f"k={k} is not a number of items.", remedy="Give k of 1 or more.")
        user_ids, histories, source = self._request(users, history, at, text=text, image=image, audio=audio)
        seen = None if allow_seen else histories.history_items.unique()
        allowed = filters.mask(self.dataset) if filters else None
        items, scores = self.rank(histories, min(k, self.dataset.n_items), exclude=seen, allowed=allowed)
        item_ids = [self.dataset.item_vocabulary.decode(row[row >= 0]) for row in items]
        reasons = []
        if explain:
            for row in range(len(histories)):
                one = histories.take([row])
                reasons.append(
                    [
                        self._reason(one, source, int(i), float(s))
                        for i, s in zip(items[row], scores[row], strict=True)
                        if i >= 0
                    ]
                )
        told = source.report if history is not None else None
        notes = [note for note in told.tables[schema.EVENTS].notes if LEFT_OUT in note] if told else []
        return Recommendations(user_ids, item_ids, items, scores, self.stages(histories), reasons, notes)

    def interests(
        self,
        user: str | None = None,
        *,
        history: Any = None,
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        at: TimeLike | None = None,
        each: bool = False,
    ) -> InterestSeries:
        """The interest vector after every event, `[T, D]`; with `at`, only events up to then.

        With `each` all K interests of a model with `n_interests=K`, `[T, K, D]` (K = 1 for any other), of which the one
        nearest to an item gives its score; without, their mean. A model without interest vectors of its own (counts,
        linear) answers with the decayed mean of its items' modalities. Raises `ModelError` where there is neither.
        """
        one = [user] if user is not None else None
        user_ids, histories, source = self._request(one, history, at, text=text, image=image, audio=audio)
        if len(user_ids) != 1:
            raise UsageError(f"The history holds {len(user_ids)} users.", remedy="Give the events of one person.")
        dense = self.dense_model()
        hidden = histories.at(None)
        vectors = each_interest(dense, hidden) if each else dense.interests(hidden)
        return InterestSeries(user_ids[0], histories.times_s, vectors, event_ids(source, histories))

    def interested(self, user: str, items: Sequence[str], *, at: TimeLike | None = None) -> npt.NDArray[np.float32]:
        """The probability that each item is of interest to the user, `[n]`, by the interest probe.

        Where none was fitted (`probes.fit`), the first call fits one on histories that the model has learned: it
        orders items, but its probabilities are too confident.
        """
        codes = [self.dataset.item_vocabulary.code(item, kind="item") for item in items]
        dense, histories = self.dense_model(), self._request([user], None, at)[1]
        probes = self.probes if self.probes is not None and self.probes.interest is not None else self._unkept
        if probes is None:
            options, targets = replace(self.config.probes, fit=("interest",)), np.ones(self._whole().n_events, np.bool_)
            probes = self._unkept = self._fit_probes(self._whole(), targets, options, self.config.seed)
        return probes.predict_interest(dense.user_vectors(histories)[[0] * len(codes)], dense.item_vectors[codes])

    def next_category(self, user: str, *, at: TimeLike | None = None) -> dict[str, float]:
        """The probability of each category for the next item, most likely first, by the category probe; sums to 1.

        Categories too rare to have a class are `(others)`. Raises `ModelError` where no such probe was fitted.
        """
        if self.probes is None:
            raise ModelError("No probes were fitted.", remedy="Train with --set probes.fit=category.")
        histories, kinds = self._request([user], None, at)[1], self.dataset.kinds.ids.to_list()
        predicted = self.probes.predict_next_category(self.dense_model(), histories, kinds, self.dataset.items)[0]
        return {self.probes.classes[code]: float(predicted[code]) for code in np.argsort(-predicted, kind="stable")}

    def explain(self, user: str, item: str, *, at: TimeLike | None = None) -> Reason:
        """The events and modalities that carry an item's score for a user (see `Reason`)."""
        code = self.dataset.item_vocabulary.code(item, kind="item")
        _, histories, source = self._request([user], None, at)
        score = float(self.scores(histories)[0, code])
        return self._reason(histories, source, code, score)

    # on disk

    def save(self, path: str | Path, *, histories: bool = True, report_html: str | None = None) -> Path:
        """Write a bundle (see `penchant.recommender.bundle`); returns the folder of the new version."""
        return write(Path(path), self.parts(), histories=histories, report_html=report_html)

    @classmethod
    def load(cls, path: str | Path) -> Recommender:
        """Read a bundle; every file's hash is verified. Raises `BundleError`."""
        return cls.of(read(Path(path)))

    @classmethod
    def of(cls, parts: Parts) -> Recommender:
        """The recommender that is made of some parts."""
        rec = cls(
            parts.config, parts.dataset, parts.modalities, parts.encoders, parts.model, parts.popularity, parts.facts
        )
        rec.probes, rec._packed = parts.probes, parts.packed
        return rec

    def parts(self) -> Parts:
        """What this recommender is made of."""
        made = Parts(self.config, self.dataset, self.modalities, self.encoders, self.model, self.popularity, self.facts)
        return replace(made, packed=self._whole(), probes=self.probes)

    # inside

    def histories(self, users: npt.NDArray[np.integer]) -> SequenceBatch:
        """Histories of known users, with what they wrote themselves."""
        return self._whole().take(users)

    def _whole(self) -> SequenceBatch:
        """All histories, packed once."""
        if self._packed is None:
            self._packed = packed(self.dataset, self.encoders)
        return self._packed

    def _request(
        self, users: Sequence[str] | str | None, history: Any, at: Any, **told: Any
    ) -> tuple[list[str], SequenceBatch, Dataset]:
        asked = {"users": users, "history": history, **told}
        given = [name for name, value in asked.items() if value is not None]
        if len(given) != 1:
            raise UsageError(
                f"Ask for one of users, history, text, image or audio; got {', '.join(given) or 'none'}.",
                remedy="A known user, the events of somebody new, or a sentence, a picture or a sound about them.",
            )
        source = self.dataset
        if users is not None:
            names = [users] if isinstance(users, str) else [str(u) for u in users]
            batch = self.histories(self.dataset.user_codes(names))
        elif history is not None:
            names, batch, source = handed_in(history, self.dataset, self.encoders, self._whole())
        else:
            names, batch = ["guest"], described(self.encoders, self.modalities, **told)
        if at is not None:
            batch = batch.before(request_times(at, len(batch)))
        return names, batch, source

    def _content_model(self) -> Model:
        if self._content is None:
            from penchant.training import fit

            self._content = create("content", self.config.options)
            kinds = self.dataset.kinds.ids.to_list()
            fit(self._content, TrainingData(self._whole(), self.dataset.n_items, kinds, 0, self.modalities))
        return self._content

    def dense_model(self) -> DenseModel:
        """The model that gives interest vectors: this one, its first expert with a say that has them, or content."""
        for model in (self.model, *heard(self.model)):
            if isinstance(model, DenseModel):
                return model
        return self.content_vectors()

    def content_vectors(self) -> DenseModel:
        """Interest vectors from the items' modalities alone. Raises `ModelError` where no item has a modality."""
        if not set(self.modalities) - {schema.BEHAVIOUR}:
            raise ModelError(
                f"The model {self.config.model!r} has no interest vectors and no item has a modality.",
                remedy="Train a transformer or gru, or give items text.",
            )
        content = self._content_model()
        assert isinstance(content, DenseModel)
        return content

    def _reason(self, history: SequenceBatch, source: Dataset, item: int, score: float) -> Reason:
        stage = self.stages(history)[0]
        answering = self._content_model() if stage == "content" else self.model
        asked = self.model.preference if isinstance(self.model, Placing) else self.model.score
        return reason(
            self.scores,
            answering,
            stage,
            history,
            item,
            catalogue=self.dataset,
            source=source,
            value=score,
            preference=partial(self._answered, asked),
        )

    @property
    def titles(self) -> list[str]:
        """A readable name of every item, by code: its title, else its id."""
        return titles(self.dataset)
