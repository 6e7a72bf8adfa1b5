"""What each change of pictures, sounds, texts and histories brings: all of them, all but one, none; on validation.

    python benchmarks/augmentation.py pictures --data clothing-photos [--files 800] [--epochs 4]
    python benchmarks/augmentation.py sounds --data esc10 [--epochs 6]
    python benchmarks/augmentation.py texts --data SIMULATED [--epochs 12]
    python benchmarks/augmentation.py histories --data DATASET [--epochs 8] [--seeds 3]

Pictures: the network `cnn` learns from a sample of the part `train`; do the others of `train` find one of their class
nearest in it? By what the network learned alone, without the fixed edges. Sounds: `crnn` learns from folds 4 and 5;
folds 1 to 3 ask. Texts: `cnn` learns from pictures of a simulated platform to find the n-gram vector of the item's
text, of four changed versions of it beside; do pictures left out find one of their topic nearest? Histories: the
sequence model with 0.1 times the contrast of histories and without; NDCG@10 of the validation, mean of seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl
import torch
from _report import write
from small_encoders import accuracy, network_features, some

from penchant.cleaning.augmented_pictures import PictureAugmentation
from penchant.cleaning.augmented_sounds import SoundAugmentation
from penchant.cleaning.augmented_texts import TextAugmentation, augmented_texts
from penchant.data import schema
from penchant.data.augmented_histories import HistoryAugmentation
from penchant.data.dataset import Dataset
from penchant.data.splits import split
from penchant.data.views import View, Views
from penchant.encoders.ngram import NgramEncoder
from penchant.encoders.text import TextOptions, table_text
from penchant.encoders.trainable import TrainableEncoder, TrainableOptions
from penchant.encoders.training_files import TrainingFiles, training_files
from penchant.models.base import TrainingData
from penchant.models.history_contrast import versions_apart
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.training import fit
from penchant.training.contrastive import Augmentations, train_encoder, whitening
from penchant.training.selection import validation_of

OFF: Mapping[str, Mapping[str, float]] = {
    "pictures": {"crop": 1.0, "flip": 0.0, "colour": 0.0, "grey": 0.0},
    "sounds": {"shift": 0.0, "gain_db": 0.0, "noise": 0.0, "time_mask": 0.0, "band_mask": 0.0},
    "texts": {"replace": 0.0, "delete": 0.0, "reorder": 0.0},
    "histories": {"crop": 1.0, "mask": 0.0, "reorder": 0.0},
}
"""What switches a change off."""


def settings(whole: Any, kind: str) -> dict[str, Any]:
    """All changes, and all but one, by name."""
    return {"all": whole} | {f"no {name}": replace(whole, **{name: value}) for name, value in OFF[kind].items()}


def found(encoder: TrainableEncoder, known: TrainingFiles, asked: TrainingFiles, classes: tuple[Any, Any]) -> float:
    """Share of `asked` whose nearest of `known` has their class, by what the network learned; whitened."""
    module = encoder.build()
    module.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in encoder.fitted.weights.items()})
    width = module.eval().summary(module(torch.from_numpy(encoder.inputs(known.windows[:1])))).shape[1]
    left, right = (network_features(encoder, files, module)[:, :width] for files in (known, asked))
    mean, projection = whitening(left.astype(np.float32), encoder.options.dim)
    return accuracy((left - mean) @ projection, classes[0], (right - mean) @ projection, classes[1])


def of_media(kind: str, root: Path, options: TrainableOptions, count: int, seed: int) -> dict[str, Any]:
    """Pictures or sounds: accuracy by set of changes."""
    pictures = kind == "pictures"
    network = "cnn" if pictures else "crnn"
    paths = sorted((root / "train").glob("*/*") if pictures else root.glob("*/*.ogg"))
    classes = np.unique([path.parent.name for path in paths], return_inverse=True)[1]
    names = [path.relative_to(root).as_posix() for path in paths]
    encoder = TrainableEncoder(network, replace(options, most_files=len(paths)), seed=seed)
    files = training_files(encoder, names, Views(), root=root)
    taught = np.array([path.name[0] in "45" for path in paths])
    if pictures:
        taught[:] = False
        taught[np.random.default_rng(seed).choice(len(paths), count, replace=False)] = True
    learn, ask = np.flatnonzero(taught), np.flatnonzero(~taught)
    known, asked = some(files, learn), some(files, ask)
    given = PictureAugmentation() if pictures else SoundAugmentation()
    rows: dict[str, Any] = {"learned from": len(learn), "asked": len(ask)}
    tried = settings(given, kind)
    if pictures:
        tried["with noise .05"] = PictureAugmentation(noise=0.05)
    for name, one in {"untrained": None, **tried}.items():
        told = Augmentations(pictures=one or given) if pictures else Augmentations(sounds=one or given)  # type: ignore[arg-type]
        encoder = TrainableEncoder(
            network, options if one else replace(options, epochs=1, learning_rate=1e-12), seed=seed
        )
        train_encoder(encoder, known, augmentations=told)
        rows[name] = round(found(encoder, known, asked, (classes[learn], classes[ask])), 4)
        print(f"{kind:10} {name:20} {rows[name]}", flush=True)
    return rows


def of_texts(root: Path, options: TrainableOptions, seed: int, versions: int = 4) -> dict[str, Any]:
    """Pictures of simulated items that learn to find their text, or changed versions of it beside it."""
    items = Dataset.load(root).items.filter(pl.col(schema.IMAGE).is_not_null())
    truth = pl.read_parquet(root / "truth" / "items.parquet")
    topic = items.join(truth, on=schema.ITEM_ID, how="left", maintain_order="left")["main"].to_numpy()
    texts = table_text(items, TextOptions().fields)
    ngram = NgramEncoder().fit([text for text in texts if text])
    encoder = TrainableEncoder("cnn", replace(options, objectives=("text",)), seed=seed)
    files = training_files(encoder, items[schema.IMAGE].to_list(), Views(), root=root)
    learn = np.random.default_rng(seed).random(len(files)) < 0.67
    known, asked = some(files, np.flatnonzero(learn)), some(files, np.flatnonzero(~learn))
    own = [text for text, kept in zip(texts, learn, strict=True) if kept]
    rng = np.random.default_rng(seed)
    rows: dict[str, Any] = {"learned from": len(known), "asked": len(asked)}
    for name, one in {"texts as they are": None, **settings(TextAugmentation(), "texts")}.items():
        told = [own if one is None or not turn else augmented_texts(own, one, rng) for turn in range(versions)]
        parts = [ngram.encode(part) for part in told]
        text = View(np.concatenate([p.vectors for p in parts]), np.concatenate([p.present for p in parts]), "text")
        owners = np.concatenate([known.owners + turn * len(known) for turn in range(versions)])
        many = TrainingFiles(np.concatenate([known.windows] * versions), owners, {schema.TEXT: text})
        encoder = TrainableEncoder("cnn", encoder.options, seed=seed)
        train_encoder(encoder, many)
        rows[name] = round(found(encoder, known, asked, (topic[learn], topic[~learn])), 4)
        print(f"texts      {name:20} {rows[name]}", flush=True)
    return rows


def of_histories(root: Path, epochs: int, seeds: int) -> dict[str, Any]:
    """NDCG@10 of the validation with and without the contrast of histories."""
    cut = split(Dataset.load(root), "leave-one-out")
    sequences = cut.train.sequences()
    held = validation_of(cut.validation)
    rows: dict[str, Any] = {"asked": len(held.histories)}
    for name, one in {"without": None, **settings(HistoryAugmentation(crop=0.6), "histories")}.items():
        each = []
        for seed in range(seeds):
            kinds = cut.train.kinds.ids.to_list()
            data = TrainingData(sequences, cut.train.n_items, kinds, int(sequences.times_s.max()), seed=seed)
            data = replace(data, validation=held)
            model = SequenceModel(SequenceOptions(dim=32, epochs=epochs, contrastive=0.1 if one else 0.0))
            changed = partial(versions_apart, augmentation=one or HistoryAugmentation())
            with patch("penchant.models.sequence.versions_apart", changed):
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
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    told = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    epochs = told.epochs or {"pictures": 4, "sounds": 6, "texts": 3, "histories": 8}[told.kind]
    options = TrainableOptions(objectives=("augment",), epochs=epochs)
    if told.kind == "texts":
        rows = of_texts(told.data, options, told.seed)
    elif told.kind == "histories":
        rows = of_histories(told.data, epochs, told.seeds)
    else:
        rows = of_media(told.kind, told.data, options, told.files, told.seed)
    write(f"augmentation_{told.kind}", {"epochs": epochs, "seed": told.seed, **rows})


if __name__ == "__main__":
    main()
