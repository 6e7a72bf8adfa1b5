"""Near duplicates of items by text and image, and what becomes of their events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.cleaning.duplicates import DuplicateOptions, find_duplicates
from penchant.cleaning.similar_images import find_similar_hashes, hash_image, hash_images
from penchant.cleaning.similar_texts import Pairs, SimilarityOptions, find_similar_texts, group_pairs
from penchant.data.dataset import Dataset
from penchant.errors import OptionError

Image = pytest.importorskip("PIL.Image", reason="the extra image is not installed")


def jaccard(one: str, two: str, size: int = 4) -> float:
    sets = [{text[k : k + size] for k in range(max(len(text) - size + 1, 1))} for text in (one, two)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_pairs_agree_with_comparing_all() -> None:
    rng = np.random.default_rng(0)
    words = ["lamp", "red", "large", "garden", "chair", "oak", "table", "small", "blue", "metal", "sign", "door"]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(40)]
    texts += [text.replace("a", "o", 1) for text in texts[:20]]
    matches = find_similar_texts(texts, SimilarityOptions(threshold=0.7))
    pairs = set(zip(matches.left.tolist(), matches.right.tolist(), strict=True))
    expected = {(i, j) for i in range(60) for j in range(i + 1, 60) if jaccard(texts[i], texts[j]) >= 0.7}
    assert pairs <= expected and len(pairs) >= 0.95 * len(expected) and len(expected) >= 15
    for left, right, similarity in zip(matches.left, matches.right, matches.similarity, strict=True):
        assert similarity == pytest.approx(jaccard(texts[left], texts[right]))


def test_copies_stay_connected_and_empty_texts_match_nothing() -> None:
    pairs = find_similar_texts(["same words here"] * 50 + [None, "", "!!", "other"])
    assert len(set(group_pairs(pairs, 54)[:50])) == 1 and len(set(group_pairs(pairs, 54))) == 5
    assert len(find_similar_texts([None, None])) == 0 and len(find_similar_texts([])) == 0
    assert find_similar_texts(["ab", "ab", "abc"]).left.tolist() == [0]  # shorter than a shingle


def test_same_seed_same_pairs() -> None:
    texts = [f"garden lamp number {k % 7} of oak" for k in range(60)]
    one, two = find_similar_texts(texts), find_similar_texts(texts)
    assert one.left.tolist() == two.left.tolist() and one.similarity.tolist() == two.similarity.tolist()


CATALOGUE: dict[str, Any] = {
    "item_id": ["a", "b", "c", "d", "e"],
    "title": [
        "Sodial 20 pairs of long and thick eyelashes",
        "SODIAL(R) 20 Pairs of Long and Thick Eyelashes",
        "Sodial 10 pairs of long and thick eyelashes",
        "A blue garden chair",
        None,
    ],
}


def shop() -> Dataset:
    log = {"user_id": list("uuvvw"), "item_id": ["a", "b", "b", "d", "e"], "timestamp": [1, 2, 3, 4, 5]}
    return Dataset.from_tables(log, CATALOGUE)


def test_duplicates_differ_from_other_sizes() -> None:
    finding = find_duplicates(shop())
    assert finding.details.select("item_id", "replaced_by").rows() == [("a", "b")]  # b has more events
    assert 0.8 <= finding.details["similarity"].item() < 1
    loose = find_duplicates(shop(), DuplicateOptions(same_numbers=False))
    assert sorted(loose.details["item_id"].to_list()) == ["a", "c"]


def test_events_follow_the_item_that_stays() -> None:
    data = shop()
    merged = find_duplicates(data).quarantine(data)
    assert merged.item_vocabulary.ids.to_list() == ["b", "c", "d", "e"] == merged.items["item_id"].to_list()
    assert merged.events["item"].to_list() == [0, 0, 0, 2, 3]
    assert merged.report is not None
    assert merged.report.quarantine["items"].select("item_id", "reason").rows() == [
        ("a", "nearly the same as another item")
    ]
    table = merged.report.tables["items"]
    assert (table.rows_read, table.rows_kept, table.rows_quarantined) == (5, 4, 1)


def picture(seed: int, size: int = 96) -> Any:
    """Soft coloured blobs, different for every seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)


def test_changed_copies_have_near_hashes_and_other_pictures_far_ones(tmp_path: Path) -> None:
    paths: list[Path | None] = []
    for seed in range(8):
        original = picture(seed)
        copies = {
            "same.png": original,
            "small.png": original.resize((48, 48)),
            "worse.jpg": original,
            "darker.png": original.point(lambda level: int(level * 0.9)),
        }
        for name, image in copies.items():
            paths.append(tmp_path / f"{seed}-{name}")
            image.save(paths[-1], **({"quality": 40} if name.endswith("jpg") else {}))
    hashes, present = hash_images(paths)
    assert present.all()
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    same = np.equal.outer(np.arange(32) // 4, np.arange(32) // 4)
    assert bits[same].max() <= 6 and bits[~same].min() > 6
    pairs = find_similar_hashes(hashes, present)
    assert len(pairs) == 8 * 6


def test_pictures_that_cannot_be_compared_are_left_out(tmp_path: Path) -> None:
    Image.new("RGB", (50, 50), "red").save(tmp_path / "flat.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    picture(1).save(tmp_path / "cut.png")
    content = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    names = ["flat.png", "broken.png", "cut.png", "none.png"]
    hashes, present = hash_images([*(tmp_path / name for name in names), None])
    assert not present.any() and len(find_similar_hashes(hashes, present)) == 0
    assert hash_image(picture(1)) is not None


def test_items_by_picture_and_by_both(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 1), ("d", 2)):
        picture(seed).save(tmp_path / f"{name}.png")
    log = {"user_id": ["u"], "item_id": ["a"], "timestamp": [1]}
    images = ["a.png", "b.png", "c.png", "d.png", "gone.png"]
    data = Dataset.from_tables(log, CATALOGUE | {"image": images}, root=tmp_path)
    by_image = find_duplicates(data, DuplicateOptions(by="image"))
    assert by_image.details.select("item_id", "replaced_by").rows() == [("b", "a"), ("c", "a")]
    both = find_duplicates(data, DuplicateOptions(by="both"))
    assert both.details.select("item_id", "replaced_by").rows() == [("b", "a")]
    with pytest.raises(OptionError, match=r"by='sound' is not known\. Allowed: text, image, both"):
        find_duplicates(data, DuplicateOptions(by="sound"))


def test_duplicate_posters_of_movielens(shared_data: Path) -> None:
    import hashlib

    folder = shared_data / "movielens-1m"
    data = Dataset.load(folder)
    digests: dict[str, list[str]] = {}
    for item, name in data.items.filter(data.items["image"].is_not_null()).select("item_id", "image").rows():
        digests.setdefault(hashlib.sha256((folder / name).read_bytes()).hexdigest(), []).append(item)
    exact = {frozenset(group) for group in digests.values() if len(group) > 1}
    finding = find_duplicates(data, DuplicateOptions(by="image"))
    flagged = {frozenset(pair) for pair in finding.details.select("item_id", "replaced_by").rows()}
    assert exact and exact <= flagged and len(finding) < 20


def test_groups_of_no_pairs() -> None:
    none = np.empty(0, dtype=np.int64)
    assert group_pairs(Pairs(none, none, np.empty(0)), 3).tolist() == [0, 1, 2]
