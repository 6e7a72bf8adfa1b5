"""The one `fit` for every model: closed form, by gradient, or an ensemble of both."""

from __future__ import annotations

import time
from dataclasses import replace

from penchant.data.results.records import TrainingRecord
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ClosedForm, Model, Pretrained, Trainable
from penchant.models.ensemble.ensemble import Ensemble
from penchant.training.checkpoints import Checkpoints
from penchant.training.distributed import join_group
from penchant.training.options import TrainingOptions
from penchant.training.precision import resolve_training_device
from penchant.training.selection import measure_ndcg
from penchant.training.steps import OnEpoch, Plan, Training


def fit(
    model: Model,
    data: TrainingData,
    *,
    chosen: TrainingRecord | None = None,
    device: str = "auto",
    options: TrainingOptions | None = None,
    checkpoints: Checkpoints | None = None,
    on_epoch: OnEpoch | None = None,
) -> TrainingRecord:
    """Fit any model: closed form, by gradient, or an ensemble of both.

    With `data.validation` a trainable model keeps the weights of its best epoch and an ensemble fits its weights.
    Without it, `chosen` (the record of an earlier fit) gives both: the refit on more data. Deterministic in `data.seed`
    on a CPU and one number of threads (on a GPU some sums have no fixed order); with `checkpoints` a killed fit
    resumes at the batch where it stopped, with the same result. Under `torchrun` all processes train together. Raises
    `ModelError` if the data do not allow the model.
    """
    started_s = time.process_time()
    if isinstance(model, Ensemble):
        record = _fit_ensemble(model, data, chosen, device, options, checkpoints)
    elif isinstance(model, Trainable):
        rounds = (chosen.best_epoch if chosen else 0) or model.epochs(data)
        together = join_group()
        plan = Plan(
            rounds, options or TrainingOptions(), resolve_training_device(device, together.local_rank), together
        )
        record = Training(model, data, plan, checkpoints, on_epoch).run()
        if isinstance(model, Pretrained):
            record = replace(record, pretraining=dict(model.pretraining))
    elif isinstance(model, ClosedForm):
        model.fit(data)
        record = TrainingRecord()
    else:
        raise ModelError(f"{type(model).__name__} cannot be fitted.", remedy="See penchant.models.base.")
    ndcg = None if data.validation is None else measure_ndcg(model, data.validation)
    cpu_seconds = record.cpu_seconds + time.process_time() - started_s  # with those of processes before this one
    return replace(record, validation_ndcg=ndcg, cpu_seconds=cpu_seconds)


def _fit_ensemble(
    model: Ensemble,
    data: TrainingData,
    chosen: TrainingRecord | None,
    device: str,
    options: TrainingOptions | None,
    checkpoints: Checkpoints | None,
) -> TrainingRecord:
    experts: dict[str, TrainingRecord] = {}
    earlier_s = 0.0
    for name, expert in model.select_experts(data).items():
        started_s = time.process_time()
        experts[name] = fit(
            expert,
            data,
            chosen=chosen.experts.get(name) if chosen else None,
            device=device,
            options=options,
            checkpoints=checkpoints.part(name) if checkpoints else None,
        )
        earlier_s += experts[name].cpu_seconds - (time.process_time() - started_s)
    if data.validation is not None:
        model.fit_weights(data.validation)
    elif chosen is not None:
        model.set_weights(chosen.weights, chosen.cold_weights, chosen.inverse_temperature)
        model.fit_thresholds(data.sequences)
    else:
        raise ModelError(
            "The weights of an ensemble are chosen on held-out targets, and no user has enough events: three on "
            "different items, of kinds that signal interest.",
            remedy="Take a single model, such as --model cooccurrence or popularity, or provide longer histories.",
        )
    record = TrainingRecord(cpu_seconds=earlier_s, experts=experts, weights=dict(model.weights))
    if model.cold_start is None:
        return record
    return replace(
        record, cold_weights=dict(model.cold_start.weights), inverse_temperature=model.cold_start.inverse_temperature
    )
