"""Probes of a recommender: taught by events the model has not learned, kept in the bundle, renewed by updates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.artifacts import bundle
from penchant.data.dataset import Dataset
from penchant.data.ingest.merge import merge
from penchant.embeddings.behaviour import BehaviourOptions, embed_cooccurrence
from penchant.embeddings.fitted import ModalityOptions
from penchant.embeddings.modalities import embed_items
from penchant.errors import BundleError, DataError, ModelError
from penchant.models.probes.options import ProbeOptions
from penchant.models.probes.probes import newest_events
from penchant.recommender import fit as fit_module
from penchant.recommender import update as update_module
from penchant.recommender.config import Config
from penchant.recommender.fit import fit
from penchant.recommender.recommender import Recommender
from penchant.recommender.update import update
from penchant.training.continuing import UpdateOptions

NAMES = ("纪录片", "音乐")
BOTH = Config(model="content", probes=ProbeOptions(fit=("interest", "category"), fewest=10))


def colours(people: int = 30, events: int = 20, seed: int = 0, *, at: int = 0) -> Dataset:
    """Two kinds of items, told apart by their vectors; everybody likes one kind and dislikes what is of the other."""
    rng = np.random.default_rng(seed)
    n = people * events
    user, step = np.repeat(np.arange(people), events), np.tile(np.arange(events), people)
    liked = (step + user // 2) % 4 != 3
    kind = np.where(liked, user % 2, 1 - user % 2)
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u in user],
            "item_id": [f"i{i}" for i in 2 * rng.integers(0, 20, n) + kind],
            "timestamp": at + 1_700_000_000 + step * 60,
            "event": np.where(liked, "like", "dislike"),
        }
    )
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(40)], "categories": [NAMES[i % 2] for i in range(40)]})
    vectors = np.eye(2)[np.arange(40) % 2] + 0.05 * np.random.default_rng(9).standard_normal((40, 2))
    table = pl.DataFrame({"item_id": items["item_id"], "vector": vectors.tolist()})
    return Dataset.from_tables(log, items=items).with_vectors("own", table)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return colours()


@pytest.fixture(scope="module")
def rec(data: Dataset) -> Recommender:
    return Recommender.fit(data, BOTH)


def test_the_newest_events_teach_probes_and_not_the_model(data: Dataset) -> None:
    config = replace(BOTH, model="cooccurrence")
    state, held = fit(data, config), fit_module.select_probe_events(data, config)
    assert held is not None
    assert held.reshape(30, 20).sum(axis=1).tolist() == [2] * 30, "a tenth of twenty"
    assert held.reshape(30, 20)[:, -2:].all()
    alone = fit(data.where(~held), Config(model="cooccurrence"))
    for name, tensor in alone.model.state().tensors.items():
        np.testing.assert_array_equal(state.model.state().tensors[name], tensor)
    counted = fit(data, Config(model="cooccurrence"))
    assert fit_module.select_probe_events(data, counted.config) is None
    for part in (state, counted):
        assert part.record.events == 600 and part.record.trained_until_s == 1_700_000_000 + 19 * 60
        for name, tensor in counted.popularity.state().tensors.items():
            np.testing.assert_array_equal(part.popularity.state().tensors[name], tensor)


def test_probes_know_what_people_like(rec: Recommender) -> None:
    for user, own in (("u0", 0), ("u1", 1)):
        told = rec.interested(user, [f"i{i}" for i in range(40)]).reshape(20, 2)
        assert told[:, own].min() > 0.9 and told[:, 1 - own].max() < 0.1
        categories = rec.next_category(user)
        assert list(categories) == [NAMES[own], NAMES[1 - own]]
        assert sum(categories.values()) == pytest.approx(1, abs=1e-6) and categories[NAMES[own]] > 0.9
    assert rec.record.probes["interest"].negatives == "real"


def test_a_bundle_keeps_them_to_the_bit(rec: Recommender, tmp_path: Path) -> None:
    rec.save(tmp_path / "b")
    again = Recommender.load(tmp_path / "b")
    items = [f"i{i}" for i in range(40)]
    assert again.interested("u3", items).tobytes() == rec.interested("u3", items).tobytes()
    assert again.next_category("u3") == rec.next_category("u3")
    assert again.probes is not None and again.probes.records == rec.probes.records  # type: ignore[union-attr]


def test_an_update_teaches_them_anew(rec: Recommender, tmp_path: Path) -> None:
    fresh = rec.update(colours(events=4, seed=5, at=86_400))
    interest, category = fresh.record.probes["interest"], fresh.record.probes["category"]
    assert interest.pairs == 60, "the newest two of everybody's 24"
    assert sum(category.counts or ()) == category.events == round(60 * (interest.interested or 0))
    assert fresh.probes is not rec.probes and fresh.probes is not None
    assert fresh.interested("u0", ["i0", "i1"]).tolist() != rec.interested("u0", ["i0", "i1"]).tolist()
    fresh.save(tmp_path / "b")
    assert Recommender.load(tmp_path / "b").next_category("u0") == fresh.next_category("u0")


def test_without_probes_only_interest_is_answered(data: Dataset, tmp_path: Path) -> None:
    Recommender.fit(data, Config(model="content")).save(tmp_path / "b")
    bare = Recommender.load(tmp_path / "b")
    assert bare.probes is None and bare.config.probes == ProbeOptions()
    with pytest.raises(ModelError, match="No probes were fitted"):
        bare.next_category("u0")
    assert bare.interested("u0", ["i0", "i1"]).shape == (2,), "fitted at the first call"


def test_an_old_bundle_with_heads_is_refused_and_the_error_names_the_new_key(
    data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = bundle.write_bundle

    def as_before(path: Path, fill: Any, *, metadata: dict[str, Any]) -> Path:
        config = {("heads" if key == "probes" else key): value for key, value in metadata["config"].items()}
        return write(path, fill, metadata={**metadata, "config": config})

    monkeypatch.setattr(bundle, "write_bundle", as_before)
    Recommender.fit(data, Config(model="content")).save(tmp_path / "b")
    with pytest.raises(BundleError, match=r"'heads' is not known\. It has a new name: probes"):
        Recommender.load(tmp_path / "b")


def test_what_cannot_be_taught_is_refused_first(data: Dataset) -> None:
    bare = replace(data, items=data.items.drop("categories"))
    with pytest.raises(DataError, match="No item has a category"):
        Recommender.fit(bare, BOTH)
    lonely = data.with_events(data.events.group_by("user", maintain_order=True).head(1))
    with pytest.raises(DataError, match="No user has two events"):
        Recommender.fit(lonely, BOTH)


def only(data: Dataset, *kinds: str, last: str | None = None) -> Dataset:
    """The events of some kinds; with `last`, everybody's newest one is of that kind."""
    kept = data.where(pl.col("kind").is_in([data.kinds.encode_one(kind, kind="event") for kind in kinds]))
    if last is None:
        return kept
    newest = pl.int_range(pl.len()).over("user") == pl.len().over("user") - 1
    code = pl.lit(data.kinds.encode_one(last, kind="event")).cast(kept.events["kind"].dtype)
    return kept.with_events(kept.events.with_columns(pl.when(newest).then(code).otherwise("kind").alias("kind")))


def test_events_that_teach_nothing_are_refused_before_anything_is_learned(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody's newest event is a dislike; real negatives are asked for and there are none; there is one category."""

    def learned(*_: Any, **__: Any) -> None:
        raise AssertionError("something was learned")

    monkeypatch.setattr("penchant.training.phases.Phases.fit", learned)
    few = colours(events=8)
    with pytest.raises(DataError, match="No event of interest follows another"):
        Recommender.fit(only(few, "like", "dislike", last="dislike"), BOTH)
    real = replace(BOTH, probes=ProbeOptions(fit=("interest",), negatives="real"))
    with pytest.raises(DataError, match="no real negatives"):
        Recommender.fit(only(data, "like"), real)
    same = replace(data, items=data.items.with_columns(categories=pl.lit(NAMES[0])))
    with pytest.raises(DataError, match="have 1 category: a classifier needs two"):
        Recommender.fit(same, BOTH)
    bare = replace(data, vectors=(), items=data.items.drop("categories"))
    for model in ("popularity", "cooccurrence"):
        with pytest.raises(ModelError, match="probes have nothing to read"):
            Recommender.fit(bare, Config(model=model, probes=ProbeOptions(fit=("interest",))))


def test_a_finished_model_stays_where_its_probes_cannot_be_taught(tmp_path: Path) -> None:
    """Everybody took all there is, so no negative is left to draw: that is known only when pairs are made."""
    log = pl.DataFrame([(f"u{u}", f"i{i}", 60 * i) for u in range(6) for i in range(4)], orient="row")
    log.columns = ["user_id", "item_id", "timestamp"]
    table = pl.DataFrame({"item_id": [f"i{i}" for i in range(4)], "vector": np.eye(4).tolist()})
    whole = Dataset.from_tables(log).with_vectors("own", table)
    rec = Recommender.fit(whole, Config(model="content", probes=ProbeOptions(fit=("interest",))))
    assert rec.probes is None and set(rec.record.probes["interest"].to_dict()) == {"left_out"}
    assert "two classes or more" in (rec.record.probes["interest"].left_out or "")
    rec.save(tmp_path / "b")
    again = Recommender.load(tmp_path / "b")
    assert again.probes is None and again.record.probes == rec.record.probes
    assert again.recommend("u0", k=2, allow_seen=True).item_ids == rec.recommend("u0", k=2, allow_seen=True).item_ids


def test_an_update_stays_where_its_probes_cannot_be_taught(data: Dataset) -> None:
    rec = Recommender.fit(data, BOTH)
    late = only(colours(events=4, seed=5, at=86_400), "dislike")
    many = pl.concat([late.events.with_columns(pl.col("time_s") + n) for n in range(4)])
    fresh = rec.update(late.with_events(many.sort("user", "time_s")))
    assert fresh.dataset.n_events == 600 + many.height and fresh.probes is None
    assert {name: list(record.to_dict()) for name, record in fresh.record.probes.items()} == {
        "interest": ["left_out"],
        "category": ["left_out"],
    }
    assert "No event of interest follows another" in (fresh.record.probes["interest"].left_out or "")
    assert rec.probes is not None, "the old one keeps its own"


def test_the_seed_of_an_update_reaches_the_probes(data: Dataset) -> None:
    """Sampled negatives are drawn by it."""
    drawn = replace(BOTH, probes=ProbeOptions(fit=("interest",), negatives="sampled"))
    rec, late = Recommender.fit(data, drawn), colours(events=4, seed=5, at=86_400)
    told = [rec.update(late, UpdateOptions(seed=seed)).interested("u0", ["i0", "i1"]).tolist() for seed in (1, 2, 1)]
    assert told[0] == told[2] != told[1]


def test_an_update_holds_back_no_event_that_was_learned() -> None:
    """15 of 30 people teach probes; 20 people more come. Then events come late, before the newest that are known."""
    config = Config(model="cooccurrence", probes=ProbeOptions(fit=("category",), users=15))
    data = colours(events=19)
    rec = Recommender.fit(data, config)
    held = newest_events(data.sequences(), config.probes)
    assert held is not None and held.sum() == 15
    kept = set(data.events.filter(held).select("user", "item", "time_s").rows())
    more = colours(people=50, events=4, at=86_400)
    for late in (more, colours(events=1, seed=4, at=-60)):
        merged = merge(rec.dataset, late)
        targets = update_module.select_probe_events(merged, rec.state.histories, config)
        assert targets is not None and rec.update(late).dataset.n_users == late.n_users
        events = merged.dataset.events.with_columns(new=merged.is_new).filter(targets)
        known = events.filter(~pl.col("new")).select("user", "item", "time_s").rows()
        assert set(known) <= kept and len(events)
    assert len(known) == 15, "the newest of twenty events, and not the one before it, which was learned"


def test_modalities_of_behaviour_do_not_know_held_events(data: Dataset) -> None:
    """At first and in an update; an encoder that is trained on behaviour sees the same part of the events."""
    modalities = ModalityOptions(behaviour=BehaviourOptions(dim=8))
    config = replace(BOTH, modalities=modalities)
    late = colours(events=4, seed=5, at=86_400)
    state = fit(data, config)
    first = fit_module.select_probe_events(data, config)
    second = update_module.select_probe_events(merge(data, late), state.histories, config)
    for part, held in ((state, first), (update(state, late), second)):
        assert held is not None
        whole = part.dataset.sequences()
        honest, all_events = (
            embed_cooccurrence(log, 40, modalities.behaviour, seed=modalities.seed).vectors
            for log in (whole.keep(~held), whole)
        )
        np.testing.assert_array_equal(part.modalities["behaviour"].vectors, honest)
        assert not np.allclose(honest, all_events)


def test_encoders_are_made_without_held_events(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Dataset] = []

    def watched(dataset: Dataset, *args: Any, **more: Any) -> Any:
        seen.append(dataset)
        return embed_items(dataset, *args, **more)

    monkeypatch.setattr("penchant.recommender.fit.embed_items", watched)
    fit(data, BOTH)
    held = fit_module.select_probe_events(data, BOTH)
    assert held is not None and seen[0].n_events == 600 - held.sum() == 540
