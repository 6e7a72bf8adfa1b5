"""Decision-level fusion inside one family: a sequence network for each modality, trained apart, their scores summed."""

from __future__ import annotations

from dataclasses import replace

from penchant.data.schema import ATTRIBUTES, AUDIO, BEHAVIOUR, IMAGE, TEXT
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.sequence import SequenceModel, SequenceOptions

VIEWS = (BEHAVIOUR, TEXT, IMAGE, AUDIO, ATTRIBUTES)


def modality_experts(options: SequenceOptions, name: str) -> Ensemble:
    """`fusion=decision` of a sequence model: score = Σ_m w_m z_m(u, i), one network m for each modality.

    Every network sees the items by one modality alone, vectors that somebody brought and the graph included; those of
    modalities that no item has are left out. `options.modalities` says which are wanted (all, where it is empty). The
    weights are found on validation (see `weights.py`). Costs as many trainings as there are modalities. Choose it where
    modalities are unequal and reasons per modality must be exact; late fusion is what published comparisons favour.
    """

    def of_modality(modality: str) -> SequenceModel | None:
        if options.modalities and modality not in options.modalities:
            return None
        start = options.id_init if modality == BEHAVIOUR else "random"  # the others have no ids
        return SequenceModel(replace(options, fusion="weighted_sum", modalities=(modality,), id_init=start), name)

    experts = {
        modality: expert for modality in options.modalities or VIEWS if (expert := of_modality(modality)) is not None
    }
    return Ensemble(
        EnsembleOptions(experts=tuple(experts), cold_modalities=options.modalities),
        experts,
        name,
        of_modality=of_modality,
    )
