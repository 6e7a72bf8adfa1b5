"""Options of the neural sequence model, and the values that follow from the data."""

from __future__ import annotations

from dataclasses import dataclass

from penchant.data.sequences import SequenceBatch
from penchant.errors import OptionError, UsageError
from penchant.models.nn.gru import CELLS
from penchant.models.nn.id_init import ID_INITS
from penchant.models.nn.item_encoder import TowerOptions
from penchant.options import require_range

ENCODERS = ("attention", "sasrec", "hstu", "fuxi", "lru", *CELLS, "cnn_rnn")
LOSSES = ("auto", "softmax", "sampled_softmax", "bce", "gbce", "bpr")
OF_ALL_ITEMS = ("auto", "softmax")
"""The losses whose target `label_smoothing` spreads."""
HEADS = ("cosine", "mol")
HEADED = ("attention", "sasrec", "hstu", "fuxi")
"""The encoders that have attention heads: `dim` is a multiple of `n_heads` for them."""
FULL_SOFTMAX_ITEMS = 20_000
MIXED_ENCODERS, MIXED_DIM = ("attention", "sasrec"), 128
"""Networks whose products `mixed_precision` makes in bfloat16, and the width from which on that pays."""


@dataclass(frozen=True)
class SequenceOptions(TowerOptions):
    """Options of the neural sequence model."""

    encoder: str = "attention"
    """Network that reads the events: attention (gated), sasrec (plain), hstu, fuxi, lru, gru, lstm, rnn or cnn_rnn."""
    dim: int = 128
    """Length of the vectors. 1 or more; with attention heads a multiple of `n_heads`."""
    layers: int = 2
    """Layers of the network. 1 or more."""
    n_heads: int = 2
    """Attention heads of a layer. 1 or more."""
    dropout: float | None = None
    """Share of activations dropped in training. 0 or more, below 1; none takes .2 for histories of 60 events or more on
    average, .3 from 20 on, .5 below."""
    max_length: int = 200
    """Number of latest events of a history that are read. 1 or more."""
    temperature: float = 0.1
    """Temperature of the softmax at the start; it is learned from there. Above 0."""
    learning_rate: float = 2e-3
    """Highest learning rate. Above 0."""
    weight_decay: float = 0.01
    """Weight decay of AdamW. 0 or more."""
    epochs: int = 0
    """Passes over the events. 0 or more; 0 takes 10 up to 300,000 events, 16 from a million on, 10 · (events /
    300,000)^.4 between."""
    batch_tokens: int = 0
    """Events in a batch. 0 or more; 0 takes a three-hundredth of all, from 64 to 3,200."""
    loss: str = "auto"
    """Loss: auto, softmax, sampled_softmax, bce, gbce or bpr. auto is softmax up to 20,000 items and sampled_softmax
    above."""
    negatives: int = 1024
    """Number of negatives per batch, for losses that sample. 1 or more."""
    id_dropout: float = 0.05
    """Share of input events that lose their id in training and keep their modalities. 0 or more, below 1."""
    time: bool = True
    """Whether elapsed times are part of the tokens. The time of the request is shown in half of the training
    batches."""
    time_bias: bool = True
    """Whether attention, hstu and fuxi know the time between every two events."""
    calendar_features: bool = False
    """Whether hour and weekday (UTC) are part of the tokens."""
    label_smoothing: float = 0.0
    """Share of the softmax target that is spread over all items. 0 or more, below 1; it needs loss=softmax, or auto up
    to 20,000 items."""
    mixed_precision: bool = True
    """Whether training uses bfloat16 for the products of the softmax, of the item modalities, and on a CPU of
    attention and sasrec from dim=128 on, where the processor has it. training.precision=float32 overrides it."""
    gbce_t: float = 0.75
    """t of loss=gbce. 0 or more, at most 1; 0 is bce, 1 calibrates as if all items were negatives."""
    contrastive_weight: float = 0.0
    """Weight of the contrastive loss between two changed versions of a history. 0 or more; 0 leaves it out."""
    head: str = "cosine"
    """Scoring: cosine, or mol (a mixture of logits)."""
    components: int = 2
    """Components of an interest and of an item for head=mol, which mixes their `components`² cosines. 1 or more."""
    n_interests: int = 1
    """Interest vectors of a user; the nearest one to an item counts. 1 or more; head=mol takes 1."""
    id_init: str = "random"
    """Start of id embeddings: random, or pca (principal components of the items' text vectors)."""

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise OptionError("encoder", self.encoder, allowed=ENCODERS)
        super().__post_init__()
        if self.id_init not in ID_INITS:
            raise OptionError("id_init", self.id_init, allowed=ID_INITS)
        if self.loss not in LOSSES:
            raise OptionError("loss", self.loss, allowed=LOSSES)
        if self.head not in HEADS:
            raise OptionError("head", self.head, allowed=HEADS)
        if self.head == "mol" and self.n_interests > 1:
            raise UsageError(
                f"head=mol mixes components already and takes no n_interests={self.n_interests}.",
                remedy="Use head=cosine for several interest vectors, or n_interests=1.",
            )
        counts = ("dim", "layers", "n_heads", "max_length", "negatives", "components", "n_interests")
        require_range(self, *counts, least=1)
        require_range(self, "epochs", "batch_tokens", "weight_decay", "contrastive_weight", least=0)
        require_range(self, "dropout", "id_dropout", "label_smoothing", least=0, below=1)
        require_range(self, "temperature", "learning_rate", above=0)
        require_range(self, "gbce_t", least=0, most=1)
        if self.encoder in HEADED and self.dim % self.n_heads:
            raise UsageError(
                f"dim={self.dim} is not a multiple of n_heads={self.n_heads}.", remedy="Change one of them."
            )
        self._check_effects()

    def _check_effects(self) -> None:
        if self.id_init != "random" and not self.with_ids:
            where = "ids=False" if not self.ids else f"modalities={','.join(self.modalities)}"
            raise UsageError(
                f"id_init={self.id_init!r} has no effect: {where} leaves the ids out.",
                remedy="Set id_init=random, or let items be known by their ids (ids=true, behaviour among the "
                "modalities).",
            )
        if self.label_smoothing and self.loss not in OF_ALL_ITEMS:
            raise UsageError(
                f"label_smoothing={self.label_smoothing} has no effect: loss={self.loss!r} does not score all items.",
                remedy=f"Set label_smoothing=0, or loss to {' or '.join(OF_ALL_ITEMS)}.",
            )


def choose_dropout_percent(options: SequenceOptions, sequences: SequenceBatch) -> int:
    """The dropout of the options, or one that suits the length of the histories, in percent."""
    if options.dropout is not None:
        return round(100 * options.dropout)
    lengths = sequences.lengths[sequences.lengths > 0]
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 20 if mean >= 60 else 30 if mean >= 20 else 50


def choose_epochs(options: SequenceOptions, sequences: SequenceBatch) -> int:
    """The epochs of the options, or as many as suit the number of events.

    Measured: up to 300,000 events 10 epochs are as good as 16; a million events still gain from the last of 16.
    """
    return options.epochs or round(min(16.0, 10.0 * max(1.0, sequences.n_events / 300_000) ** 0.4))


def uses_mixed_precision(options: SequenceOptions) -> bool:
    """Whether the encoder uses bfloat16: a narrow one hardly gains, and others are not measured."""
    return options.mixed_precision and options.encoder in MIXED_ENCODERS and options.dim >= MIXED_DIM
