"""Any sound model of transformers, by folder or hub name: AST, CLAP, wav2vec 2.0, HuBERT, Whisper, YAMNet-type bodies.

A sound of any length is cut into windows, each window is encoded, and the vectors of the windows are pooled.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from penchant.arrays import Float32s
from penchant.data.media.decode import AUDIO
from penchant.data.modalities import Modality
from penchant.encoders import log_mel
from penchant.encoders.choose import AUTO
from penchant.encoders.image import build_vision_module
from penchant.encoders.precision import resolve_device
from penchant.encoders.pretrained import hub
from penchant.encoders.pretrained.runtime import Forward, choose_forward
from penchant.encoders.protocol import EncoderState
from penchant.encoders.trainable import NETWORKS
from penchant.errors import EncoderError, OptionError
from penchant.options import require_range

if TYPE_CHECKING:
    from torch import Tensor

FRONT_ENDS: Final = ("auto", "model", "log_mel")
POOLINGS: Final = ("mean", "attention")

_SHORTEST_S: Final = 0.25
_WHISPER_HOP: Final = 320


@dataclass(frozen=True)
class AudioOptions:
    """Options of the audio modality."""

    encoder: str = AUTO
    """Audio encoder: auto, crnn, lstm, none, or the folder or hub name of a model. crnn and lstm are small networks
    trained on the sounds of the items; auto is crnn where there are enough sounds."""
    front_end: str = "auto"
    """Input of the model: auto, model or log_mel. model is the feature extractor of the model, log_mel patches of a
    log-mel spectrogram (YAMNet-type models)."""
    window_s: float = 10.0
    """Length of a window, seconds. Above 0."""
    pooling: str = "mean"
    """Pooling of window vectors: mean or attention."""
    backend: str = "auto"
    """Backend of a log_mel model: auto, torch or onnx."""
    normalize: bool = False
    """Whether vectors are scaled to length 1."""
    device: str = "auto"
    """Device of the model: auto, cpu or cuda."""
    batch_size: int = 8
    """Windows encoded at once. 1 or more."""
    revision: str | None = None
    """Commit or branch of a model on the hub. none means the default branch."""
    download: bool = False
    """Whether a model may be downloaded from the hub."""

    def __post_init__(self) -> None:
        if self.front_end not in FRONT_ENDS:
            raise OptionError("audio.front_end", self.front_end, allowed=FRONT_ENDS)
        if self.pooling not in POOLINGS:
            raise OptionError("audio.pooling", self.pooling, allowed=POOLINGS)
        require_range(self, "window_s", above=0, part="audio.")
        require_range(self, "batch_size", least=1, part="audio.")


@dataclass(frozen=True)
class _Loaded:
    """`forward` for log-mel patches, else `model` with its `extractor`."""

    sample_rate: int
    dim: int
    forward: Forward | None = None
    model: Any = None
    extractor: Any = None
    device: str = "cpu"


class AudioEncoder:
    """Sounds, float32 `[samples]` mono at `sample_rate`, → vectors. Loaded at the first use."""

    name = "audio"

    def __init__(self, options: AudioOptions) -> None:
        self.options = options
        self._files = hub.ModelFiles(options.encoder, options.revision, options.download, NETWORKS[AUDIO])
        self._loaded: _Loaded | None = None
        self._saved_dim: int | None = None
        self._saved_rate: int | None = None

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and settings, and the options that change a vector."""
        o, forward = self.options, self._load().forward
        settings = {
            "front_end": "log_mel" if forward else "model",
            "backend": forward.backend if forward else "torch",
            "window_s": o.window_s,
            "pooling": o.pooling,
            "normalize": o.normalize,
        }
        return f"{self._files.name}@{self._files.digest} {json.dumps(settings, sort_keys=True)}"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._load().dim if self._saved_dim is None else self._saved_dim

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the model, Hz."""
        return self._load().sample_rate if self._saved_rate is None else self._saved_rate

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def note(self) -> str:
        """The backend, and why it was chosen."""
        forward = self._load().forward
        return forward.note if forward else "PyTorch encodes."

    def encode(self, contents: Sequence[Float32s | None]) -> Modality:
        """Vectors `[N, D]` of N sounds of any length; None and a sound without samples are absent."""
        loaded = self._load()
        out = np.zeros((len(contents), loaded.dim), dtype=np.float32)
        rows = [row for row, sound in enumerate(contents) if sound is not None and len(sound)]
        for start in range(0, len(rows), self.options.batch_size):
            part = rows[start : start + self.options.batch_size]
            windows = [self._cut_windows(loaded, contents[row]) for row in part]
            vectors = self._encode_windows(loaded, [window for sound in windows for window in sound])
            ends = np.cumsum([len(sound) for sound in windows])
            pieces = np.split(vectors, ends[:-1])
            out[part] = np.stack([pool_windows(piece, self.options.pooling) for piece in pieces])
        if not np.isfinite(out).all():
            raise EncoderError(
                f"{self.options.encoder} computed vectors that are not finite.", remedy="Use another model."
            )
        present = np.zeros(len(contents), dtype=bool)
        present[rows] = True
        modality = Modality(out, present, self.fingerprint)
        return modality.unit() if self.options.normalize else modality

    def state(self) -> EncoderState:
        """Options, digest of the weights, sampling rate and dimension; the bundle does not hold the model."""
        metadata = {"weights": self._files.digest, "dim": self.dim, "sample_rate": self.sample_rate}
        return EncoderState({}, {"name": self.name, "options": asdict(self.options), **metadata})

    @classmethod
    def from_state(cls, state: EncoderState) -> AudioEncoder:
        """The encoder of a `state`; its first use compares the weights with those of the bundle."""
        encoder = cls(AudioOptions(**state.metadata["options"]))
        encoder._files = replace(encoder._files, expected=state.metadata["weights"])
        encoder._saved_dim, encoder._saved_rate = (int(state.metadata[key]) for key in ("dim", "sample_rate"))
        return encoder

    def _load(self) -> _Loaded:
        if self._loaded is None:
            self._loaded = _load(self._files.verify(), self.options)
        return self._loaded

    def _cut_windows(self, loaded: _Loaded, sound: Float32s | None) -> list[Float32s]:
        """The inputs of one sound: log-mel patches, or windows of samples."""
        assert sound is not None
        if loaded.forward:
            return list(log_mel.compute_log_mel_patches(sound)[:, None])
        width = max(int(self.options.window_s * loaded.sample_rate), 1)
        least = int(_SHORTEST_S * loaded.sample_rate)
        cuts = [sound[start : start + width] for start in range(0, len(sound), width)]
        if len(cuts) > 1 and len(cuts[-1]) < least:
            cuts.pop()  # a remainder below 0.25 s is mostly padding
        return [np.pad(cut, (0, max(least - len(cut), 0))) for cut in cuts]

    def _encode_windows(self, loaded: _Loaded, windows: list[Float32s]) -> Float32s:
        """One vector for each window; windows of equal length form batches, so no padding is computed."""
        if loaded.forward:
            step = self.options.batch_size * 8
            stacked = np.stack(windows)
            return np.concatenate([loaded.forward.run(stacked[i : i + step]) for i in range(0, len(stacked), step)])
        out = np.zeros((len(windows), loaded.dim), dtype=np.float32)
        lengths = np.array([len(window) for window in windows])
        for length in np.unique(lengths):
            same = np.flatnonzero(lengths == length)
            for start in range(0, len(same), self.options.batch_size):
                part = same[start : start + self.options.batch_size]
                out[part] = _run_model(loaded, [windows[row] for row in part])
        return out


def pool_windows(vectors: Float32s, pooling: str) -> Float32s:
    """One vector of a sound from those of its windows `[W, D]` → `[D]`.

    `mean`; or `attention`: Σ αᵥhᵥ with α = softmax(q·hᵥ / √D) and the mean as query q (Vaswani et al. 2017, eq. 1):
    windows similar to the mean get larger weights than outliers.
    """
    mean = vectors.mean(axis=0)
    if pooling == "mean" or len(vectors) == 1:
        return np.asarray(mean, dtype=np.float32)
    scores = vectors @ mean / np.sqrt(vectors.shape[1])
    shares = np.exp(scores - scores.max())  # the largest exponent is 0: no overflow
    return np.asarray((shares / shares.sum()) @ vectors, dtype=np.float32)


def _load(folder: Path, options: AudioOptions) -> _Loaded:
    from penchant.encoders.pretrained.loading import load_audio_model

    model, extractor = load_audio_model(folder)
    device = resolve_device(options.device)
    plain = extractor is None and getattr(model.config, "num_channels", None) == 1
    if options.front_end == "log_mel" or (options.front_end == "auto" and plain):
        if getattr(model.config, "num_channels", None) != 1:
            raise EncoderError(
                f"{folder} takes no spectrogram: front_end='log_mel' needs a body with one input channel.",
                remedy="Use front_end='model'.",
            )
        example = np.zeros((4, 1, log_mel.PATCH_FRAMES, log_mel.BANDS), dtype=np.float32)
        module = build_vision_module(model, (), pooler=True)
        forward = choose_forward(module, example, backend=options.backend, device=device)
        return _Loaded(log_mel.SAMPLE_RATE, forward.run(example[:1]).shape[1], forward)
    if extractor is None:
        raise EncoderError(
            f"{folder} has no feature extractor (preprocessor_config.json).",
            remedy="Add it, or set front_end='log_mel' for a YAMNet-type body.",
        )
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    rate = int(extractor.sampling_rate)
    loaded = _Loaded(rate, 0, None, model.to(device), extractor, device)
    dim = _run_model(loaded, [np.zeros(rate, dtype=np.float32)]).shape[1]
    return _Loaded(rate, dim, None, model, extractor, device)


def _run_model(loaded: _Loaded, windows: list[Float32s]) -> Float32s:
    """Vectors `[B, D]` of windows of one length, by the model and its feature extractor."""
    import torch

    extracted = loaded.extractor(windows, sampling_rate=loaded.sample_rate, return_tensors="pt")
    inputs = {key: value.to(loaded.device) for key, value in extracted.items() if isinstance(value, torch.Tensor)}
    with torch.inference_mode():
        if hasattr(loaded.model, "get_audio_features"):
            out = loaded.model.get_audio_features(**inputs)
            vectors = out if isinstance(out, torch.Tensor) else out.pooler_output
        else:
            vectors = _pool_frames(loaded, loaded.model(**inputs), len(windows[0]))
        result: Float32s = torch.flatten(vectors, 1).float().cpu().numpy()
    return result


def _pool_frames(loaded: _Loaded, out: Any, n_samples: int) -> Tensor:
    """The pooled output of the model, or the mean over frames with sound: Whisper pads every window to 30 s."""
    pooled: Tensor | None = getattr(out, "pooler_output", None)
    if pooled is not None:
        return pooled
    hidden: Tensor = out.last_hidden_state
    if "whisper" in type(loaded.model).__name__.lower():
        hidden = hidden[:, : max(-(-n_samples // _WHISPER_HOP), 1)]
    return hidden.mean(dim=1)
