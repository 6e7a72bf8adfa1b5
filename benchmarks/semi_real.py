"""A semi-real world: simulated users over real photographs and real sounds, with some of them missing.

    python benchmarks/semi_real.py --photos FOLDER --sounds FOLDER --image MODEL --audio MODEL [--seeds N]

`--photos` and `--sounds` are folders with one folder per class (sets inside it are joined), ten classes each. The
models are pretrained encoders such as MobileNetV2 and YAMNet. The simulator draws 400 items of ten topics and 600
users. An item of topic k gets a photograph of class k and a sound of class k, and no text. A small transformer learns
from them:

- `image`, `audio`, `image + audio`: items are their modalities alone, without ids;
- `behaviour`: the ids alone; `all`: ids and both modalities,

with 0 %, 30 % and 70 % of each modality missing. An item that lacks a modality at 30 % lacks it at 70 % too. Printed:
NDCG@10 on the last event of every user, and the recovery of the planted interests: the cosine between the planted
mixture and the output of a linear map of the interest vector, fitted on half of the users and tested on the other half.
Nothing is tuned here: one recipe, epochs chosen on validation.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from _report import cpu_s, write

from penchant.data.modalities import Modalities, Modality
from penchant.data.splits import Split, split
from penchant.embeddings.fitted import FittedEncoders
from penchant.embeddings.media import MediaEncoder, encode_files
from penchant.embeddings.packing import default_cache
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.evaluation.background import measure_background
from penchant.evaluation.backtest import evaluate_ranking
from penchant.metrics.interest_recovery import recovery
from penchant.metrics.significance import bootstrap, mean_over_seeds
from penchant.plots.comparison import draw_slices
from penchant.plots.svg import Labels
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.reports.page import make_standalone
from penchant.simulator import Simulation, SimulatorOptions, simulate

CLASSES = 10
MISSING = (0.0, 0.3, 0.7)
SERIES = {
    "image + audio": ("image", "audio"),
    "image": ("image",),
    "audio": ("audio",),
    "all": ("behaviour", "image", "audio"),
    "behaviour": ("behaviour",),
}
RECIPE = {
    "dim": 32,
    "layers": 1,
    "n_heads": 2,
    "max_length": 50,
    "epochs": 12,
    "learning_rate": 4e-3,
    "batch_tokens": 2048,
}
HALVES = 10
IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def main() -> None:
    """Simulate the world, encode, fit every cell, print, write, draw."""
    args = arguments()
    world = simulate(
        SimulatorOptions(users=600, items=400, events=24_000, topics=CLASSES, style=0.5, seed=0, follows=0)
    )
    modalities = encoded(world, args)
    cut = split(world.dataset(), "leave-one-out")
    rows = []
    for share in MISSING:
        given = Modalities(
            {name: thinned(modality, share, seed) for seed, (name, modality) in enumerate(modalities.items())}
        )
        for name, kept in SERIES.items():
            if name == "behaviour" and share:
                continue
            rows.append({"modalities": name, "missing": share, **cell(world, cut, given, kept, args.seeds)})
            print(line(rows[-1]), flush=True)
    result = {"recipe": RECIPE, "seeds": args.seeds, "users": len(cut.test), "items": 400, "rows": rows}
    write("semi_real", result)
    draw(rows)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("photos", "sounds", "image", "audio"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    return parser.parse_args()


def encoded(world: Simulation, args: argparse.Namespace) -> Modalities:
    """Vectors of the photograph and the sound of every item, by the pretrained encoders."""
    topics = world.truth.items["main"].to_numpy()
    rng = np.random.default_rng(7)
    image = ImageEncoder(ImageOptions(encoder=str(args.image)))
    audio = AudioEncoder(AudioOptions(encoder=str(args.audio)))
    return Modalities(
        {
            "image": encoded_files(image, args.photos, (".jpg", ".jpeg", ".png"), topics, rng),
            "audio": encoded_files(audio, args.sounds, (".ogg", ".wav", ".flac"), topics, rng),
        }
    )


def encoded_files(
    encoder: MediaEncoder, folder: Path, kinds: Sequence[str], topics: npt.NDArray[np.uint8], rng: np.random.Generator
) -> Modality:
    """Vectors of a file of class k for every item of topic k. A file repeats only when all have been used."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in kinds)
    classes = sorted({path.parent.name for path in files})[:CLASSES]
    names = np.empty(len(topics), dtype=object)
    for topic, name in enumerate(classes):
        of_topic = [str(path.relative_to(folder)) for path in files if path.parent.name == name]
        items = np.flatnonzero(topics == topic)
        order = np.concatenate([rng.permutation(len(of_topic)) for _ in range(-(-len(items) // len(of_topic)))])
        names[items] = [of_topic[n] for n in order[: len(items)]]
    modality, report = encode_files(encoder, names.tolist(), root=folder, cache=default_cache())
    print(f"{folder.name}: {report.used} of {len(topics)} files used", flush=True)
    return modality


def thinned(modality: Modality, share: float, seed: int) -> Modality:
    """Remove a share of the rows of a modality. Rows missing at a lower share are missing at a higher one."""
    rank = np.random.default_rng([11, seed]).permutation(len(modality)) / len(modality)
    present = modality.present & (rank >= share)
    return Modality(np.where(present[:, None], modality.vectors, 0).astype(np.float32), present, modality.encoder)


def cell(world: Simulation, cut: Split, modalities: Modalities, kept: Sequence[str], seeds: int) -> dict[str, Any]:
    """NDCG@10 and recovery of one set of modalities, over the seeds."""
    ranked, recoveries, baselines, before = [], [], [], cpu_s()
    for seed in range(seeds):
        settings = {f"transformer.{name}": value for name, value in {**RECIPE, "modalities": ",".join(kept)}.items()}
        config = Config(model="transformer", seed=seed).with_settings(settings)
        rec = Recommender.fit(cut.train, config, validation=cut.validation, modalities=(modalities, FittedEncoders()))
        catalogue = measure_background(cut.train, modalities)
        ranked.append(evaluate_ranking(rec, cut.test, (10,), background=catalogue, threads=1).values["ndcg@10"])
        for result in recovered(world, rec, seed):
            recoveries.append(result["cosine"])
            baselines.append(result["baseline"])
    low, high = np.quantile(recoveries, [0.025, 0.975])
    return {
        "ndcg@10": bootstrap(mean_over_seeds(ranked)).to_dict(),
        "recovery": {"mean": float(np.mean(recoveries)), "low": float(low), "high": float(high)},
        "population mean": float(np.mean(baselines)),
        "cpu_s": round(cpu_s() - before, 1),
    }


def recovered(world: Simulation, rec: Recommender, seed: int) -> list[dict[str, float]]:
    """Recovery of the vectors after every event, over several halves of the users."""
    histories = rec.histories(np.arange(0, rec.dataset.n_users, 2))
    assert histories.event_rows is not None
    planted = world.truth.interests(rec.dataset.events["event_id"].gather(histories.event_rows))
    vectors = rec.dense_model().interests(histories.at(None))
    rngs = [np.random.default_rng([seed, half]) for half in range(HALVES)]
    return [recovery(vectors, planted, rng, users=histories.rows) for rng in rngs]


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    ndcg, cosine = row["ndcg@10"], row["recovery"]
    figures = f"NDCG@10 {ndcg['mean']:.3f} [{ndcg['low']:.3f}, {ndcg['high']:.3f}], recovery {cosine['mean']:.3f}"
    return f"{row['missing']:4.0%} missing, {row['views']}: {figures} (population mean {row['population mean']:.3f})"


def draw(rows: Sequence[dict[str, Any]]) -> None:
    """Draw one figure per measure: groups by the missing share, a dot for each set of modalities."""
    IMAGES.mkdir(exist_ok=True)
    for measure, unit, title in (
        ("ndcg@10", "NDCG@10", "The list gets worse step by step as modalities go missing"),
        ("recovery", "cosine to the planted mixture", "Interests are recovered when modalities are missing"),
    ):
        table = pl.DataFrame(
            [
                {
                    "slice": f"{row['missing']:.0%} missing",
                    "note": "",
                    "model": row["modalities"],
                    **{key: row[measure][key] for key in ("mean", "low", "high")},
                }
                for row in rows
                if row["modalities"] != "behaviour"
            ]
        )
        drawing = draw_slices(table, Labels(title, title, unit), chosen="image + audio", width=720)
        path = IMAGES / f"semi_real_{measure.split('@')[0]}.svg"
        path.write_text(make_standalone(drawing) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
