"""Every temporal encoder: learns, is causal, ignores padding, keeps the model contract; and each one's own answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.models.nn.lru import scan
from penchant.models.nn.options import ENCODERS
from penchant.models.nn.temporal_encoder import PAIRWISE, make_encoder
from penchant.models.nn.tokens import Padded, pad
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.models import check_model
from penchant.training import fit

OWN = [name for name in ENCODERS if name != "cnn_rnn"]
"""Those called with the window; the CNN+RNN network reads its modalities beside the tokens and has a test of its
own."""
SMALL = SequenceOptions(dim=16, epochs=20, max_length=8, batch_tokens=256, dropout=0.0, layers=1, learning_rate=2e-2)


def window(times: list[list[int]]) -> Padded:
    batch = SequenceBatch.of_items([[0] * len(row) for row in times], times)
    return pad(batch, batch.offsets[:-1], batch.offsets[1:])


def shaken(encoder: torch.nn.Module) -> torch.nn.Module:
    """Every parameter moved, so that no table is still at zero."""
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return encoder.eval()


@pytest.mark.parametrize("name", OWN)
def test_future_and_padding_change_nothing(name: str) -> None:
    torch.manual_seed(0)
    encoder = shaken(make_encoder(replace(SMALL, encoder=name, layers=2), 0.0))
    tokens = torch.randn(2, 7, 16)
    times = [[0, 10, 20, 30, 400, 5000, 60000], [5, 6, 7, 8, 9, 10, 11]]
    full = encoder(tokens, window(times), request=False)
    other = tokens.clone()
    other[:, 4:] = torch.randn(2, 3, 16)
    later = [[*row[:4], row[3] + 1, row[3] + 2, row[3] + 3] for row in times]
    torch.testing.assert_close(encoder(other, window(later), request=False)[:, :4], full[:, :4])
    short = encoder(tokens[:1, :4], window([times[0][:4]]), request=False)
    torch.testing.assert_close(short, full[:1, :4])
    assert not torch.allclose(full[:, 1:], encoder(tokens.roll(1, 1), window(times), request=False)[:, 1:])


@pytest.mark.parametrize("name", PAIRWISE)
def test_pairwise_encoders_know_the_time_between_events(name: str) -> None:
    torch.manual_seed(0)
    encoder = shaken(make_encoder(replace(SMALL, encoder=name), 0.0))
    tokens = torch.randn(1, 3, 16)
    near, far = window([[0, 10, 20]]), window([[0, 10, 90_000]])
    assert not torch.allclose(encoder(tokens, near, request=False)[:, 2], encoder(tokens, far, request=False)[:, 2])
    torch.testing.assert_close(encoder(tokens, near, request=False)[:, 1], encoder(tokens, far, request=False)[:, 1])
    assert not torch.allclose(encoder(tokens, near, request=True)[:, 1], encoder(tokens, far, request=True)[:, 1])
    blind = shaken(make_encoder(replace(SMALL, encoder=name, time_bias=False), 0.0))
    torch.testing.assert_close(blind(tokens, near, request=True), blind(tokens, far, request=True))


@pytest.mark.parametrize("name", ["sasrec", "hstu", "fuxi", "lru"])
def test_learns_a_cycle(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = [[(s + n) % 10 for n in range(12)] for s in rng.integers(0, 10, 60)]
    model = SequenceModel(replace(SMALL, encoder=name))
    fit(model, TrainingData(SequenceBatch.of_items(rows), 10, ["view"], 100, seed=3))
    assert model.score(SequenceBatch.of_items([[1, 2, 3], [7, 8, 9]])).argmax(axis=1).tolist() == [4, 0]


@pytest.mark.parametrize("name", OWN)
def test_contract(name: str) -> None:
    options = replace(SMALL, encoder=name, epochs=6, max_length=30)
    check_model(lambda: SequenceModel(options), fit=fit, personal=False, uses_content=True, tolerance=1e-3)


def test_the_scan_is_the_recurrence() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(2, 11, 3, dtype=torch.complex128)
    decay = torch.polar(torch.rand(3, dtype=torch.float64), torch.rand(3, dtype=torch.float64) * 3)
    state, wanted = torch.zeros(2, 3, dtype=torch.complex128), []
    for step in range(11):
        state = decay * state + inputs[:, step]
        wanted.append(state)
    torch.testing.assert_close(scan(inputs, decay), torch.stack(wanted, dim=1))
