"""The model `llm` as arrays and JSON, and back: what it must remember to tell a history and to read it."""

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
from penchant.encoders.pretrained.hub import compare, folder_digest, model_folder
from penchant.errors import ModelError
from penchant.llm.adapters import ADAPTER, tuned
from penchant.llm.language_model import load, reader, rebuilt
from penchant.llm.tokenizer import TextTokenizer
from penchant.models.base import ModelState
from penchant.models.language.network import EventInputs, ItemSide, LLMNet
from penchant.models.language.options import LLMOptions
from penchant.models.language.setup import VIEW, Words, item_source

READER = "reader."
TEXTS = "items.texts"
"""Text vectors of items: a checkpoint may hold them, a bundle does not."""
TITLES, TITLE_ENDS, TOKENIZER, ITEMS = "titles", "title_ends", "tokenizer", "items_table"


@dataclass(frozen=True)
class Facts:
    """What fixes the shapes of the network and the words of a history.

    `kind` of language model, `config` its settings, `width` of its states, `positions` it can read; `text_dim` of the
    items' text vectors; `digest` of the folder whose weights are used unaltered (None: they are saved).
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
    """The network around a language model; `items` reads items where that is trained."""
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
    """Tensors and facts. Of a given model that was not altered only the adapters are kept, and its digest."""
    every = net.state_dict().items()
    weights = {name: value for name, value in every if not name.startswith("item_reader.") and name != TEXTS}
    if facts.digest is not None and facts.tuning != "full":
        weights = {name: value for name, value in weights.items() if not name.startswith(READER) or ADAPTER in name}
    tensors: dict[str, npt.NDArray[Any]] = {name: value.detach().cpu().numpy() for name, value in weights.items()}
    told = [title.encode() for title in facts.titles]
    tensors[TITLES] = np.frombuffer(b"".join(told) or b"\0", dtype=np.uint8).copy()
    tensors[TITLE_ENDS] = np.cumsum([len(title) for title in told]).astype(np.int64)
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
    tensors, told = dict(state.tensors), dict(state.facts)
    pretraining, roles = told.pop("pretraining"), told.pop("roles")
    ends = tensors.pop(TITLE_ENDS).tolist()
    titles = tensors.pop(TITLES).tobytes()
    facts = Facts(
        titles=[titles[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)],
        tokenizer=TextTokenizer.from_bytes(tensors.pop(TOKENIZER), roles),
        **told,
    )
    items = torch.from_numpy(np.array(tensors.pop(ITEMS)))
    kept = facts.digest is not None and facts.tuning != "full"
    net = make_net(options, facts, tuned(_language_model(facts, options, kept), facts.tuning, rank=options.rank))
    weights = {name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}
    missing, unknown = net.load_state_dict(weights, strict=False)
    lost = [name for name in missing if not (kept and name.startswith(READER) and ADAPTER not in name)]
    assert not lost and not unknown, (lost, unknown)
    return facts, net, items, dict(pretraining)


def grown(net: LLMNet, facts: Facts, options: LLMOptions, data: TrainingData) -> tuple[Facts, LLMNet]:
    """The network for more data, and its facts: what reads stays as it is, items and kinds are those of the data.

    Raises `ModelError` where item vectors were read by a language model that was altered: it is not kept.
    """
    if item_source(options, data) != VIEW and (options.train_items or facts.digest is None):
        raise ModelError(
            "The language model that read the items was altered and is not kept, so llm cannot take in new data.",
            remedy="Train it again; with items='view' it could be updated.",
        )
    titles = Words.of(data, replace(options, language=facts.language)).titles
    more = replace(facts, titles=titles, n_items=data.n_items, kinds=list(data.kinds))
    return more, make_net(options, more, copy.deepcopy(net.reader))


def _language_model(facts: Facts, options: LLMOptions, kept: bool) -> nn.Module:
    if not kept:
        made: nn.Module = rebuilt(facts.config, facts.kind)
        return made
    return given_reader(facts, options)


def given_reader(facts: Facts, options: LLMOptions) -> nn.Module:
    """The language model that was given, as it was; its weights are compared. Raises `EncoderError`."""
    folder = model_folder(options.source, revision=options.revision, download=options.download, kept=True)
    compare(options.source, folder_digest(folder), facts.digest)
    return reader(load(folder))
