"""Temporal encoders by name: event tokens in, an interest vector after every event out.

Each is a module called as `encoder(tokens, window, request=…)` (`cnn_rnn`: with its modalities) with tokens `[batch,
time, dim]` of right-padded windows; it is causal, so padding and the future change nothing before them.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from penchant.models.nn.cnn_rnn import CnnRnnEncoder
from penchant.models.nn.fuxi import FuxiBlock
from penchant.models.nn.gru import RecurrentEncoder
from penchant.models.nn.hstu import HstuBlock
from penchant.models.nn.lru import LruBlock
from penchant.models.nn.options import SequenceOptions
from penchant.models.nn.sasrec import SasrecBlock
from penchant.models.nn.stack import BlockStack
from penchant.models.nn.transformer import AttentionBlock

PAIRWISE = {"attention": AttentionBlock, "hstu": HstuBlock, "fuxi": FuxiBlock}
"""The blocks that compare every two events, and so can know the time between them."""


def make_encoder(options: SequenceOptions, dropout: float, channels: int = 0) -> nn.Module:
    """The encoder that the options name; `channels` is the number of modalities that `cnn_rnn` reads beside the
    tokens."""
    dim, layers, heads, length = options.dim, options.layers, options.n_heads, options.max_length
    if options.encoder in PAIRWISE:
        biased = options.time and options.time_bias
        pairwise = partial(PAIRWISE[options.encoder], dim, heads, dropout, length, time_bias=biased)
        return BlockStack(pairwise, layers, dim, positions=length, time_bias=biased)
    if options.encoder == "sasrec":
        return BlockStack(partial(SasrecBlock, dim, heads, dropout), layers, dim, positions=length)
    if options.encoder == "lru":
        return BlockStack(partial(LruBlock, dim, dropout), layers, dim)
    if options.encoder == "cnn_rnn":
        return CnnRnnEncoder(dim, layers, dropout, channels)
    return RecurrentEncoder(dim, layers, dropout, options.encoder)
