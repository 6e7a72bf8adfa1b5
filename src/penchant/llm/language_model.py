"""Language models of three types (BERT, GPT, T5): created small, loaded from a folder, rebuilt from settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from penchant.errors import ModelError, OptionError
from penchant.llm.silence import silence_transformers
from penchant.llm.tokenizer import TextTokenizer
from penchant.options import JsonMapping

if TYPE_CHECKING:
    from torch import Tensor, nn

KINDS: Final = ("bert", "gpt", "t5")
"""bert reads in both directions (masked), gpt forwards (causal), t5 is the encoder of an encoder-decoder."""


@dataclass
class LanguageModel:
    """A network of `transformers`, with or without its language head, and its tokenizer.

    `is_new` says that its weights began at random here.
    """

    kind: str
    network: Any
    tokenizer: TextTokenizer
    is_new: bool = False

    @property
    def dim(self) -> int:
        """Length of a hidden state."""
        return int(self.network.config.hidden_size)

    @property
    def positions(self) -> int:
        """Tokens that it reads at once, at most."""
        config = self.network.config
        if self.kind == "t5":
            return 512
        positions = int(getattr(config, "max_position_embeddings", 512))
        if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
            positions -= int(config.pad_token_id or 0) + 1  # their positions start behind the padding
        return min(positions, int(min(self.tokenizer.inner.model_max_length, 1 << 20)))


def detect_kind(config: Any) -> str:
    """The type of a model by its settings.

    >>> from transformers import BertConfig, GPT2Config, T5Config
    >>> detect_kind(BertConfig()), detect_kind(GPT2Config()), detect_kind(T5Config())
    ('bert', 'gpt', 't5')
    """
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    if getattr(config, "is_encoder_decoder", False) or "t5" in config.model_type:
        return "t5"
    names = getattr(config, "architectures", None) or []
    is_causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names)
    masked = config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    causal = config.model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return "gpt" if is_causal or getattr(config, "is_decoder", False) or (causal and not masked) else "bert"


def make_small(
    kind: str, tokenizer: TextTokenizer, *, dim: int, layers: int, heads: int, positions: int
) -> LanguageModel:
    """A small network with random weights (from torch's generator); bert and gpt with language heads.

    Raises `OptionError`.
    """
    from transformers import BertConfig, BertForPreTraining, GPT2Config, GPT2LMHeadModel, T5Config, T5EncoderModel

    untyped_t5: Any = T5Config
    if kind == "bert":
        network: Any = BertForPreTraining(
            BertConfig(
                vocab_size=tokenizer.size,
                hidden_size=dim,
                num_hidden_layers=layers,
                num_attention_heads=heads,
                intermediate_size=4 * dim,
                max_position_embeddings=positions,
                pad_token_id=tokenizer.pad,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
    elif kind == "gpt":
        network = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=tokenizer.size,
                n_embd=dim,
                n_layer=layers,
                n_head=heads,
                n_positions=positions,
                bos_token_id=tokenizer.before[0] if tokenizer.before else None,
                eos_token_id=None,
                pad_token_id=tokenizer.pad,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
            )
        )
    elif kind == "t5":
        network = T5EncoderModel(
            untyped_t5(
                vocab_size=tokenizer.size,
                d_model=dim,
                d_kv=dim // heads,
                d_ff=4 * dim,
                num_layers=layers,
                num_heads=heads,
                dropout_rate=0.0,
                pad_token_id=tokenizer.pad,
                eos_token_id=tokenizer.after[-1] if tokenizer.after else None,
            )
        )
    else:
        raise OptionError("architecture", kind, allowed=KINDS)
    return LanguageModel(kind, network, tokenizer, is_new=True)


def load(folder: Path, *, with_head: bool = False) -> LanguageModel:
    """A model and its tokenizer from a folder, in float32; with its language head for further pre-training.

    A head that the folder lacks begins at random; a missing part of the model itself raises `ModelError`. Code in
    the folder is never run.
    """
    import torch
    from transformers import AutoConfig, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        kind = detect_kind(config)
        loader: Any = _class_with_head(config, kind) if with_head else _base_class(kind)
        with silence_transformers():
            network, info = loader.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and others
        raise ModelError(
            f"{folder} cannot be loaded as a language model: {error}",
            remedy="Give a folder with config.json, model.safetensors and a tokenizer.",
        ) from error
    head = ("cls.", "lm_head.", "pooler.", "decoder.", "predictions.", "vocab_")
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in head))
    if missing:
        raise ModelError(
            f"The weights in {folder} lack {len(missing)} parts of the model (first: {missing[0]}).",
            remedy="They would be random numbers. Download the model again.",
        )
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise ModelError(f"The tokenizer in {folder} has no tokenizer.json.", remedy="Save it as a fast tokenizer.")
    return LanguageModel(kind, network, TextTokenizer.wrap(tokenizer))


def get_base(model: LanguageModel) -> nn.Module:
    """The part that reads, without a language head."""
    base: nn.Module = model.network.base_model
    return base


def rebuild(config: JsonMapping, kind: str) -> Any:
    """The reading part of a model with these settings (`config.to_dict()`) and random weights."""
    from transformers import AutoConfig

    rest = dict(config)
    settings = AutoConfig.for_model(rest.pop("model_type"), **rest)
    return _base_class(kind).from_config(settings)


def read_states(network: Any, tokens: Tensor, mask: Tensor) -> Tensor:
    """Hidden states of the last layer `[batch, tokens, dim]` of token codes; `mask` 1 = token, 0 = padding."""
    states: Tensor = network(input_ids=tokens, attention_mask=mask).last_hidden_state
    return states


def _base_class(kind: str) -> Any:
    from transformers import AutoModel, AutoModelForTextEncoding

    return AutoModelForTextEncoding if kind == "t5" else AutoModel


def _class_with_head(config: Any, kind: str) -> Any:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForPreTraining

    if kind == "bert":
        return AutoModelForPreTraining if config.model_type == "bert" else AutoModelForMaskedLM
    return AutoModelForCausalLM if kind == "gpt" else _base_class(kind)
