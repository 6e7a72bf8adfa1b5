"""Any vision model of transformers, by folder or hub name: ResNet, MobileNet, ViT, DINOv2, CLIP and SigLIP towers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import Float32s, UInt8s
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
    images of the items; auto is cnn where there are enough images."""
    layers: tuple[int, ...] = ()
    """Indices of the hidden layers whose pooled features are concatenated; -1 is the last. Empty takes the pooled
    output."""
    backend: str = "auto"
    """Backend of the model: auto, torch or onnx. auto selects ONNX Runtime if it is clearly faster."""
    normalize: bool = False
    """Whether vectors are scaled to length 1."""
    device: str = "auto"
    """Device of the model: auto, cpu or cuda."""
    batch_size: int = 16
    """Images encoded at once. 1 or more."""
    revision: str | None = None
    """Commit or branch of a model on the hub. none means the default branch."""
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
    """`scaling` is applied to pixels of 0 to 255 by the network; None if the processor applies it."""

    processor: Any
    scaling: Scaling | None
    forward: Forward
    dim: int


class ImageEncoder:
    """Images, uint8 `[height, width, 3]`, → vectors. The preprocessing is that of the model, done with
    Pillow. The model is loaded at the first use.
    """

    name = "image"

    def __init__(self, options: ImageOptions) -> None:
        self.options = options
        self._files = hub.ModelFiles(options.encoder, options.revision, options.download, NETWORKS[IMAGE])
        self._loaded: _Loaded | None = None
        self._saved_dim: int | None = None

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and settings, layers and backend."""
        o = self.options
        settings = {"layers": list(o.layers), "normalize": o.normalize, "backend": self._load().forward.backend}
        return f"{self._files.name}@{self._files.digest} {json.dumps(settings, sort_keys=True)}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._load().dim if self._saved_dim is None else self._saved_dim

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def note(self) -> str:
        """The backend, and why it was chosen."""
        return self._load().forward.note

    def encode(self, contents: Sequence[UInt8s | None]) -> Modality:
        """Vectors `[N, D]` of N images; None is absent."""
        loaded = self._load()
        out = np.zeros((len(contents), loaded.dim), dtype=np.float32)
        rows = np.array([row for row, picture in enumerate(contents) if picture is not None], dtype=np.int64)
        step = _ONNX_BATCH if loaded.forward.backend == "onnx" else self.options.batch_size
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            pictures = [picture for row in part if (picture := contents[row]) is not None]
            out[part] = loaded.forward.run(_prepare_pixels(loaded.processor, loaded.scaling, pictures))
        if not np.isfinite(out).all():
            raise EncoderError(
                f"{self.options.encoder} computed vectors that are not finite.", remedy="Use another model."
            )
        present = np.zeros(len(contents), dtype=bool)
        present[rows] = True
        modality = Modality(out, present, self.fingerprint)
        return modality.unit() if self.options.normalize else modality

    def state(self) -> EncoderState:
        """Options, digest of the weights and dimension; the bundle does not hold the model."""
        metadata = {"name": self.name, "options": asdict(self.options), "weights": self._files.digest, "dim": self.dim}
        return EncoderState({}, metadata)

    @classmethod
    def from_state(cls, state: EncoderState) -> ImageEncoder:
        """The encoder of a `state`; its first use compares the weights with those of the bundle."""
        options = state.metadata["options"]
        encoder = cls(ImageOptions(**{**options, "layers": tuple(options["layers"])}))
        encoder._files = replace(encoder._files, expected=state.metadata["weights"])
        encoder._saved_dim = int(state.metadata["dim"])
        return encoder

    def _load(self) -> _Loaded:
        if self._loaded is None:
            from penchant.encoders.pretrained.loading import load_image_model

            model, processor, pooler = load_image_model(self._files.verify())
            scaling = _read_scaling(processor)
            module = build_vision_module(model, self.options.layers, pooler=pooler, scaling=scaling)
            device = resolve_device(self.options.device)
            noise = np.random.default_rng(0).integers(0, 256, (_EXAMPLES, 64, 64, 3), dtype=np.uint8)
            example = _prepare_pixels(processor, scaling, list(noise))
            forward = choose_forward(module, example, backend=self.options.backend, device=device)
            self._loaded = _Loaded(processor, scaling, forward, forward.run(example[:1]).shape[1])
        return self._loaded


def _read_scaling(processor: Any) -> Scaling | None:
    """Rescaling and normalisation of the processor. The network applies them in a third of the time."""
    if not (getattr(processor, "do_rescale", False) and getattr(processor, "do_normalize", False)):
        return None
    try:
        mean, std = tuple(map(float, processor.image_mean)), tuple(map(float, processor.image_std))
    except TypeError:
        return None
    return Scaling(float(processor.rescale_factor), mean, std)


def _prepare_pixels(processor: Any, scaling: Scaling | None, pictures: Sequence[UInt8s]) -> Float32s:
    """Inputs of the network, `[B, C, H, W]`."""
    switched_off = {"do_rescale": False, "do_normalize": False} if scaling else {}
    inputs = processor(list(pictures), return_tensors="np", **switched_off)
    return np.ascontiguousarray(inputs["pixel_values"], dtype=np.float32)


def build_vision_module(model: Any, layers: tuple[int, ...], *, pooler: bool, scaling: Scaling | None = None) -> Any:
    """A module: pixels `[B, C, H, W]` → vectors `[B, D]`; it applies `scaling` first.

    A text-image model gives the projection of its image tower. `layers` gives the features of each layer, averaged over
    positions or tokens and concatenated. Otherwise the vector is the pooled output, or the average of the last layer
    where the pooler is untrained (`pooler` False). Raises `EncoderError` for a layer that does not exist.
    """
    import torch

    class Vectors(torch.nn.Module):
        slope: Tensor
        shift: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.model = model
            applied = scaling or Scaling(1.0, (0.0,), (1.0,))
            # (x · factor - mean) / std as x · slope + shift: one product and one sum a pixel
            std = torch.tensor(applied.std).view(1, -1, 1, 1)
            self.register_buffer("slope", applied.factor / std)
            self.register_buffer("shift", -torch.tensor(applied.mean).view(1, -1, 1, 1) / std)

        def forward(self, pixels: Tensor) -> Tensor:
            pixels = pixels * self.slope + self.shift
            if hasattr(self.model, "get_image_features") and not layers:
                out = self.model.get_image_features(pixel_values=pixels)
                return out if isinstance(out, torch.Tensor) else torch.flatten(out.pooler_output, 1)
            body = self.model.vision_model if hasattr(self.model, "get_image_features") else self.model
            out = body(pixel_values=pixels, output_hidden_states=bool(layers))
            if layers:
                return torch.cat(
                    [_average_positions(_get_layer(out.hidden_states, number)) for number in layers], dim=1
                )
            pooled = getattr(out, "pooler_output", None)
            if pooled is None or not pooler:
                return _average_positions(out.last_hidden_state)
            return torch.flatten(pooled, 1)

    return Vectors().eval()


def _get_layer(hidden: Sequence[Tensor], number: int) -> Tensor:
    if not -len(hidden) <= number < len(hidden):
        raise EncoderError(
            f"layers={number}: the model has {len(hidden)} of them.", remedy=f"Give 0 to {len(hidden) - 1}, or -1 …"
        )
    return hidden[number]


def _average_positions(hidden: Tensor) -> Tensor:
    """The average over positions `[B, C, H, W]` or tokens `[B, T, D]`."""
    return hidden.mean(dim=(2, 3)) if hidden.ndim == 4 else hidden.mean(dim=1)
