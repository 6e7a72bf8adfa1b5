"""Options of the neural sequence model, and the values that follow from the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from penchant.data.options import require_range
from penchant.data.sequences import SequenceBatch
from penchant.errors import OptionError, UsageError
from penchant.models.gru import CELLS
from penchant.models.id_init import ID_INITS
from penchant.models.item_tower import TowerOptions

ENCODERS = ("attention", "sasrec", "hstu", "fuxi", "lru", *CELLS, "cnn_rnn")
LOSSES = ("auto", "softmax", "sampled_softmax", "bce", "gbce", "bpr")
OF_ALL_ITEMS = ("auto", "softmax")
"""The losses whose target `smoothing` spreads."""
HEADS = ("cosine", "mol")
HEADED = ("attention", "sasrec", "hstu", "fuxi")
"""The encoders that have attention heads: `dim` is a multiple of `heads` for them."""
FULL_SOFTMAX_ITEMS = 20_000
HALVED_ENCODERS, HALVED_DIM = ("attention", "sasrec"), 128
"""Networks whose products `half` makes in bfloat16, and the width from which on that pays."""


@dataclass(frozen=True)
class SequenceOptions:
    """Options of `SequenceModel`.

    `fusion`, `views`, `ids`, `fusion_weights`, `view_norm`, `view_dropout` and `view_balance` say which views are
    used and how they become one vector: see `TowerOptions`. `time` puts elapsed times into the tokens; the time of
    the request is shown in half of the training batches, so that it may be given or hidden. `id_dropout` is the
    share of input events that lose their id in training (they keep their views), so that items and texts without an
    id mean something. `dropout` None takes .2 where histories are long (60 events or more on average), .3 from 20
    on, .5 below: short histories are soon learned by heart. `epochs` 0 takes 10 for up to 300,000 events, 16 from a
    million on and 10 · (events / 300,000)^.4 between. `batch_tokens` is the number of events in a batch; 0 takes a
    three-hundredth of all, from 64 to 3,200. `id_init` says where id embeddings begin: `random`, or `pca`, the
    principal components of the items' text vectors, where items are known by ids at all. `encoder` reads the
    events: `attention` (gated), `sasrec` (plain), `hstu`, `fuxi`, `lru`, `gru`, `lstm`, `rnn` or `cnn_rnn`.
    `time_bias` lets `attention`, `hstu` and `fuxi` know the time between every two events, not only their number;
    `clock` puts hour and weekday (UTC) into the tokens. `smoothing` is the share of the full softmax's target that
    all items have in common; with `loss=auto` it has no effect above 20,000 items, where negatives are sampled, and
    a loss that always samples is refused beside it. `half` makes the products of the full softmax, of the items'
    views and of a wide network (`halves_network`) in bfloat16 in training, where the processor has them and
    `training.precision` is not `float32`; their sums stay float32 (on a GPU, or with `bfloat16`, that precision
    decides of the network). `calibration` is t of `gbce`; `contrastive` the weight of telling changed histories
    apart. `head` scores by `cosine` or by `mol`, a mixture of `components`² logits; `interests` is the number of
    interest vectors a person (the nearest one counts).
    """

    encoder: str = "attention"
    dim: int = 128
    layers: int = 2
    heads: int = 2
    dropout: float | None = None
    max_length: int = 200
    temperature: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    epochs: int = 0
    batch_tokens: int = 0
    loss: str = "auto"
    negatives: int = 1024
    fusion: str = "weighted_sum"
    views: tuple[str, ...] = ()
    ids: bool = True
    fusion_weights: Mapping[str, float] = field(default_factory=dict)
    view_norm: str = "l2"
    view_dropout: float = 0.0
    view_balance: str = "none"
    id_dropout: float = 0.05
    time: bool = True
    time_bias: bool = True
    clock: bool = False
    smoothing: float = 0.0
    half: bool = True
    calibration: float = 0.75
    contrastive: float = 0.0
    head: str = "cosine"
    components: int = 2
    interests: int = 1
    id_init: str = "random"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise OptionError("encoder", self.encoder, allowed=ENCODERS)
        self.tower()
        if self.id_init not in ID_INITS:
            raise OptionError("id_init", self.id_init, allowed=ID_INITS)
        if self.loss not in LOSSES:
            raise OptionError("loss", self.loss, allowed=LOSSES)
        if self.head not in HEADS:
            raise OptionError("head", self.head, allowed=HEADS)
        if self.head == "mol" and self.interests > 1:
            raise UsageError(
                f"head=mol mixes components already and takes no interests={self.interests}.",
                remedy="Use head=cosine for several interests, or interests=1.",
            )
        whole = ("dim", "layers", "heads", "max_length", "negatives", "components", "interests")
        require_range(self, *whole, least=1)
        require_range(self, "epochs", "batch_tokens", "weight_decay", "contrastive", least=0)
        require_range(self, "dropout", "id_dropout", "smoothing", least=0, below=1)
        require_range(self, "temperature", "learning_rate", above=0)
        require_range(self, "calibration", least=0, most=1)
        if self.encoder in HEADED and self.dim % self.heads:
            raise UsageError(f"dim={self.dim} is not a multiple of heads={self.heads}.", remedy="Change one of them.")
        self._refuse_what_has_no_effect()

    def _refuse_what_has_no_effect(self) -> None:
        if self.id_init != "random" and not self.tower().with_ids:
            where = "ids=False" if not self.ids else f"views={','.join(self.views)}"
            raise UsageError(
                f"id_init={self.id_init!r} has no effect: {where} leaves the ids out.",
                remedy="Set id_init=random, or let items be known by their ids (ids=true, behaviour among the views).",
            )
        if self.smoothing and self.loss not in OF_ALL_ITEMS:
            raise UsageError(
                f"smoothing={self.smoothing} has no effect: loss={self.loss!r} does not look at all items.",
                remedy=f"Set smoothing=0, or loss to {' or '.join(OF_ALL_ITEMS)}.",
            )

    def tower(self) -> TowerOptions:
        """The part that concerns the views of items."""
        return TowerOptions(**{part.name: getattr(self, part.name) for part in fields(TowerOptions)})


def dropout_percent(options: SequenceOptions, sequences: SequenceBatch) -> int:
    """The dropout asked for, or the one that suits the length of the histories, in percent."""
    if options.dropout is not None:
        return round(100 * options.dropout)
    lengths = sequences.lengths[sequences.lengths > 0]
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 20 if mean >= 60 else 30 if mean >= 20 else 50


def epochs_for(options: SequenceOptions, sequences: SequenceBatch) -> int:
    """The epochs asked for, or those that suit the number of events.

    Measured: 10 do what 16 do on logs of up to 300,000 events, a million still gains from the last of 16.
    """
    return options.epochs or round(min(16.0, 10.0 * max(1.0, sequences.n_events / 300_000) ** 0.4))


def halves_network(options: SequenceOptions) -> bool:
    """Whether `half` concerns the encoder: a narrow one hardly gains, the products of others were not tried."""
    return options.half and options.encoder in HALVED_ENCODERS and options.dim >= HALVED_DIM
