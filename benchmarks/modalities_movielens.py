"""Modalities of MovieLens-1M: every fusion and every ablation with a small model, on two splits; seeds of the chosen
one.

    python benchmarks/modalities_movielens.py [DATA] --image FOLDER [--work FOLDER] [--splits a,b] [--runs "a;b"]

`DATA` has posters; FOLDER is an image model such as MobileNetV2. The text is read by the default encoder. All runs
share one recipe (`RECIPE`) and differ in the fusion or in the modalities; epochs are chosen on the validation part, the
chosen fusion too, and the test part is reported. The chosen fusion with all modalities and behaviour alone are fitted
with five seeds on leave-one-out. NDCG@10 of every person is kept in the work folder, so that a run that was cut off
goes on where it stopped; `results/modalities_movielens.json` is written anew after every fit.
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
from penchant.plots.comparison import figure_comparison
from penchant.plots.svg import Labels
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.reports.page import standalone

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
"""One small transformer: about a CPU minute a fit, so that all of them can be run once."""
DIMENSIONS = 128
"""Modalities are reduced to so many principal components, since projecting 1,280 numbers is most of a small model's
cost."""
FUSIONS = ("weighted_sum", "gated", "concat", "product", "attention", "bilinear", "decision")
ABLATIONS: Mapping[str, tuple[str, ...]] = {
    "behaviour": ("behaviour",),
    "text": ("text",),
    "image": ("image",),
    "behaviour, text": ("behaviour", "text"),
    "behaviour, image": ("behaviour", "image"),
    "text, image": ("text", "image"),
}
"""Each modality alone and all but one, by the weighted sum; all of them is the run `weighted_sum`."""
NAMES = {
    **{name: f"all, {name}" for name in FUSIONS},
    **{name: name.replace(", ", " + ") if ", " in name else f"{name} alone" for name in ABLATIONS},
}
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
METRICS = ("ndcg@10", "hit_rate@10")
SEEDS = 5
Run = dict[str, Any]


def main() -> None:
    """Run what is missing and write the table."""
    asked = arguments()
    if asked.table:
        return report(asked.work)
    dataset = Dataset.load(asked.data)
    config = Config(model="transformer").with_settings(
        {
            "modalities.image.encoder": str(asked.image),
            "modalities.attributes.enabled": "false",
            "modalities.behaviour.enabled": "false",
        }
    )
    for how in asked.splits:
        bench = Bench(dataset, config, how, asked.work)
        for name, options, seed in plan():
            if not asked.runs or name in asked.runs:
                bench.run(name, options, seed)
                report(asked.work)
    if "leave-one-out" in asked.splits and not asked.runs:
        bench = Bench(dataset, config, "leave-one-out", asked.work)
        best = chosen(kept_runs(bench.work))
        for seed in range(1, SEEDS):
            bench.run(best, {"fusion": best}, seed)
            bench.run("behaviour", {"modalities": ABLATIONS["behaviour"]}, seed)
            report(asked.work)
    report(asked.work)


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
    """Names, options and seeds of the runs of one split, the most telling first."""
    yield "behaviour", {"modalities": ABLATIONS["behaviour"]}, 0
    for fusion in FUSIONS:
        yield fusion, {"fusion": fusion}, 0
    for name, modalities in ABLATIONS.items():
        if name != "behaviour":
            yield name, {"modalities": modalities}, 0


class Bench:
    """One split: modalities encoded once, runs kept by name and seed."""

    def __init__(self, dataset: Dataset, config: Config, how: str, work: Path) -> None:
        self.config, self.how, self.work = config, how, work / how
        self.work.mkdir(parents=True, exist_ok=True)
        self.cut: Split = split(dataset, how)  # type: ignore[arg-type]
        plain = replace(config, model="popularity")
        self.carrier = Recommender.fit(self.cut.train, plain, validation=self.cut.validation)
        self.facts = measure_background(self.cut.train, self.carrier.modalities)
        self.modalities = Modalities({name: reduced(modality) for name, modality in self.carrier.modalities.items()})
        coverage = {name: round(modality.coverage, 4) for name, modality in self.carrier.modalities.items()}
        (self.work / "coverage.json").write_text(json.dumps(coverage), encoding="utf-8")

    def run(self, name: str, options: Mapping[str, Any], seed: int) -> None:
        """Fit, test and keep one run, unless it is there."""
        path = self.work / f"{name.replace(', ', '+')}-{seed}.json"
        if path.exists():
            return
        settings = {**RECIPE, **{k: ",".join(v) if isinstance(v, tuple) else v for k, v in options.items()}}
        config = replace(self.config, seed=seed).with_settings({f"transformer.{k}": v for k, v in settings.items()})
        before = cpu_s()
        modalities = (self.modalities, self.carrier.encoders)
        rec = Recommender.fit(self.cut.train, config, validation=self.cut.validation, modalities=modalities)
        spent = cpu_s() - before
        found = evaluate_ranking(rec, self.cut.test, (10,), background=self.facts, threads=1)
        training = rec.record.training
        kept: Run = {
            "name": name,
            "seed": seed,
            "validation_ndcg@10": training.validation_ndcg,
            "best_epoch": training.best_epoch,
            "fit_cpu_s": round(spent, 1),
            "weights": training.weights or learned_weights(rec),
            **{metric: found.values[metric].tolist() for metric in METRICS},
        }
        path.write_text(json.dumps(kept), encoding="utf-8")
        print(
            f"{self.how} {name} seed {seed}: validation {kept['validation_ndcg@10']:.4f}, {spent:.0f} CPU s", flush=True
        )


def reduced(modality: Modality) -> Modality:
    """The modality in its first `DIMENSIONS` principal components, over the items that have it."""
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
    """The runs kept in one folder."""
    files = sorted(folder.glob("*-[0-9].json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def chosen(runs: list[Run]) -> str:
    """The fusion with the best validation at seed 0."""
    fusions = [run for run in runs if run["name"] in FUSIONS and run["seed"] == 0]
    return str(max(fusions, key=lambda run: run["validation_ndcg@10"])["name"])


def report(work: Path) -> None:
    """Means, intervals and paired differences of all runs that are there."""
    result: dict[str, Any] = {"recipe": {**RECIPE, "dimensions of a modality": DIMENSIONS}, "splits": {}}
    for how in SPLITS:
        runs = kept_runs(work / how)
        if runs:
            result["splits"][how] = table(runs, how)
            result["coverage"] = json.loads((work / how / "coverage.json").read_text(encoding="utf-8"))
    draw(result)
    write("modalities_movielens", result)


def draw(result: Mapping[str, Any]) -> None:
    """The rows of each split as a figure and, printed, as a table in Markdown."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for how, found in result["splits"].items():
        rows = [{"model": NAMES.get(name, name), **row["ndcg@10"]} for name, row in found["rows"].items()]
        table = pl.DataFrame(rows).select("model", "mean", "low", "high")
        title = f"Modalities and fusions on MovieLens-1M, {how}"
        desc = f"NDCG@10 on {found['users']:,} people with 95 % intervals, small transformer, one seed"
        drawing = figure_comparison(
            table, Labels(title, desc, desc), chosen=NAMES.get(found["chosen on validation"]), width=720
        )
        (IMAGES / f"modalities_movielens_{how}.svg").write_text(standalone(drawing) + "\n", encoding="utf-8")
        print(markdown(found), flush=True)


def markdown(found: Mapping[str, Any]) -> str:
    """One split as a table, the best on the test first."""
    lines = [
        "| modalities and fusion | validation | NDCG@10 | minus behaviour alone | minus weighted sum |",
        "|---" * 5 + "|",
    ]
    for name, row in sorted(found["rows"].items(), key=lambda pair: -pair[1]["ndcg@10"]["mean"]):
        gaps = [told(row.get(f"minus {reference}"), "+") for reference in ("behaviour", "weighted_sum")]
        cells = [NAMES.get(name, name), f"{row['validation_ndcg@10']:.4f}", told(row["ndcg@10"]), *gaps]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def told(value: Mapping[str, float] | None, sign: str = "") -> str:
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
    count = min((len(found) for found in seeds.values()), default=0)
    if len(seeds) == 2 and count > 1:
        ours, plain = (mean_over_seeds(found[:count]) for found in seeds.values())
        gap = paired_differences([(ours, plain)])[0]
        out["seeds"] = {
            "count": count,
            best: bootstrap(ours).to_dict(),
            "behaviour": bootstrap(plain).to_dict(),
            "difference": {**gap.interval.to_dict(), "p": gap.p},
            "by_seed": {name: [round(float(v.mean()), 5) for v in found[:count]] for name, found in seeds.items()},
        }
    return out


def row_of(run: Run) -> dict[str, Any]:
    """One run without its people."""
    kept = {key: run[key] for key in ("validation_ndcg@10", "best_epoch", "fit_cpu_s", "weights")}
    return {**{metric: bootstrap(np.asarray(run[metric])).to_dict() for metric in METRICS}, **kept}


def values(run: Run) -> npt.NDArray[np.float64]:
    """NDCG@10 of every person."""
    return np.asarray(run["ndcg@10"], dtype=np.float64)


if __name__ == "__main__":
    main()
