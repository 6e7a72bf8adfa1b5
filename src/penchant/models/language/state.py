"""The state of the model `llm`: its record, its network, and their way to arrays and JSON and back."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from penchant.arrays import Array
from penchant.data.training import TrainingData
from penchant.encoders.pretrained.hub import check_digest, digest_folder, find_model_folder
from penchant.errors import ModelError
from penchant.llm.adapters import ADAPTER, prepare_tuning
from penchant.llm.language_model import get_base, load, rebuild
from penchant.llm.tokenizer import TextTokenizer
from penchant.models.base import ModelState
from penchant.models.language.network import EventInputs, ItemSide, LLMNet
from penchant.models.language.options import LLMOptions
from penchant.models.language.setup import MODALITY, ItemTexts, choose_item_source
from penchant.options import Json, JsonMapping

READER = "reader."
TEXTS = "items.texts"
"""Text vectors of items, which a checkpoint may hold and a bundle does not."""
TITLES, TITLE_ENDS, TOKENIZER, ITEMS = "titles", "title_ends", "tokenizer", "items_table"


@dataclass(frozen=True)
class LLMRecord:
    """Shapes of the network and texts of a history.

    `kind`, `config`, `width` of the states and `positions` are those of the language model, `text_dim` is that of the
    items' text vectors. `digest` is that of the folder whose weights are used unchanged (None: they are saved).
    """

    kind: str
    pooling: str
    language: str
    tuning: str
    config: JsonMapping
    width: int
    positions: int
    text_dim: int
    n_items: int
    kinds: list[str]
    digest: str | None
    titles: list[str]
    tokenizer: TextTokenizer


def make_net(
    options: LLMOptions, record: LLMRecord, language_model: nn.Module, items: nn.Module | None = None
) -> LLMNet:
    """The network around a language model; `items` is a language model that reads items and is trained."""
    return LLMNet(
        language_model,
        ItemSide(record.n_items, record.text_dim, options.dim, ids=options.ids, learns=items is not None),
        options,
        width=record.width,
        inputs=EventInputs(options.dim, record.width, len(record.kinds)) if options.levels == 2 else None,
        item_reader=items,
    )


def pack_net(net: LLMNet, record: LLMRecord, items: Tensor, pretraining: JsonMapping) -> ModelState:
    """Tensors and record. Of a given model with unchanged weights the state keeps only the adapters and the digest."""
    parameters = net.state_dict().items()
    weights = {name: value for name, value in parameters if not name.startswith("item_reader.") and name != TEXTS}
    if record.digest is not None and record.tuning != "full":
        weights = {name: value for name, value in weights.items() if not name.startswith(READER) or ADAPTER in name}
    tensors: dict[str, Array] = {name: value.detach().cpu().numpy() for name, value in weights.items()}
    titles = [title.encode() for title in record.titles]
    tensors[TITLES] = np.frombuffer(b"".join(titles) or b"\0", dtype=np.uint8).copy()
    tensors[TITLE_ENDS] = np.cumsum([len(title) for title in titles]).astype(np.int64)
    tensors[TOKENIZER] = record.tokenizer.to_bytes()
    tensors[ITEMS] = items.cpu().numpy()
    plain = ("kind", "pooling", "language", "tuning", "width", "positions", "text_dim", "n_items", "kinds", "digest")
    return ModelState(
        tensors,
        {name: getattr(record, name) for name in plain}
        | {
            "config": json.loads(json.dumps(record.config, default=str)),
            "roles": record.tokenizer.roles(),
            "pretraining": dict(pretraining),
        },
    )


def unpack_net(state: ModelState, options: LLMOptions) -> tuple[LLMRecord, LLMNet, Tensor, Json]:
    """The opposite of `pack_net`: record, network, item vectors and log of pre-training.

    Raises `EncoderError` if the given model is missing or has other weights.
    """
    tensors, values = dict(state.tensors), dict(state.metadata)
    pretraining, roles = values.pop("pretraining"), values.pop("roles")
    ends = tensors.pop(TITLE_ENDS).tolist()
    titles = tensors.pop(TITLES).tobytes()
    record = LLMRecord(
        titles=[titles[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)],
        tokenizer=TextTokenizer.from_bytes(tensors.pop(TOKENIZER), roles),
        **values,
    )
    items = torch.from_numpy(np.array(tensors.pop(ITEMS)))
    is_given = record.digest is not None and record.tuning != "full"
    net = make_net(
        options,
        record,
        prepare_tuning(_load_language_model(record, options, is_given), record.tuning, rank=options.rank),
    )
    weights = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    missing, unknown = net.load_state_dict(weights, strict=False)
    lacking = [name for name in missing if not (is_given and name.startswith(READER) and ADAPTER not in name)]
    assert not lacking and not unknown, (lacking, unknown)
    return record, net, items, dict(pretraining)


def extend_net(net: LLMNet, record: LLMRecord, options: LLMOptions, data: TrainingData) -> tuple[LLMRecord, LLMNet]:
    """The record and the network for more data: the language model stays, items and kinds are those of the data.

    Raises `ModelError` if a language model with changed weights read the items: the bundle does not hold it.
    """
    if choose_item_source(options, data) != MODALITY and (options.train_items or record.digest is None):
        raise ModelError(
            "The trained weights that read the items are not in the bundle, so llm cannot learn new data.",
            remedy="Train it again; with items='modality' it could be updated.",
        )
    titles = ItemTexts.of(data, replace(options, language=record.language)).titles
    more = replace(record, titles=titles, n_items=data.n_items, kinds=list(data.kinds))
    return more, make_net(options, more, copy.deepcopy(net.reader))


def _load_language_model(record: LLMRecord, options: LLMOptions, is_given: bool) -> nn.Module:
    network: nn.Module = load_source(record, options) if is_given else rebuild(record.config, record.kind)
    return network


def load_source(record: LLMRecord, options: LLMOptions) -> nn.Module:
    """Load the given language model with its original weights and check them against the digest. Raises
    `EncoderError`."""
    folder = find_model_folder(options.source, revision=options.revision, download=options.download, saved=True)
    check_digest(options.source, digest_folder(folder), record.digest)
    return get_base(load(folder))
