"""Modalities in the sequence model: every fusion learns, contributions sum to the score, modalities can be left out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.data.modalities import Modalities, Modality
from penchant.data.sequences import SequenceBatch
from penchant.data.training import TrainingData
from penchant.errors import ModelError, OptionError, UsageError
from penchant.fusion.feature_level import FEATURE_LEVEL
from penchant.models.base import Additive, ModelState
from penchant.models.ensemble.modality_experts import make_modality_experts
from penchant.models.nn.item_encoder import ItemTower, TowerOptions
from penchant.models.registry import create, entry
from penchant.models.sequence import SequenceModel, SequenceOptions
from penchant.testing.models import build_checkerboard, check_model
from penchant.training import fit

SMALL = SequenceOptions(
    dim=16, epochs=6, max_length=8, batch_tokens=512, dropout=0.1, layers=1, learning_rate=1e-2, id_dropout=0.3
)
HISTORIES = SequenceBatch.of_items([[0, 2, 4], [1, 3, 5], [], [7]])


def two_modalities(items: int = 12) -> Modalities:
    """Two groups of items that their text tells apart; only some have an image, which tells them apart too."""
    groups = np.eye(2, dtype=np.float32)[np.arange(items) % 2]
    noise = np.random.default_rng(1).standard_normal((items, 3)).astype(np.float32)
    some = np.arange(items) < 5
    image = np.where(some[:, None], np.hstack([groups, noise]), 0).astype(np.float32)
    return Modalities({"text": Modality(groups, np.ones(items, np.bool_)), "image": Modality(image, some)})


def groups_data(users: int = 120) -> TrainingData:
    """Users stay in their group; items 10 and 11 are cold."""
    rng = np.random.default_rng(0)
    rows = [(rng.permutation(5)[:4] * 2 + u % 2).tolist() for u in range(users)]
    return TrainingData(SequenceBatch.of_items(rows), 12, ["view"], 100, modalities=two_modalities(), seed=3)


def fitted(**options: object) -> SequenceModel:
    model = SequenceModel(replace(SMALL, **options))  # type: ignore[arg-type]
    fit(model, groups_data())
    return model


@pytest.mark.parametrize("fusion", FEATURE_LEVEL)
def test_every_fusion_scores_a_cold_item_and_its_contributions_sum_to_the_score(fusion: str) -> None:
    model = fitted(fusion=fusion)
    scores = model.score(HISTORIES)
    assert scores[0, 10] > scores[0, 11] and scores[1, 11] > scores[1, 10]
    assert isinstance(model, Additive)
    parts = model.contributions(HISTORIES)
    assert list(parts) == ["behaviour", "image", "text"]
    np.testing.assert_allclose(sum(parts.values()), scores, atol=1e-4)
    assert (parts["behaviour"][:, 10:] == 0).all(), "a cold item has no behaviour"
    np.testing.assert_allclose(parts["image"][:, 5:], 0, atol=1e-5)


@pytest.mark.parametrize("options", [{"n_interests": 3}, {"head": "mol"}])
def test_contributions_sum_to_the_score_of_other_heads(options: dict[str, object]) -> None:
    model = fitted(**options, epochs=2)
    histories = HISTORIES.take([0, 1, 3])
    parts = model.contributions(histories)
    np.testing.assert_allclose(sum(parts.values()), model.score(histories), atol=1e-3)
    assert all(np.abs(part).max() > 1e-3 for part in parts.values())


def tower_of_two_modalities() -> ItemTower:
    tower = ItemTower(12, 16, two_modalities(), TowerOptions(), torch.Generator().manual_seed(0))
    tower.trained.data[10:] = 0
    return tower


@pytest.mark.parametrize("rows", [None, torch.tensor([11, 0, 7])])
def test_an_item_is_the_fusion_of_its_normalised_modalities(rows: torch.Tensor | None) -> None:
    tower = tower_of_two_modalities()
    assert tower.fuse is not None
    for described in ({}, {"with_ids": False}, {"without": frozenset({"text"})}):
        torch.testing.assert_close(tower(rows, **described), tower.fuse(*tower.stack_modalities(rows, **described)))


@pytest.mark.parametrize("mixed", [False, True])
def test_where_all_items_are_computed_on_another_device_their_modalities_are_moved_there_once(mixed: bool) -> None:
    tower = tower_of_two_modalities().to("meta")  # a device that computes shapes only
    tower.mixed_precision = mixed
    tower.train()(None)
    stored = dict(tower._copies)
    assert sorted(stored) == ["image", "text"] and {each.device.type for each in stored.values()} == {"meta"}
    assert {each.dtype for each in stored.values()} == {torch.bfloat16 if mixed else torch.float32}
    assert tower(None).shape == (12, 16) and all(tower._copies[name] is stored[name] for name in stored)
    tower.eval()
    assert not tower._copies and tower(None).device.type == "meta"


@pytest.mark.parametrize("rows", [None, torch.tensor([11, 0, 7])])
def test_a_halved_tower_is_coarse_in_training_alone(rows: torch.Tensor | None) -> None:
    tower = tower_of_two_modalities()
    exact = tower.train()(rows).detach()
    tower.mixed_precision = True
    coarse = tower(rows)
    coarse.square().sum().backward()
    assert coarse.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in tower.projections.parameters())
    assert 0 < (coarse - exact).abs().max() < 0.01
    assert torch.equal(tower.eval()(rows), exact) and not tower._copies, "no copy is left after training"
    tower.train()(rows)
    other = two_modalities()
    tower.attach(Modalities({name: Modality(-modality.vectors, modality.present) for name, modality in other.items()}))
    assert (tower(rows) - coarse).abs().max() > 0.1, "modalities that came later are not read from the old ones"


@pytest.mark.parametrize(("half", "hardware"), [(True, True), (False, True), (True, False)])
def test_modalities_are_projected_in_bfloat16_where_the_softmax_is(
    half: bool, hardware: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penchant.training.precision.has_fast_bf16", lambda device: hardware)
    seen: set[torch.dtype] = set()
    read = ItemTower._load_vectors

    def watched(self: ItemTower, modality: str, complete: torch.device | None) -> torch.Tensor:
        result = read(self, modality, complete)
        if self.training:
            seen.add(result.dtype)
        return result

    monkeypatch.setattr(ItemTower, "_load_vectors", watched)
    fitted(mixed_precision=half, epochs=1)
    assert seen == {torch.bfloat16 if half and hardware else torch.float32}


def test_of_a_weighted_sum_the_contribution_is_the_weighted_modality() -> None:
    model = fitted(fusion_weights={"behaviour": 1.0, "text": 2.0, "image": 1.0})
    net = model.net
    assert net is not None
    vectors, present = net.tower.stack_modalities()
    weights = np.array([1.0, 1.0, 2.0]) * present.numpy()
    weighted = (weights / weights.sum(axis=1, keepdims=True))[:, :, None] * vectors.detach().numpy()
    length = np.linalg.norm(weighted.sum(axis=1), axis=1)
    requests = model.user_vectors(HISTORIES) * float(net.log_scale.detach().exp())
    expected = requests @ (weighted[:, 2] / length[:, None]).T
    np.testing.assert_allclose(model.contributions(HISTORIES)["text"], expected, atol=1e-4)


def test_without_a_modality_is_as_if_no_item_had_it() -> None:
    model = fitted()
    blind = model.without({"text"})
    gone = Modality(np.zeros((12, 2), np.float32), np.zeros(12, np.bool_))
    other = SequenceModel(model.options)
    other.load_state(model.state())
    other.attach(two_modalities().with_modality("text", gone))
    other.finish()
    np.testing.assert_allclose(blind.score(HISTORIES), other.score(HISTORIES), atol=1e-5)
    assert not np.allclose(blind.score(HISTORIES), model.score(HISTORIES))
    parts = blind.contributions(HISTORIES)
    assert (parts["text"] == 0).all()
    np.testing.assert_allclose(sum(parts.values()), blind.score(HISTORIES), atol=1e-4)
    nothing = blind.without({"behaviour", "image"}).score(HISTORIES)
    assert (nothing == 0).all()


def test_the_content_of_an_event_goes_with_its_modality() -> None:
    model = fitted()
    said = replace(
        SequenceBatch.of_items([[-1]]),
        content_rows=np.array([0], dtype=np.int32),
        content=Modalities({"text": Modality(np.eye(2, dtype=np.float32)[:1], np.ones(1, np.bool_))}),
    )
    wordless = replace(said, content_rows=np.array([-1], dtype=np.int32))
    blind = model.without({"text"})
    assert not np.allclose(model.score(said), model.score(wordless))
    np.testing.assert_allclose(blind.score(said), blind.score(wordless), atol=1e-6)


def test_a_bundle_gives_modalities_back() -> None:
    model = fitted()
    again = SequenceModel(model.options)
    again.load_state(ModelState(dict(model.state().tensors), dict(model.state().metadata)))
    with pytest.raises(ModelError, match="attach"):
        again.contributions(HISTORIES)
    with pytest.raises(ModelError, match="attach"):
        again.without({"text"}).score(HISTORIES)
    again.attach(two_modalities())
    np.testing.assert_allclose(
        again.contributions(HISTORIES)["text"], model.contributions(HISTORIES)["text"], atol=1e-5
    )


def test_modalities_of_choice() -> None:
    text = fitted(modalities=("text",))
    assert text.modality_names() == ["text"]
    np.testing.assert_allclose(text.contributions(HISTORIES)["text"], text.score(HISTORIES), atol=1e-5)
    assert fitted(modalities=("behaviour",)).modality_names() == ["behaviour"]
    with pytest.raises(ModelError, match="audio is an option"):
        fitted(modalities=("audio",))


def test_a_remedy_for_rare_modalities_trains_and_repeats() -> None:
    first, second, plain = fitted(modality_balance="loss"), fitted(modality_balance="loss"), fitted()
    np.testing.assert_array_equal(first.item_vectors, second.item_vectors)
    assert not np.allclose(first.item_vectors, plain.item_vectors)
    scores = first.score(HISTORIES)
    assert scores[0, 10] > scores[0, 11] and scores[1, 11] > scores[1, 10]


def test_decision_level_trains_an_expert_a_modality() -> None:
    from penchant.data.ragged import Ragged
    from penchant.data.training import Validation
    from penchant.models.ensemble.ensemble import Ensemble

    model = create("transformer", lambda _: replace(SMALL, fusion="decision"))
    assert isinstance(model, Ensemble) and model.name == "transformer"
    data = groups_data()
    stored = Validation(
        SequenceBatch.of_items([[0, 2], [1, 3], [4, 2]]),
        Ragged.of([[4], [5], [6]]),
        Ragged.of([[0, 2], [1, 3], [4, 2]]),
    )
    fit(model, replace(data, validation=stored))
    assert set(model.experts) == {"behaviour", "text", "image"}
    parts = model.contributions(HISTORIES)
    assert set(parts) == {"behaviour", "text", "image"}
    np.testing.assert_allclose(sum(parts.values()), model.score(HISTORIES), atol=1e-4)
    assert set(make_modality_experts(replace(SMALL, fusion="decision", modalities=("text",)), "gru").experts) == {
        "text"
    }
    begun = make_modality_experts(replace(SMALL, fusion="decision", id_init="pca"), "gru").experts
    starts = {modality: expert.options.id_init for modality, expert in begun.items()}  # type: ignore[attr-defined]
    assert starts.pop("behaviour") == "pca" and set(starts.values()) == {"random"}, "the others have no ids"


def test_precomputed_embeddings_have_an_expert_too() -> None:
    from penchant.data.ragged import Ragged
    from penchant.data.training import Validation

    data = groups_data()
    shapes = np.eye(data.n_items, dtype=np.float32)
    modalities = Modalities(
        {**data.modalities, "shape": Modality(shapes, np.ones(data.n_items, dtype=np.bool_), "own")}
    )
    stored = Validation(SequenceBatch.of_items([[0, 2], [1, 3]]), Ragged.of([[4], [5]]), Ragged.of([[0, 2], [1, 3]]))
    options = replace(SMALL, fusion="decision", modalities=("behaviour", "shape"))
    model = create("transformer", lambda _: options)
    fit(model, replace(data, modalities=modalities, validation=stored))
    assert set(model.experts) == {"behaviour", "shape"}
    everything = create("transformer", lambda _: replace(options, modalities=()))
    assert set(everything.select_experts(replace(data, modalities=modalities))) == {
        "behaviour",
        "text",
        "image",
        "shape",
    }
    again = create("transformer", lambda _: replace(options, modalities=()))
    again.load_state(model.state())
    np.testing.assert_array_equal(again.score(HISTORIES), model.score(HISTORIES))


def test_cnn_rnn_keeps_the_contract() -> None:
    options = replace(
        entry("cnn_rnn").default_options(), dim=16, epochs=15, learning_rate=2e-2, dropout=0.0, time=False
    )
    check_model(lambda: SequenceModel(options, "cnn_rnn"), fit=fit, personal=False, uses_content=True, tolerance=1e-3)


def test_cnn_rnn_reads_the_modalities_of_events() -> None:
    """The convolution alone can tell: the token of an event is the same, its image is not."""
    model = fitted(encoder="cnn_rnn")
    said = replace(
        SequenceBatch.of_items([[2], [2]]),
        content_rows=np.array([0, 1], dtype=np.int32),
        content=Modalities({"text": Modality(np.eye(2, dtype=np.float32), np.ones(2, np.bool_))}),
    )
    assert model.net is not None
    model.net.encoder.cells.weight_ih_l0.data.zero_()
    scores = model.score(said)
    assert not np.allclose(scores[0], scores[1])
    blind = model.without({"text"}).score(said)
    np.testing.assert_allclose(blind[0], blind[1], atol=1e-6)


def test_cnn_rnn_without_modalities_reads_the_tokens() -> None:
    board = build_checkerboard()
    model = SequenceModel(replace(SMALL, encoder="cnn_rnn"))
    fit(model, replace(board.data, modalities=Modalities()))
    assert model.score(board.data.sequences).shape == (24, 26)


def test_bad_options_are_errors() -> None:
    with pytest.raises(OptionError, match="Did you mean 'gated'"):
        SequenceOptions(fusion="gate")
    with pytest.raises(OptionError, match="modality_balance"):
        TowerOptions(modality_balance="both")
    with pytest.raises(UsageError, match="no meaning"):
        TowerOptions(fusion="gated", fusion_weights={"text": 1.0})
    with pytest.raises(UsageError, match="negative"):
        TowerOptions(fusion_weights={"text": -1.0})


def test_without_ids_items_are_known_by_their_modalities_alone() -> None:
    model = fitted(ids=False)
    scores = model.score(HISTORIES)
    assert scores[0, 10] > scores[0, 11] and scores[1, 11] > scores[1, 10]
    same = np.abs(model.item_vectors[6:10:2] - model.item_vectors[10]).max()
    assert same < 1e-6, "items of one text and no image are the same item"
    assert set(model.contributions(HISTORIES)) == {"image", "text"}


def test_without_ids_cold_items_are_no_negatives() -> None:
    """Their content would be pushed away else: the new item of a group ranks beside the group's old ones."""
    modalities = {
        "text": Modality(
            np.eye(12, 4, dtype=np.float32) + two_modalities()["text"].vectors @ np.eye(2, 4, 2), np.ones(12, np.bool_)
        )
    }
    model = SequenceModel(replace(SMALL, ids=False))
    fit(model, replace(groups_data(), modalities=Modalities(modalities)))
    scores = model.score(SequenceBatch.of_items([[0, 2]]))[0]
    assert scores[10] > scores[[1, 3, 5, 7, 9]].max()


def test_ids_are_needed_where_there_is_nothing_else() -> None:
    with pytest.raises(UsageError, match="ids=False"):
        SequenceOptions(ids=False, fusion="none")
    with pytest.raises(ModelError, match="no modalities"):
        fit(SequenceModel(replace(SMALL, ids=False)), replace(groups_data(), modalities=Modalities()))


def test_a_transformer_without_ids_keeps_the_contract() -> None:
    small = {"dim": 16, "layers": 1, "max_length": 50, "epochs": 15, "learning_rate": 2e-2, "dropout": 0.0}
    options = SequenceOptions(ids=False, time=False, **small)
    built = lambda: SequenceModel(options)  # noqa: E731
    check_model(built, fit=fit, personal=False, uses_content=True, tolerance=1e-3)


def test_cnn_rnn_does_not_take_the_context_of_an_event_for_attributes_of_its_item() -> None:
    data = groups_data()
    events = data.sequences.n_events
    context = Modality(np.ones((1, 4), np.float32), np.ones(1, np.bool_))
    described = replace(
        data.sequences, content_rows=np.zeros(events, dtype=np.int32), content=Modalities({"attributes": context})
    )
    items = Modality(np.eye(12, 7, dtype=np.float32), np.ones(12, np.bool_))
    model = SequenceModel(replace(SMALL, encoder="cnn_rnn", epochs=1))
    fit(model, replace(data, sequences=described, modalities=data.modalities.with_modality("attributes", items)))
    assert np.isfinite(model.score(described.take([0, 1]))).all()


@pytest.mark.parametrize("encoder", ["attention", "cnn_rnn"])
def test_scoring_reads_only_the_contents_of_its_events(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rows = SequenceBatch.of_items([[(start + n) % 8 for n in range(6)] for start in range(10)])
    text = Modality(rng.normal(size=(50, 5)).astype(np.float32), np.ones(50, dtype=np.bool_))
    n_users = Modality(rng.normal(size=(10, 3)).astype(np.float32), np.ones(10, dtype=np.bool_))
    pointing = np.where(np.arange(60) % 3 == 0, np.arange(60) % 50, -1).astype(np.int32)
    batch = replace(
        rows,
        content=Modalities({"text": text}),
        content_rows=pointing,
        user_modalities=Modalities({"attributes": n_users}),
    )
    items = Modality(rng.normal(size=(8, 5)).astype(np.float32), np.ones(8, dtype=np.bool_))
    model = SequenceModel(SequenceOptions(encoder=encoder, dim=8, layers=1, epochs=1, max_length=8))
    fit(model, TrainingData(batch, 8, ["view"], 10, modalities=Modalities({"text": items}), seed=1))
    complete = model.score(batch)
    seen: list[int] = []
    encode_content = ItemTower.encode_content

    def watched(self: ItemTower, modality: str, vectors: torch.Tensor) -> torch.Tensor:
        seen.append(len(vectors))
        return encode_content(self, modality, vectors)

    monkeypatch.setattr(ItemTower, "encode_content", watched)
    for row in range(10):
        np.testing.assert_allclose(model.score(batch.take([row]))[0], complete[row], atol=1e-5)
    assert seen == [2] * 10, "six events, every third with a content"
    separate = replace(batch.take([4]), content=Modalities({"text": text.take(pointing[[24, 27]])}))
    alone = replace(separate, content_rows=np.array([0, -1, -1, 1, -1, -1], dtype=np.int32))
    np.testing.assert_allclose(model.score(alone)[0], complete[4], atol=1e-5)
    silent = replace(batch.take([4]), content_rows=np.full(6, -1, dtype=np.int32))
    np.testing.assert_allclose(model.score(silent), model.score(replace(silent, content=None)), atol=1e-6)
    assert not np.allclose(model.score(silent)[0], complete[4], atol=1e-3)
