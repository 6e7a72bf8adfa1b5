"""The quality of the linear probes of a recommender, on events that neither the recommender nor the probes have seen.

Interest probe: AUC, log-loss and calibration error. Its baselines are the popularity of the item, the dot product and
the share of positives in training. Category probe: accuracy, macro precision, recall and F1, and the confusion matrix.
Its baselines are the most frequent class in training and the class of the previous item. Intervals resample users.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from penchant.arrays import Bools, Float64s, Int64s
from penchant.data.dataset import Dataset
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.results.estimates import Interval
from penchant.data.results.probes import (
    CalibrationBin,
    CategoryProbeResult,
    Confusion,
    InterestProbeResult,
    ProbeResults,
    UntestedProbe,
)
from penchant.data.schema import OTHERS
from penchant.data.sequences import SequenceBatch
from penchant.errors import PenchantError
from penchant.metrics.beyond import expected_calibration_error
from penchant.metrics.classification import accuracy, auc, confusion_matrix, precision_recall_f1
from penchant.metrics.significance import resample_users
from penchant.models.probes.pairs import TargetEvents

if TYPE_CHECKING:
    from penchant.recommender.recommender import Recommender

SAMPLES = 200
"""Resamplings of users behind an interval."""
BINS = 10
MOST_SHOWN = 10
"""Classes with a row in the confusion matrix; all others share one more."""


def measure_probes(
    recommender: Recommender,
    sequences: SequenceBatch,
    targets: Bools,
    *,
    learned: Dataset | None = None,
    seed: int = 0,
) -> ProbeResults | None:
    """Test the probes on the events `targets` `[E]` of some histories; None without probes.

    Interests come from all events before a target. The recommender must not have learned a target. Items are in its
    codes; events of other items are left out. `learned` are the data that it learned from, for a bundle without
    histories: popularity is counted there.
    """
    probes = recommender.probes
    if probes is None:
        return None
    n_items = recommender.dataset.n_items
    known = sequences.items < n_items
    kinds = recommender.dataset.kinds.ids.to_list()
    events = TargetEvents.select(sequences.keep(known), kinds, targets[known], probes.options.users)
    interest: InterestProbeResult | UntestedProbe | None = None
    category: CategoryProbeResult | UntestedProbe | None = None
    try:
        if probes.interest is not None:
            popularity = _count_popularity(recommender.dataset if learned is None else learned, n_items)
            interest = measure_interest_probe(recommender, events, popularity=popularity, seed=seed)
    except PenchantError as error:
        interest = UntestedProbe(str(error))
    try:
        if probes.category is not None:
            category = measure_category_probe(recommender, events, seed=seed)
    except PenchantError as error:
        category = UntestedProbe(str(error))
    return ProbeResults(interest, category)


def measure_interest_probe(
    recommender: Recommender, events: TargetEvents, *, popularity: Float64s, seed: int = 0
) -> InterestProbeResult:
    """Test the interest probe on pairs drawn like its training pairs; see `measure_probes`. Raises `DataError`.

    `popularity` `[N]` counts the events of each item. Where all are zero, popularity cannot serve as a baseline.
    """
    probes, model = recommender.probes, recommender.dense_model()
    assert probes is not None
    pairs, predicted = probes.predict_pairs(model, events, seed)
    training = probes.records["interest"]
    scores = {
        "probe": predicted.astype(np.float64),
        "dot": (pairs.interests * model.item_vectors[pairs.items]).sum(axis=1).astype(np.float64),
    }
    if popularity.any():
        scores["popularity"] = popularity[pairs.items]
    users = _Users.of(pairs.users, seed)
    aucs = {name: users.auc(pairs.labels, values) for name, values in scores.items()}
    rows: dict[str, dict[str, Interval | float]] = {name: {"auc": interval} for name, (interval, _) in aucs.items()}
    constant = np.full(len(pairs.labels), training.interested or 0.0)
    for name, probabilities in (("probe", scores["probe"]), ("share", constant)):
        losses = _compute_log_losses(pairs.labels, probabilities)
        rows.setdefault(name, {})["log_loss"] = users.mean(losses)
        rows[name]["calibration_error"] = expected_calibration_error(probabilities, pairs.labels, BINS)
    gain = None
    if "popularity" in aucs:
        # Both AUCs come from the same resampled users, so their differences are paired.
        (probe, drawn), (baseline, baseline_drawn) = aucs["probe"], aucs["popularity"]
        gain = _build_interval(probe.mean - baseline.mean, drawn - baseline_drawn)
    return InterestProbeResult(
        pairs=len(pairs.labels),
        users=users.count,
        interested=float(pairs.labels.mean()),
        negatives="real" if pairs.real else "sampled",
        ratio=None if pairs.real else probes.options.ratio,
        training=training,
        rows=rows,
        auc_gain=gain,
        calibration=_bin_calibration(scores["probe"], pairs.labels),
    )


def measure_category_probe(recommender: Recommender, events: TargetEvents, *, seed: int = 0) -> CategoryProbeResult:
    """Test the category probe on the next items; see `measure_probes`.

    An event of a category without a class belongs to the class of all others, which the probe can predict; without
    such a class it is left out.
    """
    probes = recommender.probes
    assert probes is not None
    pairs, predicted = probes.predict_class_pairs(recommender.dense_model(), events, recommender.dataset.items)
    training = probes.records["category"]
    commonest = int(np.argmax(training.counts or ()))
    answers = {
        "probe": predicted.argmax(axis=1).astype(np.int64),
        "commonest": np.full(len(predicted), commonest, dtype=np.int64),
        "last": np.where(pairs.previous >= 0, pairs.previous, commonest),
    }
    users = _Users.of(pairs.users, seed)
    right = {name: (answer == pairs.classes).astype(np.float64) for name, answer in answers.items()}
    rows: dict[str, dict[str, Interval | float]] = {}
    for name, answer in answers.items():
        macro = zip(("precision", "recall", "f1"), precision_recall_f1(pairs.classes, answer, "macro"), strict=True)
        rows[name] = {"accuracy": users.mean(right[name]), **{f"macro_{part}": value for part, value in macro}}
    likelihood = predicted[np.arange(len(predicted)), pairs.classes]
    rows["probe"]["log_loss"] = float(-np.log(np.maximum(likelihood, 1e-15)).mean())
    baseline = max(("commonest", "last"), key=lambda name: accuracy(pairs.classes, answers[name]))
    return CategoryProbeResult(
        events=len(pairs.classes),
        users=users.count,
        classes=len(probes.classes),
        training_events=training.events or 0,
        rows=rows,
        baseline=baseline,
        accuracy_gain=users.mean(right["probe"] - right[baseline]),
        confusion=count_confusion(pairs.classes, answers["probe"], list(probes.classes)),
    )


def count_confusion(actual: Int64s, predicted: Int64s, classes: list[str], most: int = MOST_SHOWN) -> Confusion:
    """The confusion matrix of the `most` frequent classes, with one more for all others.

    >>> count_confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 1]), ["甲", "乙", "丙"], most=1)
    Confusion(classes=['乙', '(others)'], matrix=[[1, 1], [1, 1]])
    """
    counts = np.bincount(actual, minlength=len(classes))
    ranked = np.argsort(-counts, kind="stable").tolist()
    shown = [code for code in ranked if counts[code] and classes[code] != OTHERS][:most]
    column = np.full(len(classes), len(shown))
    column[shown] = np.arange(len(shown))
    has_rest = bool((column[np.concatenate([actual, predicted])] == len(shown)).any())
    matrix = confusion_matrix(column[actual], column[predicted], len(shown) + has_rest)
    return Confusion([classes[code] for code in shown] + [OTHERS] * has_rest, matrix.tolist())


def _count_popularity(dataset: Dataset, n_items: int) -> Float64s:
    """The number of events of interest on each item `[N]`."""
    sequences = dataset.sequences()
    taken = (sequences.items >= 0) & mask_wanted_kinds(dataset.kinds.ids.to_list())[sequences.kinds]
    return np.bincount(sequences.items[taken], minlength=n_items)[:n_items].astype(np.float64)


def _bin_calibration(predicted: Float64s, labels: Int64s) -> list[CalibrationBin]:
    """The bins of equal width that have a pair."""
    bins = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    return [
        CalibrationBin(float(predicted[bins == b].mean()), float(labels[bins == b].mean()), int((bins == b).sum()))
        for b in np.unique(bins)
    ]


def _compute_log_losses(labels: Int64s, predicted: Float64s) -> Float64s:
    clipped = np.clip(predicted, 1e-15, 1 - 1e-15)
    return -np.where(labels > 0, np.log(clipped), np.log1p(-clipped))


@dataclass(frozen=True)
class _Users:
    """The user of every example, as numbers from 0: intervals resample users with all their examples.

    Examples of one user are not independent, so resampling the examples themselves gives intervals that are too narrow.
    """

    numbers: Int64s
    count: int
    seed: int

    @classmethod
    def of(cls, users: Int64s, seed: int) -> _Users:
        names, numbers = np.unique(users, return_inverse=True)
        return cls(numbers.astype(np.int64), len(names), seed)

    def auc(self, labels: Int64s, scores: Float64s) -> tuple[Interval, Float64s]:
        """AUC with its interval, and AUC in every resampling (NaN where one lacks a label)."""
        # A resampling is a weight for each user: sorted once, the examples need no sort in any resampling.
        order = np.argsort(-scores, kind="stable")
        labels, scores, numbers = labels[order], scores[order], self.numbers[order]
        drawn = []
        for weights in resample_users(self.count, SAMPLES, self.seed):
            for mass in weights[:, numbers]:
                has_both = mass[labels > 0].any() and mass[labels <= 0].any()
                drawn.append(auc(labels, scores, mass) if has_both else np.nan)
        return _build_interval(auc(labels, scores), np.asarray(drawn)), np.asarray(drawn)

    def mean(self, values: Float64s) -> Interval:
        """The mean over examples `[n]` with its interval."""
        sums = np.bincount(self.numbers, weights=values, minlength=self.count)
        sizes = np.bincount(self.numbers, minlength=self.count).astype(np.float64)
        blocks = resample_users(self.count, SAMPLES, self.seed)
        return _build_interval(float(values.mean()), np.concatenate([(w @ sums) / (w @ sizes) for w in blocks]))


def _build_interval(mean: float, drawn: Float64s) -> Interval:
    finite = drawn[np.isfinite(drawn)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (mean, mean)
    return Interval(mean, float(low), float(high))
