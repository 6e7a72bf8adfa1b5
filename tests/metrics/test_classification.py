from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from penchant.errors import DataError, OptionError
from penchant.metrics import classification as ours


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 60), levels=st.integers(1, 8), weighted=st.booleans())
def test_curves_agree_with_scikit_learn(seed: int, n: int, levels: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    labels[:2] = [0, 1]
    scores = rng.integers(0, levels, n) / 4
    weights = rng.random(n) + 0.1 if weighted else None
    assert ours.auc(labels, scores, weights) == pytest.approx(sk.roc_auc_score(labels, scores, sample_weight=weights))
    curve = ours.precision_recall_curve(labels, scores, weights)
    assert ours.average_precision(curve) == pytest.approx(
        sk.average_precision_score(labels, scores, sample_weight=weights)
    )
    fpr, tpr, thresholds = sk.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    roc = ours.roc_curve(labels, scores, weights)
    np.testing.assert_allclose(roc.x, fpr, atol=1e-12)
    np.testing.assert_allclose(roc.y, tpr, atol=1e-12)
    np.testing.assert_allclose(roc.thresholds, thresholds)
    precisions, recalls, _ = sk.precision_recall_curve(labels, scores, sample_weight=weights)
    np.testing.assert_allclose(curve.y, precisions[::-1])
    np.testing.assert_allclose(curve.x, recalls[::-1])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60), classes=st.integers(2, 5))
def test_classes_agree_with_scikit_learn(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    actual, predicted = rng.integers(0, classes, n), rng.integers(0, classes, n)
    expected = sk.confusion_matrix(actual, predicted, labels=np.arange(classes))
    assert ours.confusion_matrix(actual, predicted, classes).tolist() == expected.tolist()
    assert ours.accuracy(actual, predicted) == pytest.approx(sk.accuracy_score(actual, predicted))
    averages = ("macro", "micro", "weighted") if classes > 2 else ("macro", "micro", "weighted", "binary")
    for average in averages:
        got = ours.precision_recall_f1(actual, predicted, average)  # type: ignore[arg-type]
        reference = sk.precision_recall_fscore_support(actual, predicted, average=average, zero_division=0)
        np.testing.assert_allclose(got, reference[:3], atol=1e-12, err_msg=average)


def test_thinned_keeps_both_ends() -> None:
    curve = ours.roc_curve(np.arange(100) % 2, np.arange(100.0))
    thin = curve.thin(10)
    assert len(thin.x) == 10 and (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (0, 0, 1, 1)
    assert curve.thin(1000) is curve


def test_refusals() -> None:
    with pytest.raises(DataError, match=r"needs positives and negatives.*both occur"):
        ours.roc_curve(np.ones(3, dtype=int), np.arange(3.0))
    with pytest.raises(DataError, match="1 scores of a curve are not finite"):
        ours.roc_curve(np.array([0, 1]), np.array([np.nan, 1.0]))
    with pytest.raises(DataError, match=r"\(2,\) and \(3,\) cannot be compared"):
        ours.accuracy(np.zeros(2, dtype=int), np.zeros(3, dtype=int))
    with pytest.raises(DataError, match="from 0 to 4 do not fit 3 classes"):
        ours.confusion_matrix(np.array([4]), np.array([0]), 3)
    with pytest.raises(OptionError, match=r"average='binary'.*macro, micro, weighted.*There are 3 classes"):
        ours.precision_recall_f1(np.array([0, 2]), np.array([1, 1]))
    with pytest.raises(OptionError, match="Did you mean 'macro'"):
        ours.precision_recall_f1(np.array([0, 1]), np.array([1, 1]), "macros")  # type: ignore[arg-type]
