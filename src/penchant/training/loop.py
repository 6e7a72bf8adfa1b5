"""The one training loop, and the one `fit` for every model."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from penchant.errors import ModelError
from penchant.models.base import ClosedForm, Model, TrainingData
from penchant.models.ensemble import Ensemble
from penchant.training.selection import validation_ndcg


@runtime_checkable
class Trainable(Protocol):
    """A model that learns by gradient: it makes a network, batches and a loss; the loop does the rest."""

    options: Any

    def start(self, data: TrainingData, device: torch.device) -> nn.Module:
        """Make the network."""

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Any]:
        """The batches of one epoch in the order of training."""

    def loss(self, data: TrainingData, batch: Any, rng: np.random.Generator) -> Tensor:
        """The loss of one batch."""

    def finish(self) -> None:
        """Take over the weights that the network holds now."""


@dataclass
class TrainingLog:
    """What training did, and what selection chose: enough to refit the same recipe on more data.

    `epochs`: one row an epoch (`epoch`, `loss`, `seconds`, `ndcg` where validated). `best_epoch`: the one that was
    kept (0 for closed forms). `experts`: the logs of an ensemble's experts; `weights`: theirs in the sum.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    cpu_seconds: float = 0.0
    validation_ndcg: float | None = None
    experts: dict[str, TrainingLog] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingLog:
        """The opposite of `to_dict`."""
        experts = {name: cls.from_dict(log) for name, log in values.get("experts", {}).items()}
        return cls(**{**values, "experts": experts})


def fit(model: Model, data: TrainingData, *, chosen: TrainingLog | None = None, device: str = "auto") -> TrainingLog:
    """Fit any model: closed form, by gradient, or an ensemble of both.

    With `data.validation` a trainable model keeps the weights of its best epoch and an ensemble finds its weights.
    Without it, `chosen` (the log of an earlier fit) gives both: the refit on more data. Deterministic in `data.seed`
    on one device and number of threads. Raises `ModelError` where the data do not allow the model.
    """
    begun = time.process_time()
    if isinstance(model, Ensemble):
        log = _fit_ensemble(model, data, chosen, device)
    elif isinstance(model, Trainable):
        log = _train(model, data, torch.device(_device(device)), chosen.best_epoch if chosen else 0)
    elif isinstance(model, ClosedForm):
        model.fit(data)
        log = TrainingLog()
    else:
        raise ModelError(f"{type(model).__name__} has no way to be fitted.", remedy="See penchant.models.base.")
    if data.validation is not None:
        log.validation_ndcg = validation_ndcg(model, data.validation)
    log.cpu_seconds = time.process_time() - begun
    return log


def _fit_ensemble(model: Ensemble, data: TrainingData, chosen: TrainingLog | None, device: str) -> TrainingLog:
    log = TrainingLog()
    for name, expert in model.applicable(data).items():
        log.experts[name] = fit(expert, data, chosen=chosen.experts.get(name) if chosen else None, device=device)
    if data.validation is not None:
        model.weigh(data.validation)
    elif chosen is not None:
        model.weights = {name: chosen.weights[name] for name in model.experts}
    else:
        raise ModelError(
            "An ensemble needs held-out targets for its weights.",
            remedy="Give data.validation; where no user has three events to hold one out, use --model cooccurrence.",
        )
    log.weights = dict(model.weights)
    return log


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"


def _train(model: Trainable, data: TrainingData, device: torch.device, epochs: int) -> TrainingLog:
    options = model.options
    rounds = epochs or options.epochs
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(data.seed)
        rng = np.random.default_rng(data.seed)
        net = model.start(data, device)
        optimizer = torch.optim.AdamW(_groups(net, options.weight_decay), lr=options.learning_rate, betas=(0.9, 0.98))
        average = _Average(net)
        log, best, best_state, step = TrainingLog(), -1.0, None, 0
        total = options.epochs * max(1, len(model.batches(data, np.random.default_rng(data.seed))))
        for epoch in range(1, rounds + 1):
            started, losses = time.monotonic(), []
            net.train()
            for batch in model.batches(data, rng):
                step += 1
                for group in optimizer.param_groups:
                    group["lr"] = options.learning_rate * schedule(step, total)
                optimizer.zero_grad(set_to_none=True)
                loss = model.loss(data, batch, rng)
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(net.parameters(), 5.0)
                optimizer.step()
                average.update(step)
                losses.append(loss.detach())
            row = {
                "epoch": float(epoch),
                "loss": float(torch.stack(losses).mean()),
                "seconds": time.monotonic() - started,
            }
            if data.validation is not None and (epoch == rounds or epoch % max(1, rounds // 12) == 0):
                with average.applied(model):
                    row["ndcg"] = validation_ndcg(model, data.validation)  # type: ignore[arg-type]
                if row["ndcg"] > best:
                    best, log.best_epoch, best_state = row["ndcg"], epoch, average.copy()
            log.epochs.append(row)
            if data.progress:
                data.progress(_line(row, rounds), epoch / rounds)
        average.load(best_state or average.copy())
        log.best_epoch = log.best_epoch or rounds
        model.finish()
    return log


def schedule(step: int, total: int, warmup: float = 0.05) -> float:
    """Share of the learning rate: linear warm-up, then cosine to 2 %."""
    ramp = max(1.0, warmup * total)
    if step < ramp:
        return step / ramp
    progress = min(1.0, (step - ramp) / max(1.0, total - ramp))
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * progress))


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only."""
    trained = [p for p in net.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def _line(row: dict[str, float], rounds: int) -> str:
    line = f"epoch {int(row['epoch'])}/{rounds}, loss {row['loss']:.3f}"
    return line + (f", validation NDCG@10 {row['ndcg']:.4f}" if "ndcg" in row else "")


class _Average:
    """Exponential moving average of the weights (Polyak; here with a horizon of about 300 steps)."""

    def __init__(self, net: nn.Module, horizon: int = 300) -> None:
        self.net, self.horizon = net, horizon
        self.weights = [p for p in net.parameters() if p.requires_grad]
        self.shadow = [p.detach().clone() for p in self.weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """One step's weights enter the average."""
        share = 1.0 / min(self.horizon, step)
        torch._foreach_lerp_(self.shadow, [p.detach() for p in self.weights], share)

    def copy(self) -> list[Tensor]:
        """The averaged weights."""
        return [s.clone() for s in self.shadow]

    @torch.no_grad()
    def load(self, weights: list[Tensor]) -> None:
        """Put weights into the network."""
        for parameter, value in zip(self.weights, weights, strict=True):
            parameter.copy_(value)

    def applied(self, model: Trainable) -> _Applied:
        """A context in which the model answers with the averaged weights."""
        return _Applied(self, model)


class _Applied:
    def __init__(self, average: _Average, model: Trainable) -> None:
        self.average, self.model = average, model

    def __enter__(self) -> None:
        self.raw = [p.detach().clone() for p in self.average.weights]
        self.average.load(self.average.shadow)
        self.model.finish()

    def __exit__(self, *_: object) -> None:
        self.average.load(self.raw)
        self.average.net.train()
