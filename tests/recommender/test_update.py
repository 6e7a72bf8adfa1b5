"""A recommender takes in new data: new items by content at once, new events learned on, nothing forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.artifacts.bundle import list_versions, open_bundle
from penchant.data.dataset import Dataset
from penchant.data.training import Validation
from penchant.errors import BundleError, DataError, ModelError, UsageError
from penchant.evaluation.drift import measure_drift
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.training import fit
from penchant.training.continuing import UpdateOptions

TASTES = ["sea harbour ship sailor", "drum guitar concert band", "bread oven flour bakery"]
SMALL = {"modalities.text.encoder": "ngram", "modalities.text.dim": "16"}
NET = {"transformer.dim": 16, "transformer.layers": 1, "transformer.epochs": 6, "transformer.learning_rate": 0.01}


def platform(users: int = 45, length: int = 8, seed: int = 0) -> Dataset:
    """Everybody has one of three tastes, ten items each, and walks through its items."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"u{u}", f"i{u % 3 * 10 + (start + n) % 10}", 1_700_000_000 + 3600 * n + u)
        for u in range(users)
        for start in [rng.integers(10)]
        for n in range(length)
    ]
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(30)], "title": [_title(i // 10, i) for i in range(30)]})
    return Dataset.from_tables(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"), items)


def _title(taste: int, number: int) -> str:
    return f"{TASTES[taste]} part {number}"


def more(rows: list[tuple[str, str, int]], titles: dict[str, str] | None = None) -> Dataset:
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame({"item_id": list(titles), "title": list(titles.values())}) if titles else None
    return Dataset.from_tables(events, items)


LATER = 1_700_100_000


def config(model: str) -> Config:
    return Config(model=model).with_settings({**SMALL, **NET, "lite.experts": "transformer,cooccurrence,content"})


@pytest.fixture(scope="module", params=["transformer", "lite", "cooccurrence"])
def fitted(request: pytest.FixtureRequest) -> Recommender:
    return Recommender.fit(platform(), config(request.param))


@pytest.fixture(scope="module")
def neural() -> Recommender:
    return Recommender.fit(platform(), config("transformer"))


def interrupted(root: Path, version: str) -> None:
    raise KeyboardInterrupt


def test_new_events_change_the_answer_and_nothing_else_is_lost(fitted: Recommender) -> None:
    before = fitted.recommend("u0", k=5)
    state = {k: v.copy() for k, v in fitted.model.state().tensors.items()}
    new = more(
        [("u0", f"i{10 + n}", LATER + n) for n in range(4)] + [("guest1", "i20", LATER), ("guest1", "i21", LATER + 9)]
    )
    fresh = fitted.update(new)
    assert fresh.recommend("u0", k=5).item_ids != before.item_ids
    assert fitted.recommend("u0", k=5).item_ids == before.item_ids  # the old one stays as it is
    assert all((fitted.model.state().tensors[k] == v).all() for k, v in state.items())
    assert fresh.dataset.n_events == fitted.dataset.n_events + 6
    assert fresh.dataset.user_vocabulary.ids.to_list()[-1] == "guest1"
    assert fresh.recommend("guest1", k=3).sources == ["model"]
    assert fresh.record.trained_until_s == LATER + 9
    assert fresh.record.updates[0].new == {"events": 6, "users": 1}


def test_a_second_update_with_the_same_data_does_nothing(fitted: Recommender) -> None:
    new = more([("u1", "i0", LATER), ("u2", "i11", LATER)])
    fresh = fitted.update(new)
    assert fresh is not fitted and fresh.update(new) is fresh
    assert fitted.update(platform()) is fitted


@pytest.mark.parametrize("model", ["transformer", "lite"])
def test_a_new_item_is_recommended_by_its_content_at_once(model: str) -> None:
    rec = Recommender.fit(platform(), config(model))
    titles = {f"new{taste}": f"{TASTES[taste]} premiere" for taste in range(3)}
    fresh = rec.update(more([("u0", "i1", LATER)], titles), UpdateOptions(epochs=0))
    assert fresh.dataset.n_items == 33 and fresh.modalities["text"].present.all()
    codes = fresh.dataset.item_vocabulary.encode(list(titles))
    for user in ("u3", "u4", "u5", "u6"):
        scores = fresh.scores(fresh.histories(fresh.dataset.encode_users([user])))[0]
        own = int(user[1:]) % 3
        others = np.delete(codes, own)
        assert scores[codes[own]] > scores[others].max()
        assert scores[codes[own]] > np.median(scores[:30])


def test_items_alone_are_enough(neural: Recommender, tmp_path: Path) -> None:
    from penchant.data.ingest.load import load_folder

    (tmp_path / "items.csv").write_text(f"item_id,title\nfresh,{TASTES[1]} live\n")
    fresh = neural.update(load_folder(tmp_path, needs_events=False))
    assert fresh.record.updates[0].new == {"items": 1}
    assert fresh.dataset.n_events == neural.dataset.n_events
    net = fresh.model.net  # type: ignore[attr-defined]
    assert net.tower.trained.tolist() == [1.0] * 30 + [0.0]
    # its id begins at the mean of the ten items that say the same
    ids = net.tower.embedding.detach().numpy()
    np.testing.assert_allclose(ids[30], ids[10:20].mean(axis=0), atol=1e-6)


def test_rows_without_an_id_are_in_quarantine_where_items_are_alone(tmp_path: Path) -> None:
    from penchant.data.ingest.load import load_folder

    (tmp_path / "items.csv").write_text("item_id,title\nfresh,live\n,nobody\n")
    (tmp_path / "users.csv").write_text("user_id,age\nann,30\n")
    report = load_folder(tmp_path, needs_events=False).report
    assert report is not None and report.tables["items"].quarantined == {"no item_id": 1}
    assert report.tables["users"].rows_kept == 1 and report.tables["events"].rows_read == 0
    with pytest.raises(DataError, match="1 rows would be in quarantine"):
        load_folder(tmp_path, needs_events=False, strict=True)
    with pytest.raises(DataError, match="no table of events"):
        load_folder(tmp_path)


def test_a_title_that_is_corrected_is_encoded_again(neural: Recommender) -> None:
    changed = {"i0": TASTES[2], "i1": _title(0, 1)}
    fresh = neural.update(more([("u0", "i1", LATER)], changed), UpdateOptions(epochs=0))
    old, new = neural.modalities["text"].vectors, fresh.modalities["text"].vectors
    assert (old[1:] == new[1:]).all() and (old[0] != new[0]).any()
    assert fresh.record.updates[0].new["changed_items"] == 1


def test_replay_and_epochs_are_what_they_say(neural: Recommender) -> None:
    from penchant.training.continuing import _select_users
    from penchant.training.prepare import build_training_data

    data = build_training_data(neural.dataset, neural.modalities, neural.encoders)
    touched = np.arange(45) < 6
    for replay, count in ((0.0, 6), (1.0, 12), (2.5, 21), (100.0, 45)):
        rows = _select_users(data, touched, UpdateOptions(replay=replay))
        assert len(rows) == count and set(range(6)) <= set(rows.tolist())
    untouched = neural.update(more([("u0", "i1", LATER)]), UpdateOptions(epochs=0))
    names = [n for n, p in neural.model.net.named_parameters() if p.requires_grad]  # type: ignore[attr-defined]
    for name in names:
        assert (untouched.model.state().tensors[name] == neural.model.state().tensors[name]).all(), name
    moved = neural.update(more([("u0", "i1", LATER)]), UpdateOptions(epochs=1))
    assert any((moved.model.state().tensors[n] != neural.model.state().tensors[n]).any() for n in names)
    with pytest.raises(UsageError, match="out of range"):
        UpdateOptions(replay=-1.0)


def test_weights_are_found_anew_on_the_newest_events_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    rec = Recommender.fit(platform(), config("lite"))
    assert isinstance(rec.model, Ensemble)
    new = more([(f"u{u}", f"i{u % 3 * 10 + n}", LATER + n) for u in range(9) for n in range(10)])
    kept = rec.update(new)
    assert kept.model.weights == rec.model.weights  # type: ignore[attr-defined]
    asked: list[Validation] = []
    fit_weights = Ensemble.fit_weights

    def seen(self: Ensemble, validation: Validation) -> None:
        asked.append(validation)
        fit_weights(self, validation)

    monkeypatch.setattr(Ensemble, "fit_weights", seen)
    fresh = rec.update(new, UpdateOptions(fit_weights=True))
    assert len(asked) == 1 and set(asked[0].histories.users.tolist()) <= set(range(9))
    whole = fresh.dataset.sequences()
    for row, user in enumerate(asked[0].histories.users):
        target = asked[0].targets.row(row)
        assert len(target) == 1 and target[0] in whole.items[whole.offsets[user] : whole.offsets[user + 1]]
        assert target[0] not in asked[0].histories.take([row]).items
    assert set(fresh.model.weights) == set(rec.model.weights)  # type: ignore[attr-defined]
    for name, tensor in kept.model.state().tensors.items():  # the experts are those of the plain update
        assert (fresh.model.state().tensors[name] == tensor).all(), name


@pytest.mark.parametrize("had", ["", "dwell_s", "value"])
def test_amounts_that_come_new_take_nothing_from_those_that_were_there(had: str) -> None:
    """Without learning, who has no new event is answered as before, and new amounts say nothing yet; then they do."""

    def with_amounts(data: Dataset, *names: str) -> Dataset:
        told = {"dwell_s": pl.int_range(pl.len()) % 40 + 1.0, "value": pl.int_range(pl.len()) % 5 + 1.0}
        raw = data.events.select(
            data.user_vocabulary.ids.gather(data.events["user"]).alias("user_id"),
            data.item_vocabulary.ids.gather(data.events["item"]).alias("item_id"),
            pl.col("time_s").alias("timestamp"),
        )
        return Dataset.from_tables(raw.with_columns(**{n: told[n] for n in names if n}), data.items)

    rec = Recommender.fit(with_amounts(platform(), had), config("transformer"))
    rows = [(user, item, LATER + n) for user, item in (("u0", "i1"), ("u1", "i13")) for n in range(3)]
    new = with_amounts(more(rows), "value", "dwell_s")
    fresh = rec.update(new, UpdateOptions(epochs=0))
    users = [f"u{u}" for u in range(2, 45)]
    before, after = (r.scores(r.histories(r.dataset.encode_users(users))) for r in (rec, fresh))
    np.testing.assert_allclose(after, before, atol=1e-6)
    old, layer = (r.model.state().tensors.get("tokens.amounts.weight") for r in (rec, fresh))
    assert layer is not None and layer.shape == (16, 4)
    own = {"": slice(0, 0), "value": slice(0, 2), "dwell_s": slice(2, 4)}[had]
    if old is not None:
        np.testing.assert_array_equal(layer[:, own], old)
    assert not np.delete(layer, own, axis=1).any()
    learned = rec.update(new).model.state().tensors["tokens.amounts.weight"]
    assert (np.abs(learned).max(axis=0) > 0).all()
    again = fresh.update(more([("u3", "i2", LATER)]), UpdateOptions(epochs=0))  # none of these has an amount
    np.testing.assert_array_equal(again.model.state().tensors["tokens.amounts.weight"], layer)


def test_a_part_without_any_amount_keeps_the_layer_that_reads_them(neural: Recommender) -> None:
    """As where the newest events, the only ones that have a value, are held out."""
    from penchant.training.continuing import continue_fit
    from penchant.training.prepare import build_training_data

    data = build_training_data(platform(), neural.modalities, neural.encoders)
    valued = replace(data, sequences=replace(data.sequences, values=np.ones(data.sequences.n_events, np.float32)))
    model = SequenceModel(SequenceOptions(dim=16, layers=1, epochs=1))
    fit(model, valued)
    old = model.state().tensors
    rows, items = np.zeros(45, dtype=np.bool_), np.ones(30, dtype=np.bool_)
    continue_fit(model, data, rows, items, UpdateOptions(epochs=0))
    for name, value in old.items():
        np.testing.assert_array_equal(model.state().tensors[name], value, err_msg=name)


def test_a_trained_weight_without_a_place_is_refused(neural: Recommender) -> None:
    from penchant.models.nn.base import Network
    from penchant.training.continuing import transplant

    state = neural.model.state().tensors
    wide = {**state, "tokens.gaps": np.ones((35, 17), dtype=np.float32)}
    net, seen = neural.model.net, np.ones(30, dtype=np.bool_)  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"no place for the trained weights tokens\.gaps\. Train it again"):
        transplant(net, wide, seen, neural.modalities)
    more_of_it = Network()
    more_of_it.tokens, more_of_it.gone = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    with pytest.raises(
        ModelError, match=r"no place for the trained weights tokens\.weight, tokens\.bias, gone\.weight, gone\.bias"
    ):
        transplant(net, state, seen, neural.modalities, more_of_it)
    with pytest.raises(ModelError, match="no place for the trained weights of the model"):
        transplant(net, {}, seen, neural.modalities)


def test_same_data_same_bytes(neural: Recommender) -> None:
    new = more([("u0", "i1", LATER), ("u7", "i13", LATER)])
    states = [neural.update(new).model.state().tensors for _ in range(2)]
    assert all(states[0][name].tobytes() == states[1][name].tobytes() for name in states[0])


def test_the_seed_of_an_update_is_the_bundles_own_unless_given(neural: Recommender) -> None:
    new = more([("u0", "i1", LATER), ("u7", "i13", LATER)])
    plain, same, other = (neural.update(new, UpdateOptions(seed=seed)) for seed in (None, neural.config.seed, 5))
    told = [rec.model.state().tensors for rec in (plain, same, other)]
    assert all(told[0][name].tobytes() == told[1][name].tobytes() for name in told[0])
    assert any(told[0][name].tobytes() != told[2][name].tobytes() for name in told[0])
    assert [rec.record.updates[-1].seed for rec in (plain, same, other)] == [neural.config.seed] * 2 + [5]
    assert other.config == neural.config, "the recipe of the bundle stays"


def test_a_bundle_takes_it_in_whole_or_not_at_all(
    neural: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neural.save(tmp_path / "b")
    new = more([("u0", f"i{10 + n}", LATER + n) for n in range(4)], {"new": TASTES[0]})
    fresh = Recommender.load(tmp_path / "b").update(new)
    with monkeypatch.context() as patch:
        patch.setattr("penchant.artifacts.bundle._point", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fresh.save(tmp_path / "b")
    assert Recommender.load(tmp_path / "b").dataset.n_items == 30
    fresh.save(tmp_path / "b")
    again = Recommender.load(tmp_path / "b")
    assert again.dataset.item_vocabulary.digest() == fresh.dataset.item_vocabulary.digest()
    assert again.recommend("u0", k=5).item_ids == fresh.recommend("u0", k=5).item_ids
    assert (open_bundle(tmp_path / "b").name, len(list_versions(tmp_path / "b"))) == (
        str(max(list_versions(tmp_path / "b"))),
        3,
    )
    assert again.update(new) is again


def test_without_histories_it_says_what_to_do(neural: Recommender, tmp_path: Path) -> None:
    neural.save(tmp_path / "b", histories=False)
    with pytest.raises((DataError, BundleError), match="Train it again from all the data"):
        Recommender.load(tmp_path / "b").update(more([("u0", "i1", LATER)]))


def test_drift_against_a_full_training(neural: Recommender) -> None:
    rows = [(f"u{u}", f"i{u % 3 * 10 + n}", LATER + n) for u in range(0, 45, 2) for n in (8, 9)]
    rows += [(f"v{u}", f"i{u % 3 * 10 + n}", LATER + n) for u in range(9) for n in range(4)]
    found = measure_drift(neural, more(rows))
    assert found.users > 5 and 0.0 <= found.overlap <= 1.0
    assert found.cosine is not None and 0.3 < found.cosine <= 1.0 + 1e-6
    assert found.overlap > 0.5  # chance is a third: both name the person's own taste
    for value in (found.ndcg_before, found.ndcg_updated, found.ndcg_retrained):
        assert 0.0 <= value <= 1.0
    closed = Recommender.fit(platform(), replace(config("cooccurrence")))
    same = measure_drift(closed, more(rows))
    assert same.overlap == 1.0 and same.ndcg_updated == same.ndcg_retrained  # a closed form is computed from everything


def test_drift_needs_somebody_to_ask(neural: Recommender) -> None:
    with pytest.raises(DataError, match="No new event can be held out"):
        measure_drift(neural, more([("stranger", "i1", LATER)]))


@pytest.mark.parametrize("norm", ["l2", "standardise"])
def test_a_layer_with_as_many_rows_as_items_is_no_table_of_items(norm: str) -> None:
    """64 items, of which many have no event, and a projection of 4 × 16 rows: it stays, as statistics of modalities
    do."""
    events = pl.DataFrame(
        [(f"u{u}", f"i{(u + 3 * n) % 20}", 1_700_000_000 + 3600 * n + u) for u in range(20) for n in range(6)],
        schema=["user_id", "item_id", "timestamp"],
        orient="row",
    )
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(64)], "title": [_title(n % 3, n) for n in range(64)]})
    settings = {**SMALL, **NET, "transformer.epochs": 1, "transformer.modality_norm": norm}
    rec = Recommender.fit(Dataset.from_tables(events, items), Config(model="transformer").with_settings(settings))
    fresh = rec.update(more([("u0", "i1", LATER)]), UpdateOptions(epochs=0))
    old, new = rec.model.state().tensors, fresh.model.state().tensors
    assert old["encoder.blocks.0.project.weight"].shape == (64, 16)
    assert ("tower.norm.mean" in old) == (norm == "standardise")
    for name in set(old) - {"items", "tower.embedding"}:
        np.testing.assert_array_equal(new[name], old[name], err_msg=name)
    np.testing.assert_array_equal(new["tower.embedding"][:20], old["tower.embedding"][:20])


LLM = {"width": 16, "layers": 1, "epochs": 1, "dim": 8, "vocabulary": 200, "pretrain_tokens": 2000, "max_length": 64}


@pytest.mark.parametrize("levels", [1, 2])
def test_a_language_model_keeps_its_words_and_weights(levels: int) -> None:
    settings = {**SMALL, **{f"llm.{name}": value for name, value in LLM.items()}, "llm.levels": levels}
    rec = Recommender.fit(platform(users=12), Config(model="llm").with_settings(settings))
    titles = {"new": f"{TASTES[0]} etwas völlig Neues", "new2": f"{TASTES[1]} live"}
    new = more([("u0", "i1", LATER), ("u1", "new", LATER)], titles)
    fresh = rec.update(new, UpdateOptions(epochs=0))
    history = rec.histories(np.array([4]))
    before, after = rec.scores(history)[0], fresh.scores(fresh.histories(np.array([4])))[0]
    np.testing.assert_allclose(after[:30], before, atol=1e-5)
    assert len(after) == 32 and fresh.model.state().tensors["items.trained"].ravel().tolist() == [1.0] * 31 + [0.0]
    by_content = fresh.model.state().tensors["items.project.weight"] @ fresh.modalities["text"].unit().vectors[31]
    alone = by_content / np.linalg.norm(by_content)
    np.testing.assert_allclose(fresh.dense_model().item_vectors[31], alone, atol=1e-5)  # nobody has touched it
    learned = rec.update(new, UpdateOptions(epochs=1))
    assert fresh.recommend("u0", k=3).item_ids and learned.recommend("u1", k=3).sources == ["model"]
    old, moved = rec.model.state().tensors, learned.model.state().tensors
    assert (old["tokenizer"] == moved["tokenizer"]).all()
    assert 0 < np.abs(moved["project.weight"] - old["project.weight"]).max() < 0.5


def test_a_language_model_that_read_the_items_and_was_altered_is_refused() -> None:
    settings = {**SMALL, **{f"llm.{name}": value for name, value in LLM.items()}, "llm.items": "lm"}
    rec = Recommender.fit(platform(users=12), Config(model="llm").with_settings(settings))
    with pytest.raises(ModelError, match=r"are not in the bundle.*Train it again; with items='modality'"):
        rec.update(more([("u0", "i1", LATER)]))


def test_an_expert_that_the_data_have_outgrown_is_named() -> None:
    settings = {**SMALL, "lite.experts": "cooccurrence,user_knn", "lite.max_users_user_knn": 45}
    rec = Recommender.fit(platform(), Config(model="lite").with_settings(settings))
    assert not rec.update(more([("u1", "i3", LATER)])).record.updates[0].left_out
    fresh = rec.update(more([("stranger", "i0", LATER), ("stranger", "i1", LATER + 9)]))
    (why,) = fresh.record.updates[0].left_out.values()
    assert why.startswith("46 users") and isinstance(fresh.model, Ensemble)
    assert list(fresh.model.experts) == ["cooccurrence"] and set(rec.model.experts) == {"cooccurrence", "user_knn"}  # type: ignore[attr-defined]
    again = fresh.update(more([("u1", "i3", LATER)]))
    assert not again.record.updates[1].left_out
