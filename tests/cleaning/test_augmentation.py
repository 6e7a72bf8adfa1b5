"""Augmentation: known answers where a draw is forced, invariants where it is random, and the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from penchant.cleaning.augmentation import pictures as pictures_of
from penchant.cleaning.augmentation import sounds as sounds_of
from penchant.cleaning.augmentation import texts as texts_of
from penchant.data.sequences import SequenceBatch
from penchant.errors import UsageError
from penchant.models.nn import history_augmentation as histories_of


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# images

PICTURES = rng(1).integers(0, 256, (6, 10, 12, 3), dtype=np.uint8)


def test_a_crop_of_everything_is_the_picture() -> None:
    assert np.allclose(pictures_of.crop(PICTURES[:, :, :10], 10, rng(), least=1.0), PICTURES[:, :, :10], atol=1e-3)
    assert np.allclose(pictures_of.resize(PICTURES[:, :, :10], 10), PICTURES[:, :, :10], atol=1e-3)


def test_a_crop_of_a_ramp_is_a_stretch_of_it() -> None:
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, :, None], (200, 40, 40, 1))
    cut = pictures_of.crop(ramp, 8, rng(), least=0.25)[:, :, :, 0]
    steps = np.diff(cut, axis=2)
    assert np.allclose(cut[:, 0], cut[:, 7]) and np.allclose(steps[:, 0, 1:6], steps[:, 0, 2:3].repeat(5, 1), atol=1e-3)
    width = steps[:, 0, 3] * 8 / 40  # of the image
    assert 0.42 < width.min() < 0.5 and 0.9 < width.max() <= 1.0 + 1e-6


def test_flips_mirror_a_share() -> None:
    some = PICTURES.astype(np.float32)
    assert np.array_equal(pictures_of.flip(some, rng(), share=1.0), some[:, :, ::-1])
    assert np.array_equal(pictures_of.flip(some, rng(), share=0.0), some)


def test_colours_by_hand() -> None:
    some = PICTURES.astype(np.float32) / 255
    assert np.allclose(pictures_of.jitter_colours(some, rng(), strength=0.0, grey=0.0), some, atol=1e-6)
    grey = pictures_of.jitter_colours(some, rng(), strength=0.0, grey=1.0)
    assert np.allclose(grey, (some @ np.array([0.299, 0.587, 0.114]))[..., None], atol=1e-6)
    flat = np.full((50, 4, 4, 3), 0.5, dtype=np.float32)  # only brightness shows
    factors = pictures_of.jitter_colours(flat, rng(), strength=0.4, grey=0.0)[:, 0, 0, 0] / 0.5
    assert 0.6 <= factors.min() < 0.7 and 1.3 < factors.max() <= 1.4 and np.ptp(factors) > 0.5


def test_picture_noise_has_its_deviation() -> None:
    grey = np.full((4, 32, 32, 3), 0.5, dtype=np.float32)
    assert pictures_of.add_noise(grey, rng(), deviation=0.1).std() == pytest.approx(0.1, rel=0.05)


def test_augmented_pictures_keep_their_form_and_seed() -> None:
    options = pictures_of.PictureAugmentation(crop=0.25, flip=0.5, noise=0.05)
    first = pictures_of.augment_pictures(PICTURES, 8, options, rng(3))
    repeated = pictures_of.augment_pictures(PICTURES, 8, options, rng(3))
    assert first.shape == (6, 8, 8, 3) and first.dtype == np.float32 and 0 <= first.min() <= first.max() <= 1
    assert first.tobytes() == repeated.tobytes()
    assert first.tobytes() != pictures_of.augment_pictures(PICTURES, 8, options, rng(4)).tobytes()


def test_pictures_without_change_stay_and_keep_their_edges() -> None:
    still = pictures_of.PictureAugmentation(colour=0, grey=0)
    square = rng(6).integers(0, 256, (3, 9, 9, 3), dtype=np.uint8)
    assert np.allclose(pictures_of.augment_pictures(square, 9, still, rng()), square / 255, atol=1e-6)
    shown = pictures_of.augment_pictures(square, 5, still, rng()) * 255
    assert np.allclose(shown, pictures_of.resize(square, 5), atol=1e-3)


# sounds

SOUNDS = rng(2).uniform(-0.5, 0.5, (5, 50)).astype(np.float32)


def test_a_shift_moves_round() -> None:
    moved = sounds_of.shift(SOUNDS, rng())
    for row in range(5):
        step = int(np.flatnonzero(moved[row] == SOUNDS[row, 0])[0])
        assert np.array_equal(moved[row], np.roll(SOUNDS[row], step))
    assert not np.array_equal(moved, SOUNDS)
    assert np.array_equal(sounds_of.shift(SOUNDS, rng(), most=0.0), SOUNDS)


def test_gain_is_in_decibels() -> None:
    ratio = 20 * np.log10(sounds_of.change_gain(np.ones((500, 3), dtype=np.float32), rng(), most_db=6.0)[:, 0])
    assert -6 <= ratio.min() < -5.8 and 5.8 < ratio.max() <= 6


def test_sound_noise_is_a_share_of_the_sound() -> None:
    loud = rng(5).standard_normal((300, 400)).astype(np.float32) * 7
    added = (sounds_of.add_noise(loud, rng(), share=0.5) - loud).std(axis=1) / loud.std(axis=1)
    assert added.min() < 0.05 and 0.45 < added.max() < 0.55


@pytest.mark.parametrize("axis", [1, 2])
def test_masks_are_one_section(axis: int) -> None:
    hidden = sounds_of.mask(
        np.ones((200, 20, 30), dtype=np.float32), rng(), axis=axis, longest=0.5, value=np.float32(-1.0)
    )
    line = hidden[:, :, 0] if axis == 1 else hidden[:, 0, :]
    length = line.shape[1]
    assert (hidden == np.expand_dims(line, 3 - axis)).all()
    widths = (line == -1).sum(axis=1)
    assert widths.min() == 0 and widths.max() == length // 2
    assert (np.abs(np.diff(line, axis=1)).sum(axis=1) <= 4).all()  # at most one way in and one way out


def test_spectrograms_without_change_stay() -> None:
    mel = np.log(rng(4).uniform(0, 3, (3, 12, 8)).astype(np.float32) + np.float32(sounds_of.OFFSET))
    still = sounds_of.SoundAugmentation(shift=0, gain_db=0, noise=0, time_mask=0, band_mask=0)
    assert np.allclose(sounds_of.augment_spectrograms(mel, still, rng()), mel, atol=1e-3)
    for every in (sounds_of.SoundAugmentation(), sounds_of.SoundAugmentation(shift=1.0, band_mask=0.2)):
        changed = sounds_of.augment_spectrograms(mel, every, rng(1))
        assert changed.shape == mel.shape and not np.allclose(changed, mel)
        assert changed.tobytes() == sounds_of.augment_spectrograms(mel, every, rng(1)).tobytes()
        assert np.abs(sounds_of.augment_sounds(SOUNDS * 2, every, rng())).max() <= 1


# texts


def test_words_are_replaced_and_the_rest_stays() -> None:
    changed = texts_of.replace_words(["Red, blue; old car!", None, ""], rng(), share=1.0, pool=["x"])
    assert changed == ["x, x; x x!", None, ""]
    assert texts_of.replace_words(["Red car"], rng(), share=0.0) == ["Red car"]
    many = texts_of.replace_words(["a b c d e f g h i j"] * 300, rng(), share=0.3, pool=["#"])
    assert 0.25 < np.mean([str(text).count("#") for text in many]) / 10 < 0.35


def test_chinese_words_are_replaced_by_chinese_ones() -> None:
    changed = texts_of.replace_words(["我喜欢电影 and tea"], rng(), share=1.0, pool=["茶", "book"])
    assert set(str(changed[0]).replace(" ", "")) <= set("茶book") and str(changed[0]).endswith(" book book")
    assert str(changed[0]).startswith("茶") and 3 <= str(changed[0]).count("茶") <= 5
    pool = texts_of.replace_words(["红茶 tea", "绿茶 cup"], rng(), share=1.0)
    assert all(str(text).split()[1] in ("tea", "cup") and str(text)[1] == "茶" for text in pool)


def test_words_are_deleted_but_never_all() -> None:
    kept = texts_of.delete_words(["one two three four"] * 50, rng(), share=1.0)
    assert {len(str(text).split()) for text in kept} == {1} and len(set(kept)) == 4
    some = texts_of.delete_words(["one two three four", None], rng(), share=0.5)
    assert some[1] is None and set(str(some[0]).split()) < {"one", "two", "three", "four"}
    chinese = texts_of.delete_words(["我喜欢看电影"] * 20, rng(), share=1.0)
    assert all(0 < len(str(text)) <= 2 for text in chinese)


def test_sentences_change_their_order() -> None:
    orders = {str(texts_of.reorder_sentences(["One. Two! Three?"], rng(seed))[0]) for seed in range(40)}
    assert len(orders) == 6 and all(sorted(text.split()) == ["One.", "Three?", "Two!"] for text in orders)
    chinese = {str(texts_of.reorder_sentences(["好看。不贵！"], rng(seed))[0]) for seed in range(20)}
    assert chinese == {"好看。不贵！", "不贵！好看。"}
    assert texts_of.reorder_sentences(["One. Two.", None], rng(), share=0.0) == ["One. Two.", None]


def test_augmented_texts_follow_the_seed() -> None:
    texts = ["A slow film about trains. It is long.", None, "一部关于火车的电影。很长。"]
    options = texts_of.TextAugmentation(replace=0.3, delete=0.3, reorder=1.0)
    first = texts_of.augment_texts(texts, options, rng(1))
    assert first == texts_of.augment_texts(texts, options, rng(1)) and first[1] is None
    assert first != texts and first != texts_of.augment_texts(texts, options, rng(2))


# histories

LOG = SequenceBatch.of_items([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [11], [], [12, 13, 14]])


def test_a_cropped_history_is_a_section() -> None:
    starts = set()
    for seed in range(60):
        cut = histories_of.crop_histories(LOG, rng(seed), share=0.5)
        assert cut.lengths.tolist() == [5, 1, 0, 2]
        row = cut.items[:5]
        starts.add(int(row[0]))
        assert np.array_equal(np.diff(row), np.ones(4)) and np.array_equal(cut.times_s[:5], row - 1)
    assert starts == {1, 2, 3, 4, 5, 6}


def test_windows_are_separate_rows() -> None:
    cut = LOG.windows(np.array([2, 11, 0]), np.array([5, 14, 10]))
    assert cut.items.tolist() == [3, 4, 5, 12, 13, 14, *range(1, 11)] and cut.lengths.tolist() == [3, 3, 10]
    assert cut.times_s[:6].tolist() == [2, 3, 4, 0, 1, 2] and cut.users.tolist() == [-1, -1, -1]


def test_masked_events_stay_without_their_item() -> None:
    hidden = histories_of.mask_events(LOG, rng(), share=0.5)
    assert hidden.lengths.tolist() == LOG.lengths.tolist() and np.array_equal(hidden.times_s, LOG.times_s)
    assert 0 < (hidden.items == histories_of.MASKED).sum() < 14
    assert np.array_equal(hidden.items[hidden.items >= 0], LOG.items[hidden.items >= 0])


def test_reordering_stays_within_a_section() -> None:
    for seed in range(30):
        mixed = histories_of.reorder_events(LOG, rng(seed), share=0.4)
        row = mixed.items[:10]
        moved = np.flatnonzero(row != LOG.items[:10])
        assert sorted(row) == list(range(1, 11)) and (not len(moved) or np.ptp(moved) < 4)
        assert np.array_equal(mixed.times_s, LOG.times_s) and mixed.items[10] == 11
    assert any(
        not np.array_equal(histories_of.reorder_events(LOG, rng(s), share=1.0).items, LOG.items) for s in range(3)
    )


def test_one_change_a_history() -> None:
    options = histories_of.HistoryAugmentation(crop=0.5, mask=1.0, reorder=1.0)
    many = LOG.take([0] * 300)
    out = histories_of.augment_histories(many, options, rng())
    hidden = np.bincount(out.rows[out.items == histories_of.MASKED], minlength=300)
    short = out.lengths == 5
    assert set(out.lengths) == {5, 10} and set(hidden) == {0, 10} and not (short & (hidden > 0)).any()
    assert 70 < short.sum() < 130 and 70 < (hidden > 0).sum() < 130
    repeated = histories_of.augment_histories(many, options, rng())
    assert repeated.items.tobytes() == out.items.tobytes()


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (pictures_of.PictureAugmentation, {"crop": 0.0}),
        (sounds_of.SoundAugmentation, {"gain_db": -1.0}),
        (sounds_of.SoundAugmentation, {"time_mask": 1.5}),
        (texts_of.TextAugmentation, {"delete": 2.0}),
        (histories_of.HistoryAugmentation, {"crop": 0.0}),
    ],
)
def test_values_out_of_range_are_errors(make: Any, values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        make(**values)
