"""The heads of a recommender: which events teach them, what they say of a person, and what a bundle keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from penchant.data import schema
from penchant.data.schema import OTHERS
from penchant.data.sequences import SequenceBatch
from penchant.errors import DataError, ModelError
from penchant.models.base import DenseModel, ModelState
from penchant.models.head_options import HEADS, ProbeOptions
from penchant.models.head_pairs import (
    ClassPairs,
    Pairs,
    category_pairs,
    check_pairs,
    classes_of_events,
    interest_pairs,
    latest_classes,
    taken_events,
)
from penchant.models.interest_head import CategoryHead, InterestHead, class_inputs

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

INTEREST, CATEGORY = HEADS
SHARE = 0.1
"""Share of a person's events, the newest, that teach heads."""


@dataclass(frozen=True)
class Probes:
    """Fitted heads. `classes` are the names of the category head's classes, `facts` says what taught them.

    A head belongs to the vectors of one model: it is fitted again when these change.
    """

    options: ProbeOptions
    interest: InterestHead | None = None
    category: CategoryHead | None = None
    classes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        model: DenseModel,
        sequences: SequenceBatch,
        kinds: list[str],
        items: pl.DataFrame,
        asked: Bools,
        options: ProbeOptions,
        seed: int = 0,
    ) -> Probes:
        """The heads that `options.fit` names, taught by the events `asked` `[E]` of `sequences`.

        For probabilities to be relied on, the model has not learned from those events. Raises `DataError` where they
        do not teach a head: no event follows another, only one class, items without categories.
        """
        interest, category = None, None
        classes: tuple[str, ...] = ()
        facts: dict[str, Any] = {}
        if INTEREST in options.fit:
            pairs = interest_pairs(model, sequences, kinds, options, seed, asked=asked)
            interest = InterestHead(options).fit(
                pairs.interests, model.item_vectors[pairs.items], pairs.labels, seed=seed
            )
            facts[INTEREST] = {
                "pairs": len(pairs.labels),
                "interested": float(pairs.labels.mean()),
                "negatives": "real" if pairs.real else "sampled",
            }
        if CATEGORY in options.fit:
            taken = taken_events(sequences, kinds)
            classes = frequent_categories(items, sequences.items[asked & taken], options.classes)
            codes = category_codes(items, classes)
            told = category_pairs(model, sequences, codes, asked=asked, taken=taken, users=options.users)
            inputs = class_inputs(model.item_vectors, codes, len(classes), told.interests, told.earlier)
            category = CategoryHead(options).fit(inputs, told.classes, len(classes), seed=seed)
            counts = np.bincount(told.classes, minlength=len(classes))
            facts[CATEGORY] = {"events": len(told.classes), "counts": counts.tolist()}
        return cls(options, interest, category, classes, facts)

    def likely(self, interests: Floats, items: Floats) -> Floats:
        """How likely each pair of interest and item vectors `[n, D]` is one of interest, `[n]`. Raises `ModelError`."""
        if self.interest is None:
            raise _missing(INTEREST)
        return self.interest.probabilities(interests, items)

    def categories(self, model: DenseModel, items: pl.DataFrame, interests: Floats, earlier: Codes) -> Floats:
        """The probability of each of `classes`, `[n, C]`, from interest vectors `[n, D]` and the class of the item
        before `[n]` (-1: none). Raises `ModelError`."""
        if self.category is None:
            raise _missing(CATEGORY)
        codes = category_codes(items, self.classes)
        return self.category.probabilities(
            class_inputs(model.item_vectors, codes, len(self.classes), interests, earlier)
        )

    def next_categories(
        self, model: DenseModel, histories: SequenceBatch, kinds: list[str], items: pl.DataFrame
    ) -> Floats:
        """The probability of each of `classes` for the next item of every history, `[B, C]`. Raises `ModelError`."""
        if self.category is None:
            raise _missing(CATEGORY)
        of_event = classes_of_events(histories, category_codes(items, self.classes), taken_events(histories, kinds))
        ends = np.where(histories.lengths > 0, histories.offsets[1:] - 1, -1)
        latest = np.append(latest_classes(histories, of_event), -1)[ends]
        return self.categories(model, items, model.user_vectors(histories), latest)

    def interest_pairs(
        self, model: DenseModel, sequences: SequenceBatch, kinds: list[str], asked: Bools, seed: int = 0
    ) -> tuple[Pairs, Floats]:
        """Pairs as the head was taught them (real negatives, or so many sampled ones), and what it says of each."""
        taught = self.facts[INTEREST]["negatives"]
        pairs = interest_pairs(model, sequences, kinds, replace(self.options, negatives=taught), seed, asked=asked)
        return pairs, self.likely(pairs.interests, model.item_vectors[pairs.items])

    def category_pairs(
        self, model: DenseModel, sequences: SequenceBatch, kinds: list[str], items: pl.DataFrame, asked: Bools
    ) -> tuple[ClassPairs, Floats]:
        """The events asked about by class, and the probability of every class for each.

        Raises `DataError` where none of them is of an item with a class.
        """
        codes, taken = category_codes(items, self.classes), taken_events(sequences, kinds)
        pairs = category_pairs(model, sequences, codes, asked=asked, taken=taken, users=self.options.users)
        if not len(pairs.classes):
            raise DataError("No event that follows another is of an item with a class.", remedy="Bring more events.")
        return pairs, self.categories(model, items, pairs.interests, pairs.earlier)

    def state(self) -> ModelState:
        """Weights by head; names of classes and what taught them as facts."""
        tensors = {
            f"{name}:{key}": value
            for name, head in ((INTEREST, self.interest), (CATEGORY, self.category))
            if head is not None
            for key, value in head.state().tensors.items()
        }
        return ModelState(tensors, {"classes": list(self.classes), "taught": dict(self.facts)})

    @classmethod
    def from_state(cls, state: ModelState, options: ProbeOptions) -> Probes:
        """The opposite of `state`."""
        found: dict[str, Any] = {}
        for name, kind in ((INTEREST, InterestHead), (CATEGORY, CategoryHead)):
            start = f"{name}:"
            own = {key.removeprefix(start): value for key, value in state.tensors.items() if key.startswith(start)}
            if own:
                found[name] = kind(options)
                found[name].load_state(ModelState(own))
        return cls(options, **found, classes=tuple(state.facts["classes"]), facts=state.facts["taught"])


def newest_events(sequences: SequenceBatch, options: ProbeOptions) -> Bools | None:
    """Which events `[E]` teach heads and are kept from the model: each person's newest tenth, one at least.

    `options.users` people at most; those with one event are left alone. None where nobody has two. Whom is drawn by
    lot on the codes of people (multiplicative hashing; Knuth, The Art of Computer Programming, vol. 3, section 6.4):
    more people may push one out, and nobody who was left out comes in, since the model has learned their events.
    """
    rows = np.flatnonzero(sequences.lengths >= 2)
    if not len(rows):
        return None
    lots = rows.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)
    rows = np.sort(rows[np.argsort(lots, kind="stable")[: options.users]])
    count = np.zeros(len(sequences), dtype=np.int64)
    count[rows] = np.maximum(1, (sequences.lengths[rows] * SHARE).astype(np.int64))
    left = np.repeat(sequences.offsets[1:], sequences.lengths) - np.arange(sequences.n_events)
    return np.asarray(left <= count[sequences.rows], dtype=np.bool_)


def check_teachable(
    sequences: SequenceBatch, kinds: list[str], items: pl.DataFrame, asked: Bools, options: ProbeOptions
) -> None:
    """Raises `DataError` where the events `asked` `[E]` cannot teach a head of `options.fit`, whatever the model."""
    if INTEREST in options.fit:
        check_pairs(sequences, kinds, items.height, options, asked)
    if CATEGORY in options.fit:
        frequent_categories(items, sequences.items[asked & taken_events(sequences, kinds)], options.classes)


def first_categories(items: pl.DataFrame) -> pl.Series:
    """The first category of every item `[N]`, null for none. Raises `DataError` where no item has one.

    >>> first_categories(pl.DataFrame({"categories": ["纪录片|音乐", "", None, "音乐"]})).to_list()
    ['纪录片', None, None, '音乐']
    """
    if schema.CATEGORIES in items.columns:
        column = items[schema.CATEGORIES]
        listed = column if isinstance(column.dtype, pl.List) else column.cast(pl.String).str.split("|")
        names = listed.cast(pl.List(pl.String)).list.first().str.strip_chars()
        names = names.set(names == "", None)
        if names.null_count() < len(names):
            return names
    raise DataError(
        "No item has a category, so there are no classes for the category head.",
        remedy="Fill the column categories of the items, or take probes.fit=interest.",
    )


def frequent_categories(items: pl.DataFrame, events: npt.NDArray[np.integer], most: int) -> tuple[str, ...]:
    """Names of the `most` categories that these events (item codes, -1: none) are of most often, then `OTHERS`.

    `OTHERS` is there where a category has no class of its own, as one of that very name. Raises `DataError` where there
    is one class only.
    """
    names = first_categories(items)
    seen = names.gather(events[(events >= 0) & (events < len(names))].astype(np.int64)).drop_nulls()
    n_seen = seen.n_unique()
    seen = seen.filter(seen != OTHERS)  # a category of that very name is one of the others
    counted = pl.DataFrame({"name": seen}).group_by("name").len().sort(["len", "name"], descending=[True, False])
    classes = counted["name"].head(most).to_list()
    if names.drop_nulls().n_unique() > len(classes):
        classes.append(OTHERS)
    if n_seen < 2:
        raise DataError(
            f"The events that teach heads are of {n_seen} category: there is nothing to tell apart.",
            remedy="Bring more events, or take probes.fit=interest.",
        )
    return tuple(classes)


def category_codes(items: pl.DataFrame, classes: Sequence[str]) -> Codes:
    """The class of every item `[N]`, -1 for an item without a category; an unknown category is of `OTHERS`."""
    names = first_categories(items)
    own = [name for name in classes if name != OTHERS]
    table = pl.DataFrame({"name": own, "code": np.arange(len(own))}, schema={"name": pl.String, "code": pl.Int64})
    codes = pl.DataFrame({"name": names}).join(table, on="name", how="left", maintain_order="left")["code"]
    found = codes.fill_null(len(own) if OTHERS in classes else -1).to_numpy().copy()
    found[names.is_null().to_numpy()] = -1
    return np.asarray(found, dtype=np.int64)


def _missing(name: str) -> ModelError:
    return ModelError(f"No {name} head was trained.", remedy=f"Train with --set probes.fit={name}.")
