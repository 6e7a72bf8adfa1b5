"""ROC and precision-recall curves of a model, thinned for drawing, with their exact areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penchant.options import Json


@dataclass(frozen=True)
class CurveResult:
    """The points of a curve, and the exact area under it."""

    x: Sequence[float]
    y: Sequence[float]
    area: float


@dataclass(frozen=True)
class CurveResults:
    """Both curves over the (user, item) pairs of `users` users, and the numbers of positive and negative pairs."""

    roc: CurveResult
    pr: CurveResult
    users: int = 0
    positives: int = 0
    negatives: int = 0

    @property
    def by_kind(self) -> Mapping[str, CurveResult]:
        """The curves as `roc` and `pr`."""
        return {"roc": self.roc, "pr": self.pr}

    def to_dict(self) -> dict[str, Json]:
        """Plain values for JSON: `fpr`, `tpr`, `auc` and `recall`, `precision`, `ap`."""
        pairs = {"users": self.users, "positives": self.positives, "negatives": self.negatives}
        roc, pr = self.roc, self.pr
        return {
            "roc": {"fpr": list(roc.x), "tpr": list(roc.y), "auc": roc.area} | pairs,
            "pr": {"recall": list(pr.x), "precision": list(pr.y), "ap": pr.area} | pairs,
        }
