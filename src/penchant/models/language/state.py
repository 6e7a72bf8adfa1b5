"""The model `llm` as arrays and JSON, and back: what it keeps to verbalise a history and to read it."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from penchant.data.training import TrainingData
from penchant.encoders.pretrained.hub import check_digest, digest_folder, find_model_folder
from penchant.errors import ModelError
from penchant.llm.adapters import ADAPTER, prepare_tuning
from penchant.llm.language_model import load, reader, rebuild
from penchant.llm.tokenizer import TextTokenizer
from penchant.models.base import ModelState
from penchant.models.language.network import EventInputs, ItemSide, LLMNet
from penchant.models.language.options import LLMOptions
from penchant.models.language.setup import MODALITY, Words, choose_item_source

READER = "reader."
TEXTS = "items.texts"
"""Text vectors of items, which a checkpoint may hold and a bundle does not."""
TITLES, TITLE_ENDS, TOKENIZER, ITEMS = "titles", "title_ends", "tokenizer", "items_table"


@dataclass(frozen=True)
class Facts:
    """What fixes the shapes of the network and the words of a history.

    `kind` of language model, `config` its settings, `width` of its states, `positions` that it reads; `text_dim` of
    the items' text vectors; `digest` of the folder whose weights are used unchanged (None: they are saved).
    """

    kind: str
    pooling: str
    language: str
    tuning: str
    config: Mapping[str, Any]
    width: int
    positions: int
    text_dim: int
    n_items: int
    kinds: list[str]
    digest: str | None
    titles: list[str]
    tokenizer: TextTokenizer


def make_net(options: LLMOptions, facts: Facts, language_model: nn.Module, items: nn.Module | None = None) -> LLMNet:
    """The network around a language model; `items` is a language model that reads items and is trained."""
    return LLMNet(
        language_model,
        ItemSide(facts.n_items, facts.text_dim, options.dim, ids=options.ids, learns=items is not None),
        width=facts.width,
        dim=options.dim,
        dropout=options.dropout,
        temperature=options.temperature,
        inputs=EventInputs(options.dim, facts.width, len(facts.kinds)) if options.levels == 2 else None,
        item_reader=items,
    )


def state_of(net: LLMNet, facts: Facts, items: Tensor, pretraining: Mapping[str, Any]) -> ModelState:
    """Tensors and facts. Of a given model with unchanged weights only the adapters are kept, and its digest."""
    parameters = net.state_dict().items()
    weights = {name: value for name, value in parameters if not name.startswith("item_reader.") and name != TEXTS}
    if facts.digest is not None and facts.tuning != "full":
        weights = {name: value for name, value in weights.items() if not name.startswith(READER) or ADAPTER in name}
    tensors: dict[str, npt.NDArray[Any]] = {name: value.detach().cpu().numpy() for name, value in weights.items()}
    titles = [title.encode() for title in facts.titles]
    tensors[TITLES] = np.frombuffer(b"".join(titles) or b"\0", dtype=np.uint8).copy()
    tensors[TITLE_ENDS] = np.cumsum([len(title) for title in titles]).astype(np.int64)
    tensors[TOKENIZER] = facts.tokenizer.to_bytes()
    tensors[ITEMS] = items.cpu().numpy()
    plain = ("kind", "pooling", "language", "tuning", "width", "positions", "text_dim", "n_items", "kinds", "digest")
    return ModelState(
        tensors,
        {name: getattr(facts, name) for name in plain}
        | {
            "config": json.loads(json.dumps(facts.config, default=str)),
            "roles": facts.tokenizer.roles(),
            "pretraining": dict(pretraining),
        },
    )


def net_from(state: ModelState, options: LLMOptions) -> tuple[Facts, LLMNet, Tensor, dict[str, Any]]:
    """The opposite of `state_of`: facts, network, item vectors, log of pre-training.

    Raises `EncoderError` where the given model is missing or its weights are others.
    """
    tensors, values = dict(state.tensors), dict(state.facts)
    pretraining, roles = values.pop("pretraining"), values.pop("roles")
    ends = tensors.pop(TITLE_ENDS).tolist()
    titles = tensors.pop(TITLES).tobytes()
    facts = Facts(
        titles=[titles[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)],
        tokenizer=TextTokenizer.from_bytes(tensors.pop(TOKENIZER), roles),
        **values,
    )
    items = torch.from_numpy(np.array(tensors.pop(ITEMS)))
    is_given = facts.digest is not None and facts.tuning != "full"
    net = make_net(
        options, facts, prepare_tuning(_language_model(facts, options, is_given), facts.tuning, rank=options.rank)
    )
    weights = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    missing, unknown = net.load_state_dict(weights, strict=False)
    lacking = [name for name in missing if not (is_given and name.startswith(READER) and ADAPTER not in name)]
    assert not lacking and not unknown, (lacking, unknown)
    return facts, net, items, dict(pretraining)


def grow(net: LLMNet, facts: Facts, options: LLMOptions, data: TrainingData) -> tuple[Facts, LLMNet]:
    """The network for more data, and its facts: the language model stays, items and kinds are those of the data.

    Raises `ModelError` where a language model with changed weights read the item vectors: it is not kept.
    """
    if choose_item_source(options, data) != MODALITY and (options.train_items or facts.digest is None):
        raise ModelError(
            "The trained weights that read the items are not in the bundle, so llm cannot learn new data.",
            remedy="Train it again; with items='modality' it could be updated.",
        )
    titles = Words.of(data, replace(options, language=facts.language)).titles
    more = replace(facts, titles=titles, n_items=data.n_items, kinds=list(data.kinds))
    return more, make_net(options, more, copy.deepcopy(net.reader))


def _language_model(facts: Facts, options: LLMOptions, is_given: bool) -> nn.Module:
    network: nn.Module = load_given(facts, options) if is_given else rebuild(facts.config, facts.kind)
    return network


def load_given(facts: Facts, options: LLMOptions) -> nn.Module:
    """The given language model with its first weights, which are compared. Raises `EncoderError`."""
    folder = find_model_folder(options.source, revision=options.revision, download=options.download, saved=True)
    check_digest(options.source, digest_folder(folder), facts.digest)
    return reader(load(folder))
