"""Checkpoints: a training killed at any step goes on to the same numbers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.results.records import TrainingRecord
from penchant.data.training import TrainingData
from penchant.models.cooccurrence import Cooccurrence, CooccurrenceOptions
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.testing.cycles import build_cycles
from penchant.training import fit
from penchant.training.checkpoints import (
    FILE,
    Checkpoints,
    describe_versions,
    explain_version_mismatch,
    fingerprint_training,
)
from penchant.training.options import TrainingOptions

OPTIONS = {"dim": 8, "epochs": 4, "max_length": 8, "batch_tokens": 128, "dropout": 0.2, "n_heads": 2, "layers": 1}
SMALL = SequenceOptions(**OPTIONS)  # type: ignore[arg-type]


def weights(model: SequenceModel) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in model.state().tensors.items()}


class Stop(Exception):
    pass


def always(folder: Path) -> Checkpoints:
    """Written after every step: its clock stands still."""
    return Checkpoints(folder, 0.0, lambda: 0.0)


def stopping(data: TrainingData, calls: int) -> TrainingData:
    """The same data, with a report of progress that raises at the n-th call."""
    left = iter(range(calls - 1))

    def progress(message: str, share: float) -> None:
        if next(left, None) is None:
            raise Stop

    return replace(data, progress=progress)


def rows(log: TrainingRecord) -> list[dict[str, float]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in log.epochs]


@pytest.fixture(scope="module")
def whole() -> tuple[dict[str, bytes], TrainingRecord]:
    model = SequenceModel(SMALL)
    log = fit(model, build_cycles())
    return weights(model), log


@pytest.mark.parametrize("calls", [1, 2, 6, 7, 8, 13])
def test_stopped_anywhere_it_goes_on_to_the_same_weights(
    tmp_path: Path, whole: tuple[dict[str, bytes], TrainingRecord], calls: int
) -> None:
    with pytest.raises(Stop):
        fit(SequenceModel(SMALL), stopping(build_cycles(), calls), checkpoints=always(tmp_path))
    torch.rand(7)  # what else the process draws does not matter
    model = SequenceModel(SMALL)
    log = fit(model, build_cycles(), checkpoints=always(tmp_path))
    assert weights(model) == whole[0]
    assert rows(log) == rows(whole[1]) and log.best_epoch == whole[1].best_epoch


def test_negatives_drawn_from_many_items_change_nothing_of_that(tmp_path: Path) -> None:
    """Rows of the id table that a step did not look at stand still, and their averages are caught up with later."""
    options = replace(SMALL, loss="sampled_softmax", negatives=8)
    model = SequenceModel(options)
    fit(model, build_cycles(items=200))
    for calls in (2, 9, 14):
        with pytest.raises(Stop):
            fit(SequenceModel(options), stopping(build_cycles(items=200), calls), checkpoints=always(tmp_path))
    again = SequenceModel(options)
    fit(again, build_cycles(items=200), checkpoints=always(tmp_path))
    assert weights(again) == weights(model)


def test_stopped_again_and_again(tmp_path: Path, whole: tuple[dict[str, bytes], TrainingRecord]) -> None:
    """Three steps at a time, always a new process's worth of state."""
    for _ in range(100):
        model = SequenceModel(SMALL)
        try:
            fit(model, stopping(build_cycles(), 4), checkpoints=always(tmp_path))
            break
        except Stop:
            continue
    assert weights(model) == whole[0]


def test_a_training_that_has_ended_is_not_repeated(
    tmp_path: Path, whole: tuple[dict[str, bytes], TrainingRecord]
) -> None:
    fit(SequenceModel(SMALL), build_cycles(), checkpoints=always(tmp_path))
    model = SequenceModel(SMALL)
    log = fit(model, stopping(build_cycles(), 1), checkpoints=always(tmp_path))
    assert weights(model) == whole[0] and rows(log) == rows(whole[1])


def test_other_data_recipes_or_damaged_files_begin_anew(
    tmp_path: Path, whole: tuple[dict[str, bytes], TrainingRecord]
) -> None:
    with pytest.raises(Stop):
        fit(SequenceModel(SMALL), stopping(build_cycles(), 6), checkpoints=always(tmp_path))
    kept = (tmp_path / FILE).read_bytes()
    trials: list[tuple[SequenceOptions, TrainingData, TrainingOptions]] = [
        (replace(SMALL, learning_rate=1e-3), build_cycles(), TrainingOptions()),
        (SMALL, build_cycles(seed=1), TrainingOptions()),
        (SMALL, replace(build_cycles(), seed=4), TrainingOptions()),
        (SMALL, build_cycles(), TrainingOptions(clip=1.0)),
    ]
    for options, data, told in trials:
        (tmp_path / FILE).write_bytes(kept)
        resumed, fresh = SequenceModel(options), SequenceModel(options)
        fit(resumed, data, options=told, checkpoints=always(tmp_path))
        fit(fresh, data, options=told)
        assert weights(resumed) == weights(fresh)
    (tmp_path / FILE).write_bytes(kept[:-50])
    model = SequenceModel(SMALL)
    fit(model, build_cycles(), checkpoints=always(tmp_path))
    assert weights(model) == whole[0]


def test_everything_that_a_model_reads_is_in_the_name_of_a_training() -> None:
    data = build_cycles()
    batch, ones = data.sequences, np.ones(data.sequences.n_events, dtype=np.float32)
    modality = Modality(np.eye(data.n_items, dtype=np.float32), np.ones(data.n_items, dtype=np.bool_))
    catalogue = pl.DataFrame({"item_id": ["a", "b"], "title": ["x", None], "categories": [["u", "v"], None]})
    changed = [
        data,
        *(replace(data, sequences=replace(batch, **{name: ones})) for name in ("values", "dwells_s")),
        replace(data, sequences=replace(batch, dwells_s=2 * ones)),
        replace(data, sequences=replace(batch, times_s=batch.times_s + 1)),
        replace(data, sequences=replace(batch, user_modalities=Modalities({"text": modality}))),
        replace(
            data,
            sequences=replace(batch, content=Modalities({"text": modality}), content_rows=np.zeros_like(batch.items)),
        ),
        replace(
            data,
            sequences=replace(batch, content=Modalities({"text": modality}), content_rows=np.ones_like(batch.items)),
        ),
        replace(data, modalities=Modalities({"text": modality})),
        replace(data, modalities=Modalities({"image": modality})),
        replace(data, items=catalogue),
        replace(data, items=catalogue.with_columns(title=pl.Series(["x", "y"]))),
        replace(data, kinds=["other"]),
        replace(data, validation=None),
    ]
    assert len({fingerprint_training(each) for each in changed}) == len(changed)
    assert fingerprint_training(replace(data, progress=print)) == fingerprint_training(data)
    pieces = pl.concat([catalogue[:1], catalogue[1:]], rechunk=False)
    assert fingerprint_training(replace(data, items=pieces)) == fingerprint_training(replace(data, items=catalogue))


@pytest.mark.parametrize(
    ("changed", "value", "message"),
    [
        ("penchant.training.checkpoints.FORMAT", 99, "training format {format} and .*this is .*training format 99"),
        ("penchant.__version__", "9.9.9", "is of penchant {penchant} with .*, and this is penchant 9.9.9 with"),
    ],
)
def test_another_version_begins_anew_and_says_so(
    tmp_path: Path,
    whole: tuple[dict[str, bytes], TrainingRecord],
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
    value: object,
    message: str,
) -> None:
    with pytest.raises(Stop):
        fit(SequenceModel(SMALL), stopping(build_cycles(), 12), checkpoints=always(tmp_path / "selection"))
    assert explain_version_mismatch(tmp_path) is None
    before = describe_versions()
    monkeypatch.setattr(changed, value)
    told: list[str] = []
    model = SequenceModel(SMALL)
    data = replace(build_cycles(), progress=lambda message, share: told.append(message))
    expected = message.format(**before)
    assert re.search(expected, explain_version_mismatch(tmp_path) or "")
    fit(model, data, checkpoints=always(tmp_path / "selection"))
    assert re.search(expected, told[0]) and told[0].endswith("the training begins anew.")
    assert told[1] == "epoch 1/4" and weights(model) == whole[0]
    assert explain_version_mismatch(tmp_path) is None  # it was replaced


def test_a_checkpoint_of_another_number_format_is_not_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder may have come from a machine whose processor multiplies in bfloat16."""
    told: list[str] = []
    for hardware in (True, False):
        monkeypatch.setattr("penchant.training.precision.has_fast_bf16", lambda device, has=hardware: has)
        data = (
            build_cycles()
            if hardware
            else replace(build_cycles(), progress=lambda message, share: told.append(message))
        )
        model = SequenceModel(SMALL)
        fit(model, data, checkpoints=always(tmp_path))
    assert told[0].endswith("is of other options, data or number formats: the training begins anew.")
    exact = SequenceModel(SMALL)
    fit(exact, build_cycles(), options=TrainingOptions())
    assert weights(model) == weights(exact)


class Spending:
    """A clock of CPU seconds that a report of progress moves on by ten."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1.0
        monkeypatch.setattr("time.process_time", lambda: self.now)

    def on(self, data: TrainingData) -> TrainingData:
        report = data.progress

        def progress(message: str, share: float) -> None:
            self.now += 10.0
            if report:
                report(message, share)

        return replace(data, progress=progress)


@pytest.mark.parametrize("ensemble", [False, True])
def test_cpu_seconds_of_all_processes_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ensemble: bool) -> None:
    """Three processes: 5 reports before the last checkpoint of the first, 3 more of the second, and the rest."""

    def trained() -> SequenceModel | Ensemble:
        net = SequenceModel(SMALL)
        return Ensemble(EnsembleOptions(experts=("transformer",)), {"transformer": net}) if ensemble else net

    for calls in (6, 4):
        clock = Spending(monkeypatch)
        with pytest.raises(Stop):
            fit(trained(), clock.on(stopping(build_cycles(), calls)), checkpoints=always(tmp_path))
    clock, kept = Spending(monkeypatch), always(tmp_path)
    log = fit(trained(), clock.on(build_cycles()), checkpoints=kept)
    own = clock.now - 1.0
    assert own > 0 and log.cpu_seconds == pytest.approx(80.0 + own)
    assert kept.spent.total == pytest.approx(80.0 + own)


def test_a_recommender_says_the_seconds_of_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"u{u}", f"i{(u + n) % 9}", 1_700_000_000 + 60 * n) for u in range(12) for n in range(6)]
    data = Dataset.from_tables(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))
    settings = {"dim": 8, "epochs": 2, "layers": 1, "training.checkpoint_s": 0}
    config = Config(model="transformer").with_settings(settings)
    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    clock = Spending(monkeypatch)
    spent: list[float] = []

    def killed(message: str, share: float) -> None:
        """In the refit, so that the checkpoints of two stages are gone on from."""
        clock.now += 10.0
        if (tmp_path / "refit" / FILE).is_file():
            raise Stop
        spent.append(clock.now - 1.0)

    with pytest.raises(Stop):
        Recommender.fit(data, config, progress=killed, checkpoints=tmp_path)
    clock.now = 1.0

    def going_on(message: str, share: float) -> None:
        clock.now += 10.0

    rec = Recommender.fit(data, config, progress=going_on, checkpoints=tmp_path)
    assert spent[-1] >= 50 and rec.record.fit_cpu_s == pytest.approx(spent[-1] + clock.now - 1.0)


def test_how_often_and_where_curves_go_is_no_part_of_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        fit(SequenceModel(SMALL), stopping(build_cycles(), 12), checkpoints=always(tmp_path))
    told: list[str] = []
    data = replace(build_cycles(), progress=lambda message, share: told.append(message))
    fit(SequenceModel(SMALL), data, options=TrainingOptions(checkpoint_s=7.0), checkpoints=always(tmp_path))
    assert not told[0].startswith("epoch 1/")


def test_an_ensemble_goes_on_inside_its_expert(tmp_path: Path) -> None:
    def ensemble() -> Ensemble:
        names = ("transformer", "cooccurrence")
        experts = {"transformer": SequenceModel(SMALL), "cooccurrence": Cooccurrence(CooccurrenceOptions())}
        return Ensemble(EnsembleOptions(experts=names), experts)

    first, second = ensemble(), ensemble()
    fit(first, build_cycles())
    with pytest.raises(Stop):
        fit(ensemble(), stopping(build_cycles(), 8), checkpoints=always(tmp_path))
    assert (tmp_path / "transformer" / FILE).is_file()
    fit(second, build_cycles(), checkpoints=always(tmp_path))
    assert first.weights == second.weights
    states = [model.state().tensors for model in (first, second)]
    assert {k: v.tobytes() for k, v in states[0].items()} == {k: v.tobytes() for k, v in states[1].items()}


def test_checkpoints_are_rare_enough_to_cost_a_twentieth() -> None:
    now = [0.0]
    kept = Checkpoints(Path("unused"), 10.0, lambda: now[0])
    assert not kept.due()
    now[0] = 10.0
    assert kept.due()
    kept._last.update(at=10.0, cost=2.0)
    now[0] = 49.0
    assert not kept.due()
    now[0] = 50.0
    assert kept.due()
    assert not kept.part("x").due()


KILLED = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.cycles import build_cycles
from penchant.training import fit
from penchant.training.checkpoints import Checkpoints
left = iter(range(11))
def progress(message, share):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
kept = Checkpoints(Path({out!r}), 0.0, lambda: 0.0)
fit(SequenceModel(SequenceOptions(**{options!r})), replace(build_cycles(), progress=progress), checkpoints=kept)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL on Windows")
def test_killed_by_the_system(tmp_path: Path, whole: tuple[dict[str, bytes], TrainingRecord]) -> None:
    code = KILLED.format(options=OPTIONS, out=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    model = SequenceModel(SMALL)
    told: list[str] = []
    data = replace(build_cycles(), progress=lambda message, share: told.append(message))
    fit(model, data, checkpoints=always(tmp_path))
    assert not told[0].startswith("epoch 1/")
    assert weights(model) == whole[0]
