"""Speech to text: Whisper and similar models by folder or hub name; sounds of any length are cut into windows.

A transcript is content: it is never part of a log line, a report or an error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from penchant.arrays import Float32s
from penchant.encoders.choose import AUTO, NONE
from penchant.encoders.precision import resolve_device
from penchant.encoders.pretrained import hub
from penchant.encoders.protocol import EncoderState
from penchant.errors import EncoderError, OptionError
from penchant.options import require_range

LANGUAGES: Final = (AUTO, "zh", "en")

_FRAME_S: Final = 0.05
_SLACK: Final = 0.1
_SILENCE: Final = 1e-3
_PROMPT: Final = 4


@dataclass(frozen=True)
class SpeechOptions:
    """Options of speech to text."""

    model: str = NONE
    """Folder or hub name of a speech-to-text model of transformers, or none."""
    language: str = AUTO
    """Language of the speech: auto, zh or en. auto lets the model decide for each window."""
    window_s: float = 30.0
    """Length of a window, seconds. Above 0; at most what the model takes (30 for Whisper)."""
    max_tokens: int = 220
    """Maximum number of tokens transcribed per window. 1 or more."""
    batch_size: int = 4
    """Windows transcribed at once. 1 or more."""
    device: str = AUTO
    """Device of the model: auto, cpu or cuda."""
    revision: str | None = None
    """Commit or branch of a model on the hub. none means the default branch."""
    download: bool = False
    """Whether a model may be downloaded from the hub."""

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise OptionError("speech.language", self.language, allowed=LANGUAGES)
        require_range(self, "window_s", above=0, part="speech.")
        require_range(self, "max_tokens", "batch_size", least=1, part="speech.")


@dataclass(frozen=True)
class _Loaded:
    model: Any
    extractor: Any
    tokenizer: Any
    device: str


class Transcriber:
    """Sounds, float32 `[samples]` mono at `sample_rate`, → transcripts. The model is loaded at the first use."""

    name = "speech"

    def __init__(self, options: SpeechOptions) -> None:
        self.options = options
        self._files = hub.ModelFiles(options.model, options.revision, options.download)
        self._loaded: _Loaded | None = None
        self.transcripts: dict[str, str | None] = {}
        """Transcripts of clips of this session, by SHA-256 of the file; the encoders' state does not hold them."""

    @property
    def fingerprint(self) -> str:
        """Source, digest of weights and vocabulary, and the options that change a text."""
        o = self.options
        settings = {"language": o.language, "window_s": o.window_s, "max_tokens": o.max_tokens}
        return f"{self._files.name}@{self._files.digest} {json.dumps(settings, sort_keys=True)}"

    @property
    def sample_rate(self) -> int:
        """Sampling rate of the model, Hz."""
        return int(self._load().extractor.sampling_rate)

    def transcribe(self, sounds: Sequence[Float32s | None]) -> list[str | None]:
        """The transcript of each of N sounds of any length; None for None and for a sound without speech."""
        loaded = self._load()
        rate = self.sample_rate
        longest = min(self.options.window_s, float(getattr(loaded.extractor, "chunk_length", self.options.window_s)))
        pieces: list[Float32s] = []
        owners: list[int] = []
        for row, sound in enumerate(sounds):
            for window in split_speech(sound, rate, longest) if sound is not None else []:
                if np.abs(window).max(initial=0.0) > _SILENCE:  # models hallucinate words in silence
                    pieces.append(window)
                    owners.append(row)
        said: list[list[str]] = [[] for _ in sounds]
        for start in range(0, len(pieces), self.options.batch_size):
            part = slice(start, start + self.options.batch_size)
            for row, text in zip(owners[part], self._transcribe_windows(loaded, pieces[part]), strict=True):
                said[row].append(text.strip())
        return [" ".join(text for text in texts if text) or None for texts in said]

    def state(self) -> EncoderState:
        """Options and the digest of the weights; the bundle does not hold the model."""
        return EncoderState({}, {"name": self.name, "options": asdict(self.options), "weights": self._files.digest})

    @classmethod
    def from_state(cls, state: EncoderState) -> Transcriber:
        """The transcriber of a `state`; its first use compares the weights with those of the bundle."""
        transcriber = cls(SpeechOptions(**state.metadata["options"]))
        transcriber._files = replace(transcriber._files, expected=str(state.metadata["weights"]))
        return transcriber

    def _load(self) -> _Loaded:
        if self._loaded is None:
            from penchant.encoders.pretrained.loading import load_speech_model

            model, extractor, tokenizer = load_speech_model(self._files.verify())
            device = resolve_device(self.options.device)
            self._loaded = _Loaded(model.to(device), extractor, tokenizer, device)
        return self._loaded

    def _transcribe_windows(self, loaded: _Loaded, windows: list[Float32s]) -> list[str]:
        import torch

        from penchant.llm.silence import silence_transformers

        inputs = loaded.extractor(
            windows, sampling_rate=self.sample_rate, return_tensors="pt", return_attention_mask=True
        )
        tensors = {key: value.to(loaded.device) for key, value in inputs.items() if isinstance(value, torch.Tensor)}
        room = int(getattr(loaded.model.config, "max_target_positions", 448)) - _PROMPT
        most = max(min(self.options.max_tokens, room), 1)
        with torch.inference_mode(), silence_transformers():
            tokens = loaded.model.generate(**tensors, **self._language_arguments(loaded), max_new_tokens=most)
        return [str(text) for text in loaded.tokenizer.batch_decode(tokens, skip_special_tokens=True)]

    def _language_arguments(self, loaded: _Loaded) -> dict[str, str]:
        """Arguments of `generate` for the language; a model of one language takes none."""
        if getattr(loaded.model.generation_config, "is_multilingual", False):
            language = self.options.language
            return {"task": "transcribe", **({} if language == AUTO else {"language": language})}
        if self.options.language == "zh":
            raise EncoderError(
                f"{self.options.model} is not declared as a multilingual model.",
                remedy="Name a multilingual model, or set language=auto.",
            )
        return {}


def split_speech(sound: Float32s, rate: int, window_s: float) -> list[Float32s]:
    """A sound in windows of at most `window_s` seconds, each cut at the quietest 50 ms of its last tenth.

    A cut between words costs fewer of them than one at a fixed length.
    """
    width, frame = max(int(window_s * rate), 1), max(int(_FRAME_S * rate), 1)
    windows: list[Float32s] = []
    start = 0
    while len(sound) - start > width:
        tail = sound[start + width - max(int(_SLACK * width), frame) : start + width]
        count = max(len(tail) // frame, 1)
        energy = np.square(tail[: count * frame], dtype=np.float64).reshape(count, -1).sum(axis=1)
        cut = start + width - len(tail) + int(energy.argmin()) * frame + frame // 2
        cut = min(max(cut, start + 1), start + width)
        windows.append(sound[start:cut])
        start = cut
    if len(sound) > start:
        windows.append(sound[start:])
    return windows
