"""Training continued from a fitted model: more data, more items, the same initial weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from penchant.arrays import Array, Bools, Int64s
from penchant.data.modalities import Modalities
from penchant.data.schema import BEHAVIOUR
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.models.base import ClosedForm, Model, Trainable
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.nn.base import Network
from penchant.options import require_range
from penchant.training.distributed import join_group
from penchant.training.options import TrainingOptions
from penchant.training.precision import resolve_training_device
from penchant.training.steps import Plan, Training

NEIGHBOURS = 10
"""Number of items whose mean a cold item begins at."""


@dataclass(frozen=True)
class UpdateOptions:
    """Options of an incremental update."""

    epochs: int = 2
    """Passes of networks over the recent histories of users with new events. 0 or more; 0 trains no network."""
    replay: float = 1.0
    """Other users drawn at random for each user with new events, so that earlier events are not forgotten. 0
    or more."""
    rate: float = 0.3
    """Learning rate, as a share of that of the first training. Above 0."""
    fit_weights: bool = False
    """Whether the weights of an ensemble are fitted again, on the newest event of each user with new events. This
    doubles the cost."""
    seed: int | None = None
    """Seed of what is drawn. 0 or more; none takes the bundle's."""

    def __post_init__(self) -> None:
        require_range(self, "epochs", "replay", "seed", least=0)
        require_range(self, "rate", above=0)


def continue_fit(
    model: Model,
    data: TrainingData,
    touched: Bools,
    seen: Bools,
    options: UpdateOptions = UpdateOptions(),
    *,
    training: TrainingOptions | None = None,
    device: str = "auto",
) -> None:
    """Take new data into a fitted model, in place.

    `data` is everything, old and new; `touched` `[users]` says who has new events, `seen` `[items before]` which
    items had events before. Closed forms are computed anew from everything; networks continue from their weights; an
    ensemble keeps the weights of its experts. Raises `ModelError` if the data do not allow the model any more.
    """
    if isinstance(model, Ensemble):
        for expert in model.select_experts(data).values():
            continue_fit(expert, data, touched, seen, options, training=training, device=device)
        model.fit_thresholds(data.sequences)
    elif isinstance(model, Trainable):
        _go_on(model, data, touched, seen, options, training or TrainingOptions(), device)
    elif isinstance(model, ClosedForm):
        model.fit(data)
    else:
        raise ModelError(f"{type(model).__name__} cannot take in new data.", remedy="Train it again.")


def _go_on(
    model: Trainable,
    data: TrainingData,
    touched: Bools,
    seen: Bools,
    options: UpdateOptions,
    training: TrainingOptions,
    device: str,
) -> None:
    old, before = model.state().tensors, model.net
    rows = _select_users(data, touched, options)
    length = model.options.max_length + 1
    part = replace(data, sequences=data.sequences.take(rows, last=length), validation=None)
    together = join_group()

    def prepare(net: Network) -> None:
        transplant(net, old, seen, data.modalities, before)

    plan = Plan(
        rounds=options.epochs if len(rows) else 0,
        options=training,
        device=resolve_training_device(device, together.local_rank),
        group=together,
        rate=options.rate,
        schedule_epochs=max(1, options.epochs),
        prepare=prepare,
    )
    Training(model, data, plan, learn_from=part).run()


def _select_users(data: TrainingData, touched: Bools, options: UpdateOptions) -> Int64s:
    """Users to learn from: those with new events and a sample of the others, all with two events or more."""
    able = data.sequences.lengths >= 2
    recent, others = np.flatnonzero(touched & able), np.flatnonzero(~touched & able)
    rng = np.random.default_rng([data.seed, len(recent), data.sequences.n_events])
    sample = rng.permutation(others)[: round(options.replay * len(recent))]
    return np.sort(np.concatenate([recent, sample])).astype(np.int64)


@torch.no_grad()
def transplant(
    net: Network,
    old: Mapping[str, Array],
    seen: Bools,
    modalities: Modalities,
    before: Network | None = None,
) -> None:
    """Copy the weights of a smaller catalogue into a network for a larger one.

    Trained weights and running statistics are copied by name; of a table that grew, the old rows come first. In the
    `item_tables` of the network, items without events before begin at the mean of the items nearest by content, those
    without content at the mean of all. Of a matrix in the `columns` of the networks (`before` is the old one) the
    columns that read the same are copied, and new ones begin at zero: they add nothing until they are trained. Other
    buffers of the network (which ids are trained) stay.
    Raises `ModelError` if a trained weight has no place in the new network.
    """
    copied = 0
    for name, buffer in net.named_buffers():
        if name in old and old[name].shape == tuple(buffer.shape):
            buffer.copy_(torch.from_numpy(np.array(old[name])))
    columns, old_columns = net.columns, before.columns if before is not None else {}
    weights = _trained(net)
    lost = [name for name in _trained(before) if name not in weights] if before is not None else []
    for name, weight in weights.items():
        value = old.get(name)
        if name in columns:
            value = _align_columns(value, weight, old_columns.get(name, ()), columns[name])
        if value is None:
            continue
        if value.shape[1:] != tuple(weight.shape[1:]) or (value.ndim and len(value) > len(weight)):
            lost.append(name)
            continue
        fresh = torch.from_numpy(np.array(value)).to(weight)
        if value.ndim:
            weight[: len(fresh)] = fresh
        else:
            weight.copy_(fresh)
        copied += 1
        if name in net.item_tables:
            _start_cold_rows(weight, seen, modalities)
    if lost or not copied:
        raise ModelError(
            f"The network of these data has no place for the trained weights {', '.join(lost) or 'of the model'}.",
            remedy="Train it again from all the data.",
        )


def _trained(net: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in net.named_parameters() if weight.requires_grad}


def _align_columns(value: Array | None, weight: Tensor, old: Sequence[int], new: Sequence[int]) -> Array:
    """A matrix like `weight`: the old columns by what they read, and zeros for new ones."""
    matrix = np.zeros(tuple(weight.shape), dtype=np.float32)
    if value is not None:
        matrix[:, [new.index(column) for column in old]] = value
    return matrix


def _start_cold_rows(weight: Tensor, seen: Bools, modalities: Modalities) -> None:
    """Rows of cold items: the mean row of the nearest warm ones by content, or of all."""
    known = np.zeros(len(weight), dtype=np.bool_)
    known[: len(seen)] = seen
    unseen = np.flatnonzero(~known)
    if not known.any() or not len(unseen):
        return
    table = weight.detach().cpu().numpy()
    rows = np.tile(table[known].mean(axis=0), (len(unseen), 1))
    content = [modality.unit() for name, modality in modalities.items() if name != BEHAVIOUR]
    if content:
        vectors = np.hstack([modality.vectors for modality in content])
        present = np.any([modality.present for modality in content], axis=0)
        near = np.flatnonzero(known & present)
        for start in range(0, len(unseen), 512):
            part = unseen[start : start + 512]
            described = np.flatnonzero(present[part])
            if len(near) and len(described):
                count = min(NEIGHBOURS, len(near))
                close = np.argpartition(-(vectors[part[described]] @ vectors[near].T), count - 1, axis=1)[:, :count]
                rows[start + described] = table[near[close]].mean(axis=1)
    weight[torch.from_numpy(unseen).to(weight.device)] = torch.from_numpy(rows).to(weight)
