from __future__ import annotations

import io
import os
import struct
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("soundfile")

import soundfile
from PIL import Image

from penchant.data.media.decode import MediaOptions, resample, sniff
from penchant.data.media.reader import MediaProblem, MediaReader, MediaReport, resolve_inside
from penchant.errors import MediaError
from penchant.testing.media import ESCAPES, build_png_bomb, build_trap, generate_broken_media, generate_hostile_media

Read = Callable[..., Any]


@pytest.fixture(scope="module")
def reader() -> Iterator[MediaReader]:
    with MediaReader(MediaOptions(max_pixels=4_000_000, max_side=64, max_seconds=20)) as opened:
        yield opened


@pytest.fixture
def picture(reader: MediaReader, tmp_path: Path) -> Read:
    """Save an image under a name, read it back."""

    def read(image: Image.Image, name: str = "x.png", **told: Any) -> Any:
        image.save(tmp_path / name, **told)
        return next(reader.read([tmp_path / name], "image"))

    return read


def red(mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (40, 20), (200, 30, 30)).convert(mode)


def close(array: Any, colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    return bool(np.abs(array.astype(int) - np.array(colour)).max() <= tolerance)


def test_ordinary_pictures(picture: Read) -> None:
    for name in ("x.png", "x.jpg", "x.gif", "x.bmp", "x.webp", "x.tiff"):
        array = picture(red(), name)
        assert array.shape == (20, 40, 3) and array.dtype == np.uint8 and close(array, (200, 30, 30)), name


def test_a_wrong_extension_does_not_matter(picture: Read) -> None:
    assert close(picture(red(), "really-a.jpg", format="PNG"), (200, 30, 30))


def test_colour_spaces(picture: Read) -> None:
    assert close(picture(red("CMYK"), "x.jpg"), (200, 30, 30))
    assert close(picture(red().quantize(4), "x.png"), (200, 30, 30))
    assert close(picture(red("L"), "x.png"), (81, 81, 81))
    assert close(picture(red("1").convert("1"), "x.png"), (128, 128, 128), 128)
    assert close(picture(Image.fromarray(np.full((9, 9), 30_000, dtype=np.uint16)), "x.png"), (117, 117, 117))
    assert close(picture(Image.fromarray(np.full((9, 9), 0.5, dtype=np.float32)), "x.tiff"), (127, 127, 127))


def test_transparency_becomes_white(picture: Read) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 30, 30, 0))
    half = Image.new("RGBA", (8, 8), (200, 30, 30, 128))
    assert close(picture(clear), (255, 255, 255)) and close(picture(half), (227, 142, 142))


def test_the_camera_says_which_side_is_up(picture: Read) -> None:
    image = Image.new("RGB", (40, 20), (0, 0, 0))
    image.paste((255, 255, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise
    array = picture(image, "x.jpg", exif=exif)
    assert array.shape == (40, 20, 3) and array[:10].mean() > 240 and array[-10:].mean() < 15


def test_the_first_frame_of_an_animation(picture: Read) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("blue", "red")]
    for name in ("x.gif", "x.webp", "x.png"):
        array = picture(frames[0], name, save_all=True, append_images=frames[1:])
        assert close(array, (0, 0, 255), 10), name


def test_large_pictures_are_shrunk(picture: Read) -> None:
    assert picture(Image.new("RGB", (1000, 500)), "x.jpg").shape == (32, 64, 3)
    assert picture(Image.new("RGB", (500, 1000)), "x.png").shape == (64, 32, 3)


def test_what_is_wrong_with_a_picture_is_said(reader: MediaReader, tmp_path: Path) -> None:
    good = io.BytesIO()
    Image.effect_noise((60, 60), 90).save(good, "PNG")
    files = {
        "empty": b"",
        "bomb": build_png_bomb(50_000),
        "cut": good.getvalue()[:400],
        "text": b"hello, this is no picture",
        "page": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "header": b"\x89PNG\r\n\x1a\n",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = [str(problem) for problem in reader.read([tmp_path / name for name in files], "image")]
    assert found[0] == "empty file: it has 0 bytes."
    assert found[1] == "too large: 50000 x 50000 pixels; allowed: 4,000,000."
    assert found[2].startswith("damaged: ") and found[5].startswith("damaged: ")
    assert found[3] == found[4] == "not an image file: its first bytes match no supported format."
    tight = MediaReader(MediaOptions(max_bytes=10))
    with tight:
        assert "too large: 25 bytes; allowed: 10" in str(next(tight.read([tmp_path / "text"], "image")))


def test_memory_is_bounded(tmp_path: Path) -> None:
    Image.new("RGB", (6000, 6000)).save(tmp_path / "wide.png")
    Image.new("RGB", (60, 60)).save(tmp_path / "small.png")
    with MediaReader(MediaOptions(memory_mb=64)) as tight:
        wide, small = tight.read([tmp_path / "wide.png", tmp_path / "small.png"], "image")
    assert isinstance(wide, MediaError) and "memory" in str(wide)
    assert small.shape == (60, 60, 3)


def test_a_slow_file_costs_only_its_own_row(tmp_path: Path) -> None:
    Image.effect_noise((3000, 3000), 90).save(tmp_path / "slow.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "quick.png")
    with MediaReader(MediaOptions(timeout_s=0.0)) as hasty:
        assert "too slow" in str(next(hasty.read([tmp_path / "slow.png"], "image")))
    with MediaReader() as patient:
        assert next(patient.read([tmp_path / "quick.png"], "image")).shape == (4, 4, 3)


def test_a_crashed_decoder_costs_only_its_own_row(reader: MediaReader, tmp_path: Path) -> None:
    red().save(tmp_path / "x.png")
    assert next(reader.read([tmp_path / "x.png"], "image")).shape == (20, 40, 3)
    reader._idle[-1].process.kill()
    reader._idle[-1].process.wait()
    first, second = reader.read([tmp_path / "x.png", tmp_path / "x.png"], "image")
    assert "its decoder crashed" in str(first) and second.shape == (20, 40, 3)


def tone(rate: int, seconds: float = 0.5, channels: int = 1) -> Any:
    wave_ = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
    return np.repeat(wave_[:, None], channels, axis=1)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_every_rate_and_number_of_channels(reader: MediaReader, tmp_path: Path, rate: int, channels: int) -> None:
    soundfile.write(tmp_path / "x.wav", tone(rate, channels=channels), rate)
    samples = next(reader.read([tmp_path / "x.wav"], "audio"))
    assert samples.dtype == np.float32 and abs(len(samples) - 8000) <= 2
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(spectrum.argmax() / len(samples) * 16_000 - 440) < 3 and abs(samples).max() == pytest.approx(
        0.5, abs=0.05
    )


@pytest.mark.parametrize("name", ["x.flac", "x.ogg", "x.mp3", "x.aiff", "x.wav"])
def test_every_format(reader: MediaReader, tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / name, tone(16_000), 16_000)
    assert sniff((tmp_path / name).read_bytes()[:16]) is not None
    assert len(next(reader.read([tmp_path / name], "audio"))) > 7000


def test_what_is_wrong_with_a_sound_is_said(reader: MediaReader, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "good.wav", tone(16_000), 16_000)
    soundfile.write(tmp_path / "long.wav", tone(8_000, 21), 8_000)
    soundfile.write(tmp_path / "many.wav", tone(8_000, channels=9), 8_000)
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 8_000, subtype="FLOAT")
    with wave.open(str(tmp_path / "none.wav"), "wb") as stream:
        stream.setparams((1, 2, 8000, 0, "NONE", ""))
    (tmp_path / "cut.ogg").write_bytes(b"OggS" + bytes(30))
    red().save(tmp_path / "picture.wav", format="PNG")
    names = ["long.wav", "many.wav", "nan.wav", "none.wav", "cut.ogg", "picture.wav"]
    found = [str(problem) for problem in reader.read([tmp_path / name for name in names], "audio")]
    assert found[0] == "too long: more than 20 seconds." and found[1] == "9 channels; allowed: 8."
    assert "not finite" in found[2] and "no sound" in found[3] and found[4].startswith("damaged: ")
    assert found[5] == "not an audio file: its first bytes say PNG."
    rate = tmp_path / "rate.wav"
    data = bytearray((tmp_path / "good.wav").read_bytes())
    data[24:28] = struct.pack("<I", 100)
    rate.write_bytes(data)
    assert "sample rate 100 Hz" in str(next(reader.read([rate], "audio")))


def test_resampling_keeps_the_same_rate_untouched() -> None:
    samples = np.arange(5, dtype=np.float32)
    assert resample(samples, 16_000, 16_000) is samples


@pytest.mark.parametrize(
    "name",
    [
        "../secret.png",
        "a/../../secret.png",
        "/etc/hostname",
        "..\\secret.png",
        "C:\\x.png",
        "~/x.png",
        "file:///etc/hostname",
        "a\0b",
    ],
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    with pytest.raises(MediaError, match="outside the folder"):
        resolve_inside(root, name)


def test_links_must_stay_inside(tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "real").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    red().save(root / "real" / "x.png")
    (root / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "up").symlink_to(tmp_path)
    (root / "in.png").symlink_to(root / "real" / "x.png")
    (root / "loop").symlink_to(root / "loop")
    for name in ("out.png", "up/secret.png"):
        with pytest.raises(MediaError, match="a link leads out"):
            resolve_inside(root, name)
    assert resolve_inside(root, "in.png") == (root / "real" / "x.png").resolve()
    for name in ("loop", "gone.png", "real", "real/x.png/deeper"):
        with pytest.raises(MediaError):
            resolve_inside(root, name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(MediaError, match="not a file"):
        resolve_inside(tmp_path, "pipe.png")


def test_the_report_counts_and_locates() -> None:
    report = MediaReport(3, [MediaProblem(4, "a.png", "damaged: cut"), MediaProblem(7, "b.png", "damaged: crc")])
    assert report.counts == {"damaged": 2}
    assert report.table().rows() == [(4, "a.png", "damaged: cut"), (7, "b.png", "damaged: crc")]


def test_broken_files_never_end_a_run(tmp_path: Path) -> None:
    paths: dict[str, list[Path]] = {"image": [], "audio": []}
    for kind, name, data in generate_broken_media(np.random.default_rng(0)):
        path = tmp_path / name
        path.write_bytes(data)
        paths[kind].append(path)
    assert len(paths["image"]) + len(paths["audio"]) >= 240
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with MediaReader(MediaOptions(memory_mb=256, timeout_s=20)) as reader:
        for kind, files in paths.items():
            results = list(reader.read(files, kind))
            assert len(results) == len(files)
            bad = [result for result in results if isinstance(result, MediaError)]
            assert len(bad) > len(files) / 4
            assert not [problem for problem in bad if "crashed" in str(problem)]
            assert all(np.isfinite(result).all() for result in results if not isinstance(result, MediaError))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kilobytes < 256_000  # each worker is bounded by the system


def test_hostile_files_are_told_what_they_are(reader: MediaReader, tmp_path: Path) -> None:
    told: dict[str, str] = {}
    for kind, name, data in generate_hostile_media():
        (tmp_path / name).write_bytes(data)
        found = next(reader.read([tmp_path / name], kind))
        told[name] = str(found) if isinstance(found, MediaError) else "decoded"
    decoded = {name for name, reason in told.items() if reason == "decoded"}
    assert decoded <= {"text.png", "long.wav", "negative.bmp"}, decoded
    for name in ("bomb-50000.png", "bomb-2147483647.png", "bomb.gif", "bomb.bmp"):
        assert told[name].startswith(("too large", "damaged")), told[name]
    for name in ("page.png", "page.wav", "pdf.png", "archive.wav", "program.png", "pack.png", "nul.wav", "sound.png"):
        assert told[name].startswith("not an "), told[name]
    assert told["empty.png"] == told["empty.wav"] == "empty file: it has 0 bytes."


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    build_trap(tmp_path / "data")
    for name in ESCAPES:
        with pytest.raises(MediaError):
            resolve_inside(tmp_path / "data", name)
