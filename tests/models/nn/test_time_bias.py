"""Pairs of events: buckets by hand, the look-up against plain indexing, given and hidden requests."""

import numpy as np
import torch

from penchant.data.sequences import SequenceBatch
from penchant.models.nn.time_bias import BUCKETS, FUTURE, MASKED, PairBias, bucket_pairs, bucket_times
from penchant.models.nn.tokens import pad
from penchant.models.nn.transformer import attend


def test_four_buckets_an_octave() -> None:
    assert bucket_times(torch.tensor([0, 1, 2, 3, 7, 8])).tolist() == [0, 4, 6, 8, 12, 12]
    seconds = torch.arange(1, 1 << 16)
    result = bucket_times(seconds)
    assert (result.diff() >= 0).all()
    assert (result == torch.floor(torch.log2((seconds + 1).double())) * 4 + result % 4).all()
    assert int(bucket_times(torch.tensor([2**40]))) == BUCKETS - 1


def test_pairs_see_the_request_only_where_it_is_given() -> None:
    batch = SequenceBatch.of_items([[1, 2, 3]], [[0, 1, 4]]).at(np.array([8]))
    window = pad(batch, batch.offsets[:-1], batch.offsets[1:])
    hidden = bucket_pairs(window, request=False)[0].tolist()
    assert hidden == [[0, FUTURE, FUTURE], [4, 0, FUTURE], [9, 8, 0]]
    given = bucket_pairs(window, request=True)[0]
    assert (given - BUCKETS).tolist() == [
        [4, FUTURE - BUCKETS, FUTURE - BUCKETS],
        [9, 8, FUTURE - BUCKETS],
        [12, 12, 9],
    ]
    unknown = pad(batch.at(None), batch.offsets[:-1], batch.offsets[1:])
    assert bucket_pairs(unknown, request=True)[0, 2].tolist() == hidden[2]


def test_the_bias_equals_plain_indexing_and_its_gradient() -> None:
    torch.manual_seed(0)
    bias = PairBias(2, 8, time=True)
    assert bias.time is not None
    with torch.no_grad():
        bias.time.normal_()
        bias.position.normal_()
    buckets = torch.randint(0, 2 * BUCKETS, (3, 5, 5)).to(torch.int32).tril() + FUTURE * torch.ones(5, 5).triu(1).int()
    weights = torch.randn(2, 3, 5, 5)
    past = torch.ones(5, 5, dtype=torch.bool).tril()
    result = bias(buckets, 5)
    apart = (torch.arange(5)[:, None] - torch.arange(5)[None, :]).clamp_min(0)
    plain = bias.time[:, (buckets * past).long()] + bias.position[:, apart].unsqueeze(1)
    torch.testing.assert_close(result[:, :, past], plain[:, :, past])
    assert (result[:, :, ~past] <= MASKED).all()
    wanted = torch.autograd.grad((plain * weights * past).sum(), [bias.time, bias.position])
    got = torch.autograd.grad((result * weights).sum(), [bias.time, bias.position])
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_attention_with_a_bias_of_zero_is_plain_causal_attention() -> None:
    torch.manual_seed(1)
    query, key, value = torch.randn(3, 2, 4, 6, 5)
    zero = PairBias(2, 6, time=False)(None, 6)
    torch.testing.assert_close(attend(query, key, value, zero), attend(query, key, value, None))
