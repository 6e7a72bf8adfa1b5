"""Which modalities there are, what they give to the score, and what is lost without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from penchant.arrays import evenly_spaced
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.results.modality_use import Ablation, AblationRow, Coverage, ModalityUse
from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import UsageError
from penchant.evaluation.backtest import ranked_lists
from penchant.metrics.ranking import ranking_metrics
from penchant.metrics.significance import bootstrap, paired_differences
from penchant.models.base import Additive, IdOptions, ModalityOptions, Multimodal, experts_of
from penchant.models.ensemble.options import EnsembleOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

Ablate = Literal["none", "masked", "refitted"]
MOST_USERS = 1000
"""Users that contributions and a masked ablation are measured on, evenly spaced: enough for an interval, cheap."""


def subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """All modalities, all but one, each alone; each once, in this order.

    >>> subsets(["behaviour", "text"])
    [('behaviour', 'text'), ('text',), ('behaviour',)]
    """
    but_one = [tuple(modality for modality in modalities if modality != gone) for gone in modalities]
    alone = [(modality,) for modality in modalities]
    return list(dict.fromkeys(found for found in [tuple(modalities), *but_one, *alone] if found))


def measure_coverage(modalities: Modalities, histories: SequenceBatch) -> dict[str, Coverage]:
    """Share of items and of events that have each modality.

    An event has a modality if its item has it or if it carries it itself. `behaviour`: items with at least one event.
    """
    known = histories.items >= 0
    n_items = len(next(iter(modalities.values()))) if modalities else int(histories.items.max(initial=-1)) + 1
    present: dict[str, npt.NDArray[np.bool_]] = {
        BEHAVIOUR: np.bincount(histories.items[known], minlength=n_items) > 0,
        **{name: modality.present for name, modality in modalities.items() if name != BEHAVIOUR},
    }
    own = histories.content if histories.content_rows is not None else None
    out = {}
    for name, there in present.items():
        has = np.where(known, there[np.where(known, histories.items, 0)], False) if len(there) else known
        if own is not None and name in own and histories.content_rows is not None:
            rows = histories.content_rows
            has = has | ((rows >= 0) & own[name].present[np.maximum(rows, 0)])
        out[name] = Coverage(_share(there), _share(has))
    return out


def measure_contributions(
    recommender: Recommender, histories: SequenceBatch, *, k: int = 10, seen: Ragged | None = None
) -> dict[str, float]:
    """Mean share of each modality in the scores of recommended items, of the absolute parts; they sum to 1.

    For each of the first k items of a list |c_m| / Σ_m |c_m|, averaged over items and users. A model of ids and
    events alone gives everything to `behaviour`. Histories without any event are left out.
    """
    rows = _some(np.flatnonzero(histories.lengths > 0))
    model, total, lists = recommender.model, dict[str, float](), 0
    for start in range(0, len(rows), 128):
        block = histories.take(rows[start : start + 128])
        left_out = block.history_items.unique() if seen is None else seen.take(rows[start : start + 128])
        items, _ = recommender.rank(block, min(k, recommender.dataset.n_items), exclude=left_out)
        parts = model.contributions(block) if isinstance(model, Additive) else {BEHAVIOUR: model.score(block)}
        at = np.maximum(items, 0)
        each = {modality: np.abs(np.take_along_axis(scores, at, axis=1)) for modality, scores in parts.items()}
        whole = np.maximum(np.sum(list(each.values()), axis=0), 1e-12)
        kept = (items >= 0) & (whole > 1e-9)
        lists += int(kept.sum())
        for modality, values in each.items():
            total[modality] = total.get(modality, 0.0) + float((values / whole)[kept].sum())
    return {modality: value / max(lists, 1) for modality, value in total.items()}


def ablate_masked(
    recommender: Recommender, holdout: Holdout, *, k: int = 10, threads: int | None = None
) -> Ablation | None:
    """NDCG at k of the fitted model without some of its modalities: nothing is trained again, so it is cheap.

    It says what the model *uses*; a model that never saw a modality in training could make more of the others
    (`refits` says that). On at most `MOST_USERS` users, evenly spaced. None where the model reads one modality only.
    """
    model = recommender.model
    names = list(model.modality_names()) if isinstance(model, Multimodal) else []
    if len(names) < 2:
        return None
    assert isinstance(model, Multimodal)
    some = _some(np.arange(len(holdout)))
    part = replace(
        holdout,
        histories=holdout.histories.take(some),
        targets=holdout.targets.take(some),
        seen=holdout.seen.take(some),
    )
    values: dict[tuple[str, ...], npt.NDArray[np.float64]] = {}
    for kept in subsets(names):
        blind = (
            recommender if len(kept) == len(names) else recommender.with_model(model.without(set(names) - set(kept)))
        )
        ranked = ranked_lists(blind, part, k, n_items=recommender.dataset.n_items, threads=threads)
        values[kept] = ranking_metrics(ranked, part.targets, [k])[f"ndcg@{k}"]
    return Ablation(f"ndcg@{k}", len(some), _rows(values))


def measure_modality_use(
    recommender: Recommender, holdout: Holdout, *, k: int = 10, threads: int | None = None
) -> ModalityUse:
    """Coverage, contributions and the masked ablation of one fitted model on one hold-out."""
    histories = recommender.histories(np.arange(recommender.dataset.n_users))
    return ModalityUse(
        measure_coverage(recommender.modalities, histories),
        measure_contributions(recommender, holdout.histories, k=k, seen=holdout.seen),
        ablate_masked(recommender, holdout, k=k, threads=threads),
    )


def refits(config: Config, modalities: Sequence[str]) -> dict[tuple[str, ...], Config]:
    """The recipe with all modalities, all but one, each alone, each to be learned anew; those that make no sense left
    out.

    `modalities`: those that the items have (`behaviour` among them). Ensembles keep the experts that still see
    something.
    """
    found = {kept: restricted(config, config.model, kept) for kept in subsets(modalities)}
    return {kept: recipe for kept, recipe in found.items() if recipe is not None}


def with_refits(dataset: Dataset, recipes: Mapping[str, Config]) -> tuple[dict[str, Config], dict[str, str]]:
    """The recipes, each followed by its `refits` named `MODEL: modality + modality`, and for each of these the whole
    it is of.

    Raises `UsageError` where no recipe reads more than one modality of these data.
    """
    out: dict[str, Config] = {}
    whole: dict[str, str] = {}
    for name, recipe in recipes.items():
        out[name] = recipe
        modalities = possible_modalities(dataset, recipe)
        found = refits(recipe, modalities) if _reads_modalities(recipe, recipe.model) else {}
        for kept, config in found.items():
            if len(kept) < len(modalities):
                out[f"{name}: {' + '.join(kept)}"] = config
                whole[f"{name}: {' + '.join(kept)}"] = name
    if not whole:
        raise UsageError(
            f"{', '.join(recipes)}: no model here reads more than one modality of these data.",
            remedy="Compare transformer, gru, cnn_rnn, content or lite, on items with text, images or sounds.",
        )
    return out, whole


def possible_modalities(dataset: Dataset, recipe: Config) -> list[str]:
    """`behaviour` and the modalities that the items of a dataset get with these options."""
    carrier = Recommender.fit(dataset, replace(recipe, model="popularity"))
    return [BEHAVIOUR, *(modality for modality in carrier.modalities if modality != BEHAVIOUR)]


def restricted(config: Config, model: str, modalities: Sequence[str]) -> Config | None:
    """The configuration in which a model reads only these modalities; None where it would read nothing.

    >>> restricted(Config(), "lite", ["text"]).options("lite").experts
    ('transformer', 'content')
    """
    options, content = config.options(model), [modality for modality in modalities if modality != BEHAVIOUR]
    if isinstance(options, EnsembleOptions):
        kept, made = [], config
        for expert in options.experts:
            found = restricted(made, expert, modalities)
            if found is not None:
                kept.append(expert)
                made = found
        new = [modality for modality in content if modality in (options.cold_modalities or content)] or [BEHAVIOUR]
        chosen = {f"{model}.experts": ",".join(kept), f"{model}.cold_modalities": ",".join(new)}
        return made.with_settings(chosen) if kept else None
    if not isinstance(options, ModalityOptions):
        return config if BEHAVIOUR in modalities else None
    read = modalities if isinstance(options, IdOptions) and options.ids else content
    chosen = {f"{model}.modalities": ",".join(read)}
    if BEHAVIOUR not in read and isinstance(options, IdOptions) and options.fusion != "none":
        chosen[f"{model}.id_init"] = "random"  # without ids none begins anywhere
    return config.with_settings(chosen) if read else None


def _reads_modalities(config: Config, model: str) -> bool:
    """Whether a model, or an expert of it, reads item modalities."""
    options = config.options(model)
    return isinstance(options, ModalityOptions) or any(_reads_modalities(config, e) for e in experts_of(options))


def _rows(values: Mapping[tuple[str, ...], npt.NDArray[np.float64]]) -> list[AblationRow]:
    """One row a variant, all modalities first, each with its paired difference to it."""
    (everything, reference), *others = values.items()
    gaps = paired_differences([(column, reference) for _, column in others])
    rows = [AblationRow(everything, bootstrap(reference))]
    return rows + [AblationRow(kept, bootstrap(column), gap) for (kept, column), gap in zip(others, gaps, strict=True)]


def _some(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return rows[evenly_spaced(len(rows), MOST_USERS)]


def _share(mask: npt.NDArray[np.bool_]) -> float:
    return float(mask.mean()) if len(mask) else 0.0
