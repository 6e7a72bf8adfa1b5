"""Decision-level fusion inside one family: a sequence network for each view, trained apart, their scores summed."""

from __future__ import annotations

from dataclasses import replace

from penchant.data.schema import ATTRIBUTES, AUDIO, BEHAVIOUR, IMAGE, TEXT
from penchant.models.ensemble.ensemble import Ensemble, EnsembleOptions
from penchant.models.sequence import SequenceModel, SequenceOptions

VIEWS = (BEHAVIOUR, TEXT, IMAGE, AUDIO, ATTRIBUTES)


def view_experts(options: SequenceOptions, name: str) -> Ensemble:
    """`fusion=decision` of a sequence model: score = Σ_m w_m z_m(u, i), one network m for each view.

    Every network sees the items by one view alone, vectors that somebody brought and the graph included; those of views
    that no item has are left out. `options.views` says which are wanted (all, where it is empty). The weights are
    found on validation (see `weights.py`). Costs as many trainings as there are views. Choose it where
    views are unequal and reasons per view must be exact; late fusion is what published comparisons favour.
    """

    def of_view(view: str) -> SequenceModel | None:
        if options.views and view not in options.views:
            return None
        start = options.id_init if view == BEHAVIOUR else "random"  # the others have no ids
        return SequenceModel(replace(options, fusion="weighted_sum", views=(view,), id_init=start), name)

    experts = {view: expert for view in options.views or VIEWS if (expert := of_view(view)) is not None}
    return Ensemble(EnsembleOptions(experts=tuple(experts), new_views=options.views), experts, name, of_view=of_view)
