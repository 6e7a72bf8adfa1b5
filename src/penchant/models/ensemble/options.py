"""Options of the ensemble."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.errors import OptionError
from penchant.options import require_range


@dataclass(frozen=True)
class EnsembleOptions:
    """Options of the ensemble."""

    experts: tuple[str, ...] = ("transformer", "cooccurrence", "ease", "user_knn", "content", "popularity")
    """Names of the models whose standardised scores are summed. One or more; an ensemble holds no other."""
    weights_users: int = 2000
    """Validation users on whom the weights of the experts are fitted. 1 or more."""
    max_items_ease: int = 20_000
    """Items above which ease is left out. 0 or more."""
    max_users_user_knn: int = 50_000
    """Training users above which user_knn is left out. 0 or more."""
    max_known_loss: float = 0.009
    """Share of their NDCG@10 that warm items are expected to lose to cold ones where a tenth of all items or more is
    cold. 0 or more, below 1; with fewer cold items the loss falls with the root of their share; 0 ranks cold items
    last."""
    cold_modalities: tuple[str, ...] = ()
    """Item modalities by which cold items are compared with warm ones. Empty uses all."""

    def __post_init__(self) -> None:
        if not self.experts or {"lite", "flagship"} & set(self.experts):
            raise OptionError("experts", self.experts, remedy="Name one or more models; an ensemble holds no other.")
        require_range(self, "max_known_loss", least=0, below=1)
        require_range(self, "weights_users", least=1)
        require_range(self, "max_items_ease", "max_users_user_knn", least=0)
