"""Pre-training of small models of every type: loss and perplexity fall, pairs are told apart, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.errors import ModelError
from penchant.llm.language_model import LanguageModel, detect_kind, get_base, make_small, read_states
from penchant.llm.pretraining import PretrainingOptions, pretrain
from penchant.llm.tokenizer import TextTokenizer, train_tokenizer

NOUNS = ["apple", "bridge", "candle", "dragon", "engine", "forest", "guitar", "harbor"]
TEXTS = [f"the {noun} is {noun} red. a {noun} was a {noun} long ago." for noun in NOUNS for _ in range(12)]


def small(kind: str) -> LanguageModel:
    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, "en", kind, size=120)
    return make_small(kind, tokenizer, dim=32, layers=1, heads=2, positions=64)


@pytest.mark.parametrize(("kind", "objective"), [("bert", "mlm"), ("gpt", "causal")])
def test_loss_and_perplexity_fall(kind: str, objective: str) -> None:
    options = PretrainingOptions(objective, epochs=12, batch_tokens=512, learning_rate=1e-2)
    log = pretrain(small(kind), TEXTS, options, seed=0)
    assert log.losses[-1] < 0.7 * log.losses[0]
    assert 1 < log.perplexity_after < 0.5 * log.perplexity_before
    assert log.nsp_accuracy_after is None


def test_sentences_that_do_not_follow_are_told_apart() -> None:
    texts = [f"{word} {word} {word}. {word} {word} {word}." for word in ("apple", "bridge") for _ in range(150)]
    torch.manual_seed(0)
    tokenizer = train_tokenizer(texts, "en", "bert", size=120)
    model = make_small("bert", tokenizer, dim=32, layers=2, heads=2, positions=64)
    log = pretrain(model, texts, PretrainingOptions("nsp", epochs=12, batch_tokens=256, learning_rate=5e-3), seed=0)
    assert log.losses[-1] < 0.7 * log.losses[0]
    assert log.nsp_accuracy_before is not None and log.nsp_accuracy_before < 0.9
    assert log.nsp_accuracy_after is not None and log.nsp_accuracy_after > 0.95


def test_the_reading_part_has_the_pretrained_weights() -> None:
    for kind in ("bert", "gpt", "t5"):
        model = small(kind)
        part = get_base(model).eval()
        assert detect_kind(model.network.config) == kind
        tokens = torch.tensor([[5, 6, 7]])
        whole = model.network.eval()
        inner = whole.encoder if kind == "t5" else whole.base_model
        with torch.inference_mode():
            expected = inner(input_ids=tokens).last_hidden_state
            found = read_states(part, tokens, torch.ones_like(tokens))
        torch.testing.assert_close(found, expected)


def test_an_objective_of_another_type_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'mlm' is not for a gpt model\. Take causal or none"):
        pretrain(small("gpt"), TEXTS, PretrainingOptions("mlm"), seed=0)
    with pytest.raises(ModelError, match=r"'causal' is not for a t5 model\. Take none"):
        pretrain(small("t5"), TEXTS, PretrainingOptions("causal"), seed=0)
    with pytest.raises(ModelError, match="two sentences or more"):
        pretrain(small("bert"), ["one", "two"], PretrainingOptions("nsp"), seed=0)


def test_a_chinese_tokenizer_knows_characters_and_comes_back_from_bytes() -> None:
    texts = ["看了《盗火线》。2天后，买了《异形》。", "程序员看电影"]
    tokenizer = train_tokenizer(texts, "zh", "bert", size=200)
    codes = tokenizer.encode(["买了《盗火线》"])[0]
    assert len(codes) == 7 and tokenizer.inner.unk_token_id not in codes
    again = TextTokenizer.from_bytes(tokenizer.to_bytes(), tokenizer.roles())
    assert again.encode(texts) == tokenizer.encode(texts)
    assert (again.before, again.after, again.pad) == (tokenizer.before, tokenizer.after, tokenizer.pad)
    assert np.array_equal(again.to_bytes(), tokenizer.to_bytes())
