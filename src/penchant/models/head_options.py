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
    """Options of `InterestHead` and `CategoryHead`.

    `fit`: which heads a recommender gets (`interest`, `category`; none by default). They are taught by events that
    the model does not learn: the newest tenth of the events, one at least, of `users` people at most.
    `features` of an interest u and an item v: `dot` (u·v) or `all` (u·v, u ⊙ v, |u − v|). `hidden` 0: logistic
    regression; above: one hidden layer of so many units. `class_weights` `balanced` lets every class weigh the same
    in sum (then probabilities are those of a world in which the classes are equally frequent). `negatives`: `real`
    (dislike, hide, shown and not taken), `sampled` (`ratio` a positive, half by popularity, half uniform, none that
    the person touched), or `auto`: real ones where there are `fewest` of them at least. `l2` is the penalty on weights
    (not on that of u·v); None takes the one of `PENALTIES` under which a quarter of the data, left out, is likeliest.
    `classes`: that many most frequent categories; the others are one class more.
    """

    fit: tuple[str, ...] = ()
    features: str = "all"
    hidden: int = 0
    class_weights: str = "none"
    negatives: str = "auto"
    ratio: int = 4
    fewest: int = 100
    users: int = 2000
    l2: float | None = None
    iterations: int = 200
    classes: int = 40

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
