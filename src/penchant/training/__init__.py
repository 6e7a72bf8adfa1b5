"""Training: one `fit` for every model."""

from penchant.training.loop import TrainingLog, fit

__all__ = ["TrainingLog", "fit"]
