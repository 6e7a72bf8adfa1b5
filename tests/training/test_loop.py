"""The training loop: options, early stopping, joined batches, mixed precision, curves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from penchant.errors import MissingExtraError, ModelError, OptionError, UsageError
from penchant.models.nn.network import SequenceNet
from penchant.models.nn.options import ENCODERS
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.recommender.config import Config
from penchant.testing.cycles import build_cycles
from penchant.training import fit
from penchant.training.average import Average
from penchant.training.options import TrainingOptions
from penchant.training.precision import allows_bfloat16, uses_bfloat16
from penchant.training.steps import scale_rate

SMALL = SequenceOptions(dim=8, epochs=4, max_length=8, batch_tokens=128, dropout=0.2, n_heads=2, layers=1)


def weights(model: SequenceModel) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in model.state().tensors.items()}


def test_training_stops_when_validation_does_not_improve() -> None:
    # a constant model is as good after one epoch as after ten: that is no improvement
    model = SequenceModel(replace(SMALL, learning_rate=1e-12, epochs=10))
    log = fit(model, build_cycles(), options=TrainingOptions(patience=3))
    assert len(log.epochs) == 4
    assert len(fit(SequenceModel(replace(SMALL, learning_rate=1e-12, epochs=10)), build_cycles()).epochs) == 10


@pytest.mark.parametrize(
    ("found", "patience", "epochs", "best"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0, 4, 4),
        ([0.0, 0.0, 0.0, 0.0], 2, 3, 3),
        ([0.1, 0.4, 0.4, 0.3], 0, 4, 3),
        ([0.4, 0.4, 0.4, 0.5], 2, 3, 3),
        ([0.2, 0.5, 0.1, 0.5], 0, 4, 4),
        ([0.9, 0.1, 0.2, 0.3], 0, 4, 1),
    ],
)
def test_of_equally_good_epochs_the_later_is_kept(
    monkeypatch: pytest.MonkeyPatch, found: list[float], patience: int, epochs: int, best: int
) -> None:
    """And its weights are: those of a training that ends there, up to the schedule, which is the same here."""
    left = iter(found)
    monkeypatch.setattr("penchant.training.steps.measure_ndcg", lambda model, validation: next(left))
    model = SequenceModel(SMALL)
    log = fit(model, build_cycles(), options=TrainingOptions(patience=patience))
    assert (len(log.epochs), log.best_epoch) == (epochs, best)
    again = SequenceModel(SMALL)
    fit(again, replace(build_cycles(), validation=None), chosen=log)
    assert weights(again) == weights(model)


def test_joined_batches_are_one_step_of_their_mean() -> None:
    """Two batches joined give the mean of their gradients: with weights that do not move, the mean of their losses."""
    still = replace(SMALL, learning_rate=1e-12, epochs=1, dropout=0.0, id_dropout=0.0)
    data = replace(build_cycles(users=76), validation=None)
    one = fit(SequenceModel(still), data)
    joined = fit(SequenceModel(still), data, options=TrainingOptions(accumulate=2))
    assert len(SequenceModel(still).batches(data, np.random.default_rng(0))) == 8
    assert joined.epochs[0]["loss"] == pytest.approx(one.epochs[0]["loss"], rel=1e-5)


def test_an_average_of_horizon_one_is_the_last_weights() -> None:
    net = torch.nn.Linear(2, 1, bias=False)
    last, mean = Average(net, 1), Average(net, 100)
    for step, value in enumerate((1.0, 2.0, 6.0), start=1):
        torch.nn.init.constant_(net.weight, value)
        last.update(step)
        mean.update(step)
    assert last.shadow[0].tolist() == [[6.0, 6.0]]
    assert mean.shadow[0].tolist() == [[3.0, 3.0]]  # fewer steps than the horizon: the plain mean
    with mean.apply():
        assert net.weight.tolist() == [[3.0, 3.0]]
    assert net.weight.tolist() == [[6.0, 6.0]]


def test_an_average_reaches_over_a_fifth_of_the_steps_at_most() -> None:
    """Eight batches in each of five epochs are forty steps, so that a horizon of 300 is one of eight."""
    data = replace(build_cycles(users=76), validation=None)
    found = {}
    for horizon in (300, 8, 7):
        model = SequenceModel(replace(SMALL, epochs=5))
        fit(model, data, options=TrainingOptions(average=horizon))
        found[horizon] = weights(model)
    assert found[300] == found[8] != found[7]


def test_the_schedule_rises_and_falls() -> None:
    assert scale_rate(1, 100, 0.1) == pytest.approx(0.1) and scale_rate(10, 100, 0.1) == 1.0
    assert scale_rate(55, 100, 0.1) == pytest.approx(0.51) and scale_rate(100, 100, 0.1) == pytest.approx(0.02)
    assert scale_rate(1, 100, 0.0) == pytest.approx(1.0, abs=1e-3)


def test_bfloat16_learns_the_same() -> None:
    assert not uses_bfloat16(TrainingOptions(), torch.device("cpu"))
    seen = []
    for precision in ("float32", "bfloat16"):
        model = SequenceModel(replace(SMALL, dim=16, epochs=15, learning_rate=2e-2))
        log = fit(model, build_cycles(), options=TrainingOptions(precision=precision))
        assert log.validation_ndcg is not None and log.validation_ndcg > 0.95
        assert {value.dtype for value in model.state().tensors.values()} == {np.dtype(np.float32)}
        seen.append(weights(model))
    assert seen[0] != seen[1]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_computes_the_same_in_bfloat16(encoder: str) -> None:
    """The loss of weights that do not move, to two digits, without a warning."""
    losses = []
    for precision in ("float32", "bfloat16"):
        model = SequenceModel(replace(SMALL, encoder=encoder, learning_rate=1e-12, epochs=1, dropout=0.0))
        log = fit(model, replace(build_cycles(), validation=None), options=TrainingOptions(precision=precision))
        losses.append(log.epochs[0]["loss"])
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.02)


def test_the_softmax_is_in_bfloat16_where_the_processor_multiplies_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def learned(half: bool, hardware: bool, precision: str) -> dict[str, bytes]:
        monkeypatch.setattr("penchant.training.precision.has_fast_bf16", lambda device: hardware)
        model = SequenceModel(replace(SMALL, epochs=1, mixed_precision=half))
        fit(model, build_cycles(), options=TrainingOptions(precision=precision))
        return weights(model)

    exact, rounded = learned(False, True, "auto"), learned(True, True, "auto")
    assert exact != rounded
    assert learned(True, False, "auto") == exact
    assert learned(True, True, "float32") == exact
    whole = [learned(True, True, "bfloat16"), learned(False, True, "bfloat16"), learned(True, False, "bfloat16")]
    assert whole[0] != whole[1] == whole[2]


@pytest.mark.parametrize(("encoder", "dim"), [("attention", 128), ("sasrec", 128), ("attention", 64), ("gru", 128)])
@pytest.mark.parametrize(
    ("hardware", "half", "precision"),
    [(True, True, "auto"), (False, True, "auto"), (True, False, "auto"), (True, True, "float32")],
)
def test_a_wide_attention_network_is_in_bfloat16_where_its_softmax_is(
    encoder: str, dim: int, hardware: bool, half: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.training.precision.has_fast_bf16", lambda device: hardware)
    seen: list[bool] = []
    learn = SequenceNet.learn

    def watched(self: SequenceNet, *args: Any, **options: Any) -> Any:
        seen.append(torch.is_autocast_enabled("cpu"))
        return learn(self, *args, **options)

    monkeypatch.setattr(SequenceNet, "learn", watched)
    model = SequenceModel(replace(SMALL, epochs=1, encoder=encoder, dim=dim, mixed_precision=half))
    fit(model, replace(build_cycles(), validation=None), options=TrainingOptions(precision=precision))
    wide = dim == 128 and encoder != "gru"
    assert seen and set(seen) == {wide and hardware and half and precision == "auto"}


def test_the_processor_is_asked_about_the_device_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("penchant.training.precision.has_fast_bf16", lambda device: bool(asked.append(device)) or True)
    assert allows_bfloat16(TrainingOptions(), torch.device("cuda", 1)) and asked == ["cuda"]
    assert not allows_bfloat16(TrainingOptions(precision="float32"), torch.device("cpu"))


@pytest.mark.filterwarnings("ignore")  # those of torch's compiler, not ours
def test_a_compiled_network_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced and run as it is: making machine code takes the compiler a minute here and changes nothing of ours."""
    traced: list[str] = []
    compile_it = torch.nn.Module.compile

    def fast(self: torch.nn.Module, dynamic: bool) -> None:
        traced.append(type(self).__name__)
        compile_it(self, dynamic=dynamic, backend="eager")  # type: ignore[no-untyped-call]

    monkeypatch.setattr(torch.nn.Module, "compile", fast)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # the compiler does not trace the checks
    found = []
    for choice in ("off", "on"):
        model = SequenceModel(replace(SMALL, epochs=2, dropout=0.0))
        fit(model, build_cycles(), options=TrainingOptions(compile=choice))
        found.append(model.state().tensors)
    assert set(found[0]) == set(found[1])
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, atol=1e-4, err_msg=name)
    assert {"ItemTower", "EventTokens", "BlockStack"} <= set(traced)


def test_a_training_that_diverges_says_so() -> None:
    model = SequenceModel(replace(SMALL, learning_rate=1e30, epochs=2))
    with pytest.raises(ModelError, match=r"the training diverged\. Lower learning_rate"):
        fit(model, build_cycles(), options=TrainingOptions(warmup=0.0))


def test_progress_says_the_share_of_steps_and_the_log_has_every_epoch() -> None:
    told: list[tuple[str, float]] = []
    rows: list[float] = []
    data = replace(build_cycles(), progress=lambda message, share: told.append((message, share)))
    fit(SequenceModel(SMALL), data, on_epoch=lambda row: rows.append(row["epoch"]))
    shares = [share for _, share in told]
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) > 2 * SMALL.epochs
    assert told[0][0] == "epoch 1/4" and told[-1][0].startswith("epoch 4/4, loss ")
    assert rows == [1, 2, 3, 4]


def test_curves_are_written_for_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    fit(SequenceModel(SMALL), build_cycles(), options=TrainingOptions(tensorboard=str(tmp_path / "curves")))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(tmp_path / "curves" / "transformer"))
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss", "ndcg", "step/loss", "step/norm", "step/rate"}
    assert len(found.Scalars("ndcg")) == 4


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"penchant\[tensorboard\]"):
        fit(SequenceModel(SMALL), build_cycles(), options=TrainingOptions(tensorboard=str(tmp_path)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training.precision": "half"}, "training.precision='half' is not known. Allowed: auto, float32, bfloat16"),
        ({"training.compile": "yes"}, "training.compile='yes' is not known. Allowed: auto, on, off"),
        ({"training.accumulate": "0"}, "training.accumulate=0 is out of range. Give 1 or more"),
        ({"training.clip": "0"}, "training.clip=0.0 is out of range"),
        ({"training.warmup": "1"}, "training.warmup=1.0 is out of range"),
        ({"training.patients": "1"}, "Did you mean 'training.patience'"),
    ],
)
def test_options_are_checked(settings: dict[str, str], message: str) -> None:
    with pytest.raises((OptionError, UsageError)) as caught:
        Config().with_settings(settings)
    assert message in str(caught.value)


def test_options_go_through_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[training]\npatience = 2\nclip = 1\n")
    config = Config.from_toml(tmp_path / "c.toml").with_settings({"training.accumulate": "4"})
    assert config.training == TrainingOptions(patience=2, clip=1.0, accumulate=4)
    assert Config.from_dict(config.to_dict()).training == config.training
