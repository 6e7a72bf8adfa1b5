"""Modalities of MovieLens-1M: every fusion and every ablation with a small model on two splits; seeds of the chosen
fusion.

    python benchmarks/modalities_movielens.py [DATA] --image FOLDER [--work FOLDER] [--splits a,b] [--runs "a;b"]

`DATA` has posters; FOLDER is an image model such as MobileNetV2. The default encoder reads the text. All runs share one
recipe (`RECIPE`) and differ in the fusion or in the modalities. Epochs and the fusion are chosen on validation; figures
are those of the test. The chosen fusion with all modalities, and behaviour alone, are fitted with five seeds on
leave-one-out. NDCG@10 of every user is stored in the work folder, so an interrupted run continues.
`results/modalities_movielens.json` is written after every fit.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from _report import cpu_s, write

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.splits import Split, split
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import evaluate_ranking
from penchant.metrics.significance import bootstrap, mean_over_seeds, paired_differences
from penchant.plots.comparison import draw_model_comparison
from penchant.plots.svg import Labels
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.reports.page import make_standalone

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "movielens-1m"
SPLITS = ("leave-one-out", "time")
RECIPE: Mapping[str, Any] = {
    "dim": 64,
    "layers": 1,
    "max_length": 50,
    "epochs": 4,
    "learning_rate": 4e-3,
    "loss": "sampled_softmax",
    "negatives": 512,
}
"""One small transformer: about a CPU minute per fit, so that every run is affordable."""
DIMENSIONS = 128
"""Principal components kept of each modality: projecting 1,280 numbers would dominate the cost of a small model."""
FUSIONS = ("weighted_sum", "gated", "concat", "product", "attention", "bilinear", "decision")
ABLATIONS: Mapping[str, tuple[str, ...]] = {
    "behaviour": ("behaviour",),
    "text": ("text",),
    "image": ("image",),
    "behaviour, text": ("behaviour", "text"),
    "behaviour, image": ("behaviour", "image"),
    "text, image": ("text", "image"),
}
"""Each modality alone and all but one, by the weighted sum. The run `weighted_sum` has all of them."""
NAMES = {
    **{name: f"all, {name}" for name in FUSIONS},
    **{name: name.replace(", ", " + ") if ", " in name else f"{name} alone" for name in ABLATIONS},
}
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
METRICS = ("ndcg@10", "hit_rate@10")
SEEDS = 5
Run = dict[str, Any]


def main() -> None:
    """Run the missing fits and write the table."""
    args = arguments()
    if args.table:
        return report(args.work)
    dataset = Dataset.load(args.data)
    config = Config(model="transformer").with_settings(
        {
            "modalities.image.encoder": str(args.image),
            "modalities.attributes.enabled": "false",
            "modalities.behaviour.enabled": "false",
        }
    )
    for how in args.splits:
        bench = Bench(dataset, config, how, args.work)
        for name, options, seed in plan():
            if not args.runs or name in args.runs:
                bench.run(name, options, seed)
                report(args.work)
    if "leave-one-out" in args.splits and not args.runs:
        bench = Bench(dataset, config, "leave-one-out", args.work)
        best = chosen(kept_runs(bench.work))
        for seed in range(1, SEEDS):
            bench.run(best, {"fusion": best}, seed)
            bench.run("behaviour", {"modalities": ABLATIONS["behaviour"]}, seed)
            report(args.work)
    report(args.work)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=DATA)
    parser.add_argument("--image", type=Path, default=Path("none"))
    parser.add_argument("--work", type=Path, default=Path("runs") / "modalities_movielens")
    parser.add_argument("--splits", type=lambda text: text.split(","), default=list(SPLITS))
    parser.add_argument("--runs", type=lambda text: text.split(";"), default=[], help="names with ; between them")
    parser.add_argument("--table", action="store_true", help="only write and draw what is in the work folder")
    return parser.parse_args()


def plan() -> Iterator[tuple[str, dict[str, Any], int]]:
    """Names, options and seeds of the runs of one split, the most informative first."""
    yield "behaviour", {"modalities": ABLATIONS["behaviour"]}, 0
    for fusion in FUSIONS:
        yield fusion, {"fusion": fusion}, 0
    for name, modalities in ABLATIONS.items():
        if name != "behaviour":
            yield name, {"modalities": modalities}, 0


class Bench:
    """One split: modalities encoded once, runs stored by name and seed."""

    def __init__(self, dataset: Dataset, config: Config, how: str, work: Path) -> None:
        self.config, self.how, self.work = config, how, work / how
        self.work.mkdir(parents=True, exist_ok=True)
        self.cut: Split = split(dataset, how)  # type: ignore[arg-type]
        plain = replace(config, model="popularity")
        self.carrier = Recommender.fit(self.cut.train, plain, validation=self.cut.validation)
        self.background = measure_background(self.cut.train, self.carrier.modalities)
        self.modalities = Modalities({name: reduced(modality) for name, modality in self.carrier.modalities.items()})
        coverage = {name: round(modality.coverage, 4) for name, modality in self.carrier.modalities.items()}
        (self.work / "coverage.json").write_text(json.dumps(coverage), encoding="utf-8")

    def run(self, name: str, options: Mapping[str, Any], seed: int) -> None:
        """Fit, test and store one run, unless it is stored already."""
        path = self.work / f"{name.replace(', ', '+')}-{seed}.json"
        if path.exists():
            return
        settings = {**RECIPE, **{k: ",".join(v) if isinstance(v, tuple) else v for k, v in options.items()}}
        config = replace(self.config, seed=seed).with_settings({f"transformer.{k}": v for k, v in settings.items()})
        before = cpu_s()
        modalities = (self.modalities, self.carrier.encoders)
        rec = Recommender.fit(self.cut.train, config, validation=self.cut.validation, modalities=modalities)
        spent = cpu_s() - before
        tested = evaluate_ranking(rec, self.cut.test, (10,), background=self.background, threads=1)
        training = rec.record.training
        kept: Run = {
            "name": name,
            "seed": seed,
            "validation_ndcg@10": training.validation_ndcg,
            "best_epoch": training.best_epoch,
            "fit_cpu_s": round(spent, 1),
            "weights": training.weights or learned_weights(rec),
            **{metric: tested.values[metric].tolist() for metric in METRICS},
        }
        path.write_text(json.dumps(kept), encoding="utf-8")
        print(
            f"{self.how} {name} seed {seed}: validation {kept['validation_ndcg@10']:.4f}, {spent:.0f} CPU s", flush=True
        )


def reduced(modality: Modality) -> Modality:
    """Reduce a modality to its first `DIMENSIONS` principal components, over the items that have it."""
    if modality.dim <= DIMENSIONS:
        return modality
    unit = modality.unit()
    centred = np.where(unit.present[:, None], unit.vectors - unit.vectors[unit.present].mean(axis=0), 0)
    _, _, directions = np.linalg.svd(centred[unit.present], full_matrices=False)
    return Modality((centred @ directions[:DIMENSIONS].T).astype(np.float32), modality.present, modality.encoder)


def learned_weights(rec: Recommender) -> dict[str, float]:
    """The weights of a weighted sum, by modality."""
    tower = rec.model.net.tower  # type: ignore[attr-defined]
    if not hasattr(tower.fuse, "weights"):
        return {}
    return {
        modality: round(float(w), 4) for modality, w in zip(tower.columns, tower.fuse.weights.tolist(), strict=True)
    }


def kept_runs(folder: Path) -> list[Run]:
    """Read the runs stored in one folder."""
    files = sorted(folder.glob("*-[0-9].json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def chosen(runs: list[Run]) -> str:
    """The fusion with the best NDCG@10 on validation at seed 0."""
    fusions = [run for run in runs if run["name"] in FUSIONS and run["seed"] == 0]
    return str(max(fusions, key=lambda run: run["validation_ndcg@10"])["name"])


def report(work: Path) -> None:
    """Write means, intervals and paired differences of all stored runs."""
    result: dict[str, Any] = {"recipe": {**RECIPE, "dimensions of a modality": DIMENSIONS}, "splits": {}}
    for how in SPLITS:
        runs = kept_runs(work / how)
        if runs:
            result["splits"][how] = table(runs, how)
            result["coverage"] = json.loads((work / how / "coverage.json").read_text(encoding="utf-8"))
    draw(result)
    write("modalities_movielens", result)


def draw(result: Mapping[str, Any]) -> None:
    """Draw the rows of each split and print them as a Markdown table."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for how, split_result in result["splits"].items():
        rows = [{"model": NAMES.get(name, name), **row["ndcg@10"]} for name, row in split_result["rows"].items()]
        table = pl.DataFrame(rows).select("model", "mean", "low", "high")
        title = f"Modalities and fusions on MovieLens-1M, {how}"
        desc = f"NDCG@10 on {split_result['users']:,} users with 95 % intervals, small transformer, one seed"
        drawing = draw_model_comparison(
            table, Labels(title, desc, desc), chosen=NAMES.get(split_result["chosen on validation"]), width=720
        )
        (IMAGES / f"modalities_movielens_{how}.svg").write_text(make_standalone(drawing) + "\n", encoding="utf-8")
        print(markdown(split_result), flush=True)


def markdown(split_result: Mapping[str, Any]) -> str:
    """One split as a table, the best on the test first."""
    lines = [
        "| modalities and fusion | validation | NDCG@10 | minus behaviour alone | minus weighted sum |",
        "|---" * 5 + "|",
    ]
    for name, row in sorted(split_result["rows"].items(), key=lambda pair: -pair[1]["ndcg@10"]["mean"]):
        gaps = [interval_text(row.get(f"minus {reference}"), "+") for reference in ("behaviour", "weighted_sum")]
        cells = [NAMES.get(name, name), f"{row['validation_ndcg@10']:.4f}", interval_text(row["ndcg@10"]), *gaps]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def interval_text(value: Mapping[str, float] | None, sign: str = "") -> str:
    """A mean with its interval."""
    if value is None:
        return "–"
    words = f"{value['mean']:{sign}.4f} [{value['low']:{sign}.4f}, {value['high']:{sign}.4f}]"
    return words.replace("-", "−")


def table(runs: list[Run], how: str) -> dict[str, Any]:
    """One split: rows of seed 0 against behaviour alone and against all modalities; the seeds of the chosen fusion."""
    first = {run["name"]: run for run in runs if run["seed"] == 0}
    out: dict[str, Any] = {"users": len(runs[0]["ndcg@10"]), "rows": {}}
    for reference in ("behaviour", "weighted_sum"):
        if reference not in first:
            continue
        names = [name for name in first if name != reference]
        pairs = [(values(first[name]), values(first[reference])) for name in names]
        for name, gap in zip(names, paired_differences(pairs) if pairs else [], strict=True):
            row = out["rows"].setdefault(name, row_of(first[name]))
            row[f"minus {reference}"] = {**gap.interval.to_dict(), "p_holm": gap.p_holm}
    for name, run in first.items():
        out["rows"].setdefault(name, row_of(run))
    out["chosen on validation"] = best = chosen(runs) if any(name in FUSIONS for name in first) else ""
    seeds = {name: [values(run) for run in runs if run["name"] == name] for name in (best, "behaviour") if name}
    count = min((len(per_seed) for per_seed in seeds.values()), default=0)
    if len(seeds) == 2 and count > 1:
        ours, plain = (mean_over_seeds(per_seed[:count]) for per_seed in seeds.values())
        gap = paired_differences([(ours, plain)])[0]
        out["seeds"] = {
            "count": count,
            best: bootstrap(ours).to_dict(),
            "behaviour": bootstrap(plain).to_dict(),
            "difference": {**gap.interval.to_dict(), "p": gap.p},
            "by_seed": {name: [round(float(v.mean()), 5) for v in each[:count]] for name, each in seeds.items()},
        }
    return out


def row_of(run: Run) -> dict[str, Any]:
    """One run without the values of its users."""
    kept = {key: run[key] for key in ("validation_ndcg@10", "best_epoch", "fit_cpu_s", "weights")}
    return {**{metric: bootstrap(np.asarray(run[metric])).to_dict() for metric in METRICS}, **kept}


def values(run: Run) -> npt.NDArray[np.float64]:
    """NDCG@10 of every user."""
    return np.asarray(run["ndcg@10"], dtype=np.float64)


if __name__ == "__main__":
    main()
