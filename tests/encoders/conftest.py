"""Tiny pretrained models with random weights, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = [
    "the",
    "a",
    "red",
    "blue",
    "wooden",
    "train",
    "garden",
    "hose",
    "film",
    "about",
    "trains",
    "and",
    "gardens",
    "of",
    "is",
    "long",
    "short",
    "story",
]


def _tokenizer(special: list[str]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {token: i for i, token in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=special[1]))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if "[CLS]" in special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        )
    return tokenizer


def _save(folder: Path, model: Any, special: list[str], **names: str) -> Path:
    from transformers import PreTrainedTokenizerFast

    from penchant.llm.silence import silence_transformers

    with silence_transformers():
        model.save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=_tokenizer(special), **names).save_pretrained(folder)
    return folder


def _bert(folder: Path) -> Path:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=64,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return _save(folder, BertModel(config), ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], **names)


def _gpt2(folder: Path) -> Path:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=64, n_embd=16, n_layer=2, n_head=2, n_positions=40, bos_token_id=0, eos_token_id=0, pad_token_id=None
    )
    return _save(folder, GPT2LMHeadModel(config), ["<end>", "<unk>"], eos_token="<end>", unk_token="<unk>")


def _t5(folder: Path) -> Path:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0)
    names = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
    return _save(folder, T5EncoderModel(config), ["<pad>", "<unk>", "</s>"], **names)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a tiny model with random weights, by type: `bert`, `gpt2`, `t5`."""
    root = tmp_path_factory.mktemp("models")
    makers = {"bert": _bert, "gpt2": _gpt2, "t5": _t5}
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            import torch

            torch.manual_seed(len(made))
            made[kind] = makers[kind](root / kind)
        return made[kind]

    return make
