"""The language-model recommender: it reads histories as text, or item vectors as input embeddings."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn

from penchant.arrays import Float32s
from penchant.data.kinds import mask_wanted_kinds
from penchant.data.schema import TEXT
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError
from penchant.llm.adapters import prepare_tuning
from penchant.llm.language_model import get_base
from penchant.losses.sampled_softmax import sampled_softmax
from penchant.losses.softmax import full_softmax
from penchant.models.base import ModelState
from penchant.models.language.histories import Narrator
from penchant.models.language.network import LLMNet
from penchant.models.language.options import LLMOptions
from penchant.models.language.reading import ItemReading, Reading, TextReading
from penchant.models.language.setup import (
    MODALITY,
    ItemTexts,
    Prepared,
    choose_item_source,
    choose_pooling,
    prepare,
    read_items,
    tokenise_items,
)
from penchant.models.language.state import LLMRecord, extend_net, load_source, make_net, pack_net, unpack_net
from penchant.models.nn.options import FULL_SOFTMAX_ITEMS
from penchant.models.nn.windows import Window, expand_ranges
from penchant.options import Json

__all__ = ["LLM", "LLMOptions"]


class LLM:
    """`f(H_u) = I_u` by a language model; the score is cosine(I_u, item) / temperature.

    One level (`levels=1`): the history is verbalised and read by a BERT-, GPT- or T5-type model. Two levels, after
    HLLM (Chen et al., "HLLM: Enhancing sequential recommendations via hierarchical large language models", 2024): a
    language model reads each item's text into a vector, and a causal one reads these vectors as input embeddings.
    """

    name = "llm"

    def __init__(self, options: LLMOptions | None = None) -> None:
        self.options = options or LLMOptions()
        self.net: LLMNet | None = None
        self.device = torch.device("cpu")
        self.bf16 = False
        self.pretraining: Json = {}
        """Losses and perplexity of pre-training (see `PretrainingLog`); empty without one."""
        self._record: LLMRecord | None = None
        self._reading: Reading | None = None
        self._items: Tensor | None = None
        self._item_tokens: list[list[int]] = []

    # training: called by penchant.training.loop

    def start(self, data: TrainingData, device: torch.device) -> LLMNet:
        """Load or create the language model, pre-train it and build the network; weights are drawn from `data.seed`."""
        self._set_targets(data)
        self.device = device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(data.seed)
            prepared = prepare(self.options, data, device)
            self.net = self._build_network(prepared, data)
        return self._prepare_net(self.net, data)

    def restart(self, data: TrainingData, device: torch.device) -> LLMNet:
        """The network for more data; tokenizer, language and language model stay. Raises `ModelError`."""
        self._set_targets(data)
        assert self._record is not None
        self.device = device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(data.seed)
            self._record, net = extend_net(self._require_net(), self._record, self.options, data)
            if choose_item_source(self.options, data) == MODALITY:
                net.items.texts = torch.from_numpy(data.modalities[TEXT].unit().vectors)
            else:
                texts = ItemTexts.of(data, self.options).texts
                self._item_tokens = tokenise_items(texts, self._record.tokenizer, self._record.positions)
                reader = load_source(self._record, self.options).to(device).eval()
                net.items.texts = self._read_rows(reader, self._item_tokens)
        self.net, self._reading = net, self._make_reading(self._record)
        return self._prepare_net(net, data)

    def _set_targets(self, data: TrainingData) -> None:
        """Record which kinds are not targets and how often each item is a target. Raises `ModelError` without
        targets."""
        no_target = ~mask_wanted_kinds(data.kinds)
        is_target = (data.sequences.items >= 0) & ~no_target[data.sequences.kinds]
        if not is_target.any() or not (data.sequences.lengths >= 2).any():
            raise ModelError(
                "llm learns to predict the next event, but no user has two events of interest.",
                remedy="Use --model content or popularity, or provide longer histories.",
            )
        self._no_target = no_target
        self._counts = np.bincount(data.sequences.items[is_target], minlength=data.n_items).astype(np.float64)

    def _prepare_net(self, net: LLMNet, data: TrainingData) -> LLMNet:
        net.items.trained.data = torch.from_numpy((self._counts > 0).astype(np.float32))[:, None]
        net.to(self.device)
        # half by frequency, half uniform: q of the log-Q correction, never 0
        self._shares = 0.5 * self._counts / self._counts.sum() + 0.5 / data.n_items
        self._shares /= self._shares.sum()
        self._items = None
        return net

    def _build_network(self, prepared: Prepared, data: TrainingData) -> LLMNet:
        options, model = self.options, prepared.model
        self.pretraining = prepared.pretraining.to_dict() if prepared.pretraining else {}
        source = choose_item_source(options, data)
        tuning = options.tuning
        if tuning == "auto":
            tuning = "full" if model.is_new or prepared.pretraining else "lora"
        base = get_base(model).to(self.device)
        pooling = choose_pooling(options, model.kind)
        self._record = LLMRecord(
            kind=model.kind,
            pooling=pooling,
            language=prepared.item_texts.language,
            tuning=tuning,
            config=model.network.config.to_dict(),
            width=model.dim,
            positions=model.positions,
            text_dim=data.modalities[TEXT].dim if source == MODALITY else model.dim,
            n_items=data.n_items,
            kinds=list(data.kinds),
            digest=prepared.digest,
            titles=prepared.item_texts.titles,
            tokenizer=model.tokenizer,
        )
        texts = torch.from_numpy(data.modalities[TEXT].unit().vectors) if source == MODALITY else None
        item_reader = None
        if texts is None:
            self._item_tokens = tokenise_items(prepared.item_texts.texts, model.tokenizer, model.positions)
            if options.train_items:
                item_reader = prepare_tuning(copy.deepcopy(base), tuning, rank=options.rank)
            with torch.no_grad():
                texts = self._read_rows(base.eval(), self._item_tokens)
        net = make_net(options, self._record, prepare_tuning(base, tuning, rank=options.rank), item_reader)
        net.items.texts = texts
        self._reading = self._make_reading(self._record)
        return net

    def _make_reading(self, record: LLMRecord) -> Reading:
        options = self.options
        if options.levels == 2:
            length = min(options.max_length, record.positions)
            return ItemReading(length, options.batch_tokens, self.device)
        around = len(record.tokenizer.before) + len(record.tokenizer.after)
        return TextReading(
            Narrator(record.tokenizer, record.titles, record.kinds, record.language),
            record.kind == "gpt",
            record.pooling,
            max(4, min(options.max_length, record.positions) - around),
            options.batch_tokens,
            self.device,
        )

    def epochs(self, data: TrainingData) -> int:
        """Epochs of a full training."""
        return self.options.epochs

    def begin_epoch(self) -> None:
        """Compute the vectors of all items anew where the item level is trained."""
        net = self._require_net()
        if net.item_reader is not None:
            self._refresh_texts(net)

    def batches(self, data: TrainingData, rng: np.random.Generator) -> list[Window]:
        """The windows of one epoch."""
        assert self._reading is not None
        return self._reading.batches(data.sequences, rng)

    def loss(self, data: TrainingData, batch: Window, rng: np.random.Generator) -> Tensor:
        """Mean next-event cross-entropy over all items (above 20,000: over shared negatives)."""
        net = self._require_net()
        assert self._reading is not None
        texts = net.items.texts if net.item_reader is None else self._update_texts(net, data.sequences, batch)
        full = data.n_items <= FULL_SOFTMAX_ITEMS
        table = net.items(texts=texts) if full or self.options.levels == 2 else None
        read = table if table is not None else torch.empty(0)
        states, events = self._reading.read_examples(net, data.sequences, batch, rng, read)
        kept = (data.sequences.items[events] >= 0) & ~self._no_target[data.sequences.kinds[events]]
        if not kept.any():
            return states.sum() * 0.0
        vectors = net.project_states(states[torch.from_numpy(kept).to(self.device)]) * net.log_scale.exp()
        targets = torch.from_numpy(data.sequences.items[events[kept]].astype(np.int64)).to(self.device)
        if full and table is not None:
            return full_softmax(vectors, table, targets)
        drawn = rng.choice(data.n_items, size=self.options.negatives, p=self._shares)
        negatives = torch.from_numpy(drawn).to(self.device)
        log_q = torch.from_numpy(np.log(self._shares[drawn])).float().to(self.device)
        negative_vectors, target_vectors = net.items(negatives, texts), net.items(targets, texts)
        return sampled_softmax(vectors, target_vectors, negative_vectors, targets, negatives, log_q)

    def finish(self) -> None:
        """Compute the item vectors, once after training or a change of weights."""
        net = self._require_net().eval()
        if net.item_reader is not None:
            self._refresh_texts(net)
        with torch.inference_mode():
            self._items = net.items()

    # use

    @property
    def item_vectors(self) -> Float32s:
        """Item vectors `[N, D]` of length 1."""
        vectors: Float32s = self._require_items().cpu().numpy()
        return vectors

    def score(self, histories: SequenceBatch) -> Float32s:
        """Cosine over temperature, `[B, N]`; zeros for an empty history."""
        scale = np.float32(self._require_net().log_scale.detach().exp().item())
        return np.asarray((self.user_vectors(histories) * scale) @ self.item_vectors.T, dtype=np.float32)

    def user_vectors(self, histories: SequenceBatch) -> Float32s:
        """The interest vector (length 1) after the last event, `[B, D]`; zeros for an empty history."""
        return self._compute_vectors(histories, len(histories), every=False)

    def interests(self, histories: SequenceBatch) -> Float32s:
        """The interest vector after every event, `[E, D]`; the time of a request is hidden."""
        return self._compute_vectors(histories.at(None), histories.n_events, every=True)

    def state(self) -> ModelState:
        """Weights, item vectors, tokenizer and titles; of a given model with unchanged weights the adapters alone."""
        net, record = self._require_net(), self._record
        assert record is not None
        return pack_net(net, record, self._require_items(), self.pretraining)

    def load_state(self, state: ModelState) -> None:
        """Restore a `state`; a given model is loaded again and its weights are checked."""
        self._record, net, self._items, self.pretraining = unpack_net(state, self.options)
        self.net = net.eval()
        self._reading = self._make_reading(self._record)

    # inside

    def _compute_vectors(self, histories: SequenceBatch, count: int, *, every: bool) -> Float32s:
        net = self._require_net().eval()
        out = np.zeros((count, self.options.dim), dtype=np.float32)
        assert self._reading is not None
        read = self._reading.read_every if every else self._reading.read_last
        with torch.inference_mode():
            for rows, states in read(net, histories, self._require_items()):
                out[rows] = net.project_states(states).cpu().numpy()
        return out

    def _require_net(self) -> LLMNet:
        if self.net is None:
            raise ModelError("llm is not fitted.", remedy="Call penchant.training.fit(model, data) first.")
        return self.net

    def _require_items(self) -> Tensor:
        if self._items is None:
            self.finish()
        assert self._items is not None
        return self._items

    def _read_rows(self, reader: nn.Module, rows: list[list[int]]) -> Tensor:
        assert self._record is not None
        record = self._record
        return read_items(reader, rows, record.pooling, record.tokenizer.pad, record.width, self.device)

    def _refresh_texts(self, net: LLMNet) -> None:
        assert net.item_reader is not None
        mode = net.item_reader.training
        with torch.no_grad():
            net.items.texts = self._read_rows(net.item_reader.eval(), self._item_tokens)
        net.item_reader.train(mode)

    def _update_texts(self, net: LLMNet, sequences: SequenceBatch, batch: Window) -> Tensor:
        """Text vectors of all items: those of the batch with gradients, the others from the start of the epoch."""
        codes = np.unique(sequences.items[expand_ranges(*batch)[1]]).astype(np.int64)
        codes = codes[codes >= 0]
        assert net.item_reader is not None
        live = self._read_rows(net.item_reader, [self._item_tokens[code] for code in codes])
        return net.items.texts.to(self.device).index_copy(0, torch.from_numpy(codes).to(self.device), live)
