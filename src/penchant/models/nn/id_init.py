"""Start of id embeddings: at random, or at the principal components of the items' text vectors."""

from __future__ import annotations

import numpy as np

from penchant.arrays import Float32s
from penchant.data.modalities import Modalities
from penchant.data.schema import TEXT
from penchant.errors import ModelError

ID_INITS = ("random", "pca")


def compute_pca_ids(modalities: Modalities, dim: int, rng: np.random.Generator) -> Float32s:
    """First embeddings `[N, dim]`: the first `dim` principal components of the text modality, mean squared length 1.

    x_i = (t_i − mean) W, W the eigenvectors of the covariance of the unit text vectors with the largest eigenvalues
    (after Harte et al., "Leveraging large language models for sequential recommendation", RecSys 2023). Items without
    text, and dimensions beyond those of the modality, are drawn from N(0, 1/dim), as every id is with `random`. Raises
    `ModelError` without a text modality.
    """
    if TEXT not in modalities:
        raise ModelError(
            "id_init='pca' needs a text modality of the items.", remedy="Give items text, or take 'random'."
        )
    modality = modalities[TEXT].unit()
    drawn = rng.standard_normal((len(modality), dim)) * dim**-0.5
    table = np.asarray(drawn, dtype=np.float32)
    vectors = modality.vectors[modality.present].astype(np.float64)
    if len(vectors) < 2:
        return table
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    kept = directions[:, ::-1][:, :dim]
    # eigenvectors have no sign: the largest component of each becomes positive, so that every machine agrees
    kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    projected = centred @ kept
    power = float((projected**2).sum(axis=1).mean())
    if power > 0:
        share = kept.shape[1] / dim
        rows = np.flatnonzero(modality.present)
        table[rows[:, None], np.arange(kept.shape[1])] = (projected * (share / power) ** 0.5).astype(np.float32)
    return table
