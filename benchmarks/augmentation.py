"""Gain of each augmentation of images, sounds and histories on validation: all, all but one, none.

    python benchmarks/augmentation.py images --data clothing-photos [--files 800] [--epochs 4] [--seeds 5] [--alone]
    python benchmarks/augmentation.py sounds --data esc10 [--epochs 6] [--seeds 5] [--alone]
    python benchmarks/augmentation.py histories --data DATASET [--epochs 8] [--seeds 3]

The measure is the share of the ten nearest neighbours with the class of the query, and the class of the nearest one.
Vectors are those that the network learned (for images without the fixed edge filters).

- Images: `cnn` learns from `--files` images of the part `train`, drawn by the seed; as many others are the queries.
- Sounds: `crnn` learns from two folds, the next two at the next seed; the other three folds are the queries.
- Histories: the sequence model with `contrastive_weight` 0.1 and 0; NDCG@10 on validation.

The gain of an augmentation is all minus all but that one; with `--alone`, that one minus none. Its 95 % interval comes
from a bootstrap over the queries, each averaged over the seeds. The standard error over the seeds stands beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from _report import cpu_s, write
from small_encoders import network_features, some

from penchant.cleaning.augmentation.pictures import PictureAugmentation
from penchant.cleaning.augmentation.sounds import SoundAugmentation
from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.data.splits import split
from penchant.data.training import TrainingData
from penchant.embeddings.contrastive import Augmentations, fit_whitening, train_encoder
from penchant.embeddings.training_files import TrainingFiles, load_training_files
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.metrics.significance import mean_over_seeds, paired_differences
from penchant.models.nn.history_augmentation import HistoryAugmentation
from penchant.models.nn.history_contrast import compute_history_contrast
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.training import fit
from penchant.training.selection import build_validation

ON: Mapping[str, Any] = {
    "pictures": PictureAugmentation(crop=0.25, flip=0.5, colour=0.4, grey=0.2),
    "sounds": SoundAugmentation(shift=1.0, gain_db=6.0, noise=0.1, time_mask=0.2, band_mask=0.2),
    "histories": HistoryAugmentation(crop=0.6),
}
"""All augmentations."""
OFF: Mapping[str, Mapping[str, float]] = {
    "pictures": {"crop": 1.0, "flip": 0.0, "colour": 0.0, "grey": 0.0},
    "sounds": {"shift": 0.0, "gain_db": 0.0, "noise": 0.0, "time_mask": 0.0, "band_mask": 0.0},
    "histories": {"crop": 1.0, "mask": 0.0, "reorder": 0.0},
}
"""Values that turn an augmentation off."""


def settings(augmentation: Any, kind: str, *, alone: bool = False) -> dict[str, Any]:
    """All augmentations and all but one, by name; `alone`: each by itself."""
    if alone:
        off = {name: {other: value for other, value in OFF[kind].items() if other != name} for name in OFF[kind]}
        return {f"only {name}": replace(augmentation, **values) for name, values in off.items()}
    return {"all": augmentation} | {
        f"no {name}": replace(augmentation, **{name: value}) for name, value in OFF[kind].items()
    }


def share_alike(
    encoder: TrainableEncoder, known: TrainingFiles, queries: TrainingFiles, classes: tuple[Any, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the 10 nearest of `known` with the class of each query, and whether the nearest has it.

    Vectors are those that the network learned, whitened and compared by cosine.
    """
    module = encoder.build()
    module.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in encoder.fitted.weights.items()})
    width = module.eval().summary(module(torch.from_numpy(encoder.scale(known.windows[:1])))).shape[1]
    left, right = (network_features(encoder, files, module)[:, :width] for files in (known, queries))
    mean, projection = fit_whitening(left.astype(np.float32), encoder.options.dim)
    left, right = ((rows - mean) @ projection for rows in (left, right))
    left, right = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (left, right))
    nearest = np.argsort(-(right @ left.T), axis=1)[:, :10]
    alike = classes[0][nearest] == classes[1][:, None]
    return alike.mean(axis=1), alike[:, 0].astype(np.float64)


Train = Callable[[str, TrainingFiles, int], TrainableEncoder]
"""Setting, files to learn from, seed → the trained encoder."""


def compared(
    kind: str, files: TrainingFiles, classes: np.ndarray, draws: list[tuple[Any, Any]], tried: list[str], train: Train
) -> dict[str, Any]:
    """Every setting over the seeds, and the gain of each augmentation. `draws`: training set and queries, by seed."""
    if len(files) != len(classes):
        raise SystemExit(f"{len(classes) - len(files)} of {len(classes)} files cannot be read")
    runs: dict[str, list[np.ndarray]] = {name: [] for name in tried}
    first: dict[str, list[float]] = {name: [] for name in tried}
    for seed, (learn, ask) in enumerate(draws):
        known, queries = some(files, learn), some(files, ask)
        for name in tried:
            ten, nearest = share_alike(train(name, known, seed), known, queries, (classes[learn], classes[ask]))
            values = np.full(len(classes), np.nan)
            values[ask] = ten
            runs[name].append(values)
            first[name].append(float(nearest.mean()))
            print(f"{kind:10} seed {seed} {name:20} {ten.mean():.4f} {first[name][-1]:.4f}", flush=True)
    means = {name: mean_over_seeds(each) for name, each in runs.items()}
    pairs = {name: gain_of(name) for name in tried if gain_of(name) is not None}
    gaps = paired_differences([(means[more], means[less]) for more, less in pairs.values()])  # type: ignore[misc]
    gains = dict(zip(pairs, gaps, strict=True))
    rows: dict[str, Any] = {"learned from": len(draws[0][0]), "queries": len(draws[0][1]), "seeds": len(draws)}
    for name in tried:
        rows[name] = {"alike of 10": round(float(np.nanmean(means[name])), 4), "nearest": mean(first[name])}
        rows[name]["seeds"] = [round(float(np.nanmean(each)), 4) for each in runs[name]]
        if name in gains:
            gain = gains[name]
            rows[name]["gain"] = {key: round(value, 4) for key, value in gain.interval.to_dict().items()}
            by_seed = [
                np.nanmean(more) - np.nanmean(less) for more, less in zip(*map(runs.get, pairs[name]), strict=True)
            ]
            rows[name]["gain"]["error over seeds"] = round(float(np.std(by_seed, ddof=1) / np.sqrt(len(by_seed))), 4)
            rows[name]["gain"] |= {"of": " minus ".join(pairs[name]), "p_holm": round(gain.p_holm, 4)}
        print(f"{kind:10} {name:20} {rows[name]}", flush=True)
    return rows


def gain_of(name: str) -> tuple[str, str] | None:
    """The two settings whose difference is the gain of an augmentation."""
    if name.startswith("no "):
        return "all", name
    if name.startswith("only "):
        return name, "none"
    return {"all": ("all", "none")}.get(name, (name, "all") if name.startswith("with ") else None)


def mean(values: list[float]) -> float:
    return round(float(np.mean(values)), 4)


def of_media(
    kind: str, root: Path, options: TrainableOptions, count: int, seeds: int, *, alone: bool
) -> dict[str, Any]:
    """Images or sounds: results by set of augmentations."""
    pictures = kind == "pictures"
    network = "cnn" if pictures else "crnn"
    paths = sorted((root / "train").glob("*/*") if pictures else root.glob("*/*.ogg"))
    classes = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    names = [path.relative_to(root).as_posix() for path in paths]
    reader = TrainableEncoder(network, replace(options, most_files=len(paths)))
    files = load_training_files(reader, names, Modalities(), root=root)
    folds = np.array([0 if pictures else int(path.name[0]) for path in paths])
    draws: list[tuple[Any, Any]] = []
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(paths))
        taught = np.isin(folds, [2 * seed % 5 + 1, (2 * seed + 1) % 5 + 1])
        sounds = np.flatnonzero(taught), np.flatnonzero(~taught)
        draws.append((np.sort(order[:count]), np.sort(order[count : 2 * count])) if pictures else sounds)
    given = ON[kind]
    tried = settings(given, kind, alone=alone) | {"none": replace(given, **OFF[kind])}
    if pictures and not alone:
        tried["with noise .05"] = replace(given, noise=0.05)

    def train(name: str, known: TrainingFiles, seed: int) -> TrainableEncoder:
        one = tried.get(name)
        fresh = replace(options, epochs=1, learning_rate=1e-12)
        encoder = TrainableEncoder(network, fresh if one is None else options, seed=seed)
        augmentations = Augmentations() if one is None else Augmentations(**{kind: one})
        train_encoder(encoder, known, augmentations=augmentations)
        return encoder

    return compared(kind, files, classes, draws, [*([] if alone else ["untrained"]), *tried], train)


def of_histories(root: Path, epochs: int, seeds: int) -> dict[str, Any]:
    """NDCG@10 on validation with and without the contrastive loss on histories."""
    cut = split(Dataset.load(root), "leave-one-out")
    sequences = cut.train.sequences()
    validation = build_validation(cut.validation)
    rows: dict[str, Any] = {"queries": len(validation.histories)}
    for name, one in {"without": None, **settings(ON["histories"], "histories")}.items():
        each = []
        for seed in range(seeds):
            kinds = cut.train.kinds.ids.to_list()
            data = TrainingData(sequences, cut.train.n_items, kinds, int(sequences.times_s.max()), seed=seed)
            data = replace(data, validation=validation)
            model = SequenceModel(SequenceOptions(dim=32, epochs=epochs, contrastive_weight=0.1 if one else 0.0))
            changed = partial(compute_history_contrast, augmentation=one or ON["histories"])
            with patch("penchant.models.sequence.compute_history_contrast", changed):
                each.append(float(fit(model, data).validation_ndcg or 0.0))
        rows[name] = {"mean": round(float(np.mean(each)), 4), "seeds": [round(value, 4) for value in each]}
        print(f"histories  {name:20} {rows[name]}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(OFF))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--files", type=int, default=800)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--alone", action="store_true", help="images and sounds: each augmentation by itself")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    epochs = args.epochs or {"pictures": 4, "sounds": 6, "histories": 8}[args.kind]
    seeds = args.seeds or (3 if args.kind == "histories" else 5)
    options = TrainableOptions(objectives=("augment",), epochs=epochs)
    if args.kind == "histories":
        rows = of_histories(args.data, epochs, seeds)
    else:
        rows = of_media(args.kind, args.data, options, args.files, seeds, alone=args.alone)
    write(
        f"augmentation_{args.kind}{'_alone' if args.alone else ''}",
        {"epochs": epochs, **rows, "cpu_s": round(cpu_s(), 1)},
    )


if __name__ == "__main__":
    main()
