"""Modalities of items and events: coverage, contribution to the score, and ablation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from penchant.arrays import Bools, Float64s, Int64s, evenly_spaced
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.ragged import Ragged
from penchant.data.results.modality_use import Ablation, AblationRow, Coverage, ModalityUse
from penchant.data.schema import BEHAVIOUR
from penchant.data.sequences import SequenceBatch
from penchant.data.splits import Holdout
from penchant.errors import UsageError
from penchant.evaluation.backtest import rank_holdout
from penchant.metrics.ranking import ranking_metrics
from penchant.metrics.significance import bootstrap, paired_differences
from penchant.models.base import Additive, IdOptions, ModalityOptions, Multimodal, experts_of
from penchant.models.ensemble.options import EnsembleOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

Ablate = Literal["none", "masked", "refitted"]
MOST_USERS = 1000
"""Users that contributions and a masked ablation are measured on, evenly spaced: few enough to be cheap."""


def list_subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """Subsets of modalities without duplicates: all, all but one, each alone, in this order.

    >>> list_subsets(["behaviour", "text"])
    [('behaviour', 'text'), ('text',), ('behaviour',)]
    """
    but_one = [tuple(modality for modality in modalities if modality != left_out) for left_out in modalities]
    alone = [(modality,) for modality in modalities]
    return list(dict.fromkeys(subset for subset in [tuple(modalities), *but_one, *alone] if subset))


def measure_coverage(modalities: Modalities, histories: SequenceBatch) -> dict[str, Coverage]:
    """Share of items and of events that have each modality.

    An event has a modality if its item or the content of the event has it. `behaviour` covers the items with an event.
    """
    known = histories.items >= 0
    n_items = len(next(iter(modalities.values()))) if modalities else int(histories.items.max(initial=-1)) + 1
    present: dict[str, Bools] = {
        BEHAVIOUR: np.bincount(histories.items[known], minlength=n_items) > 0,
        **{name: modality.present for name, modality in modalities.items() if name != BEHAVIOUR},
    }
    content, rows = histories.content, histories.content_rows
    coverage = {}
    for name, items in present.items():
        events = np.where(known, items[np.where(known, histories.items, 0)], False) if len(items) else known
        if content is not None and rows is not None and name in content:
            events = events | ((rows >= 0) & content[name].present[np.maximum(rows, 0)])
        coverage[name] = Coverage(_compute_share(items), _compute_share(events))
    return coverage


def measure_contributions(
    recommender: Recommender, histories: SequenceBatch, *, k: int = 10, seen: Ragged | None = None
) -> dict[str, float]:
    """Mean share of each modality in the scores of recommended items; the shares sum to 1.

    The share of modality m in the score of an item is |c_m| / Σ_m |c_m|. It is averaged over the first k items of
    all lists. A model of ids and events has the share 1 for `behaviour`. Empty histories are left out.
    """
    rows = _sample(np.flatnonzero(histories.lengths > 0))
    model, total, count = recommender.model, dict[str, float](), 0
    for start in range(0, len(rows), 128):
        block = histories.take(rows[start : start + 128])
        excluded = block.history_items.unique() if seen is None else seen.take(rows[start : start + 128])
        items, _ = recommender.rank(block, min(k, recommender.dataset.n_items), exclude=excluded)
        parts = model.contributions(block) if isinstance(model, Additive) else {BEHAVIOUR: model.score(block)}
        codes = np.maximum(items, 0)
        absolute = {name: np.abs(np.take_along_axis(scores, codes, axis=1)) for name, scores in parts.items()}
        # A score whose parts all vanish has no shares: such an item counts nowhere.
        sums = np.maximum(np.sum(list(absolute.values()), axis=0), 1e-12)
        kept = (items >= 0) & (sums > 1e-9)
        count += int(kept.sum())
        for modality, values in absolute.items():
            total[modality] = total.get(modality, 0.0) + float((values / sums)[kept].sum())
    return {modality: value / max(count, 1) for modality, value in total.items()}


def ablate_masked(
    recommender: Recommender, holdout: Holdout, *, k: int = 10, threads: int | None = None
) -> Ablation | None:
    """NDCG at k of the fitted model with some of its modalities hidden, without another training.

    It shows which modalities the model *uses*. A model trained without a modality may use others better: `build_refits`
    covers that. At most `MOST_USERS` users are ranked, evenly spaced. None if the model reads a single modality.
    """
    model = recommender.model
    names = list(model.modality_names()) if isinstance(model, Multimodal) else []
    if len(names) < 2:
        return None
    assert isinstance(model, Multimodal)
    users = _sample(np.arange(len(holdout)))
    part = replace(
        holdout,
        histories=holdout.histories.take(users),
        targets=holdout.targets.take(users),
        seen=holdout.seen.take(users),
    )
    values: dict[tuple[str, ...], Float64s] = {}
    for kept in list_subsets(names):
        masked = (
            recommender if len(kept) == len(names) else recommender.with_model(model.without(set(names) - set(kept)))
        )
        ranked = rank_holdout(masked, part, k, n_items=recommender.dataset.n_items, threads=threads)
        values[kept] = ranking_metrics(ranked, part.targets, [k])[f"ndcg@{k}"]
    return Ablation(f"ndcg@{k}", len(users), _compare_variants(values))


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


def build_refits(config: Config, modalities: Sequence[str]) -> dict[tuple[str, ...], Config]:
    """The recipe restricted to all modalities, to all but one and to each alone, for a fit of each.

    `modalities`: those of the items, with `behaviour`. A subset that leaves the model without input is left out. An
    ensemble keeps the experts that still have an input.
    """
    recipes = {kept: restrict(config, config.model, kept) for kept in list_subsets(modalities)}
    return {kept: recipe for kept, recipe in recipes.items() if recipe is not None}


def add_refits(dataset: Dataset, recipes: Mapping[str, Config]) -> tuple[dict[str, Config], dict[str, str]]:
    """The recipes, each followed by its restricted variants `MODEL: modality + modality`; and variant → recipe.

    Raises `UsageError` if no recipe reads more than one modality of these data.
    """
    out: dict[str, Config] = {}
    references: dict[str, str] = {}
    for name, recipe in recipes.items():
        out[name] = recipe
        modalities = list_modalities(dataset, recipe)
        variants = build_refits(recipe, modalities) if _reads_modalities(recipe, recipe.model) else {}
        for kept, config in variants.items():
            if len(kept) < len(modalities):
                out[f"{name}: {' + '.join(kept)}"] = config
                references[f"{name}: {' + '.join(kept)}"] = name
    if not references:
        raise UsageError(
            f"{', '.join(recipes)}: no model here reads more than one modality of these data.",
            remedy="Compare transformer, gru, cnn_rnn, content or lite, on items with text, images or sounds.",
        )
    return out, references


def list_modalities(dataset: Dataset, recipe: Config) -> list[str]:
    """`behaviour` and the modalities of the items of a dataset, embedded with the options of a recipe."""
    carrier = Recommender.fit(dataset, replace(recipe, model="popularity"))
    return [BEHAVIOUR, *(modality for modality in carrier.modalities if modality != BEHAVIOUR)]


def restrict(config: Config, model: str, modalities: Sequence[str]) -> Config | None:
    """The configuration with a model that reads only these modalities; None if it would have no input.

    >>> restrict(Config(), "lite", ["text"]).options("lite").experts
    ('transformer', 'content')
    """
    options, content = config.options(model), [modality for modality in modalities if modality != BEHAVIOUR]
    if isinstance(options, EnsembleOptions):
        kept, result = [], config
        for expert in options.experts:
            restricted = restrict(result, expert, modalities)
            if restricted is not None:
                kept.append(expert)
                result = restricted
        cold = [modality for modality in content if modality in (options.cold_modalities or content)] or [BEHAVIOUR]
        chosen = {f"{model}.experts": ",".join(kept), f"{model}.cold_modalities": ",".join(cold)}
        return result.with_settings(chosen) if kept else None
    if not isinstance(options, ModalityOptions):
        return config if BEHAVIOUR in modalities else None
    read = modalities if isinstance(options, IdOptions) and options.ids else content
    chosen = {f"{model}.modalities": ",".join(read)}
    if BEHAVIOUR not in read and isinstance(options, IdOptions) and options.fusion != "none":
        chosen[f"{model}.id_init"] = "random"  # no ids to initialise from
    return config.with_settings(chosen) if read else None


def _reads_modalities(config: Config, model: str) -> bool:
    """Whether a model or one of its experts reads item modalities."""
    options = config.options(model)
    return isinstance(options, ModalityOptions) or any(_reads_modalities(config, e) for e in experts_of(options))


def _compare_variants(values: Mapping[tuple[str, ...], Float64s]) -> list[AblationRow]:
    """One row per variant, all modalities first; the others have their paired difference to it."""
    (everything, reference), *others = values.items()
    gaps = paired_differences([(column, reference) for _, column in others])
    rows = [AblationRow(everything, bootstrap(reference))]
    return rows + [AblationRow(kept, bootstrap(column), gap) for (kept, column), gap in zip(others, gaps, strict=True)]


def _sample(rows: Int64s) -> Int64s:
    return rows[evenly_spaced(len(rows), MOST_USERS)]


def _compute_share(mask: Bools) -> float:
    return float(mask.mean()) if len(mask) else 0.0
