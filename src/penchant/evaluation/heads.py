"""What the heads of a recommender are worth on events that neither it nor they have seen, beside simple answers.

Interest head: AUC, log-loss and calibration error, beside the items' popularity, the bare dot product and the share of
positives as it was taught. Category head: accuracy, macro precision, recall and F1 and the confusion matrix, beside
the most frequent class as it was taught and the class of the item before. Intervals resample people.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penchant.data.dataset import Dataset
from penchant.data.kinds import wanted_kinds
from penchant.data.schema import OTHERS
from penchant.data.sequences import SequenceBatch
from penchant.errors import PenchantError
from penchant.evaluation.significance import Interval, resampled
from penchant.metrics.beyond import expected_calibration_error
from penchant.metrics.classification import accuracy, auc, confusion_matrix, precision_recall_f1

if TYPE_CHECKING:
    from penchant.recommender import Recommender

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SAMPLES = 200
"""Resamplings of people behind an interval."""
BINS = 10
MOST_SHOWN = 10
"""Classes of the confusion matrix that have a row of their own; the rest is one more."""


def probe_results(
    recommender: Recommender,
    sequences: SequenceBatch,
    asked: Bools,
    *,
    learned: Dataset | None = None,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Results by head (`interest`, `category`) on the events `asked` `[E]` of some histories; None without heads.

    All of `sequences` tells the interests, and the recommender has seen none of the events asked about. Items are by
    its codes; others are left out. `learned` has what it learned, where it was written without that: popularity is
    counted there, and left out where there is nothing to count. A head that these events cannot test has `left_out`
    with the reason.
    """
    probes = recommender.probes
    if probes is None:
        return None
    n_items = recommender.dataset.n_items
    known = sequences.items < n_items
    told, asked = sequences.keep(known), asked[known]
    taken = _popularity(recommender.dataset if learned is None else learned, n_items)
    found: dict[str, Any] = {}
    parts: tuple[tuple[str, object, Callable[..., dict[str, Any]]], ...] = (
        ("interest", probes.interest, partial(interest_results, popularity=taken)),
        ("category", probes.category, category_results),
    )
    for name, head, measure in parts:
        if head is None:
            continue
        try:
            found[name] = measure(recommender, told, asked, seed=seed)
        except PenchantError as error:
            found[name] = {"left_out": str(error)}
    return found


def interest_results(
    recommender: Recommender, sequences: SequenceBatch, asked: Bools, *, popularity: Floats, seed: int = 0
) -> dict[str, Any]:
    """The interest head on pairs made as those that taught it; see `probe_results`. Raises `DataError` without any.

    `popularity` `[N]`: how often each item was taken; where none was, there is no such row and no `auc_gain`.
    """
    probes, model = recommender.probes, recommender.dense_model()
    assert probes is not None
    pairs, likely = probes.interest_pairs(model, sequences, recommender.dataset.kinds.ids.to_list(), asked, seed)
    taught = probes.facts["interest"]
    share = float(taught["interested"])
    by_score = {
        "probe": likely.astype(np.float64),
        "dot": (pairs.interests * model.item_vectors[pairs.items]).sum(axis=1).astype(np.float64),
    }
    if popularity.any():
        by_score["popularity"] = popularity[pairs.items]
    people, n = _numbered(pairs.people)
    found = {name: _auc(pairs.labels, scores, people, n, seed) for name, scores in by_score.items()}
    rows: dict[str, dict[str, Any]] = {name: {"auc": interval.to_dict()} for name, (interval, _) in found.items()}
    for name, told in (("probe", by_score["probe"]), ("share", np.full(len(pairs.labels), share))):
        losses = _losses(pairs.labels, told)
        rows.setdefault(name, {})["log_loss"] = _mean(losses, people, n, seed).to_dict()
        rows[name]["calibration_error"] = expected_calibration_error(told, pairs.labels, BINS)
    gain: dict[str, Any] = {}
    if "popularity" in found:
        (probe, of_probe), (rival, of_rival) = found["probe"], found["popularity"]
        gain["auc_gain"] = _around(probe.mean - rival.mean, of_probe - of_rival).to_dict()
    return {
        "pairs": len(pairs.labels),
        "people": n,
        "interested": float(pairs.labels.mean()),
        "negatives": "real" if pairs.real else "sampled",
        "ratio": None if pairs.real else probes.options.ratio,
        "taught": dict(taught),
        "rows": rows,
        **gain,
        "calibration": _calibration(by_score["probe"], pairs.labels),
    }


def category_results(
    recommender: Recommender, sequences: SequenceBatch, asked: Bools, *, seed: int = 0
) -> dict[str, Any]:
    """The category head on the next items; see `probe_results`. An event of a category that has no class of
    its own counts as one of the others, and so can be right; where there is no such class, it is left out."""
    probes = recommender.probes
    assert probes is not None
    data = recommender.dataset
    pairs, told = probes.category_pairs(
        recommender.dense_model(), sequences, data.kinds.ids.to_list(), data.items, asked
    )
    counts = np.asarray(probes.facts["category"]["counts"])
    answers = {
        "probe": told.argmax(axis=1).astype(np.int64),
        "commonest": np.full(len(told), int(counts.argmax()), dtype=np.int64),
        "last": np.where(pairs.earlier >= 0, pairs.earlier, int(counts.argmax())),
    }
    people, n = _numbered(pairs.people)
    right = {name: (answer == pairs.classes).astype(np.float64) for name, answer in answers.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, answer in answers.items():
        precision, recall, f1 = precision_recall_f1(pairs.classes, answer, "macro")
        rows[name] = {
            "accuracy": _mean(right[name], people, n, seed).to_dict(),
            "macro_precision": precision,
            "macro_recall": recall,
            "macro_f1": f1,
        }
    rows["probe"]["log_loss"] = float(-np.log(np.maximum(told[np.arange(len(told)), pairs.classes], 1e-15)).mean())
    rival = max(("commonest", "last"), key=lambda name: accuracy(pairs.classes, answers[name]))
    return {
        "events": len(pairs.classes),
        "people": n,
        "classes": len(probes.classes),
        "taught": {"events": probes.facts["category"]["events"]},
        "rows": rows,
        "accuracy_gain": {"over": rival, **_mean(right["probe"] - right[rival], people, n, seed).to_dict()},
        "confusion": shown_confusion(pairs.classes, answers["probe"], list(probes.classes)),
    }


def shown_confusion(actual: Codes, predicted: Codes, classes: list[str], most: int = MOST_SHOWN) -> dict[str, Any]:
    """`classes` and `matrix` (row: actual, column: predicted) of the `most` frequent classes, the rest together.

    >>> shown_confusion(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 1]), ["甲", "乙", "丙"], most=1)
    {'classes': ['乙', '(others)'], 'matrix': [[1, 1], [1, 1]]}
    """
    counts = np.bincount(actual, minlength=len(classes))
    ranked = np.argsort(-counts, kind="stable")
    own = [int(code) for code in ranked if counts[code] and classes[code] != OTHERS][:most]
    place = np.full(len(classes), len(own))
    place[own] = np.arange(len(own))
    rest = bool((place[actual] == len(own)).any() or (place[predicted] == len(own)).any())
    matrix = confusion_matrix(place[actual], place[predicted], len(own) + rest)
    return {"classes": [classes[code] for code in own] + [OTHERS] * rest, "matrix": matrix.tolist()}


def _popularity(dataset: Dataset, n_items: int) -> Floats:
    """How often each of the items was taken in what was learned `[N]`."""
    sequences = dataset.sequences()
    taken = (sequences.items >= 0) & wanted_kinds(dataset.kinds.ids.to_list())[sequences.kinds]
    return np.bincount(sequences.items[taken], minlength=n_items)[:n_items].astype(np.float64)


def _calibration(told: Floats, labels: Codes) -> list[dict[str, float]]:
    """Mean probability, share of positives and count of each bin that holds a pair."""
    place = np.minimum((told * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    sums = [np.bincount(place, weights=values, minlength=BINS) for values in (told, labels.astype(np.float64))]
    return [
        {"predicted": sums[0][b] / count[b], "observed": sums[1][b] / count[b], "count": int(count[b])}
        for b in np.flatnonzero(count).tolist()
    ]


def _losses(labels: Codes, told: Floats) -> Floats:
    kept = np.clip(told, 1e-15, 1 - 1e-15)
    return -np.where(labels > 0, np.log(kept), np.log1p(-kept))


def _numbered(people: Codes) -> tuple[Codes, int]:
    """People as numbers from 0, and how many there are."""
    names, numbers = np.unique(people, return_inverse=True)
    return numbers.astype(np.int64), len(names)


def _auc(labels: Codes, scores: Floats, people: Codes, n: int, seed: int) -> tuple[Interval, Floats]:
    """AUC with its interval, and AUC in every resampling of people (NaN where one lacks a label)."""
    order = np.argsort(-scores, kind="stable")
    labels, scores, people = labels[order], scores[order], people[order]
    drawn = []
    for weights in resampled(n, SAMPLES, seed):
        for row in weights:
            mass = row[people]
            both = mass[labels > 0].any() and mass[labels <= 0].any()
            drawn.append(auc(labels, scores, mass) if both else np.nan)
    values = np.asarray(drawn)
    return _around(auc(labels, scores), values), values


def _mean(values: Floats, people: Codes, n: int, seed: int) -> Interval:
    """Mean over pairs `[n]`; its interval resamples people with all that is theirs."""
    sums = np.bincount(people, weights=values, minlength=n)
    sizes = np.bincount(people, minlength=n).astype(np.float64)
    drawn = np.concatenate([(weights @ sums) / (weights @ sizes) for weights in resampled(n, SAMPLES, seed)])
    return _around(float(values.mean()), drawn)


def _around(mean: float, drawn: Floats) -> Interval:
    there = drawn[np.isfinite(drawn)]
    low, high = np.percentile(there, [2.5, 97.5]) if len(there) else (mean, mean)
    return Interval(mean, float(low), float(high))
