"""Coverage, contribution and ablation of modalities: known shares, a modality that carries everything, refits by
name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.results.modality_use import Coverage
from penchant.data.sequences import SequenceBatch
from penchant.errors import OptionError, UsageError
from penchant.evaluation.ablation import (
    add_refits,
    build_refits,
    list_subsets,
    measure_contributions,
    measure_coverage,
    restrict,
)
from penchant.evaluation.compare import CompareOptions, compare
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender

SMALL = {
    "transformer.dim": "16",
    "transformer.layers": "1",
    "transformer.epochs": "8",
    "transformer.learning_rate": "0.01",
    "transformer.id_dropout": "0.2",
}


@pytest.fixture(scope="module")
def colours() -> Dataset:
    """Each user stays with one of four words; the order of its items is random. Only the word can be learned."""
    rng = np.random.default_rng(0)
    words = ["harbour", "saddle", "violin", "bakery"]
    rows = [(u, int(i)) for u in range(160) for i in rng.permutation(10)[:6] * 4 + u % 4]
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u, _ in rows],
            "item_id": [f"i{i}" for _, i in rows],
            "timestamp": [1_000 + n for n in range(len(rows))],
        }
    )
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(40)], "title": [f"{words[i % 4]} {i}" for i in range(40)]})
    return Dataset.from_tables(log, items=items)


def config(model: str, **more: str) -> Config:
    return Config(model=model).with_settings({**SMALL, "modalities.text.encoder": "ngram", **more})


def test_subsets_are_all_then_all_but_one_then_each_alone() -> None:
    assert list_subsets(["behaviour", "text", "image"]) == [
        ("behaviour", "text", "image"),
        ("text", "image"),
        ("behaviour", "image"),
        ("behaviour", "text"),
        ("behaviour",),
        ("text",),
        ("image",),
    ]
    assert list_subsets(["text"]) == [("text",)]


def test_coverage_counts_items_and_events() -> None:
    half = Modality(np.array([[1.0], [1.0], [0.0], [0.0]], np.float32), np.array([True, True, False, False]))
    said = Modalities({"text": Modality(np.ones((1, 1), np.float32), np.ones(1, np.bool_))})
    histories = replace(
        SequenceBatch.of_items([[0, 2, 2], [-1, 2]]),
        content=said,
        content_rows=np.array([-1, -1, 0, 0, -1], dtype=np.int32),
    )
    coverage = measure_coverage(Modalities({"text": half}), histories)
    assert coverage["text"] == Coverage(0.5, pytest.approx(3 / 5))
    assert coverage["behaviour"] == Coverage(0.5, pytest.approx(4 / 5))


def test_contributions_of_a_counting_model_are_all_behaviour_and_of_content_all_text(colours: Dataset) -> None:
    for model, modality in (("cooccurrence", "behaviour"), ("content", "text")):
        rec = Recommender.fit(colours, config(model))
        shares = measure_contributions(rec, rec.histories(np.arange(20)))
        assert shares == {modality: pytest.approx(1.0)}


def test_masking_shows_which_modality_the_model_uses(colours: Dataset) -> None:
    comparison = compare(
        colours,
        {"lite": config("lite", **{"lite.experts": "transformer,content,cooccurrence"})},
        options=CompareOptions(split="leave-one-out", ablate="masked", curves=False),
    )
    use: dict[str, Any] = comparison.to_json()["modalities"]["lite"]
    rows = {tuple(row["modalities"]): row for row in use["rows"]}
    assert list(rows) == list_subsets(["behaviour", "text"])
    assert use["how"] == "masked" and use["users"] == 160 and "difference" not in use["rows"][0]
    assert rows[("behaviour", "text")]["mean"] == pytest.approx(comparison.models["lite"]["ndcg@10"].mean)
    assert rows[("text",)]["mean"] > 0.2, "the word alone narrows ten items down"
    assert sum(use["contribution"].values()) == pytest.approx(1.0)
    assert use["contribution"]["text"] > 0.05
    assert use["coverage"]["text"] == {"items": 1.0, "events": 1.0}


def test_refits_are_models_with_a_paired_test(colours: Dataset) -> None:
    recipe = config("transformer", **{"transformer.epochs": "2"})
    options = CompareOptions(split="leave-one-out", ablate="refitted", curves=False)
    comparison = compare(colours, {"transformer": recipe}, options=options)
    assert list(comparison.models) == ["transformer", "transformer: text", "transformer: behaviour"]
    pairs = {frozenset((test.model, test.baseline)) for test in comparison.tests}
    assert frozenset(("transformer: text", "transformer")) in pairs
    assert frozenset(("transformer: behaviour", "transformer")) in pairs


def test_recipes_of_parts() -> None:
    lite = Config()
    refits = build_refits(lite, ["behaviour", "text"])
    assert refits[("text",)].options("lite").experts == ("transformer", "content")
    assert refits[("text",)].options("transformer").modalities == ("text",)
    alone = refits[("behaviour",)].options("lite").experts
    assert "content" not in alone and "ease" in alone
    assert refits[("behaviour",)].options("transformer").modalities == ("behaviour",)
    assert refits[("text",)].options("lite").cold_modalities == ("text",)
    assert refits[("behaviour",)].options("lite").cold_modalities == ("behaviour",), "cold items have no content"
    chosen = lite.with_settings({"lite.cold_modalities": "image"})
    assert build_refits(chosen, ["behaviour", "text", "image"])[("behaviour", "text")].options(
        "lite"
    ).cold_modalities == ("behaviour",)
    begun = config("transformer", **{"transformer.id_init": "pca"})
    starts = {kept: each.options().id_init for kept, each in build_refits(begun, ["behaviour", "text"]).items()}
    assert starts == {("behaviour", "text"): "pca", ("text",): "random", ("behaviour",): "pca"}
    assert restrict(lite, "content", ["behaviour"]) is None
    assert restrict(lite, "ease", ["text"]) is None and restrict(lite, "ease", ["behaviour", "text"]) == lite


def test_invalid_options(colours: Dataset) -> None:
    with pytest.raises(OptionError, match="masked"):
        CompareOptions(ablate="mask")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="more than one modality"):
        add_refits(colours, {"ease": config("ease")})
