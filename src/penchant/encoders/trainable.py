"""Small networks as encoders of images and sounds: trained on the catalogue, saved in the bundle.

`embeddings/contrastive.py` trains them without labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from penchant.arrays import Array, Float32s
from penchant.data.media.decode import AUDIO, IMAGE
from penchant.data.modalities import Modality
from penchant.encoders import log_mel
from penchant.encoders.cnn import build_picture_network, resize_picture
from penchant.encoders.crnn import build_sound_network, cut_sound_windows
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError, UsageError
from penchant.options import require_range

CNN: Final = "cnn"
NETWORKS: Final[Mapping[str, tuple[str, ...]]] = {IMAGE: (CNN,), AUDIO: ("crnn", "lstm")}
"""The networks by what they encode; each name is an encoder's name."""
OBJECTIVES: Final = ("augment", "text", "behaviour")

_BATCH: Final = 64

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class TrainableOptions:
    """Options of the small networks `cnn`, `crnn` and `lstm`, which are trained without labels on the
    files of the items."""

    objectives: tuple[str, ...] = OBJECTIVES
    """Positive pairs of the contrastive training: augment, text, behaviour, or several of them. augment matches two
    changed versions of a file; text and behaviour match a file with that vector of its item."""
    width: int = 16
    """Channels of the first layer. 1 or more."""
    dim: int = 128
    """Length of the vectors. 1 or more."""
    epochs: int = 12
    """Passes over the files. 1 or more."""
    batch_size: int = 64
    """Files in a batch. 2 or more."""
    learning_rate: float = 2e-3
    """Highest learning rate. Above 0."""
    temperature: float = 0.2
    """Temperature of the contrastive loss. Above 0."""
    most_files: int = 3000
    """Files that are learned from; a larger catalogue is sampled. 1 or more."""
    most_shown: int = 18_000
    """Maximum of files × passes, so that a large catalogue takes fewer passes than `epochs`. 1 or more."""
    least_files: int = 100
    """Files below which encoder=auto trains no network. 0 or more."""

    def __post_init__(self) -> None:
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise OptionError("trainable.objectives", name, allowed=OBJECTIVES)
        if not self.objectives:
            raise UsageError("trainable.objectives is empty.", remedy=f"Name some of {', '.join(OBJECTIVES)}.")
        require_range(self, "width", "dim", "epochs", "most_files", "most_shown", least=1, part="trainable.")
        require_range(self, "least_files", least=0, part="trainable.")
        require_range(self, "learning_rate", "temperature", above=0, part="trainable.")
        require_range(self, "batch_size", least=2, part="trainable.")


@dataclass(frozen=True)
class Learned:
    """A trained network: its `weights`, and the whitening of its features, `mean` `[F]` and `projection` `[F, D]`.

    `note` says in one sentence on what it was trained.
    """

    weights: Arrays
    mean: Float32s
    projection: Float32s
    note: str


class TrainableEncoder:
    """Images or sounds as a small network sees them → vectors of length 1; `learned` is None before training."""

    def __init__(self, network: str, options: TrainableOptions = TrainableOptions(), *, seed: int = 0) -> None:
        self.network = network
        self.name = resolve_modality(network)
        self.options = options
        self.seed = seed
        self.learned: Learned | None = None
        self._module: Any = None

    @property
    def fingerprint(self) -> str:
        """The network with a digest of weights and whitening."""
        learned = self.fitted
        digest = hashlib.sha256()
        for array in (*(learned.weights[key] for key in sorted(learned.weights)), learned.mean, learned.projection):
            digest.update(np.ascontiguousarray(array).tobytes())
        return f"{self.network}@{digest.hexdigest()[:16]} {json.dumps({'width': self.options.width})}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.fitted.projection.shape[1])

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the sounds, Hz."""
        return log_mel.SAMPLE_RATE

    @property
    def is_loaded(self) -> bool:
        """Whether it is trained."""
        return self.learned is not None

    @property
    def note(self) -> str:
        """On what it was trained."""
        return self.fitted.note

    @property
    def fitted(self) -> Learned:
        """The result of training. Raises `EncoderError` before it."""
        if self.learned is None:
            raise EncoderError(
                f"The encoder {self.network!r} has not been trained.",
                remedy="Recommender.fit and `penchant encode` train it; alone: penchant.embeddings.contrastive.",
            )
        return self.learned

    def build(self) -> Any:
        """The network with new weights, drawn from torch's generator."""
        if self.network == CNN:
            return build_picture_network(self.options.width)
        return build_sound_network(self.options.width, convolutions=self.network == "crnn")

    def prepare(self, content: Array) -> Array:
        """Input of the network for a decoded content: an image uint8 `[1, 64, 64, 3]`, a sound's windows
        `[W, 304, 64]` float16 log-mel."""
        if self.name == IMAGE:
            return resize_picture(content)[None]
        return cut_sound_windows(content).astype(np.float16)

    def scale(self, prepared: Array) -> Float32s:
        """Prepared contents as float32: images from 0 to 1, log-mel unchanged."""
        numbers: Float32s = prepared.astype(np.float32)
        return numbers / np.float32(255) if self.name == IMAGE else numbers

    def encode(self, contents: Sequence[Array | None]) -> Modality:
        """Vectors `[N, D]` of N images, or of N sounds at 16 kHz of any length (the mean over windows); None and a
        sound without samples are absent."""
        learned = self.fitted
        rows = [row for row, content in enumerate(contents) if content is not None and len(content)]
        vectors = np.zeros((len(contents), self.dim), dtype=np.float32)
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            pieces = [self.prepare(content) for row in part if (content := contents[row]) is not None]
            features = self.compute_features(self._load(), np.concatenate(pieces))
            starts = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
            counts = np.array([len(piece) for piece in pieces], dtype=np.float32)
            means = np.add.reduceat(features, starts, axis=0) / counts[:, None]
            vectors[part] = (means - learned.mean) @ learned.projection
        present = np.zeros(len(contents), dtype=bool)
        present[rows] = True
        return Modality(vectors, present, self.fingerprint).unit()

    def compute_features(self, module: Any, prepared: Array) -> Float32s:
        """Features `[N, F]` of prepared contents, in batches; for images the mean with their mirror image."""
        import torch

        module.eval()
        out = []
        with torch.inference_mode():
            for start in range(0, len(prepared), _BATCH):
                given = torch.from_numpy(self.scale(prepared[start : start + _BATCH]))
                features = module(given)
                out.append(((features + module(given.flip(2))) / 2 if self.name == IMAGE else features).numpy())
        return np.concatenate(out)

    def state(self) -> EncoderState:
        """Weights and options, for the bundle."""
        learned = self.fitted
        weights = {f"weights.{key}": array for key, array in learned.weights.items()}
        metadata = {"name": self.network, "options": asdict(self.options), "seed": self.seed, "note": learned.note}
        return EncoderState({**weights, "mean": learned.mean, "projection": learned.projection}, metadata)

    @classmethod
    def from_state(cls, state: EncoderState) -> TrainableEncoder:
        """The encoder of a `state`; it encodes to the same vectors."""
        values = state.metadata["options"]
        options = TrainableOptions(**{**values, "objectives": tuple(values["objectives"])})
        encoder = cls(state.metadata["name"], options, seed=state.metadata["seed"])
        weights = {key.removeprefix("weights."): v for key, v in state.tensors.items() if key.startswith("weights.")}
        encoder.learned = Learned(weights, state.tensors["mean"], state.tensors["projection"], state.metadata["note"])
        return encoder

    def _load(self) -> Any:
        if self._module is None:
            import torch

            with torch.random.fork_rng(devices=[]):
                self._module = self.build()
            tensors = {key: torch.from_numpy(np.array(value)) for key, value in self.fitted.weights.items()}
            self._module.load_state_dict(tensors)
        return self._module


def resolve_modality(network: str) -> str:
    """`image` or `audio`, by the name of a network. Raises `OptionError`."""
    for modality, names in NETWORKS.items():
        if network in names:
            return modality
    raise OptionError("encoder", network, allowed=[name for names in NETWORKS.values() for name in names])
