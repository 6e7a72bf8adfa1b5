"""The loop that trains every network: epochs of steps, validation, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from penchant.data.results.records import TrainingRecord
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import Trainable
from penchant.models.nn.base import Network
from penchant.options import Json, to_dict
from penchant.training.average import Average
from penchant.training.checkpoints import Checkpoints, Saved, fingerprint_training
from penchant.training.distributed import Group
from penchant.training.optimizer import RowwiseAdamW, clip_gradients
from penchant.training.options import TrainingOptions
from penchant.training.precision import allows_bfloat16, autocast_loss, compile_parts, uses_bfloat16
from penchant.training.selection import measure_ndcg
from penchant.training.tensorboard import Curves

VALIDATIONS = 12
"""Approximate maximum number of validations in a training, for any number of epochs."""


OnEpoch = Callable[[dict[str, float]], None]
"""Called after every epoch with its row of the log; an exception ends the training."""


@dataclass(frozen=True)
class Plan:
    """The plan of a training: epochs, options of the loop, device, processes.

    `rate` scales the learning rate. `prepare` is called with the network before the first step (to begin from
    other weights than random ones).
    """

    rounds: int
    options: TrainingOptions
    device: torch.device
    group: Group = field(default_factory=Group)
    rate: float = 1.0
    schedule_epochs: int = 0
    """Epochs of the learning rate's schedule; 0: those of the model's options."""
    prepare: Callable[[Network], None] | None = None


class Training:
    """One training of one network. All randomness is drawn from seed, epoch and batch, so its state is the position,
    the weights, the averages and the record."""

    def __init__(
        self,
        model: Trainable,
        data: TrainingData,
        plan: Plan,
        checkpoints: Checkpoints | None = None,
        on_epoch: OnEpoch | None = None,
        *,
        learn_from: TrainingData | None = None,
    ) -> None:
        self.begun_s = time.process_time()
        self.model, self.data, self.plan = model, learn_from or data, plan
        self.checkpoints, self.on_epoch = checkpoints, on_epoch
        model.bf16 = allows_bfloat16(plan.options, plan.device)
        self.net = (model.start if plan.prepare is None else model.restart)(data, plan.device)
        if plan.prepare is not None:
            plan.prepare(self.net)
        rate, fused = model.options.learning_rate, plan.device.type == "cpu" or None
        groups = _group_parameters(self.net, model.options.weight_decay)
        self.optimizer = RowwiseAdamW(groups, lr=rate, betas=(0.9, 0.98), fused=fused)
        self.width = plan.options.accumulate * plan.group.size
        steps = -(-len(model.batches(self.data, self._make_rng(0))) // self.width)
        self.total = (plan.schedule_epochs or model.epochs(data)) * max(1, steps)
        self.average = Average(self.net, min(plan.options.average, max(1, self.total // 5)))
        self.epoch, self.position, self.step, self.stale = 1, 0, 0, 0
        self.best, self.best_weights = -1.0, list[Tensor]()
        self.losses: list[Tensor] = []
        self.record = TrainingRecord()
        self.summary = ""

    def run(self) -> TrainingRecord:
        """Train to the end, from a checkpoint if there is one; the model then has the selected weights."""
        options, first = self.plan.options, self.plan.group.is_first
        device = self.plan.device
        self.fingerprint = self._compute_fingerprint() if self.checkpoints else ""
        saved = self.checkpoints.read(self.fingerprint, self._report) if self.checkpoints else None
        done = saved is not None and self._resume(saved)
        self.plan.group.agree(self.step, device)
        self.curves = Curves(options.tensorboard if first and not done else None, self.model.name)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            if not done:
                with compile_parts(self.net, options, device):
                    while self.epoch <= self.plan.rounds and not self._is_out_of_patience():
                        self._run_epoch()
                self.average.load(self.best_weights or self.average.copy())
                best_epoch = self.record.best_epoch or len(self.record.epochs)
                self.record = replace(self.record, best_epoch=best_epoch)
            self.model.finish()
        if saved is not None or (self.checkpoints and self.checkpoints.due()):
            self._save(done=True)
        self.curves.close()
        return self.record

    def _run_epoch(self) -> None:
        started, data = time.monotonic(), self.data
        self.net.train()
        if self.position == 0:
            self.model.begin_epoch()
        batches = self.model.batches(data, self._make_rng(self.epoch))
        steps = -(-len(batches) // self.width)
        for number in range(self.position, steps):
            self.step += 1
            self.losses.append(self._run_step(batches, number * self.width))
            self.position = number + 1
            if data.progress and number * 100 // steps != (number + 1) * 100 // steps:
                data.progress(self._describe_position(), (self.epoch - 1 + self.position / steps) / self.plan.rounds)
            if self.checkpoints and self.plan.group.is_first and self.checkpoints.due():
                self._save()
        row = {"epoch": float(self.epoch), "loss": float(torch.stack(self.losses).mean())}
        row["seconds"] = time.monotonic() - started
        if not math.isfinite(row["loss"]):
            raise ModelError(
                f"The loss of epoch {self.epoch} is {row['loss']}: the training diverged.",
                remedy="Lower learning_rate or training.clip; training.precision=float32 where it is bfloat16.",
            )
        if data.validation is not None and self._should_validate():
            self._validate(row)
        self.record = replace(self.record, epochs=(*self.record.epochs, row))
        self.curves.add(self.step, {key: row[key] for key in ("loss", "ndcg") if key in row})
        self.summary = _summarise(row)
        self.epoch, self.position, self.losses = self.epoch + 1, 0, []
        if data.progress:
            data.progress(self._describe_position(int(row["epoch"])), row["epoch"] / self.plan.rounds)
        if self.on_epoch:
            self.on_epoch(row)

    def _run_step(self, batches: list[Any], start: int) -> Tensor:
        """Forward and backward of this process's share of the batches from `start`, and one step of all."""
        plan, part = self.plan, batches[start : start + self.width]
        for values in self.optimizer.param_groups:
            values["lr"] = (
                plan.rate * self.model.options.learning_rate * scale_rate(self.step, self.total, plan.options.warmup)
            )
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=plan.device)
        for number in range(plan.group.rank, len(part), plan.group.size):
            rng = self._make_rng(self.epoch, 1 + start + number)
            torch.manual_seed(int(rng.integers(2**63)))
            with autocast_loss(plan.options, plan.device):
                loss = self.model.loss(self.data, part[number], rng) / len(part)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        total = plan.group.sum_gradients(self.average.weights, total)
        norm = clip_gradients(self.average.weights, plan.options.clip)
        self.average.prepare()
        self.optimizer.step()
        self.average.update(self.step)
        if self.curves.wanted:
            rate = self.optimizer.param_groups[0]["lr"]
            self.curves.add(self.step, {"step/loss": float(total), "step/norm": float(norm), "step/rate": rate})
        return total

    def _validate(self, row: dict[str, float]) -> None:
        assert self.data.validation is not None
        value = 0.0
        if self.plan.group.is_first:
            with self.average.apply():
                self.model.finish()
                value = measure_ndcg(self.model, self.data.validation)
        row["ndcg"] = self.plan.group.broadcast(value, self.plan.device)
        self.stale = 0 if row["ndcg"] > self.best else self.stale + 1
        if row["ndcg"] >= self.best:  # of equal values the later one: it was trained for longer
            self.best, self.record = row["ndcg"], replace(self.record, best_epoch=self.epoch)
            self.best_weights = self.average.copy()

    def _should_validate(self) -> bool:
        rounds = self.plan.rounds
        return self.epoch == rounds or self.epoch % max(1, rounds // VALIDATIONS) == 0

    def _is_out_of_patience(self) -> bool:
        return 0 < self.plan.options.patience <= self.stale

    def _make_rng(self, *place: int) -> np.random.Generator:
        return np.random.default_rng([self.data.seed, *place])

    def _report(self, message: str) -> None:
        if self.data.progress and self.plan.group.is_first:
            self.data.progress(message, 0.0)

    def _describe_position(self, epoch: int = 0) -> str:
        return f"epoch {epoch or self.epoch}/{self.plan.rounds}{self.summary}"

    def _compute_fingerprint(self) -> str:
        plan, options = self.plan, replace(self.plan.options, checkpoint_s=0.0, tensorboard="")
        return fingerprint_training(
            self.data,
            model=self.model.name,
            options=to_dict(self.model.options),
            training=to_dict(options),
            plan=[plan.rounds, plan.rate, plan.schedule_epochs, plan.device.type, plan.group.size],
            bfloat16=[uses_bfloat16(options, plan.device), allows_bfloat16(options, plan.device)],
            prepared=plan.prepare is not None,
        )

    def _save(self, *, done: bool = False) -> None:
        """Write the position of the training: weights, averages, optimiser, log."""
        assert self.checkpoints is not None
        if not self.plan.group.is_first:
            return
        tensors = {f"net/{name}": value for name, value in self.net.state_dict().items()}
        if not done:
            averages, until = self.average.snapshot()
            tensors |= {f"average/{n:05}": value for n, value in enumerate(averages)}
            tensors |= {f"until/{n}": value for n, value in until.items()}
            tensors |= {f"best/{n:05}": value for n, value in enumerate(self.best_weights)}
            for number, values in self.optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{number}/{key}": value for key, value in values.items()}
            if self.losses:
                tensors["losses"] = torch.stack(self.losses)
        position = {name: getattr(self, name) for name in _POSITION}
        spent_s = self.record.cpu_seconds + time.process_time() - self.begun_s
        record = replace(self.record, cpu_seconds=spent_s).to_dict()
        self.checkpoints.write(self.fingerprint, tensors, {**position, "done": done, "record": record})

    def _resume(self, saved: Saved) -> bool:
        """Go to the position of a checkpoint; True where it is the end."""
        tensors, device = saved.tensors, self.plan.device
        self.net.load_state_dict({k.removeprefix("net/"): v for k, v in tensors.items() if k.startswith("net/")})
        self.record = TrainingRecord.from_dict(saved.metadata["record"])
        if saved.metadata["done"]:
            return True
        for name in _POSITION:
            setattr(self, name, saved.metadata[name])
        averages = [tensors[key].to(device) for key in sorted(tensors) if key.startswith("average/")]
        until = {int(key[6:]): value.to(device) for key, value in tensors.items() if key.startswith("until/")}
        self.average.resume(averages, until, self.step)
        self.best_weights = [tensors[key].to(device) for key in sorted(tensors) if key.startswith("best/")]
        self.losses = list(tensors["losses"].to(device)) if "losses" in tensors else []
        state: dict[int, dict[str, Tensor]] = {}
        for key in (key for key in tensors if key.startswith("optimizer/")):
            _, number, name = key.split("/")
            state.setdefault(int(number), {})[name] = tensors[key]
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        if self.data.progress:
            self.data.progress(self._describe_position(), (self.epoch - 1) / self.plan.rounds)
        return False


_POSITION = ("epoch", "position", "step", "stale", "best", "summary")


def scale_rate(step: int, total: int, warmup: float = 0.05) -> float:
    """The share of the learning rate at a step: linear warm-up, then a cosine to 2 %."""
    ramp = max(1.0, warmup * total)
    if step < ramp:
        return step / ramp
    progress = min(1.0, (step - ramp) / max(1.0, total - ramp))
    return 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * progress))


def _group_parameters(net: nn.Module, weight_decay: float) -> list[Json]:
    """Weight decay on matrices only."""
    trained = [p for p in net.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def _summarise(row: dict[str, float]) -> str:
    line = f", loss {row['loss']:.3f}"
    return line + (f", validation NDCG@10 {row['ndcg']:.4f}" if "ndcg" in row else "")
