"""Right and wrong classes, and the curves of a score that should separate two: ROC, PR, AUC, average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from penchant.arrays import Float64s, Floats, Int64s, Ints, evenly_spaced
from penchant.errors import DataError, OptionError
from penchant.metrics.quotient import quotient

Average = Literal["binary", "macro", "micro", "weighted"]
_AVERAGES = ("binary", "macro", "micro", "weighted")


@dataclass(frozen=True)
class Curve:
    """Points of a curve, `x` and `y` `[P]`, and the score `thresholds` `[P]` at or above which each stands."""

    x: Float64s
    y: Float64s
    thresholds: Float64s

    def thin(self, points: int) -> Curve:
        """At most `size` points, evenly spaced, with both ends: for drawing, not for areas."""
        if len(self.x) <= points:
            return self
        keep = evenly_spaced(len(self.x), points, nearest=True)
        return Curve(self.x[keep], self.y[keep], self.thresholds[keep])


def confusion_matrix(actual: Ints, predicted: Ints, n_classes: int | None = None) -> Int64s:
    """Counts `[C, C]`: row = actual class, column = predicted class.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0])).tolist()
    [[1, 0], [1, 1]]
    """
    _check_lengths(actual, predicted)
    top = int(max(actual.max(initial=-1), predicted.max(initial=-1))) + 1
    low = int(min(actual.min(initial=0), predicted.min(initial=0)))
    size = top if n_classes is None else n_classes
    if low < 0 or top > size:
        raise DataError(f"Class codes from {low} to {top - 1} do not fit {size} classes.", remedy="Use codes 0 … C-1.")
    cells = actual.astype(np.int64) * size + predicted.astype(np.int64)
    return np.bincount(cells, minlength=size * size).reshape(size, size).astype(np.int64)


def accuracy(actual: Ints, predicted: Ints) -> float:
    """Share of right answers; NaN without any.

    >>> accuracy(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]))
    0.75
    """
    _check_lengths(actual, predicted)
    return float(np.mean(actual == predicted)) if len(actual) else float("nan")


def log_loss(labels: Ints, probabilities: Floats) -> float:
    """Mean of −log P(what happened), labels 0 or 1; probabilities are kept 1e-15 away from 0 and 1. NaN without any.

    >>> round(log_loss(np.array([0, 1]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    _check_lengths(labels, probabilities)
    if not len(labels):
        return float("nan")
    kept = np.clip(probabilities.astype(np.float64), 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels > 0, np.log(kept), np.log1p(-kept))))


def precision_recall_f1(actual: Ints, predicted: Ints, average: Average = "binary") -> tuple[float, float, float]:
    """Precision TP/(TP+FP), recall TP/(TP+FN), and their harmonic mean; 0 where a denominator is 0.

    `binary`: of class 1. `macro`: mean over classes that occur. `weighted`: that mean, weighted by how often a class
    is the actual one. `micro`: of the pooled counts.

    >>> precision_recall_f1(np.array([0, 1, 1]), np.array([0, 1, 0]))
    (1.0, 0.5, 0.6666666666666666)
    """
    if average not in _AVERAGES:
        raise OptionError("average", average, allowed=_AVERAGES)
    matrix = confusion_matrix(actual, predicted, n_classes=None)
    if average == "binary" and len(matrix) > 2:
        raise OptionError("average", average, allowed=_AVERAGES[1:], remedy=f"There are {len(matrix)} classes.")
    right, named, there = np.diag(matrix).astype(float), matrix.sum(axis=0).astype(float), matrix.sum(axis=1)
    if average == "micro":
        right, named, there = right.sum(keepdims=True), named.sum(keepdims=True), there.sum(keepdims=True)
    precisions, recalls = quotient(right, named, empty=0.0), quotient(right, there, empty=0.0)
    f1s = quotient(2 * right, named + there, empty=0.0)
    if average == "binary":
        last = np.zeros(len(matrix)) if len(matrix) < 2 else np.array([0.0, 1.0])
    elif average == "weighted":
        last = there / max(there.sum(), 1)
    else:
        occurs = (named + there) > 0
        last = occurs / max(occurs.sum(), 1)
    return float(precisions @ last), float(recalls @ last), float(f1s @ last)


def roc_curve(labels: Ints, scores: Floats, weights: Float64s | None = None) -> Curve:
    """False positive rate (x) against true positive rate (y), from (0, 0) to (1, 1).

    `labels` 0 or 1, `scores` higher = more likely 1, `weights` how many pairs each stands for (where negatives are
    sampled). Raises `DataError` unless both classes occur.

    >>> c = roc_curve(np.array([0, 1]), np.array([0.2, 0.9]))
    >>> c.x.tolist(), c.y.tolist(), area(c)
    ([0.0, 0.0, 1.0], [0.0, 1.0, 1.0], 1.0)
    """
    true, false, thresholds = _cumulate(labels, scores, weights)
    return Curve(
        np.concatenate([[0.0], false / false[-1]]),
        np.concatenate([[0.0], true / true[-1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def precision_recall_curve(labels: Ints, scores: Floats, weights: Float64s | None = None) -> Curve:
    """Recall (x) against precision (y), thresholds falling; starts at (0, 1). Arguments as for `roc_curve`.

    >>> c = precision_recall_curve(np.array([0, 1, 1]), np.array([0.5, 0.9, 0.1]))
    >>> c.x.tolist(), [round(y, 3) for y in c.y.tolist()]
    ([0.0, 0.5, 0.5, 1.0], [1.0, 1.0, 0.5, 0.667])
    """
    true, false, thresholds = _cumulate(labels, scores, weights)
    return Curve(
        np.concatenate([[0.0], true / true[-1]]),
        np.concatenate([[1.0], true / (true + false)]),
        np.concatenate([[np.inf], thresholds]),
    )


def area(curve: Curve) -> float:
    """Area under a curve by the trapezium rule; of a ROC curve: AUC."""
    return float(np.trapezoid(curve.y, curve.x))


def average_precision(curve: Curve) -> float:
    """Average precision of a precision-recall curve: Σ (recall_n - recall_{n-1}) · precision_n."""
    return float(np.diff(curve.x) @ curve.y[1:])


def auc(labels: Ints, scores: Floats, weights: Float64s | None = None) -> float:
    """Area under the ROC curve: the chance that a positive stands above a negative, ties counted half.

    >>> auc(np.array([0, 1, 0]), np.array([0.1, 0.5, 0.9]))
    0.5
    """
    return area(roc_curve(labels, scores, weights))


def _cumulate(labels: Ints, scores: Floats, weights: Float64s | None) -> tuple[Float64s, Float64s, Float64s]:
    """True and false positives at each distinct score, falling."""
    _check_lengths(labels, scores)
    if not np.isfinite(scores).all():
        raise DataError(f"{int((~np.isfinite(scores)).sum())} scores of a curve are not finite.")
    mass = np.ones(len(scores)) if weights is None else weights
    positive, negative = mass * (labels > 0), mass * (labels <= 0)
    if not positive.sum() or not negative.sum():
        raise DataError("A curve needs positives and negatives.", remedy="Give labels 0 and 1 that both occur.")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return np.cumsum(positive[order])[ends], np.cumsum(negative[order])[ends], ranked[ends]


def _check_lengths(left: npt.NDArray[np.generic], right: npt.NDArray[np.generic]) -> None:
    if left.shape != right.shape or left.ndim != 1:
        raise DataError(f"Arrays of shapes {left.shape} and {right.shape} cannot be compared.", remedy="Give two [n].")
