"""Reasons by removal: the cited event carries the item, and taking it away lowers it."""

import numpy as np
import polars as pl

from penchant.arrays import Float32s
from penchant.data.dataset import Dataset
from penchant.data.results.reasons import EventReason
from penchant.data.sequences import SequenceBatch
from penchant.profiles.explanation import compute_lead, measure_event_contributions
from penchant.profiles.words import reason_sentence
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender


def neighbours(histories: SequenceBatch) -> Float32s:
    """Item i + 1 gains 1 from every event on item i; so does i + 2, a quarter."""
    scores = np.zeros((len(histories), 10), dtype=np.float32)
    np.add.at(scores, (histories.rows, (histories.items + 1) % 10), 1.0)
    np.add.at(scores, (histories.rows, (histories.items + 2) % 10), 0.25)
    return scores


def test_the_event_that_carries_an_item_is_found_and_its_removal_lowers_it() -> None:
    history = SequenceBatch.of_items([[1, 5, 8, 3]])
    found = measure_event_contributions(neighbours, history, item=6)
    assert found.argmax() == 1
    without = history.keep(np.array([True, False, True, True]))
    assert compute_lead(neighbours(without), 6)[0] < compute_lead(neighbours(history), 6)[0]
    np.testing.assert_allclose(
        found[1], compute_lead(neighbours(history), 6)[0] - compute_lead(neighbours(without), 6)[0], rtol=1e-5
    )


def test_events_that_have_nothing_to_do_with_it_do_not_speak_for_it() -> None:
    found = measure_event_contributions(neighbours, SequenceBatch.of_items([[1, 5, 8]]), item=6)
    assert found[1] > 0 > max(found[0], found[2])


def test_long_histories_are_tried_from_their_end() -> None:
    history = SequenceBatch.of_items([[5] + [1] * 250 + [5]])
    found = measure_event_contributions(neighbours, history, item=6)
    assert len(found) == 252 and (found[:52] == 0).all() and found[-1] > 0


def test_an_empty_history_has_no_reasons() -> None:
    assert len(measure_event_contributions(neighbours, SequenceBatch.of_items([[]]), item=6)) == 0


def test_sentences_in_both_languages() -> None:
    events = [EventReason("e1", "i1", "Alien", 0, 0.5), EventReason("e2", "i2", "Heat", 1, 0.2)]
    assert reason_sentence(events, "model") == "Because of “Alien”, “Heat”."
    assert reason_sentence(events, "model", "zh") == "因为《Alien》、《Heat》。"
    assert "below the mean" in reason_sentence(events, "model", below_mean=True)
    assert "低于全部物品的平均值" in reason_sentence(events, "model", "zh", below_mean=True)
    assert "matches the request" in reason_sentence([], "content")
    assert "no single event" in reason_sentence([], "model")


def test_an_item_without_events_is_carried_by_events_that_look_like_it() -> None:
    """Everybody likes two of four words; the new items say one of them. Their ranks do not move with the history."""
    rng = np.random.default_rng(0)
    words = ["harbour", "saddle", "violin", "bakery"]
    rows = [(u, int(i)) for u in range(80) for t in (u % 4, (u + 1 + u // 4 % 3) % 4) for i in rng.permutation(10)[:5]]
    topics = [t for u in range(80) for t in (u % 4, (u + 1 + u // 4 % 3) % 4) for _ in range(5)]
    codes = [i * 4 + t for (_, i), t in zip(rows, topics, strict=True)]
    log = pl.DataFrame(
        {
            "user_id": [f"u{u}" for u, _ in rows],
            "item_id": [f"i{i}" for i in codes],
            "timestamp": [1000 + (n * 7919) % 10_007 for n in range(len(rows))],
        }
    )
    titles = [f"{words[i % 4]} {words[i % 4]} {i}" for i in range(44)]
    items = pl.DataFrame({"item_id": [f"i{i}" for i in range(44)], "title": titles})
    settings = {"lite.experts": "cooccurrence,ease,popularity", "modalities.text.encoder": "ngram"}
    rec = Recommender.fit(Dataset.from_tables(log, items=items), Config(model="lite").with_settings(settings))
    told = 0
    for user in range(6):
        for item in range(40, 44):
            reason = rec.explain(f"u{user}", f"i{item}")
            if item % 4 in (user % 4, (user + 1 + user // 4 % 3) % 4):
                told += reason.events[0].title.split()[0] == words[item % 4]
            np.testing.assert_allclose(sum(reason.modalities.values()), reason.score, atol=1e-3)
    assert told >= 11, "of 12"
