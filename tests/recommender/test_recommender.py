"""The recommender end to end on a small simulated shop: fit, answer, explain, save, load."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.results.records import TrainingRecord
from penchant.data.splits import split
from penchant.errors import BundleError, DataError, OptionError, UnknownIdError, UsageError
from penchant.models.ensemble.ensemble import Ensemble
from penchant.models.ensemble.options import EnsembleOptions
from penchant.models.sequence import SequenceOptions
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.retrieval.filters import Filters
from penchant.simulator import SimulatorOptions, simulate

SMALL = SequenceOptions(dim=16, epochs=3, layers=1, max_length=30)
CONFIG = Config(
    model="lite",
    models={"transformer": SMALL, "lite": EnsembleOptions(experts=("transformer", "cooccurrence", "content"))},
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("shop")
    simulate(SimulatorOptions(users=120, items=100, events=3000, language="en")).write(folder)
    return Dataset.load(folder)


@pytest.fixture(scope="module")
def counted(shop: Dataset) -> Recommender:
    return Recommender.fit(shop, Config(model="cooccurrence"))


@pytest.fixture(scope="module")
def neural(shop: Dataset) -> Recommender:
    return Recommender.fit(shop, Config(model="transformer", models={"transformer": SMALL}))


@pytest.fixture(scope="module")
def fused(shop: Dataset) -> Recommender:
    return Recommender.fit(shop, CONFIG)


def users(rec: Recommender, n: int = 5) -> list[str]:
    return rec.dataset.user_vocabulary.decode(np.arange(n))


def test_a_list_has_k_items_none_of_them_seen(counted: Recommender, shop: Dataset) -> None:
    found = counted.recommend(users(counted), k=7)
    table = found.table()
    assert table.columns == ["user_id", "rank", "item_id", "score"]
    assert table.height == 35 and table["rank"].to_list()[:7] == list(range(1, 8))
    seen = shop.sequences([0]).items
    assert not set(found.items[0].tolist()) & set(seen.tolist())
    assert set(counted.recommend(users(counted), k=7, allow_seen=True).items[0]) & set(seen.tolist())


def test_one_user_is_a_batch_of_one(fused: Recommender) -> None:
    together = fused.recommend(users(fused, 4), k=5)
    for row, user in enumerate(users(fused, 4)):
        assert fused.recommend(user, k=5).item_ids[0] == together.item_ids[row]


def test_known_user_and_the_same_history_handed_in_get_the_same(neural: Recommender, shop: Dataset) -> None:
    coded = shop.events.filter(pl.col("user") == 3)
    assert coded["item"].null_count() == 0
    history = coded.drop("user", "item", "kind", "time_s", "seq", "event_id").with_columns(
        pl.Series("item_id", shop.item_vocabulary.decode(coded["item"].to_numpy())),
        pl.Series("event", shop.kinds.decode(coded["kind"].to_numpy())),
        coded["time_s"].alias("timestamp"),
    )
    anonymous = replace(neural.histories(np.array([3])), user_modalities=None)
    known, _ = neural.rank(anonymous, 5, exclude=anonymous.history_items.unique())
    assert neural.recommend(history=history, k=5).items[0].tolist() == known[0].tolist()


def test_at_a_time_later_events_are_not_looked_at(counted: Recommender, shop: Dataset) -> None:
    times = shop.sequences([0]).times_s
    middle = int(times[len(times) // 2])
    early = counted.recommend(users(counted, 1), at=middle, allow_seen=True)
    history = shop.sequences([0])
    cut = history.keep(history.times_s <= middle)
    assert early.items[0].tolist() == counted.rank(cut.at(np.array([middle])), 10)[0][0].tolist()
    before_all = counted.recommend(users(counted, 1), at="1970-01-02")
    assert before_all.sources == ["popularity"]


def test_a_sentence_is_understood_by_content(counted: Recommender, neural: Recommender, shop: Dataset) -> None:
    title = counted.titles[10]
    by_content = counted.recommend(text=title, k=5)
    assert by_content.sources == ["content"]
    assert shop.item_vocabulary.decode([10])[0] in by_content.item_ids[0]
    assert neural.recommend(text=title, k=5).sources == ["model"]


def test_removing_the_cited_event_lowers_the_item(fused: Recommender, shop: Dataset) -> None:
    for user in users(fused, 3):
        best = fused.recommend(user, k=1)
        reason = fused.explain(user, best.item_ids[0][0])
        assert reason.events, "something carries the first recommendation"
        cited = reason.events[0].event_id
        history = fused.histories(shop.encode_users([user]))
        ids = shop.events["event_id"].gather(history.event_rows).to_list()
        without = history.keep(np.array([i != cited for i in ids]))
        item = int(best.items[0, 0])

        def place(scores: np.ndarray, item: int = item) -> float:
            return float((scores[0, item] - scores[0].mean()) / scores[0].std())

        assert place(fused.scores(without)) < place(fused.scores(history))


def test_modalities_add_up_to_the_score(fused: Recommender) -> None:
    user = users(fused, 1)[0]
    best = fused.recommend(user, k=1)
    reason = fused.explain(user, best.item_ids[0][0])
    assert set(reason.modalities) >= {"behaviour", "text"}
    assert sum(reason.modalities.values()) == pytest.approx(reason.score, abs=1e-3)


def test_interest_series(neural: Recommender, shop: Dataset) -> None:
    series = neural.interests(users(neural, 1)[0])
    history = shop.sequences([0])
    assert series.vectors.shape == (history.n_events, 16)
    assert (np.diff(series.times_s) >= 0).all()
    middle = int(history.times_s[5])
    cut = neural.interests(users(neural, 1)[0], at=middle)
    np.testing.assert_allclose(cut.vectors[-1], series.at(middle), atol=1e-5)
    assert (series.at(0) == 0).all()


def test_each_interest_of_a_model_with_several(shop: Dataset, neural: Recommender) -> None:
    several = replace(SMALL, epochs=1, n_interests=3)
    rec = Recommender.fit(shop, Config(model="transformer", models={"transformer": several}))
    user = users(rec, 1)[0]
    series, mean = rec.interests(user, each=True), rec.interests(user)
    assert series.vectors.shape == (shop.sequences([0]).n_events, 3, 16) and mean.vectors.ndim == 2
    assert series.event_ids == mean.event_ids and series.at(int(series.times_s[-1])).shape == (3, 16)
    dots = series.vectors[-1] @ rec.dense_model().item_vectors.T
    scores = rec.scores(rec.histories(rec.dataset.encode_users([user])).at(None))[0]
    scale = float(rec.model.net.log_scale.detach().exp())  # type: ignore[attr-defined]
    np.testing.assert_allclose(dots.max(axis=0) * scale, scores, rtol=1e-4, atol=1e-5)
    assert (np.bincount(dots.argmax(axis=0), minlength=3) > 0).sum() > 1, "one interest alone would be no test"
    total = series.vectors.sum(axis=1)
    np.testing.assert_allclose(total / np.linalg.norm(total, axis=1, keepdims=True), mean.vectors, atol=1e-5)
    one = neural.interests(user, each=True)
    np.testing.assert_array_equal(one.vectors[:, 0], neural.interests(user).vectors)


def test_filters(counted: Recommender, shop: Dataset) -> None:
    denied = counted.recommend(users(counted, 1), k=3).item_ids[0]
    found = counted.recommend(users(counted, 1), k=3, filters=Filters(deny=tuple(denied)))
    assert not set(found.item_ids[0]) & set(denied)
    only = shop.item_vocabulary.decode([1, 2, 3])
    allowed = counted.recommend(users(counted, 1), k=10, allow_seen=True, filters=Filters(allow=tuple(only)))
    assert sorted(allowed.item_ids[0]) == sorted(only)


@pytest.mark.parametrize("name", ["counted", "neural", "fused"])
def test_a_bundle_answers_as_before(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    rec: Recommender = request.getfixturevalue(name)
    rec.save(tmp_path / "bundle", report_html="<p>report</p>")
    again = Recommender.load(tmp_path / "bundle")
    first, second = rec.recommend(users(rec), k=5, explain=True), again.recommend(users(rec), k=5, explain=True)
    assert first.item_ids == second.item_ids
    np.testing.assert_allclose(first.scores, second.scores, atol=1e-5)
    assert [[r.sentence for r in row] for row in first.reasons] == [[r.sentence for r in row] for row in second.reasons]
    assert rec.recommend(text=rec.titles[4]).item_ids == again.recommend(text=rec.titles[4]).item_ids
    assert again.record.trained_until_s == rec.record.trained_until_s
    user = users(rec, 1)[0]
    np.testing.assert_allclose(again.interests(user).vectors, rec.interests(user).vectors, atol=1e-5)


def test_without_histories_nothing_of_a_user_is_on_disk(counted: Recommender, tmp_path: Path) -> None:
    folder = counted.save(tmp_path / "bundle", histories=False)
    name = users(counted, 1)[0].encode()
    for file in folder.rglob("*"):
        assert not file.is_file() or file.name == "model.safetensors" or name not in file.read_bytes()
    again = Recommender.load(tmp_path / "bundle")
    with pytest.raises(UnknownIdError, match="history"):
        again.recommend(users(counted, 1))
    items = counted.dataset.item_vocabulary.decode([1, 2])
    assert again.recommend(history=items).item_ids == counted.recommend(history=items).item_ids


def test_a_flipped_byte_is_found(counted: Recommender, tmp_path: Path) -> None:
    folder = counted.save(tmp_path / "bundle")
    file = folder / "items.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"items\.parquet"):
        Recommender.load(tmp_path / "bundle")


def test_selection_is_on_validation_and_the_refit_sees_everything(shop: Dataset) -> None:
    rec = Recommender.fit(shop, CONFIG)
    training = rec.record.training
    assert training.validation_ndcg is not None
    assert set(training.weights) == {"transformer", "cooccurrence", "content"}
    assert rec.record.trained_until_s == int(shop.sequences().times_s.max())
    assert isinstance(rec.model, Ensemble) and rec.model.weights == training.weights


@pytest.mark.parametrize("modalities", ["behaviour", "graph"])
def test_what_is_held_out_for_selection_is_not_in_the_modalities(modalities: str) -> None:
    """Everybody's items are drawn at random: vectors that had seen the last one would find it."""
    rng = np.random.default_rng(0)
    rows = [(f"u{u}", f"i{item}", 100 * n + u) for u in range(80) for n, item in enumerate(rng.permutation(60)[:3])]
    data = Dataset.from_tables(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row"))
    expert = {
        "behaviour": {"lite.experts": "ease", "ease.content_weight": 10.0, "ease.content_modalities": "behaviour"},
        "graph": {"lite.experts": "content", "content.modalities": "graph", "modalities.graph.enabled": True},
    }
    rec = Recommender.fit(data, Config(model="lite").with_settings(expert[modalities]))
    found = rec.record.training.validation_ndcg
    assert found < 0.12, f"{found}: by chance it is .08, ten of sixty"


def test_with_a_validation_the_model_learns_from_what_is_given(shop: Dataset) -> None:
    cut = split(shop, "time")
    rec = Recommender.fit(cut.train, Config(model="cooccurrence"), validation=cut.validation)
    assert rec.record.trained_until_s == int(cut.train.sequences().times_s.max())


def test_user_attributes_and_context_change_a_neural_answer(shop: Dataset) -> None:
    events = shop.events.with_columns(
        pl.Series("context_device", np.where(np.arange(shop.n_events) % 2, "phone", "desk"))
    )
    rec = Recommender.fit(shop.with_events(events), Config(model="transformer", models={"transformer": SMALL}))
    history = rec.histories(np.array([0]))
    assert history.content is not None and "attributes" in history.content
    assert history.user_modalities is not None
    moved = replace(history, content_rows=np.full(history.n_events, -1, dtype=np.int32))
    assert not np.allclose(rec.scores(history), rec.scores(moved))
    assert not np.allclose(rec.scores(history), rec.scores(replace(history, user_modalities=None)))


def test_what_is_asked_wrongly_is_refused_with_the_remedy(counted: Recommender) -> None:
    with pytest.raises(UnknownIdError, match="--history"):
        counted.recommend(["nobody"])
    with pytest.raises(UsageError, match="one of users, history, text, image or audio"):
        counted.recommend()
    with pytest.raises(UsageError, match="k=0"):
        counted.recommend(users(counted, 1), k=0)
    with pytest.raises(UsageError, match="not understood"):
        counted.recommend(users(counted, 1), at="some day")
    with pytest.raises(UnknownIdError, match="catalogue"):
        counted.recommend(history=["no-such-item"])
    with pytest.raises(DataError, match="no rows"):
        counted.recommend(history=[])
    with pytest.raises(UnknownIdError, match="item"):
        counted.explain(users(counted, 1)[0], "no-such-item")
    with pytest.raises(TypeError, match=r"recommend\(\) got an unexpected keyword argument 'user'"):
        Recommender.recommend(None, user=["u1"])  # type: ignore[call-arg, arg-type]
    with pytest.raises(OptionError, match="Did you mean 'transformer'"):
        Config(model="tranformer")


def test_a_recipe_that_was_chosen_before_is_not_chosen_again(shop: Dataset) -> None:
    chosen = TrainingRecord(best_epoch=2)
    rec = Recommender.fit(shop, Config(model="transformer", models={"transformer": SMALL}), chosen=chosen)
    assert rec.record.training.best_epoch == 2


def test_what_a_history_holds_beyond_the_catalogue_is_left_out_and_said(counted: Recommender, shop: Dataset) -> None:
    known = shop.item_vocabulary.decode([1, 2])
    found = counted.recommend(history=[*known, "no-such-item"], k=3)
    assert found.item_ids == counted.recommend(history=known, k=3).item_ids
    assert repr(found) == "Recommendations(users=1, k=3)" and "<table" in found._repr_html_()
    assert repr(counted).startswith("Recommender(model=") and repr(shop).startswith("Dataset(users=")
    assert "1 of 3 events" in found.notes[0] and not counted.recommend(history=known, k=3).notes


def test_kinds_that_the_bundle_has_not_learned(counted: Recommender, shop: Dataset) -> None:
    known = shop.item_vocabulary.decode([1, 2, 3])
    rows = [{"item_id": item, "event": kind} for item, kind in zip(known, ["view", "glance", "refund"], strict=True)]
    found = counted.recommend(history=rows, k=3)
    assert "1 of 3 events" in found.notes[0], "a refund is not read as a view"
    assert found.item_ids == counted.recommend(history=[{**row, "event": "view"} for row in rows[:2]], k=3).item_ids


def test_interests_are_of_one_person(neural: Recommender, shop: Dataset) -> None:
    item = shop.item_vocabulary.decode([1])[0]
    with pytest.raises(UsageError, match="2 users"):
        neural.interests(history=[{"user_id": "a", "item_id": item}, {"user_id": "b", "item_id": item}])


def test_how_likely_somebody_is_interested(neural: Recommender, counted: Recommender) -> None:
    user = users(neural, 1)[0]
    items = neural.dataset.item_vocabulary.decode(np.arange(neural.dataset.n_items))
    told = neural.interested(user, items)
    assert told.shape == (len(items),) and ((told > 0) & (told < 1)).all()
    np.testing.assert_allclose(neural.interested(user, items[3:5]), told[3:5], atol=1e-6)
    assert counted.interested(user, items[:2]).shape == (2,), "counting models answer by their items' modalities"
    with pytest.raises(UnknownIdError):
        neural.interested(user, ["no such item"])


def test_reasons_speak_the_language_of_the_titles() -> None:
    rows = {"user_id": list("aabbcc"), "item_id": list("xyxyxz"), "timestamp": [1, 2, 1, 2, 1, 2]}
    items = pl.DataFrame({"item_id": list("xyz"), "title": ["安静的海", "山中旧事", "夜航"]})
    made = Recommender.fit(Dataset.from_tables(pl.DataFrame(rows), items=items), Config(model="cooccurrence"))
    assert made.explain("c", "y").sentence.startswith("因为《安静的海》")


@pytest.mark.parametrize(("model", "wrong"), [("lite", "cooccurrence"), ("gru", "popularity"), ("ease", "ease")])
def test_weights_of_no_kind_are_refused_before_anything_is_learned(
    model: str, wrong: str, shop: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: object, **__: object) -> None:
        raise AssertionError("modalities were encoded first")

    monkeypatch.setattr("penchant.recommender.fit.embed_items", encode)
    config = Config(model=model).with_settings({f"{wrong}.kind_weights": "boght:2"})
    with pytest.raises(UsageError, match="kind_weights names 'boght', which is not a kind in the data"):
        Recommender.fit(shop, config)
    with pytest.raises(AssertionError, match="encoded first"):
        Recommender.fit(shop, Config(model=model).with_settings({f"{wrong}.kind_weights": "购买:2"}))
