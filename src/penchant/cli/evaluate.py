"""`penchant evaluate`: the accuracy of a bundle on events that it has not seen."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from penchant.cli import parameters, terminal


def evaluate(
    bundle: parameters.BundleFolder,
    data: parameters.DataFolder,
    split: Annotated[
        Literal["time", "leave-one-out", "users", "cold-items"] | None,
        typer.Option(
            "--split",
            help="Fit the recipe of the bundle again on this split.  [default: test on unseen events]",
        ),
    ] = None,
    beside: Annotated[
        str, typer.Option("--beside", metavar="A,B,C", help="Models to fit on the same training part, for comparison.")
    ] = "",
    target: parameters.Target = "first",
    ties: parameters.Ties = "stable",
    repeats: parameters.Repeats = False,
    refit: parameters.Refit = False,
    k: parameters.Many = 10,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds", min=1, max=100, help="Number of fits of the recipe; results are averaged. Needs --split."
        ),
    ] = 1,
    seed: parameters.SeedOfBundle = None,
    strict: parameters.Strict = False,
    json: parameters.JsonFile = None,
) -> None:
    """Test a bundle on events that it has not seen, or its recipe on a split, never on training events."""
    from penchant.cli.compare import names_of, show_comparison

    others = names_of(beside) if beside else []
    from penchant.data.dataset import Dataset
    from penchant.evaluation.bundle import evaluate as evaluate_recommender
    from penchant.evaluation.compare import CompareOptions
    from penchant.recommender.recommender import Recommender
    from penchant.training.distributed import refuse_several

    refuse_several("penchant evaluate")
    options = CompareOptions(target=target, ties=ties, repeats=repeats, refit=refit, k=k, seeds=seeds)
    rec = Recommender.load(bundle)
    dataset = Dataset.load(data, strict=strict)
    with terminal.progress() as report:
        comparison = evaluate_recommender(
            rec,
            dataset,
            options,
            split=split,
            beside=others,
            seed=seed,
            progress=report,
        )
    show_comparison(comparison, json)
