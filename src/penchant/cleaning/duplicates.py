"""Near duplicates among items: several ids for the same thing, recognised by text, image or both."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from penchant.arrays import Int64s
from penchant.cleaning.finding import Finding
from penchant.cleaning.similar_images import find_similar_hashes, hash_images
from penchant.cleaning.similar_texts import Pairs, SimilarityOptions, find_similar_texts, group_pairs
from penchant.data import schema
from penchant.data.dataset import Dataset
from penchant.data.text import ItemTextOptions, build_item_texts
from penchant.errors import OptionError
from penchant.options import require_range


@dataclass(frozen=True)
class DuplicateOptions:
    """Options of the rule duplicates."""

    by: str = schema.TEXT
    """Content that must be similar: text, image or both."""
    fields: ItemTextOptions = field(default_factory=lambda: ItemTextOptions((schema.TITLE, schema.DESCRIPTION)))
    """Columns that make up the text of an item."""
    similarity: SimilarityOptions = field(default_factory=SimilarityOptions)
    """Options of the comparison of texts."""
    same_numbers: bool = True
    """Whether texts with different numbers (years, sizes, parts of a series) are different items."""
    most_bits: int = 6
    """Bits of the 64 of a perceptual hash in which two images may differ. 0 to 64."""

    def __post_init__(self) -> None:
        require_range(self, "most_bits", least=0, most=64)


def find_duplicates(dataset: Dataset, options: DuplicateOptions = DuplicateOptions()) -> Finding:
    """Flag items that nearly equal another; the item with the most events of each group replaces the others.

    `details`: `item_id`, `replaced_by`, and the highest similarity to another item of the group.
    """
    pairs = _pairs(dataset, options)
    n = dataset.n_items
    group = group_pairs(pairs, n)
    events = np.bincount(dataset.events[schema.ITEM].drop_nulls().to_numpy(), minlength=n)
    # By group, then most events, then lowest code: the reversed assignment leaves the first row of each group.
    order = np.lexsort((np.arange(n), -events, group))
    first = np.full(int(group.max(initial=-1)) + 1, -1, dtype=np.int64)
    first[group[order][::-1]] = order[::-1]
    replaced_by = first[group]
    rows = np.flatnonzero(replaced_by != np.arange(n))
    best = np.zeros(n)
    np.maximum.at(best, pairs.left, pairs.similarity)
    np.maximum.at(best, pairs.right, pairs.similarity)
    ids = dataset.items[schema.ITEM_ID]
    details = pl.DataFrame(
        {
            schema.ITEM_ID: ids.gather(rows),
            "replaced_by": ids.gather(replaced_by[rows]),
            "similarity": best[rows],
        }
    )
    return Finding("duplicates", schema.ITEMS, "nearly the same as another item", rows, details, replaced_by[rows])


def _pairs(dataset: Dataset, options: DuplicateOptions) -> Pairs:
    if options.by not in (schema.TEXT, schema.IMAGE, "both"):
        raise OptionError("by", options.by, allowed=(schema.TEXT, schema.IMAGE, "both"))
    if options.by == schema.TEXT:
        return _text_pairs(dataset, options)
    pictures = _picture_pairs(dataset, options.most_bits)
    if options.by == schema.IMAGE:
        return pictures
    texts = _text_pairs(dataset, options)
    both = np.isin(_keys(pictures, dataset.n_items), _keys(texts, dataset.n_items))
    return Pairs(pictures.left[both], pictures.right[both], pictures.similarity[both])


def _text_pairs(dataset: Dataset, options: DuplicateOptions) -> Pairs:
    texts = pl.Series(build_item_texts(dataset, options.fields), dtype=pl.String)
    pairs = find_similar_texts(texts, options.similarity)
    if not options.same_numbers:
        return pairs
    numbers = texts.str.extract_all(r"\d+").list.sort().list.join(" ")
    same = (numbers.gather(pairs.left) == numbers.gather(pairs.right)).to_numpy()
    return Pairs(pairs.left[same], pairs.right[same], pairs.similarity[same])


def _picture_pairs(dataset: Dataset, most_bits: int) -> Pairs:
    paths: list[Path | None] = [None] * dataset.n_items
    if schema.IMAGE in dataset.items.columns:
        root = dataset.root or Path()
        paths = [None if name is None else root / name for name in dataset.items[schema.IMAGE].to_list()]
    return find_similar_hashes(*hash_images(paths), most_bits=most_bits)


def _keys(pairs: Pairs, n: int) -> Int64s:
    return pairs.left * n + pairs.right
