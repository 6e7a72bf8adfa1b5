"""Tokenizers: trained on a corpus, taken from a folder, written as bytes and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penchant.arrays import UInt8s

PAD, UNKNOWN, START, END, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL: Final = (PAD, UNKNOWN, START, END, MASK)
ROLES: Final = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token", "bos_token", "eos_token")


@dataclass(frozen=True)
class TextTokenizer:
    """A tokenizer of `transformers`; `before` and `after` are the codes that it adds around a text."""

    inner: Any
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def wrap(cls, inner: Any) -> TextTokenizer:
        """Wrap a tokenizer; the tokens that it adds to a text are read from an example."""
        full = list(inner("a")["input_ids"])
        core = list(inner("a", add_special_tokens=False)["input_ids"])
        starts = [n for n in range(len(full) - len(core) + 1) if full[n : n + len(core)] == core]
        start = starts[-1] if starts else 0
        return cls(inner, tuple(full[:start]), tuple(full[start + len(core) :]))

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.inner)

    @property
    def pad(self) -> int:
        """The code of padding; padding is masked, so any code does where a model has none."""
        return int(self.inner.pad_token_id) if self.inner.pad_token_id is not None else 0

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token codes of every text, without special tokens."""
        if not texts:
            return []
        codes: list[list[int]] = self.inner(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
        return codes

    def to_bytes(self) -> UInt8s:
        """The JSON of the tokenizer as bytes, for safetensors."""
        return np.frombuffer(self.inner.backend_tokenizer.to_str().encode(), dtype=np.uint8).copy()

    def roles(self) -> dict[str, str]:
        """The special tokens by role (padding, mask, start …), for JSON."""
        return {role: str(getattr(self.inner, role)) for role in ROLES if getattr(self.inner, role, None) is not None}

    @classmethod
    def from_bytes(cls, data: UInt8s, roles: dict[str, str]) -> TextTokenizer:
        """The inverse of `to_bytes` and `roles`."""
        from tokenizers import Tokenizer
        from transformers import PreTrainedTokenizerFast

        untyped: Any = PreTrainedTokenizerFast
        inner = untyped(tokenizer_object=Tokenizer.from_str(data.tobytes().decode()), **roles)
        return cls.wrap(inner)


def train_tokenizer(texts: Sequence[str], language: str, kind: str, *, size: int = 4000) -> TextTokenizer:
    """A tokenizer learned from a corpus: byte pairs within words (Sennrich et al., ACL 2016); Chinese by character.

    BERT-type models get [CLS] … [SEP] around a text, T5-type ones [SEP] behind it, GPT-type ones [CLS] before it.
    At most `size` tokens. Deterministic.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.BPE(unk_token=UNKNOWN))
    model.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    pieces: list[Any] = [pre_tokenizers.Whitespace()]
    if language == "zh":
        pieces.append(pre_tokenizers.Split(Regex(r"\p{Han}"), behavior="isolated"))
    model.pre_tokenizer = pre_tokenizers.Sequence([*pieces, pre_tokenizers.Digits(individual_digits=True)])
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL), show_progress=False)
    model.train_from_iterator(list(texts), trainer)
    single = {"bert": f"{START} $A {END}", "t5": f"$A {END}", "gpt": f"{START} $A"}[kind]
    pair = f"{START} $A {END} $B:1 {END}:1" if kind == "bert" else f"{single} $B:1"
    known = [(token, model.token_to_id(token)) for token in (START, END)]
    model.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=known)
    untyped: Any = PreTrainedTokenizerFast
    inner = untyped(
        tokenizer_object=model,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
        mask_token=MASK,
        bos_token=START,
        eos_token=END,
    )
    return TextTokenizer.wrap(inner)
