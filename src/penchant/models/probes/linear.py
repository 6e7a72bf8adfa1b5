"""A linear probe: logistic regression on frozen vectors, for two classes or for many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from penchant.arrays import Float32s, Float64s, Floats, Int64s
from penchant.errors import DataError
from penchant.models.base import ModelState
from penchant.models.probes.options import ProbeOptions

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
_ITERATIONS = 1000


@dataclass(frozen=True)
class LinearProbe:
    """P(class | x) = softmax(W x + b), `weights` `[C, F]` and `bias` `[C]`; one row stands for two classes."""

    weights: Float64s
    bias: Float64s

    @classmethod
    def fit(
        cls, inputs: Floats, labels: Int64s, n_classes: int, options: ProbeOptions, *, n_free: int = 0, seed: int = 0
    ) -> LinearProbe:
        """Minimise the weighted cross-entropy of `inputs` `[n, F]` and `labels` `[n]` with an L2 penalty.

        `n_classes` 1 means two classes with one row of weights. The first `n_free` inputs have no penalty. Inputs are
        standardised; the optimum is unique. Raises `DataError` if fewer than two classes occur.
        """
        if len(np.unique(labels)) < 2:
            raise DataError("A probe needs examples of two classes or more.", remedy="Bring both kinds of events.")
        mean, scale = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64)
        scale = np.where(scale > 1e-9, scale, 1.0)
        design = np.column_stack([(inputs - mean) / scale, np.ones(len(inputs))])
        importance = _example_weights(labels, options)
        l2 = (
            options.l2
            if options.l2 is not None
            else _choose_penalty(design, labels, n_classes, importance, n_free, seed)
        )
        weights = _minimise(design, labels, n_classes, importance, l2, n_free)
        scaled = weights[:, :-1] / scale
        return cls(scaled, weights[:, -1] - scaled @ mean)

    def probabilities(self, inputs: Floats) -> Float32s:
        """The probability of every class `[n, C]`; with one row of weights those of the two classes `[n, 2]`."""
        logits = _with_reference(inputs.astype(np.float64) @ self.weights.T + self.bias)
        return np.asarray(softmax(logits, axis=1), dtype=np.float32)

    def state(self) -> ModelState:
        """Weights and bias."""
        return ModelState({"weights": self.weights, "bias": self.bias})

    @classmethod
    def from_state(cls, state: ModelState) -> LinearProbe:
        """The opposite of `state`."""
        return cls(np.array(state.tensors["weights"]), np.array(state.tensors["bias"]))


def _with_reference(logits: Float64s) -> Float64s:
    """Logits `[n, C]`; where there is one column, 0 is the logit of the other class."""
    return np.column_stack([np.zeros(len(logits)), logits]) if logits.shape[1] == 1 else logits


def _log_probabilities(design: Float64s, weights: Float64s) -> Float64s:
    logits = _with_reference(design @ weights.T)
    return np.asarray(logits - logsumexp(logits, axis=1, keepdims=True))


def _minimise(
    design: Float64s, labels: Int64s, n_classes: int, importance: Float64s, l2: float, n_free: int
) -> Float64s:
    """Weights `[C, F + 1]`, the bias last, by L-BFGS on all examples."""
    n, size = design.shape
    rows = np.arange(n)
    penalty = np.full(size, l2)
    penalty[:n_free] = penalty[-1] = 0.0

    def loss(flat: Float64s) -> tuple[float, Float64s]:
        weights = flat.reshape(n_classes, size)
        log_p = _log_probabilities(design, weights)
        residual = np.exp(log_p)
        residual[rows, labels] -= 1.0
        residual *= importance[:, None] / n
        value = 0.5 * (penalty * weights**2).sum() - (importance * log_p[rows, labels]).mean()
        return float(value), (residual[:, -n_classes:].T @ design + penalty * weights).ravel()

    limits = {"maxiter": _ITERATIONS, "maxfun": 2 * _ITERATIONS, "ftol": 1e-12, "gtol": 1e-7}
    found = minimize(loss, np.zeros(n_classes * size), jac=True, method="L-BFGS-B", options=limits)
    return np.asarray(found.x).reshape(n_classes, size)


def _choose_penalty(
    design: Float64s, labels: Int64s, n_classes: int, importance: Float64s, n_free: int, seed: int
) -> float:
    """The penalty that maximises the likelihood of a held-out quarter of the examples."""
    left_out = np.random.default_rng(seed).permutation(len(labels)) < len(labels) // 4
    if not left_out.any() or len(np.unique(labels[~left_out])) < 2:
        return PENALTIES[0]
    losses = []
    for l2 in PENALTIES:
        weights = _minimise(design[~left_out], labels[~left_out], n_classes, importance[~left_out], l2, n_free)
        log_p = _log_probabilities(design[left_out], weights)
        losses.append(-(importance[left_out] * log_p[np.arange(len(log_p)), labels[left_out]]).mean())
    return PENALTIES[int(np.argmin(losses))]


def _example_weights(labels: Int64s, options: ProbeOptions) -> Float64s:
    """The weight of every example: 1, or such that every class has the same total weight."""
    if options.class_weights == "none":
        return np.ones(len(labels))
    counts = np.bincount(labels)
    return np.asarray(len(labels) / (counts[labels] * (counts > 0).sum()))
