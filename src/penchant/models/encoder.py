"""Temporal encoders by name: event tokens in, an interest vector after every event out.

Each is a module called as `encoder(tokens, window, request=…)` (`cnn_rnn`: with its views) with tokens `[batch, time,
dim]` of right-padded windows; it is causal, so padding and the future change nothing before them.
"""

from __future__ import annotations

from torch import nn

from penchant.models.cnn_rnn import CnnRnnEncoder
from penchant.models.fuxi import FuxiEncoder
from penchant.models.gru import RecurrentEncoder
from penchant.models.hstu import HstuEncoder
from penchant.models.lru import LruEncoder
from penchant.models.sasrec import SasrecEncoder
from penchant.models.sequence_options import SequenceOptions
from penchant.models.transformer import AttentionEncoder

PAIRWISE = {"attention": AttentionEncoder, "hstu": HstuEncoder, "fuxi": FuxiEncoder}
"""Those that compare every two events, and so can know the time between them."""


def make_encoder(options: SequenceOptions, dropout: float, channels: int = 0) -> nn.Module:
    """The encoder that the options name; `channels` is the number of views that `cnn_rnn` reads beside the tokens."""
    dim, layers, heads, length = options.dim, options.layers, options.heads, options.max_length
    if options.encoder in PAIRWISE:
        biased = options.time and options.time_bias
        return PAIRWISE[options.encoder](dim, layers, heads, dropout, length, time_bias=biased)
    if options.encoder == "sasrec":
        return SasrecEncoder(dim, layers, heads, dropout, length)
    if options.encoder == "lru":
        return LruEncoder(dim, layers, dropout)
    if options.encoder == "cnn_rnn":
        return CnnRnnEncoder(dim, layers, dropout, channels)
    return RecurrentEncoder(dim, layers, dropout, options.encoder)
