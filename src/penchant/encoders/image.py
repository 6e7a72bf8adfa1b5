"""Any vision model of transformers, by folder or hub name: ResNet, MobileNet, ViT, DINOv2, CLIP and SigLIP towers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from penchant.arrays import UInt8s
from penchant.data.media.decode import IMAGE
from penchant.data.modalities import Modality
from penchant.encoders.choose import AUTO
from penchant.encoders.precision import resolve_device
from penchant.encoders.pretrained import hub
from penchant.encoders.pretrained.runtime import Forward, choose_forward
from penchant.encoders.protocol import EncoderState
from penchant.encoders.trainable import NETWORKS
from penchant.errors import EncoderError
from penchant.options import require_range

if TYPE_CHECKING:
    from torch import Tensor

_EXAMPLES: Final = 4
_ONNX_BATCH: Final = 4  # small batches stay in the processor's cache


@dataclass(frozen=True)
class ImageOptions:
    """Options of the image modality."""

    encoder: str = AUTO
    """Image encoder: auto, cnn, none, or the folder or hub name of a model. cnn is a small network trained on the
    items' own pictures; auto is cnn where there are enough pictures."""
    layers: tuple[int, ...] = ()
    """Numbers of the hidden layers whose pooled features are joined; -1 is the last. Empty takes the model's own pooled
    output."""
    backend: str = "auto"
    """What runs the model: auto, torch or onnx. auto takes ONNX Runtime where it is clearly faster."""
    normalize: bool = False
    """Whether vectors are scaled to length 1."""
    device: str = "auto"
    """Device of the model: auto, cpu or cuda."""
    batch_size: int = 16
    """Pictures encoded at once. 1 or more."""
    revision: str | None = None
    """Commit or branch of a model on the hub. none takes the default branch."""
    download: bool = False
    """Whether a model may be downloaded from the hub."""

    def __post_init__(self) -> None:
        require_range(self, "batch_size", least=1, part="image.")


@dataclass(frozen=True)
class Scaling:
    """(x · `factor` - `mean`) / `std` for each channel."""

    factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class _Loaded:
    """`scaling`: what the network does to pixels of 0 to 255 first, None where the processor does it."""

    processor: Any
    scaling: Scaling | None
    forward: Forward
    dim: int


class ImageEncoder:
    """Pictures, uint8 `[height, width, 3]`, → vectors; the model's own preprocessing, done with Pillow.

    Loaded at the first use.
    """

    name = "image"

    def __init__(self, options: ImageOptions) -> None:
        self.options = options
        self._loaded: _Loaded | None = None
        self._digest: str | None = None
        self._expected: dict[str, Any] = {}

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and settings, layers and backend."""
        o = self.options
        told = {"layers": list(o.layers), "normalize": o.normalize, "backend": self._load().forward.backend}
        return f"{_name(o.encoder)}@{self._weights()} {json.dumps(told, sort_keys=True)}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._expected["dim"]) if "dim" in self._expected else self._load().dim

    @property
    def is_loaded(self) -> bool:
        """True once the model was needed."""
        return self._loaded is not None

    @property
    def note(self) -> str:
        """Which backend encodes, and why."""
        return self._load().forward.note

    def encode(self, contents: Sequence[UInt8s | None]) -> Modality:
        """Vectors `[N, D]` of N pictures; None is absent."""
        loaded = self._load()
        out = np.zeros((len(contents), loaded.dim), dtype=np.float32)
        rows = np.array([row for row, picture in enumerate(contents) if picture is not None], dtype=np.int64)
        step = _ONNX_BATCH if loaded.forward.backend == "onnx" else self.options.batch_size
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            pictures = [picture for row in part if (picture := contents[row]) is not None]
            out[part] = loaded.forward.run(_pixels(loaded.processor, loaded.scaling, pictures))
        if not np.isfinite(out).all():
            raise EncoderError(f"{self.options.encoder} gave vectors that are not finite.", remedy="Use another model.")
        present = np.zeros(len(contents), dtype=bool)
        present[rows] = True
        modality = Modality(out, present, self.fingerprint)
        return modality.unit() if self.options.normalize else modality

    def state(self) -> EncoderState:
        """Options, weights' digest and dimension; the model itself stays where it is."""
        metadata = {"name": self.name, "options": asdict(self.options), "weights": self._weights(), "dim": self.dim}
        return EncoderState({}, metadata)

    @classmethod
    def from_state(cls, state: EncoderState) -> ImageEncoder:
        """The encoder that gave `state`; at its first use the weights are looked up and compared."""
        told = dict(state.metadata["options"])
        told["layers"] = tuple(told["layers"])
        encoder = cls(ImageOptions(**told))
        encoder._expected = {key: state.metadata[key] for key in ("weights", "dim")}
        return encoder

    def _folder(self) -> Path:
        o = self.options
        near, kept = NETWORKS[IMAGE], bool(self._expected)
        return hub.find_model_folder(o.encoder, revision=o.revision, download=o.download, near=near, kept=kept)

    def _weights(self) -> str:
        if self._digest is None:
            self._digest = hub.digest_folder(self._folder())[:16]
            hub.check_digest(self.options.encoder, self._digest, self._expected.get("weights"))
        return self._digest

    def _load(self) -> _Loaded:
        if self._loaded is None:
            from penchant.encoders.pretrained.loading import load_image_model

            self._weights()
            model, processor, pooler = load_image_model(self._folder())
            scaling = _scaling(processor)
            module = build_vision_module(model, self.options.layers, pooler=pooler, scaling=scaling)
            device = resolve_device(self.options.device)
            noise = np.random.default_rng(0).integers(0, 256, (_EXAMPLES, 64, 64, 3), dtype=np.uint8)
            example = _pixels(processor, scaling, list(noise))
            forward = choose_forward(module, example, backend=self.options.backend, device=device)
            self._loaded = _Loaded(processor, scaling, forward, forward.run(example[:1]).shape[1])
        return self._loaded


def _scaling(processor: Any) -> Scaling | None:
    """Rescaling and normalising as three numbers a channel: the network does it in a third of the time."""
    if not (getattr(processor, "do_rescale", False) and getattr(processor, "do_normalize", False)):
        return None
    try:
        mean, std = tuple(map(float, processor.image_mean)), tuple(map(float, processor.image_std))
    except TypeError:
        return None
    return Scaling(float(processor.rescale_factor), mean, std)


def _pixels(processor: Any, scaling: Scaling | None, pictures: Sequence[UInt8s]) -> npt.NDArray[np.float32]:
    """What the network takes, `[B, C, H, W]`."""
    left = {"do_rescale": False, "do_normalize": False} if scaling else {}
    told = processor(list(pictures), return_tensors="np", **left)
    return np.ascontiguousarray(told["pixel_values"], dtype=np.float32)


def build_vision_module(model: Any, layers: tuple[int, ...], *, pooler: bool, scaling: Scaling | None = None) -> Any:
    """A module: pixels `[B, C, H, W]` → vectors `[B, D]`; `scaling` comes first where it is given.

    A text-image model gives its image tower's projection. With `layers`, the features of each, averaged over places
    (positions or tokens) and joined; else the model's pooled output, or that average where it has none (`pooler`
    False). Raises `EncoderError` for a layer that does not exist.
    """
    import torch

    class Vectors(torch.nn.Module):
        slope: Tensor
        shift: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.model = model
            told = scaling or Scaling(1.0, (0.0,), (1.0,))
            std = torch.tensor(told.std).view(1, -1, 1, 1)
            self.register_buffer("slope", told.factor / std)
            self.register_buffer("shift", -torch.tensor(told.mean).view(1, -1, 1, 1) / std)

        def forward(self, pixels: Tensor) -> Tensor:
            pixels = pixels * self.slope + self.shift
            if hasattr(self.model, "get_image_features") and not layers:
                out = self.model.get_image_features(pixel_values=pixels)
                return out if isinstance(out, torch.Tensor) else torch.flatten(out.pooler_output, 1)
            body = self.model.vision_model if hasattr(self.model, "get_image_features") else self.model
            out = body(pixel_values=pixels, output_hidden_states=bool(layers))
            if layers:
                return torch.cat([_places(_layer(out.hidden_states, number)) for number in layers], dim=1)
            pooled = getattr(out, "pooler_output", None)
            if pooled is None or not pooler:
                return _places(out.last_hidden_state)
            return torch.flatten(pooled, 1)

    return Vectors().eval()


def _layer(hidden: Sequence[Tensor], number: int) -> Tensor:
    if not -len(hidden) <= number < len(hidden):
        raise EncoderError(
            f"layers={number}: the model has {len(hidden)} of them.", remedy=f"Give 0 to {len(hidden) - 1}, or -1 …"
        )
    return hidden[number]


def _places(hidden: Tensor) -> Tensor:
    """The average over positions `[B, C, H, W]` or tokens `[B, T, D]`."""
    return hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden.mean(dim=1)


def _name(source: str) -> str:
    return Path(source).name if Path(source).is_dir() else source
