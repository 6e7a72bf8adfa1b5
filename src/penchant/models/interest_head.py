"""Heads on interest vectors: interested or not (a probability for an item), and which of several interests is next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

from penchant.errors import DataError, ModelError
from penchant.models.base import ModelState
from penchant.models.head_options import ProbeOptions

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]

PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)


class InterestHead:
    """P(interested | u, v) = σ(w · φ(u, v) + b), or the same with a hidden layer between (`ProbeOptions.hidden`).

    Fitted by L-BFGS on weighted binary cross-entropy over all pairs; for the logistic form the optimum is unique.
    """

    def __init__(self, options: ProbeOptions | None = None) -> None:
        self.options = options or ProbeOptions()
        self._net: _Net | None = None

    def fit(self, interests: Floats, items: Floats, labels: Codes, *, seed: int = 0) -> InterestHead:
        """Learn from `interests` `[n, D]`, item vectors `[n, D]` and labels `[n]` of 0 and 1; returns itself."""
        if set(np.unique(labels).tolist()) != {0, 1}:
            raise DataError("A binary head needs labels 0 and 1 that both occur.", remedy="Bring both kinds of events.")
        inputs = features(interests, items, self.options.features)
        self._net = _fitted(inputs, labels, 1, self.options, seed)
        return self

    def probabilities(self, interests: Floats, items: Floats) -> Floats:
        """How likely each pair `[n]` is one of interest, 0 to 1."""
        logits = _need(self._net)(features(interests, items, self.options.features)).squeeze(1)
        return np.asarray(torch.sigmoid(logits).numpy(), dtype=np.float32)

    def state(self) -> ModelState:
        """Weights and the standardisation of features."""
        return _need(self._net).state()

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._net = _Net.of(state)


class CategoryHead:
    """P(class c | x) = softmax(W x + b)_c of an interest vector, or of what it says of each class (`class_inputs`)."""

    def __init__(self, options: ProbeOptions | None = None) -> None:
        self.options = options or ProbeOptions()
        self._net: _Net | None = None

    def fit(self, interests: Floats, classes: Codes, n_classes: int, *, seed: int = 0) -> CategoryHead:
        """Learn from `interests` `[n, D]` and class codes `[n]`; returns itself."""
        if n_classes < 2 or not len(classes) or classes.min() < 0 or classes.max() >= n_classes:
            raise DataError(f"Classes must be codes from 0 to {n_classes - 1}, of two classes or more.")
        self._net = _fitted(torch.from_numpy(interests.astype(np.float64)), classes, n_classes, self.options, seed)
        return self

    def probabilities(self, interests: Floats) -> Floats:
        """Probability of every class `[n, C]`; rows sum to 1."""
        logits = _need(self._net)(torch.from_numpy(interests.astype(np.float64)))
        return np.asarray(torch.softmax(logits, dim=1).numpy(), dtype=np.float32)

    def predict(self, interests: Floats) -> Codes:
        """The likeliest class of every row `[n]`."""
        return np.asarray(self.probabilities(interests).argmax(axis=1), dtype=np.int64)

    def state(self) -> ModelState:
        """Weights and the standardisation of interests."""
        return _need(self._net).state()

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave."""
        self._net = _Net.of(state)


def features(interests: Floats, items: Floats, which: str = "all") -> Tensor:
    """φ(u, v) `[n, F]` in float64: u·v, and with `all` u ⊙ v and |u − v| too.

    >>> features(np.array([[1.0, 2.0]]), np.array([[3.0, -1.0]])).tolist()
    [[1.0, 3.0, -2.0, 2.0, 3.0]]
    """
    u, v = torch.from_numpy(interests.astype(np.float64)), torch.from_numpy(items.astype(np.float64))
    dot = (u * v).sum(dim=1, keepdim=True)
    return dot if which == "dot" else torch.cat([dot, u * v, (u - v).abs()], dim=1)


def class_inputs(items: Floats, classes: Codes, n_classes: int, interests: Floats, earlier: Codes) -> Floats:
    """`[n, 2C]`: the mean of u·v over the items of each class, and which class the item before was of (-1: none).

    Few numbers, so that few events teach them. `items` `[N, D]` and `classes` `[N]` are of the catalogue, `interests`
    `[n, D]` and `earlier` `[n]` of who is asked about.
    """
    there = np.flatnonzero(classes >= 0)
    counts = np.maximum(np.bincount(classes[there], minlength=n_classes), 1)
    member = csr_array((np.ones(len(there)), (classes[there], there)), shape=(n_classes, len(items)))
    near = interests @ ((member @ items) / counts[:, None]).T
    before = np.zeros((len(interests), n_classes))
    known = np.flatnonzero(earlier >= 0)
    before[known, earlier[known]] = 1.0
    return np.concatenate([near, before], axis=1).astype(np.float32)


class _Net(nn.Module):
    """Standardised inputs through one or two dense layers, in float64."""

    def __init__(self, size: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(size, dtype=torch.float64), requires_grad=False)
        self.spread = nn.Parameter(torch.ones(size, dtype=torch.float64), requires_grad=False)
        self.hidden = nn.Linear(size, hidden, dtype=torch.float64) if hidden else None
        self.out = nn.Linear(hidden or size, outputs, dtype=torch.float64)

    def raw(self, inputs: Tensor) -> Tensor:
        """Logits `[n, outputs]`, with gradients."""
        x = (inputs - self.mean) / self.spread
        logits: Tensor = self.out(x if self.hidden is None else torch.tanh(self.hidden(x)))
        return logits

    @torch.inference_mode()
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `[n, outputs]`."""
        return self.raw(inputs)

    def state(self) -> ModelState:
        """All weights; sizes follow from their shapes."""
        return ModelState({name: value.numpy().copy() for name, value in self.state_dict().items()})

    @classmethod
    def of(cls, state: ModelState) -> _Net:
        tensors: dict[str, Any] = {name: torch.from_numpy(np.array(value)) for name, value in state.tensors.items()}
        hidden = len(tensors["hidden.bias"]) if "hidden.bias" in tensors else 0
        net = cls(len(tensors["mean"]), hidden, len(tensors["out.bias"]))
        net.load_state_dict(tensors)
        return net


def _fitted(inputs: Tensor, labels: Codes, outputs: int, options: ProbeOptions, seed: int) -> _Net:
    """The head with the penalty asked for, or with the one that suits data left out."""
    penalty = options.l2
    if penalty is None:
        left_out = np.random.default_rng(seed).permutation(len(labels)) < len(labels) // 4
        if not left_out.any() or len(np.unique(labels[~left_out])) < 2:
            penalty = PENALTIES[0]
        else:
            fits = [_solved(inputs[~left_out], labels[~left_out], outputs, options, seed, l2) for l2 in PENALTIES]
            held, truth = inputs[left_out], torch.from_numpy(labels[left_out])
            weights = _class_weights(labels, outputs, options)[left_out]
            found = [float((_cross_entropy(net(held), truth) * weights).mean()) for net in fits]
            penalty = PENALTIES[int(np.argmin(found))]
    return _solved(inputs, labels, outputs, options, seed, penalty)


def _solved(inputs: Tensor, labels: Codes, outputs: int, options: ProbeOptions, seed: int, l2: float) -> _Net:
    """Full-batch L-BFGS on weighted cross-entropy with a penalty on weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = _Net(inputs.shape[1], options.hidden, outputs)
    net.mean.data = inputs.mean(dim=0)
    spread = inputs.std(dim=0, unbiased=False)
    net.spread.data = torch.where(spread > 1e-9, spread, torch.ones_like(spread))
    weights = _class_weights(labels, outputs, options)
    targets = torch.from_numpy(labels.astype(np.int64))
    free = 1 if outputs == 1 and net.hidden is None else 0  # the weight of u·v
    layers = [layer.weight for layer in (net.hidden, net.out) if layer is not None]
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    solver = torch.optim.LBFGS(trained, max_iter=options.iterations, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        solver.zero_grad()
        penalty = torch.stack([(weight[:, free:] ** 2).sum() for weight in layers]).sum()
        loss = (_cross_entropy(net.raw(inputs), targets) * weights).mean() + 0.5 * l2 * penalty
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    solver.step(closure)  # type: ignore[no-untyped-call]
    return net.eval()


def _class_weights(labels: Codes, outputs: int, options: ProbeOptions) -> Tensor:
    """Weight of every row: 1, or so that every class weighs the same in sum."""
    if options.class_weights == "none":
        return torch.ones(len(labels), dtype=torch.float64)
    counts = np.bincount(labels, minlength=max(2, outputs))
    by_class = len(labels) / (np.maximum(counts, 1) * (counts > 0).sum())
    return torch.from_numpy(by_class[labels])


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each row, binary where there is one logit."""
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits.squeeze(1), targets.double(), reduction="none")
    return functional.cross_entropy(logits, targets, reduction="none")


def _need(net: _Net | None) -> _Net:
    if net is None:
        raise ModelError("The head is not fitted.", remedy="Call fit first.")
    return net
