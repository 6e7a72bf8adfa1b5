"""Options of the linear probes: which are fitted, on which events, and how."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.data.results.probes import ProbeRecord
from penchant.errors import OptionError
from penchant.options import require_range

PROBES = ("interest", "category")
_CHOICES = {"features": ("dot", "all"), "class_weights": ("none", "balanced"), "negatives": ("auto", "real", "sampled")}


@dataclass(frozen=True)
class ProbeOptions:
    """Options of the probes on frozen interest vectors. Probes learn from the newest tenth of the events, which the
    model does not see."""

    fit: tuple[str, ...] = ()
    """Probes to fit: interest, category or both. Empty fits none."""
    features: str = "all"
    """Features of an interest u and an item v: dot (u·v) or all (u·v, u ⊙ v, |u − v|)."""
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
    classes: int = 40
    """Most frequent categories that are classes of the category probe. 2 or more; the others form one more class."""

    def __post_init__(self) -> None:
        for probe in self.fit:
            if probe not in PROBES:
                raise OptionError("probes.fit", probe, allowed=PROBES)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise OptionError(f"probes.{name}", getattr(self, name), allowed=allowed)
        require_range(self, "fewest", "l2", least=0, part="probes.")
        require_range(self, "ratio", "users", least=1, part="probes.")
        require_range(self, "classes", least=2, part="probes.")

    def left_out(self, error: Exception) -> dict[str, ProbeRecord]:
        """Records of probes that could not be fitted, with the reason."""
        return dict.fromkeys(self.fit, ProbeRecord(left_out=str(error)))
