"""`penchant compare`: several models on one split, in one run, with confidence intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from penchant.cli import cleaned, parameters, terminal
from penchant.cli.probes import show_probes
from penchant.errors import UsageError

if TYPE_CHECKING:
    from penchant.data.results.comparison import Comparison
    from penchant.data.results.modality_use import ModalityUse

SHOWN = ("ndcg", "hit_rate", "mrr", "coverage")
"""Metrics of the printed table; the JSON has all of them."""


def compare(
    data: parameters.DataFolder,
    models: Annotated[
        str,
        typer.Option("--models", metavar="A,B,C", help=f"Model names, separated by commas: {parameters.MODEL_NAMES}."),
    ],
    split: parameters.Split = "time",
    target: parameters.Target = "first",
    ties: parameters.Ties = "stable",
    repeats: parameters.Repeats = False,
    refit: parameters.Refit = False,
    ablate: Annotated[
        Literal["none", "masked", "refitted"],
        typer.Option(
            "--ablate",
            help="Modality ablation: masked hides modalities from the fitted model, refitted fits the model again "
            "without them.",
        ),
    ] = "none",
    k: parameters.Many = 10,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=100, help="Number of fits of each model; results are averaged.")
    ] = 1,
    seed: parameters.SeedOfConfig = None,
    config: parameters.ConfigFile = None,
    set_: parameters.Settings = None,
    strict: parameters.Strict = False,
    clean: parameters.Clean = None,
    json: parameters.JsonFile = None,
) -> None:
    """Fit several models on the same training part and test them on the same users."""
    names = names_of(models)
    from penchant.cli.configuration import recipes
    from penchant.data.dataset import Dataset
    from penchant.evaluation.compare import CompareOptions, compare
    from penchant.training.distributed import refuse_several

    refuse_several("penchant compare")
    configs = recipes(config, set_, names, seed)
    cleaning = cleaned.parse(clean)
    dataset = cleaned.clean_dataset(Dataset.load(data, strict=strict), cleaning)
    options = CompareOptions(
        split=split, target=target, ties=ties, repeats=repeats, seeds=seeds, refit=refit, ablate=ablate, k=k
    )
    with terminal.progress() as report:
        comparison = compare(
            dataset,
            configs,
            configs[names[0]],
            options,
            progress=report,
        )
    show_comparison(comparison, json)


def show_comparison(comparison: Comparison, json: Path | None) -> None:
    """Print the table, and write the JSON if a file is given (`-`: JSON alone, on stdout)."""
    if json is not None and str(json) == "-":
        terminal.show_json(comparison.to_json())
        return
    terminal.show_table(*comparison.table([f"{name}@{comparison.k}" for name in SHOWN]))
    terminal.show(
        f"{comparison.users:,} users, split {comparison.split}, seeds {comparison.seeds};"
        " brackets: 95 % intervals over users."
    )
    for name, use in comparison.modalities.items():
        _show_modalities(name, use)
    for name, results in comparison.probes.items():
        show_probes(name, results)
    for line in comparison.notes:
        terminal.show(line)
    if json is not None:
        terminal.write_json(json, comparison.to_json())
        terminal.note(f"Wrote {json}")


def _show_modalities(model: str, use: ModalityUse) -> None:
    """Print the share of each modality in the score, and the ablation by masks."""
    shares = ", ".join(f"{modality} {share:.0%}" for modality, share in use.contribution.items())
    terminal.show(f"\n{model}: contributions to the score of recommended items: {shares}")
    if use.ablation is not None:
        header = (f"{model} with", use.ablation.metric, "difference to all modalities")
        rows = [
            (" + ".join(row.modalities), str(row.value), str(row.difference.interval) if row.difference else "")
            for row in use.ablation.rows
        ]
        terminal.show_table(header, rows)
        terminal.show(
            f"on {use.ablation.users:,} users; modalities are hidden from the fitted model, which is not trained again"
        )


def names_of(models: str) -> list[str]:
    """Model names from a list separated by commas; each name is valid."""
    from penchant.models.registry import resolve_name

    names = [name.strip() for name in models.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--models {models!r} names no model.", remedy=f"Allowed: {parameters.MODEL_NAMES}.")
    return list(dict.fromkeys(resolve_name(name) for name in names))
