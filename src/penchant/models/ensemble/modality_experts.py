"""Decision-level fusion inside one family: a sequence network for each modality, trained apart, their scores summed."""

from __future__ import annotations

from dataclasses import replace

from penchant.data.schema import ATTRIBUTES, AUDIO, BEHAVIOUR, IMAGE, TEXT
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.sequence import SequenceModel, SequenceOptions

ALL_MODALITIES = (BEHAVIOUR, TEXT, IMAGE, AUDIO, ATTRIBUTES)


def make_modality_experts(options: SequenceOptions, name: str) -> Ensemble:
    """`fusion=decision` of a sequence model: score = Σ_m w_m z_m(u, i), one network m for each modality.

    Every network reads the items by one modality alone, precomputed embeddings and the graph included; a modality that
    no item has gets none. `options.modalities` names the modalities (empty: all). The weights are fitted on validation
    (see `weights.py`). Costs one training per modality. Choose it where modalities are unequal and reasons per modality
    must be exact; published comparisons favour late fusion.
    """

    def make_expert(modality: str) -> SequenceModel | None:
        if options.modalities and modality not in options.modalities:
            return None
        start = options.id_init if modality == BEHAVIOUR else "random"  # the others have no ids
        return SequenceModel(replace(options, fusion="weighted_sum", modalities=(modality,), id_init=start), name)

    experts = {
        modality: expert
        for modality in options.modalities or ALL_MODALITIES
        if (expert := make_expert(modality)) is not None
    }
    return Ensemble(
        EnsembleOptions(experts=tuple(experts), cold_modalities=options.modalities),
        experts,
        name,
        of_modality=make_expert,
    )
