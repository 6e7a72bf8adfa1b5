"""Logistic regression: separable by construction, equal to scikit-learn, the penalty chosen on examples left out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.metrics import roc_auc_score

from penchant.errors import DataError
from penchant.metrics.classification import auc, log_loss
from penchant.models.probes.linear import LinearProbe
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.probes import build_interest_inputs

RNG = np.random.default_rng(0)
U, V = (RNG.standard_normal((600, 5)).astype(np.float32) for _ in range(2))
DOT = (U * V).sum(axis=1)


def test_separable_pairs_are_separated() -> None:
    labels = (DOT > 0).astype(np.int64)
    inputs = build_interest_inputs(U, V, "dot")
    probe = LinearProbe.fit(inputs[:400], labels[:400], 1, ProbeOptions(l2=1e-6), n_free=1)
    predicted = probe.probabilities(inputs[400:])[:, 1]
    assert auc(labels[400:], predicted) == pytest.approx(1.0) and ((predicted > 0.5) == labels[400:]).mean() > 0.98


def test_the_logistic_form_is_that_of_scikit_learn() -> None:
    noisy = (DOT + RNG.standard_normal(600) > 0.7).astype(np.int64)
    inputs = build_interest_inputs(U, V)
    inputs = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    inputs[:, 0] *= 1e3  # so that the weight of u·v is as good as free
    for balanced in (False, True):
        options = ProbeOptions(l2=1e-2, class_weights="balanced" if balanced else "none")
        probe = LinearProbe.fit(build_interest_inputs(U, V), noisy, 1, options, n_free=1)
        found = probe.probabilities(build_interest_inputs(U, V))[:, 1]
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=1 / (1e-2 * 600), class_weight=weight, tol=1e-9, max_iter=2000)
        expected = model.fit(inputs, noisy).predict_proba(inputs)[:, 1]
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert auc(noisy, found) == pytest.approx(roc_auc_score(noisy, found))
        assert log_loss(noisy, found) == pytest.approx(sklearn_log_loss(noisy, found.astype(np.float64)), rel=1e-6)


def test_many_classes_are_those_of_scikit_learn() -> None:
    labels = np.digitize(DOT + 2 * RNG.standard_normal(600), [-1.5, 0.0, 1.5])
    inputs = np.concatenate([U, V, U * V], axis=1)
    scaled = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    for weight in (None, "balanced"):
        options = ProbeOptions(l2=1e-2, class_weights=weight or "none")
        model = LogisticRegression(C=1 / (1e-2 * 600), class_weight=weight, tol=1e-9, max_iter=5000)
        expected = model.fit(scaled, labels).predict_proba(scaled)
        probe = LinearProbe.fit(inputs, labels, 4, options)
        np.testing.assert_allclose(probe.probabilities(inputs), expected, atol=5e-4)


def test_the_penalty_is_chosen_on_examples_left_out() -> None:
    """Labels without a reason take the largest penalty; labels that one input decides take a small one."""
    noise = np.random.default_rng(4)
    inputs = noise.standard_normal((400, 40))
    for labels, least, most in ((noise.integers(0, 2, 400), 0.0, 0.1), ((inputs[:, 0] > 0).astype(int), 1.0, 100.0)):
        assert least <= np.abs(LinearProbe.fit(inputs, labels, 1, ProbeOptions()).weights).max() <= most


def test_same_seed_same_bytes_and_round_trip() -> None:
    labels, inputs = (DOT > 0).astype(np.int64), build_interest_inputs(U, V)
    first, second = (LinearProbe.fit(inputs, labels, 1, ProbeOptions(), n_free=1, seed=3) for _ in range(2))
    assert first.probabilities(inputs).tobytes() == second.probabilities(inputs).tobytes()
    other = LinearProbe.from_state(first.state())
    assert other.probabilities(inputs).tobytes() == first.probabilities(inputs).tobytes()


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match="examples of two classes or more"):
        LinearProbe.fit(U, np.ones(600, dtype=np.int64), 1, ProbeOptions())
