"""Selection: NDCG@10 on validation, over the full catalogue."""

from __future__ import annotations

from penchant.arrays import evenly_spaced
from penchant.data.dataset import Dataset
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout, split
from penchant.data.training import Validation
from penchant.embeddings.packing import attach_content
from penchant.errors import DataError
from penchant.metrics.ranking import ndcg
from penchant.models.base import Model, ModelEnsemble, Trainable
from penchant.retrieval.exact import top_k

SELECTION_USERS = 4000


def measure_ndcg(model: Model, validation: Validation, *, users: int = SELECTION_USERS) -> float:
    """Mean NDCG@10 over (at most `users` of) the validation users; every k-th user, so the sample is the same every
    time."""
    n = len(validation.histories)
    rows = evenly_spaced(n, users)
    total = 0.0
    for start in range(0, len(rows), 512):
        part = rows[start : start + 512]
        scores = model.score(validation.histories.take(part))
        ranked, _ = top_k(scores, 10, exclude=validation.seen.take(part))
        total += float(ndcg(ranked, validation.targets.take(part), 10).sum())
    return total / max(1, len(rows))


def needs_selection(model: Model) -> bool:
    """Whether a model has epochs or weights to choose on held-out events."""
    return isinstance(model, Trainable | ModelEnsemble)


def hold_out_last(data: Dataset) -> tuple[Dataset, Holdout] | None:
    """The data without each user's last possible target, and these targets; None if no user has two events."""
    try:
        cut = split(data, "leave-one-out")
    except DataError:
        return None
    return cut.train_and_validation, cut.test


def build_validation(holdout: Holdout | Validation, all_histories: SequenceBatch | None = None) -> Validation:
    """The validation data of a holdout."""
    if isinstance(holdout, Validation):
        return holdout
    histories = holdout.histories if all_histories is None else attach_content(holdout.histories, all_histories)
    return Validation(histories, holdout.targets, holdout.seen)
