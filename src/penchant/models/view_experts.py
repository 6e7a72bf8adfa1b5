"""Decision-level fusion inside one family: a sequence network for each view, trained apart, their scores summed."""

from __future__ import annotations

from dataclasses import replace

from penchant.data.schema import ATTRIBUTES, AUDIO, BEHAVIOUR, IMAGE, TEXT
from penchant.models.ensemble import Ensemble, EnsembleOptions
from penchant.models.sequence import SequenceModel, SequenceOptions

VIEWS = (BEHAVIOUR, TEXT, IMAGE, AUDIO, ATTRIBUTES)


def view_experts(options: SequenceOptions, name: str) -> Ensemble:
    """`fusion=decision` of a sequence model: score = Σ_m w_m z_m(u, i), one network m for each view.

    Every network sees the items by one view alone; those of views that no item has are left out. The weights are
    found on validation (see `penchant.fusion.decision`). Costs as many trainings as there are views. Choose it where
    views are unequal and reasons per view must be exact; late fusion is what published comparisons favour.
    """
    wanted = [view for view in VIEWS if not options.views or view in options.views]
    experts = {view: SequenceModel(replace(options, fusion="weighted_sum", views=(view,)), name) for view in wanted}
    return Ensemble(EnsembleOptions(experts=tuple(experts)), experts, name)
