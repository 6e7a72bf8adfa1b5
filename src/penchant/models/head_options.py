"""Options of the heads on interest vectors; which are fitted, on what, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from penchant.data.options import require_range
from penchant.errors import OptionError

HEADS = ("interest", "category")
FEATURES = ("dot", "all")
WEIGHTS = ("none", "balanced")
NEGATIVES = ("auto", "real", "sampled")


@dataclass(frozen=True)
class ProbeOptions:
    """Options of the probes on frozen interest vectors. Probes learn from the newest tenth of the events, which the
    model does not see."""

    fit: tuple[str, ...] = ()
    """Probes to fit: interest, category or both. Empty fits none."""
    features: str = "all"
    """Features of an interest u and an item v: dot (u·v) or all (u·v, u ⊙ v, |u − v|)."""
    hidden: int = 0
    """Units of one hidden layer. 0 or more; 0 is logistic regression."""
    class_weights: str = "none"
    """Weight of the classes: none or balanced. balanced gives every class the same total, so probabilities are those of
    equally frequent classes."""
    negatives: str = "auto"
    """Negatives of the interest probe: auto, real or sampled. real are dislikes, hides and items shown and not taken;
    auto takes them where there are enough."""
    ratio: int = 4
    """Sampled negatives of a positive. 1 or more; half are drawn by popularity, half uniformly."""
    fewest: int = 100
    """Real negatives from which on negatives=auto takes them. 0 or more."""
    users: int = 2000
    """Users whose newest events teach the probes. 1 or more."""
    l2: float | None = None
    """Penalty on the weights (not on that of u·v). 0 or more; none selects it on a quarter of the data."""
    iterations: int = 200
    """Iterations of the solver at most. 1 or more."""
    classes: int = 40
    """Most frequent categories that are classes of the category probe. 2 or more; the others form one more class."""

    def __post_init__(self) -> None:
        for head in self.fit:
            if head not in HEADS:
                raise OptionError("probes.fit", head, allowed=HEADS)
        for name, allowed in (("features", FEATURES), ("class_weights", WEIGHTS), ("negatives", NEGATIVES)):
            if getattr(self, name) not in allowed:
                raise OptionError(f"probes.{name}", getattr(self, name), allowed=allowed)
        require_range(self, "hidden", "fewest", "l2", least=0, part="heads.")
        require_range(self, "ratio", "users", "iterations", least=1, part="heads.")
        require_range(self, "classes", least=2, part="heads.")

    def left_out(self, error: Exception) -> dict[str, Any]:
        """What stands, head by head, in the place of facts or results where those asked for could not be fitted."""
        return {name: {"left_out": str(error)} for name in self.fit}
