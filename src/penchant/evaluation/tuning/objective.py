"""The objective of a search: NDCG@10 on validation of a model fitted on the training part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from penchant.data.training import TrainingData
from penchant.evaluation.tuning.search import Objective, Report
from penchant.models.base import Adaptive, Trainable
from penchant.models.registry import create
from penchant.options import Json, JsonMapping, to_dict
from penchant.training.loop import fit
from penchant.training.options import TrainingOptions


def build_objective(
    name: str,
    options: Callable[[JsonMapping], Callable[[str], Any]],
    data: TrainingData,
    training: TrainingOptions,
    device: str = "auto",
) -> Objective:
    """The objective of one model on data with a validation part.

    `options(settings)` gives the options of every model by name, with the settings of this one in them.
    """
    quiet = replace(training, tensorboard="")

    def value(settings: JsonMapping, report: Report) -> float:
        model = create(name, options(settings))
        epochs = model.epochs(data) if isinstance(model, Trainable) else 1

        def on_epoch(row: dict[str, float]) -> None:
            report(row["epoch"] / epochs, row.get("ndcg", float("nan")))

        log = fit(model, data, device=device, options=quiet, on_epoch=on_epoch)
        best = [row["ndcg"] for row in log.epochs if "ndcg" in row]
        assert log.validation_ndcg is not None
        return max(best) if best else log.validation_ndcg

    return value


def read_incumbent(name: str, options: Callable[[str], Any], data: TrainingData) -> Json:
    """The options of a model before a search, by name; of those left open, their values on these data."""
    model = create(name, options)
    resolved = model.resolve_options(data) if isinstance(model, Adaptive) else {}
    return {**to_dict(options(name)), **resolved}
