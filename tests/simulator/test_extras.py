"""Optional parts of the simulation: media, content of users, follows, anomalies, streaming."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from penchant.errors import UsageError
from penchant.simulator import Simulation, SimulatorOptions, Truth, simulate, stream
from penchant.simulator.anomalies import FAULTS
from penchant.simulator.pictures import draw_look, draw_picture
from penchant.simulator.sounds import RATE, draw_voice, encode_wav, synthesise

Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def anomalous() -> Simulation:
    return simulate(
        SimulatorOptions(
            users=500,
            items=300,
            events=10_000,
            seed=2,
            bots=0.02,
            spammers=0.02,
            takeovers=0.02,
            broken=0.02,
            searches=0.05,
        )
    )


def _accuracy(make: object, noise: float, shuffle: bool) -> float:
    """Accuracy of the nearest class mean, fitted on every second sample and tested on the others."""
    rng = np.random.default_rng(0)
    topics = np.repeat(np.arange(24), 8)
    samples = np.stack([make(int(topic), number, noise) for number, topic in enumerate(topics)])  # type: ignore[operator]
    if shuffle:
        samples = samples[rng.permutation(len(samples))]
    samples = (samples - samples.mean(axis=0)) / (samples.std(axis=0) + 1e-9)
    fit = np.arange(len(topics)) % 2 == 0
    centres = np.stack([samples[fit & (topics == topic)].mean(axis=0) for topic in range(24)])
    distance = ((samples[~fit][:, None, :] - centres) ** 2).sum(axis=2)
    return float((distance.argmin(axis=1) == topics[~fit]).mean())


def _measure_picture(topic: int, number: int, noise: float) -> Array:
    rng = np.random.default_rng([topic, number])
    pixels = draw_picture(draw_look(topic, number % 12, number % 4, noise, rng), 32, noise, rng) / 255.0
    ground = np.median(pixels.reshape(-1, 3), axis=0)
    turned = ground - ground.mean()
    edges = np.abs(np.diff(pixels.mean(axis=2), axis=1)).mean(axis=0)[:16]
    return np.concatenate([10 * turned / (np.linalg.norm(turned) + 1e-6), edges])


def _measure_sound(topic: int, number: int, noise: float) -> Array:
    rng = np.random.default_rng([topic, number])
    samples = synthesise(draw_voice(topic, number % 12, number % 4, noise, rng), 0.6, noise, rng)
    spectrum = np.abs(np.fft.rfft(samples))
    bands = np.add.reduceat(spectrum, np.unique(np.geomspace(36, 4_200, 60).astype(int)))
    return np.log(bands + 1)


@pytest.mark.parametrize("make", [_measure_picture, _measure_sound])
def test_media_reveal_the_topic_without_noise_and_shuffling(make: object) -> None:
    clear, noisy, shuffled = _accuracy(make, 0.0, False), _accuracy(make, 0.8, False), _accuracy(make, 0.0, True)
    assert clear > 0.3
    assert noisy < clear / 1.5
    assert shuffled < 0.1


def test_sounds_are_wav_files_of_the_given_length(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "a.wav").write_bytes(encode_wav(synthesise(draw_voice(3, 1, 0, 0.1, rng), 0.5, 0.1, rng)))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (RATE, RATE // 2, 1)


def test_media_files_are_at_their_paths_and_reproducible(tmp_path: Path) -> None:
    options = SimulatorOptions(
        **{"users": 30, "items": 96, "events": 400, "media": True, "uploads": 0.05, "picture_size": 16, "sound_s": 0.2},
        text_missing=0.2,
    )
    roots = [simulate(options).write(tmp_path / name) for name in "ab"]
    digests = [
        {str(p.relative_to(r)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(r.rglob("*")) if p.is_file()}
        for r in roots
    ]
    assert digests[0] == digests[1]
    items, events = (pl.read_parquet(roots[0] / f"{name}.parquet") for name in ("items", "events"))
    named = [*items["image"].drop_nulls(), *items["audio"].drop_nulls()]
    named += [*events["image"].drop_nulls(), *events["audio"].drop_nulls()]
    written = {path for path in digests[0] if path.startswith(("images", "audio"))}
    assert set(named) == written
    for column, share in (("image", 0.1), ("audio", 0.4), ("title", 0.2)):
        assert items[column].null_count() / 96 == pytest.approx(share, abs=0.15)
    uploads = events.filter(pl.col("event").is_in(["upload", "voice_note"]))
    assert uploads.height == 20
    assert uploads["item_id"].null_count() == 20
    assert (uploads["image"].is_not_null() != uploads["audio"].is_not_null()).all()


def test_user_content_keeps_times_in_order_and_has_truth(anomalous: Simulation) -> None:
    content = anomalous.events.join(anomalous.truth.events, on="event_id").filter(pl.col("source") == "user")
    assert content.filter(pl.col("item_id").is_null())["event"].unique().to_list() == ["search"]
    assert content["text"].null_count() == 0
    valid = anomalous.events.head(anomalous.truth.broken["row"].min())
    gaps = valid.select(pl.col("timestamp").diff().over("user_id")).to_series().drop_nulls()
    assert (gaps > 0).all()
    weight = content.select(pl.col("interests").arr.get(pl.col("topic"))).to_series()
    assert (weight > 0).all()


def test_users_follow_similar_users() -> None:
    world = simulate(SimulatorOptions(users=400, items=100, events=1_200))
    assert world.relations is not None
    row_of = {user: row for row, user in enumerate(world.users["user_id"])}
    mean = (world.truth.users["first"].to_numpy() + world.truth.users["last"].to_numpy()) / 2
    unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    source, target = ([row_of[u] for u in world.relations[name]] for name in ("source_id", "target_id"))
    assert (np.asarray(source) != np.asarray(target)).all()
    assert world.relations.is_unique().all()
    assert world.relations.height / 400 == pytest.approx(5, abs=0.5)
    assert (unit[source] * unit[target]).sum(axis=1).mean() > (unit @ unit.T).mean() + 0.3
    assert simulate(SimulatorOptions(users=40, items=100, events=120, follows=0)).relations is None


def test_abusers_have_labels_and_their_behaviour(anomalous: Simulation) -> None:
    labels = dict(anomalous.truth.users["label"].value_counts().iter_rows())
    assert labels["bot"] == labels["spammer"] == 10
    assert labels["takeover"] > 3
    events = anomalous.events.join(anomalous.truth.events, on="event_id").sort("user_id", "timestamp")
    gap = pl.col("timestamp").diff().over("user_id")
    medians = events.with_columns(gap=gap).group_by("label").agg(pl.col("gap").median())
    pace = dict(medians.iter_rows())
    assert pace["bot"] <= 6 and pace["spammer"] <= 30 and pace["takeover"] <= 15 and pace["human"] > 30
    spam = events.filter(pl.col("label") == "spammer")
    assert spam.group_by("user_id").agg(pl.col("text").n_unique())["text"].max() == 1
    late = events.join(anomalous.truth.users.select("user_id", "label_start_s", account="label"), on="user_id")
    stolen = late.filter(pl.col("account") == "takeover")
    assert ((stolen["label"] == "takeover") == (stolen["timestamp"] >= stolen["label_start_s"])).all()
    assert anomalous.truth.users.filter(pl.col("label") == "human")["label_start_s"].null_count() == labels["human"]


def test_corrupt_rows_match_the_truth(anomalous: Simulation) -> None:
    broken = anomalous.truth.broken
    assert sorted(broken["fault"].unique().to_list()) == sorted(FAULTS)
    rows = anomalous.events[broken["row"].to_list()].with_columns(broken["fault"])
    assert (rows["event_id"] == broken["event_id"]).all()
    assert (rows["user_id"].is_null() == (rows["fault"] == "no_user")).all()
    assert (rows["timestamp"].is_null() == (rows["fault"] == "no_time")).all()
    assert ((rows["timestamp"] < 0).fill_null(False) == (rows["fault"] == "negative_time")).all()
    assert (rows["value"].is_infinite().fill_null(False) == (rows["fault"] == "infinite_value")).all()
    good = anomalous.events.with_row_index("row").filter(~pl.col("row").is_in(broken["row"].implode()))
    assert good["event_id"].equals(anomalous.truth.events["event_id"])
    doubled = anomalous.events.filter(anomalous.events.is_duplicated())["event_id"].unique()
    assert set(doubled) == set(broken.filter(pl.col("fault") == "duplicate")["event_id"])


def test_streaming_writes_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.simulator.blocks.BLOCK_USERS", 40)
    options = SimulatorOptions(users=100, items=100, events=900, bots=0.02, broken=0.01, seed=4)
    simulation, progress = simulate(options), []
    root = stream(options, tmp_path / "parts", lambda phase, share: progress.append(share))
    assert len(list((root / "events").iterdir())) == 4
    assert progress == [0.4, 0.8, 1.0, 1.0]
    assert pl.read_parquet(root / "events").equals(simulation.events)
    assert pl.read_parquet(root / "users").equals(simulation.users)
    assert pl.read_parquet(root / "relations.parquet").equals(simulation.relations)
    truth = Truth.load(root)
    assert truth.events.equals(simulation.truth.events)
    assert truth.broken.equals(simulation.truth.broken)


def test_an_interrupted_simulation_leaves_nothing(tmp_path: Path) -> None:
    def stop(phase: str, share: float) -> None:
        raise KeyboardInterrupt

    options = SimulatorOptions(users=3, items=96, events=9)
    with pytest.raises(KeyboardInterrupt):
        stream(options, tmp_path / "new", stop)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").write_text("")
    with pytest.raises(UsageError, match="is not empty; nothing was changed"):
        simulate(options).write(tmp_path)


def _pixels(path: Path) -> Array:
    from PIL import Image

    ground = np.median(np.asarray(Image.open(path), dtype=np.float64).reshape(-1, 3), axis=0)
    turned = ground - ground.mean()
    return np.asarray(turned / (np.linalg.norm(turned) + 1e-6))


def test_pictures_reveal_the_topic_and_shuffled_ones_do_not(tmp_path: Path) -> None:
    """Of an item's three nearest pictures, many more than chance share its topic; shuffled files lose that."""
    options = SimulatorOptions(
        users=3, items=300, events=9, media=True, image_missing=0, audio_missing=1, picture_size=24
    )
    root = simulate(options).write(tmp_path / "world")
    main = Truth.load(root).items["main"].to_numpy()
    features = np.stack([_pixels(root / path) for path in pl.read_parquet(root / "items.parquet")["image"]])

    def purity(rows: Array) -> float:
        cosine = rows @ rows.T - 10 * np.eye(len(rows))
        nearest = np.argsort(-cosine, axis=1)[:, :3]
        return float((main[nearest] == main[:, None]).mean())

    chance = float(((np.bincount(main) / 300) ** 2).sum())
    assert purity(features) > 4 * chance
    assert purity(features[np.random.default_rng(0).permutation(300)]) < 1.7 * chance


def test_uploads_need_media() -> None:
    with pytest.raises(UsageError, match=r"uploads=0.1 needs images and sounds\. Set media=True"):
        SimulatorOptions(uploads=0.1)
    with pytest.raises(UsageError, match="media='yes' must be true or false"):
        SimulatorOptions(media="yes")  # type: ignore[arg-type]
