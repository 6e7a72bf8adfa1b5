"""Small networks trained without labels: does the nearest neighbour of an image or sound have its class?

    python benchmarks/small_encoders.py --photos clothing-photos [--models MODELS] [--set epochs=20 …]
    python benchmarks/small_encoders.py --sounds esc10 [--models MODELS] [--network crnn|lstm]

Photos: trained on the images of the part `train`, whose labels only the nearest-neighbour vote sees; figures of
`validation` (for choices) and `test`. Sounds: for each of five folds, trained on the other four. Baselines: the same
network untrained, plain pixels or statistics of the spectrogram (whitened), and the pretrained encoder in MODELS.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _report import cpu_s, write

from penchant.data.modalities import Modalities, Modality
from penchant.embeddings.contrastive import fit_whitening, train_encoder
from penchant.embeddings.media import encode_files
from penchant.embeddings.training_files import TrainingFiles, load_training_files
from penchant.encoders.audio import AudioEncoder, AudioOptions
from penchant.encoders.image import ImageEncoder, ImageOptions
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.options import parse_settings, replace_option


def accuracy(known: np.ndarray, classes: np.ndarray, queries: np.ndarray, right: np.ndarray) -> float:
    """Share of rows whose nearest known row by cosine has their class."""
    known, queries = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (known, queries))
    return float((classes[(queries @ known.T).argmax(axis=1)] == right).mean())


def of_contents(files: TrainingFiles, values: np.ndarray) -> np.ndarray:
    """Means of the windows' values for every content."""
    starts = np.searchsorted(files.owners, np.arange(len(files)))
    counts = np.bincount(files.owners, minlength=len(files))[:, None]
    return np.asarray(np.add.reduceat(values, starts, axis=0) / counts)


def plain(files: TrainingFiles) -> np.ndarray:
    """Without a network: pixels at 16 × 16, or mean, deviation and maximum over time of every band."""
    windows = files.windows.astype(np.float32)
    if windows.ndim == 4:
        return windows.reshape(len(windows), 16, 4, 16, 4, 3).mean(axis=(2, 4)).reshape(len(windows), -1)
    statistics = [windows.mean(axis=1), windows.std(axis=1), windows.max(axis=1)]
    return of_contents(files, np.concatenate(statistics, axis=1))


def network_features(encoder: TrainableEncoder, files: TrainingFiles, module: Any) -> np.ndarray:
    return of_contents(files, encoder.compute_features(module, files.windows))


def measured(
    encoder: TrainableEncoder, train: TrainingFiles, parts: dict[str, TrainingFiles], classes: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Accuracy of each part by each kind of vectors; neighbours come from `train`."""
    import torch

    start = cpu_s()
    train_encoder(encoder, train)
    seconds = cpu_s() - start
    torch.manual_seed(encoder.seed)
    fresh, learned = encoder.build(), encoder.build()
    learned.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in encoder.fitted.weights.items()})
    ways = {
        "plain": plain,
        "untrained": lambda files: network_features(encoder, files, fresh),
        "trained": lambda files: network_features(encoder, files, learned),
    }
    out: dict[str, dict[str, float]] = {}
    for way, features in ways.items():
        known = features(train)
        mean, projection = fit_whitening(known.astype(np.float32), encoder.options.dim)
        for part, files in parts.items():
            queries = (features(files) - mean) @ projection
            share = accuracy((known - mean) @ projection, classes["train"], queries, classes[part])
            out.setdefault(way, {})[part] = round(share, 4)
    out["trained"]["train_cpu_s"] = round(seconds, 1)
    return out


def photos(root: Path, models: Path | None, options: TrainableOptions, seed: int) -> dict[str, Any]:
    encoder = TrainableEncoder("cnn", options, seed=seed)
    files, classes, names = {}, {}, {}
    for part in ("train", "validation", "test"):
        paths = sorted((root / part).glob("*/*"))
        names[part] = [path.relative_to(root).as_posix() for path in paths]
        classes[part] = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
        reader = TrainableEncoder("cnn", replace_option(options, "most_files", len(paths)))
        files[part] = load_training_files(reader, names[part], Modalities(), root=root)
    out = measured(encoder, files["train"], {key: files[key] for key in ("validation", "test")}, classes)
    out["largest class"] = {"test": round(float(np.bincount(classes["test"]).max() / len(classes["test"])), 4)}
    if models is not None:
        pretrained = ImageEncoder(ImageOptions(str(models / "mobilenet-v2-imagenet")))
        known, queries = (encode_files(pretrained, names[part], root=root)[0].vectors for part in ("train", "test"))
        out["mobilenet-v2-imagenet"] = {"test": round(accuracy(known, classes["train"], queries, classes["test"]), 4)}
    return out


def sounds(root: Path, network: str, models: Path | None, options: TrainableOptions, seed: int) -> dict[str, Any]:
    paths = sorted(root.glob("*/*.ogg"))
    names = [path.relative_to(root).as_posix() for path in paths]
    classes = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    folds = np.array([int(path.name[0]) for path in paths])
    encoder = TrainableEncoder(network, options, seed=seed)
    files = load_training_files(encoder, names, Modalities(), root=root)
    pretrained: Modality | None = None
    if models is not None:
        yamnet = AudioEncoder(AudioOptions(str(models / "yamnet-audioset")))
        pretrained = encode_files(yamnet, names, root=root)[0]
    results: dict[str, list[float]] = {}
    for fold in range(1, 6):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        parts = {"train": classes[train], "test": classes[test]}
        by_way = measured(
            TrainableEncoder(network, options, seed=seed), some(files, train), {"test": some(files, test)}, parts
        )
        for way, values in by_way.items():
            results.setdefault(way, []).append(values["test"])
        results.setdefault("train_cpu_s", []).append(by_way["trained"]["train_cpu_s"])
        if pretrained is not None:
            vectors = pretrained.vectors
            right = accuracy(vectors[train], classes[train], vectors[test], classes[test])
            results.setdefault("yamnet-audioset", []).append(round(right, 4))
        print(f"fold {fold}", {way: values[-1] for way, values in results.items()}, flush=True)
    return {way: {"mean": round(float(np.mean(values)), 4), "folds": values} for way, values in results.items()}


def some(files: TrainingFiles, contents: np.ndarray) -> TrainingFiles:
    """Select the contents with these indices (ascending)."""
    kept = np.isin(files.owners, contents)
    partners = {name: modality.take(contents) for name, modality in files.partners.items()}
    return TrainingFiles(files.windows[kept], np.searchsorted(contents, files.owners[kept]), partners)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--sounds", type=Path)
    parser.add_argument("--network", default="crnn")
    parser.add_argument("--models", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    parser.add_argument("--dry", action="store_true", help="Write no file of results.")
    args = parser.parse_args()
    options = TrainableOptions()
    for name, value in parse_settings(args.set).items():
        options = replace_option(options, name, value)
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if args.photos:
        result = photos(args.photos, args.models, options, args.seed)
        report("small_encoders_photos", {"settings": args.set, **result}, dry=args.dry)
    if args.sounds:
        result = sounds(args.sounds, args.network, args.models, options, args.seed)
        report(f"small_encoders_sounds_{args.network}", {"settings": args.set, **result}, dry=args.dry)


def report(name: str, result: dict[str, Any], *, dry: bool) -> None:
    for way, values in result.items():
        print(f"{way:24} {values}", flush=True)
    if not dry:
        write(name, result)


if __name__ == "__main__":
    main()
