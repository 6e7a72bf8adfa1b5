"""The neural sequence model: item tower, event tokens, a temporal encoder and a cosine head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from penchant.data.schema import ATTRIBUTES, NEGATIVE_KINDS, PASSIVE_KINDS, TEXT
from penchant.data.sequences import SequenceBatch
from penchant.data.views import Views
from penchant.errors import ModelError, OptionError, UsageError
from penchant.losses.sampled_softmax import sampled_softmax
from penchant.losses.softmax import full_softmax
from penchant.models.base import ModelState, Scores, TrainingData
from penchant.models.gru import CELLS, RecurrentEncoder
from penchant.models.item_tower import FUSIONS, ItemTower
from penchant.models.tokens import EventTokens, Padded, pad
from penchant.models.transformer import AttentionEncoder
from penchant.models.windows import BATCH_TOKENS, Window, batches, like_length, next_gap

ENCODERS = ("attention", *CELLS)
LOSSES = ("auto", "softmax", "sampled_softmax")
FULL_SOFTMAX_ITEMS = 20_000


@dataclass(frozen=True)
class SequenceOptions:
    """Options of `SequenceModel`.

    `fusion` joins id and views in the item tower (`none`, `weighted_sum`, `concat`). `time` puts elapsed times into
    the tokens; the time of the request is shown in half of the training batches, so that it may be given or hidden.
    `id_dropout` is the share of input events that lose their id in training (they keep their views), so that items
    and texts without an id mean something. `dropout` None takes .2 where histories are long (60 events or more on
    average), .3 from 20 on, .5 below: short histories are soon learned by heart. `batch_tokens` is the number of
    events in a batch; 0 takes a hundredth of all events, from 1,024 to 6,400.
    """

    encoder: str = "attention"
    dim: int = 64
    layers: int = 2
    heads: int = 2
    dropout: float | None = None
    max_length: int = 200
    temperature: float = 0.1
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    epochs: int = 16
    batch_tokens: int = 0
    loss: str = "auto"
    negatives: int = 1024
    fusion: str = "weighted_sum"
    id_dropout: float = 0.05
    time: bool = True

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise OptionError("encoder", self.encoder, allowed=ENCODERS)
        if self.fusion not in FUSIONS:
            raise OptionError("fusion", self.fusion, allowed=FUSIONS)
        if self.loss not in LOSSES:
            raise OptionError("loss", self.loss, allowed=LOSSES)
        if self.dim % self.heads:
            raise UsageError(f"dim={self.dim} is not a multiple of heads={self.heads}.", remedy="Change one of them.")
        for name in ("dim", "layers", "heads", "max_length", "epochs", "negatives"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)} is out of range.", remedy="Give 1 or more.")
        for name in ("dropout", "id_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise UsageError(f"{name}={getattr(self, name)} is out of range.", remedy="Give 0 or more, below 1.")
        if self.temperature <= 0 or self.learning_rate <= 0:
            raise UsageError("temperature and learning_rate must be above 0.", remedy="Try the defaults.")


class SequenceNet(nn.Module):
    """All parameters of a sequence model."""

    def __init__(self, options: SequenceOptions, sizes: Mapping[str, int], views: Views, seed: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.tower = ItemTower(sizes["n_items"], options.dim, views, options.fusion, rng)
        self.tokens = EventTokens(
            options.dim,
            sizes["n_kinds"],
            time=options.time,
            user_dim=sizes["user_dim"],
            context_dim=sizes["context_dim"],
        )
        dropout = sizes["dropout_percent"] / 100
        self.encoder: nn.Module = (
            AttentionEncoder(options.dim, options.layers, options.heads, dropout, options.max_length)
            if options.encoder == "attention"
            else RecurrentEncoder(options.dim, options.layers, dropout, options.encoder)
        )
        self.log_scale = nn.Parameter(torch.tensor(-float(np.log(options.temperature))))


class SequenceModel:
    """`f(H_u) = I_u` with a causal encoder; the score is cosine(I_u, item) / temperature.

    One `fit` for all: `penchant.training.fit(model, data)` runs the loop, this class gives it the batches and the
    loss. `name` is that of the registry.
    """

    def __init__(self, options: SequenceOptions | None = None, name: str = "transformer") -> None:
        self.options = options or SequenceOptions()
        self.name = name
        self.net: SequenceNet | None = None
        self.device = torch.device("cpu")
        self._items: Tensor | None = None
        self._facts: dict[str, int] = {}

    # training: called by penchant.training.loop

    def start(self, data: TrainingData, device: torch.device) -> SequenceNet:
        """Make the network for this catalogue, with weights drawn from `data.seed`."""
        if not (data.sequences.lengths >= 2).any():
            raise ModelError(
                f"{self.name} learns what comes next and no user has two events.",
                remedy="Use --model content or popularity, or bring longer histories.",
            )
        no_target = np.isin(np.asarray(data.kinds), [*NEGATIVE_KINDS, *PASSIVE_KINDS])
        if not ((data.sequences.items >= 0) & ~no_target[data.sequences.kinds]).any():
            raise ModelError(
                f"{self.name} has nothing to predict: no event is both on an item and a sign of interest.",
                remedy=f"Kinds in the data: {', '.join(data.kinds)}; negative and passive ones are no targets.",
            )
        self._facts = {**_sizes(data), "dropout_percent": _dropout_percent(self.options, data.sequences)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            self.net = SequenceNet(self.options, self._facts, data.views, data.seed)
        seen = np.bincount(data.sequences.items[data.sequences.items >= 0], minlength=data.n_items) > 0
        self.net.tower.trained.data = torch.from_numpy(seen.astype(np.float32))
        self.device = device
        self.net.to(device)
        self._no_target = no_target
        self._log_q = _log_q(data)
        self._items = None
        return self.net

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Window]:
        """One epoch: windows of at most max_length + 1 events, of like length together, in random order."""
        tokens = self.options.batch_tokens
        return batches(data.sequences.offsets, self.options.max_length + 1, tokens, rng)

    def loss(self, data: TrainingData, batch: Window, rng: np.random.Generator) -> Tensor:
        """Mean next-event cross-entropy of one batch of windows."""
        net = self._net()
        starts, stops = batch
        window = pad(data.sequences, starts, stops - 1).to(self.device)
        after = pad(data.sequences, starts + 1, stops).to(self.device)
        last = window.lengths - 1
        gaps_to_next = torch.from_numpy(next_gap(data.sequences, stops)).to(self.device)
        window.requests.scatter_(1, last[:, None], gaps_to_next[:, None])
        given = bool(rng.random() < 0.5)
        hidden = self._encode(net, window, data.sequences, request=given, rng=rng)
        negative = torch.from_numpy(self._no_target).to(self.device)
        wanted = (after.items >= 0) & ~negative[after.kinds]
        if not wanted.any():
            return hidden.sum() * 0.0
        vectors = nn.functional.normalize(hidden[wanted], dim=1) * net.log_scale.exp()
        targets = after.items[wanted]
        if self._full(data.n_items):
            return full_softmax(vectors, nn.functional.normalize(net.tower(), dim=1), targets)
        negatives = torch.from_numpy(rng.choice(data.n_items, size=self.options.negatives, p=np.exp(self._log_q))).to(
            self.device
        )
        log_q = torch.from_numpy(self._log_q).float().to(self.device)[negatives]
        others = nn.functional.normalize(net.tower(negatives), dim=1)
        own = nn.functional.normalize(net.tower(targets), dim=1)
        return sampled_softmax(vectors, own, others, targets, negatives, log_q)

    def finish(self) -> None:
        """After training (or a change of weights): item vectors are computed once."""
        net = self._net().eval()
        with torch.inference_mode():
            every = torch.arange(net.tower.n_items, device=self.device)
            self._items = torch.cat([net.tower(rows) for rows in torch.split(every, 16_384)])

    # use

    @property
    def reads_content(self) -> bool:
        """Whether an event's own text enters its token (it does where items have a text view)."""
        return TEXT in self._net().tower.modalities

    @property
    def item_vectors(self) -> npt.NDArray[np.float32]:
        """Item vectors `[N, D]` of length 1."""
        vectors: npt.NDArray[np.float32] = nn.functional.normalize(self._item_tensor(), dim=1).cpu().numpy()
        return vectors

    def score(self, histories: SequenceBatch) -> Scores:
        """Cosine over temperature, `[B, N]`; zeros for an empty history."""
        net = self._net()
        scale = np.float32(net.log_scale.detach().exp())
        return np.asarray((self.user_vectors(histories) * scale) @ self.item_vectors.T, dtype=np.float32)

    def user_vectors(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """The interest vector (length 1) after the last event, `[B, D]`; zeros for an empty history."""
        out = np.zeros((len(histories), self.options.dim), dtype=np.float32)
        cut = histories.last(self.options.max_length)
        for rows, window in like_length(cut, BATCH_TOKENS):
            vectors = self._vectors(window, cut)
            last = (window.lengths - 1).to(vectors.device)
            out[rows] = vectors[torch.arange(len(rows)), last].cpu().numpy()
        return out

    def interests(self, histories: SequenceBatch) -> npt.NDArray[np.float32]:
        """The interest vector after every event, `[E, D]`, each from at most `max_length` events before it.

        The request time is hidden: a series says what was wanted, not when it would be asked for.
        """
        hidden = histories.at(None)
        out = np.zeros((histories.n_events, self.options.dim), dtype=np.float32)
        rows = hidden.rows
        index = np.arange(hidden.n_events) - hidden.offsets[rows]
        early = hidden.keep(index < self.options.max_length)
        flat = np.flatnonzero(index < self.options.max_length)
        for chosen, window in like_length(early, BATCH_TOKENS):
            vectors = self._vectors(window, early, request=False).cpu().numpy()
            real = np.arange(vectors.shape[1])[None, :] < window.lengths.numpy()[:, None]
            at = early.offsets[chosen][:, None] + np.arange(vectors.shape[1])[None, :]
            out[flat[at[real]]] = vectors[real]
        late = np.flatnonzero(index >= self.options.max_length)
        size = max(1, BATCH_TOKENS // self.options.max_length)
        for start in range(0, len(late), size):
            ends = late[start : start + size] + 1
            window = pad(hidden, ends - self.options.max_length, ends)
            out[ends - 1] = self._vectors(window, hidden, request=False)[:, -1].cpu().numpy()
        return out

    def state(self) -> ModelState:
        """Weights and facts."""
        net = self._net()
        tensors = {name: value.detach().cpu().numpy() for name, value in net.state_dict().items()}
        return ModelState({**tensors, "items": self._item_tensor().cpu().numpy()}, dict(self._facts))

    def load_state(self, state: ModelState) -> None:
        """Take back what `state` gave. Item vectors come with it, so views are needed only to train on."""
        tensors = dict(state.tensors)
        self._items = torch.from_numpy(np.asarray(tensors.pop("items")))
        self._facts = {name: int(value) for name, value in state.facts.items()}
        views = _empty_views(tensors)
        net = SequenceNet(self.options, self._facts, views, 0)
        net.load_state_dict({name: torch.from_numpy(np.asarray(value)) for name, value in tensors.items()})
        self.net = net.eval()

    # inside

    def _net(self) -> SequenceNet:
        if self.net is None:
            raise ModelError(f"{self.name} is not fitted.", remedy="Call penchant.training.fit(model, data) first.")
        return self.net

    def _full(self, n_items: int) -> bool:
        return self.options.loss == "softmax" or (self.options.loss == "auto" and n_items <= FULL_SOFTMAX_ITEMS)

    def _item_tensor(self) -> Tensor:
        if self._items is None:
            self.finish()
        assert self._items is not None
        return self._items

    def _contents(self, net: SequenceNet, batch: SequenceBatch) -> Tensor | None:
        """Vectors `[M, dim]` of what events carry themselves: text and media by the tower, context by its own layer."""
        if batch.content is None or batch.content_rows is None:
            return None
        parts: list[Tensor] = []
        for modality, view in batch.content.items():
            vectors = torch.from_numpy(view.vectors).to(self.device)
            present = torch.from_numpy(view.present).to(self.device)[:, None]
            if modality == ATTRIBUTES:
                if net.tokens.context is not None:
                    parts.append(net.tokens.context(vectors) * present)
            elif modality in net.tower.modalities:
                parts.append(net.tower.content(modality, vectors) * present)
        return torch.stack(parts).sum(dim=0) if parts else None

    def _users(self, batch: SequenceBatch) -> Tensor | None:
        if batch.user_views is None or ATTRIBUTES not in batch.user_views:
            return None
        return torch.from_numpy(batch.user_views[ATTRIBUTES].vectors).to(self.device)

    def _encode(
        self, net: SequenceNet, window: Padded, batch: SequenceBatch, *, request: bool, rng: np.random.Generator
    ) -> Tensor:
        codes, at = torch.unique(window.items.clamp_min(0), return_inverse=True)
        at = torch.where(window.items >= 0, at, -1)
        items = net.tower(codes)
        contents = self._contents(net, batch)
        if net.tower.modalities and self.options.id_dropout > 0:
            lost = torch.from_numpy(rng.random(tuple(at.shape)) < self.options.id_dropout).to(self.device)
            at = torch.where(lost & (at >= 0), at + len(codes), at)
            items = torch.cat([items, net.tower(codes, with_ids=False)])
        window = replace(window, items=at)
        hidden: Tensor = net.encoder(net.tokens(window, items, contents, self._users(batch), request=request))
        return hidden

    def _vectors(self, window: Padded, batch: SequenceBatch, *, request: bool = True) -> Tensor:
        net = self._net().eval()
        with torch.inference_mode():
            window = window.to(self.device)
            contents = self._contents(net, batch)
            given = request and batch.query_times_s is not None
            tokens = net.tokens(window, self._item_tensor(), contents, self._users(batch), request=given)
            return nn.functional.normalize(net.encoder(tokens), dim=-1)


def _sizes(data: TrainingData) -> dict[str, int]:
    """What fixes the shapes of the network, besides the views of items."""
    users, content = data.sequences.user_views, data.sequences.content
    return {
        "n_items": data.n_items,
        "n_kinds": len(data.kinds),
        "user_dim": users[ATTRIBUTES].dim if users is not None and ATTRIBUTES in users else 0,
        "context_dim": content[ATTRIBUTES].dim if content is not None and ATTRIBUTES in content else 0,
    }


def _dropout_percent(options: SequenceOptions, sequences: SequenceBatch) -> int:
    """The dropout asked for, or the one that suits the length of the histories, in percent."""
    if options.dropout is not None:
        return round(100 * options.dropout)
    lengths = sequences.lengths[sequences.lengths > 0]
    mean = float(lengths.mean()) if len(lengths) else 0.0
    return 20 if mean >= 60 else 30 if mean >= 20 else 50


def _log_q(data: TrainingData) -> npt.NDArray[np.float64]:
    """Log-probability of drawing each item as a negative: half by popularity, half uniform."""
    counts = np.bincount(data.sequences.items[data.sequences.items >= 0], minlength=data.n_items).astype(np.float64)
    share = 0.5 * counts / max(counts.sum(), 1.0) + 0.5 / data.n_items
    return np.asarray(np.log(share / share.sum()), dtype=np.float64)


def _empty_views(tensors: dict[str, npt.NDArray[np.float32]]) -> Views:
    """Views without vectors but with the right dimensions, to rebuild a tower's layers."""
    from penchant.data.views import View

    prefix, suffix = "tower.projections.", ".weight"
    n_items = len(tensors["tower.trained"])
    found = {k[len(prefix) : -len(suffix)]: v.shape[1] for k, v in tensors.items() if k.startswith(prefix)}
    return Views({m: View(np.zeros((n_items, d), np.float32), np.zeros(n_items, np.bool_)) for m, d in found.items()})
