"""What is asked of a model before it is fitted has an answer: no property of an unfitted model raises then."""

from __future__ import annotations

import pytest

from penchant import Config, Recommender
from penchant.data.dataset import Dataset
from penchant.models.base import ClosedForm, ModelEnsemble, Pretrained, Trainable
from penchant.models.registry import MODELS, create


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_how_it_is_fitted_before_it_is(name: str) -> None:
    model = create(name, Config(model=name).options)
    kinds = [kind for kind in (ClosedForm, Trainable, ModelEnsemble) if isinstance(model, kind)]
    assert len(kinds) == 1
    assert isinstance(model, Pretrained) is (name == "llm")


@pytest.mark.parametrize("name", ["popularity", "cooccurrence", "item_knn", "user_knn", "ease"])
def test_a_closed_form_is_fitted_without_validation(name: str) -> None:
    rows = [
        {"user_id": f"u{u}", "item_id": f"i{(u + step) % 7}", "timestamp": step} for u in range(9) for step in range(4)
    ]
    recommender = Recommender.fit(Dataset.from_tables(rows), Config(model=name))
    assert len(recommender.recommend(users="u1", k=2).item_ids[0]) == 2
