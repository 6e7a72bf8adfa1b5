"""Decodes an image or sound file into an array, within limits. Runs in a worker process (see `media`).

The header is checked before anything is decoded. The first bytes of a file decide its kind, not its name.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from penchant.arrays import Array, Float32s, UInt8s
from penchant.data.media import video as decode_video
from penchant.errors import MediaError, MissingExtraError, require_extra
from penchant.options import require_range

if TYPE_CHECKING:
    from PIL import Image

IMAGE: Final = "image"
AUDIO: Final = "audio"

_IMAGE_MAGIC: Final = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_AUDIO_MAGIC: Final = (
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (b"ID3", "MP3"),
    (b"\xff\xfb", "MP3"),
    (b"\xff\xf3", "MP3"),
    (b"\xff\xf2", "MP3"),
    (b"\xff\xfa", "MP3"),
)
_MAX_CHANNELS: Final = 8
_RATES_HZ: Final = (4_000, 384_000)
_BLOCK: Final = 1 << 16

Decoded = Array
"""Images and frames are uint8, sounds and times float32."""


@dataclass(frozen=True)
class MediaOptions:
    """Limits and form of decoded images, sounds and videos."""

    max_bytes: int = 50_000_000
    """Largest file that is decoded, bytes. 1 or more."""
    max_pixels: int = 40_000_000
    """Largest image that is decoded, pixels, as its header says. 1 or more."""
    max_side: int = 1024
    """Longer side to which a larger image is shrunk, pixels. 1 or more."""
    max_seconds: float = 600.0
    """Longest part of a sound that is decoded, seconds. Above 0."""
    sample_rate: int = 16_000
    """Rate to which sounds are resampled, Hz. 1 or more."""
    memory_mb: int = 256
    """Memory that a worker may use beyond its memory at start, MB. 1 or more."""
    timeout_s: float = 30.0
    """Time limit of one file, seconds. 0 or more."""
    workers: int = 1
    """Processes that decode. 1 or more."""
    frames: int = 8
    """Frames sampled from a video, evenly spaced. 1 or more."""

    def __post_init__(self) -> None:
        integers = ("max_bytes", "max_pixels", "max_side", "sample_rate", "memory_mb", "workers", "frames")
        require_range(self, *integers, least=1, part="media.")
        require_range(self, "max_seconds", above=0, part="media.")
        require_range(self, "timeout_s", least=0, part="media.")


def decode(path: Path, kind: str, options: MediaOptions) -> Decoded:
    """An image as uint8 `[height, width, 3]`, or a sound as float32 `[samples]` in [-1, 1], mono.

    Raises `MediaError` with the fault of the file.
    """
    size = path.stat().st_size
    if size == 0:
        raise MediaError("empty file: it has 0 bytes.")
    if size > options.max_bytes:
        raise MediaError(f"too large: {size:,} bytes; allowed: {options.max_bytes:,}.")
    with path.open("rb") as stream:
        head = stream.read(16)
    detected = sniff(head)
    if kind in decode_video.KINDS and decode_video.is_video(head):
        reader: Callable[[Path, str, MediaOptions], Decoded] = decode_video.decode_video
        detected = ("video", kind)
    elif detected is not None and detected[0] == kind:
        reader = _decode_image if kind == IMAGE else _decode_audio
    else:
        reason = f"its first bytes say {detected[1]}" if detected else "its first bytes match no supported format"
        wanted = "a video" if kind in decode_video.KINDS else f"an {kind}"
        raise MediaError(f"not {wanted} file: {reason}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return reader(path, detected[1], options)
    except (MediaError, MissingExtraError):
        raise
    except MemoryError as error:
        raise MediaError("too large: decoding it takes more memory than allowed.") from error
    except Exception as error:  # decoders raise arbitrary errors on damaged files
        raise MediaError(f"damaged: {str(error) or type(error).__name__}") from error


def sniff(head: bytes) -> tuple[str, str] | None:
    """Kind and format by the first 16 bytes of a file, None if they match no supported format.

    >>> sniff(b"GIF89a          "), sniff(b"RIFF1234WAVEfmt "), sniff(b"%PDF-1.7")
    (('image', 'GIF'), ('audio', 'WAV'), None)
    """
    if head[:4] in (b"RIFF", b"RF64"):
        inner = {b"WEBP": (IMAGE, "WEBP"), b"WAVE": (AUDIO, "WAV")}
        return inner.get(head[8:12])
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AUDIO, "AIFF"
    for table, kind in ((_IMAGE_MAGIC, IMAGE), (_AUDIO_MAGIC, AUDIO)):
        for magic, name in table:
            if head.startswith(magic):
                return kind, name
    return None


def _decode_image(path: Path, name: str, options: MediaOptions) -> UInt8s:
    """The first frame, upright, in RGB; transparent areas become white."""
    with require_extra("pillow", "image"):
        from PIL import Image, ImageOps
    Image.MAX_IMAGE_PIXELS = None  # penchant checks its limit below
    with Image.open(path, formats=[name]) as picture:
        width, height = picture.size
        if width * height > options.max_pixels:
            raise MediaError(f"too large: {width} x {height} pixels; allowed: {options.max_pixels:,}.")
        limit = options.max_side
        if name == "JPEG":
            picture.draft("RGB", (limit, limit))  # decodes at half or quarter size where that is large enough
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        plain = _convert_to_rgb(upright)
        if max(plain.size) > limit:
            plain.thumbnail((limit, limit), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.array(plain, dtype=np.uint8)


def _convert_to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB: 16-bit and floating point scaled to 8 bits, CMYK converted, transparency over white."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        values = np.asarray(picture, dtype=np.float64)
        top = 65535.0 if picture.mode != "F" else max(float(np.nanmax(values, initial=1.0)), 1e-12)
        grey = np.nan_to_num(np.clip(values / top, 0, 1) * 255).round().astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def _decode_audio(path: Path, _: str, options: MediaOptions) -> Float32s:
    """Channels averaged, resampled; read in blocks, so that a header with a false length costs nothing."""
    with require_extra("soundfile", "audio"):
        import soundfile
    with soundfile.SoundFile(path) as sound:
        rate, channels = int(sound.samplerate), int(sound.channels)
        if not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
            raise MediaError(f"sample rate {rate} Hz; allowed: {_RATES_HZ[0]} to {_RATES_HZ[1]}.")
        if channels > _MAX_CHANNELS:
            raise MediaError(f"{channels} channels; allowed: {_MAX_CHANNELS}.")
        limit = math.floor(options.max_seconds * rate)
        parts: list[Float32s] = []
        count = 0
        while len(block := sound.read(_BLOCK, dtype="float32", always_2d=True)):
            count += len(block)
            if count > limit:
                raise MediaError(f"too long: more than {options.max_seconds:g} seconds.")
            parts.append(block.mean(axis=1, dtype=np.float32))
    if not count:
        raise MediaError("damaged: it holds no sound.")
    samples = np.concatenate(parts)
    if not np.isfinite(samples).all():
        raise MediaError("damaged: it holds samples that are not finite.")
    return resample(np.clip(samples, -1.0, 1.0), rate, options.sample_rate)


def resample(samples: Float32s, rate: int, wanted: int) -> Float32s:
    """Samples `[n]` at another rate (Hz), band-limited."""
    if rate == wanted:
        return samples
    with require_extra("soxr", "audio"):
        import soxr
    return np.asarray(soxr.resample(samples, rate, wanted), dtype=np.float32)
