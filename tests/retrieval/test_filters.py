from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.data.vocabulary import Vocabulary
from penchant.errors import OptionError, UnknownIdError, UsageError
from penchant.retrieval.filters import Filters

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "categories": [["Drama"], ["Drama", "War"], ["Comedy"], None],
        "price": [1.0, 2.0, None, 4.0],
        "year": [1999, 2001, 2001, None],
        "colour": ["red", "blue", None, "red"],
    }
)
DATA = Dataset(
    items=ITEMS,
    events=pl.DataFrame(),
    users=pl.DataFrame(),
    item_vocabulary=Vocabulary(ITEMS["item_id"]),
    user_vocabulary=Vocabulary([]),
    kinds=Vocabulary(["view"]),
)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), "abcd"),
        (Filters(categories=["Drama"]), "ab"),
        (Filters(categories=("War", "Comedy")), "bc"),
        (Filters(attributes={"year": 2001}), "bc"),
        (Filters(attributes={"year": "2001"}), "bc"),
        (Filters(attributes={"colour": ["red", "blue"]}), "abd"),
        (Filters(attributes={"colour": "red", "year": 1999}), "a"),
        (Filters(attributes={"categories": "War"}), "b"),
        (Filters(price_min=2), "bd"),
        (Filters(price_min=1, price_max=2), "ab"),
        (Filters(allow=["d", "a"]), "ad"),
        (Filters(allow=[]), ""),
        (Filters(deny=["a"]), "bcd"),
        (Filters(allow=["a", "b"], deny=["a"], categories=["Drama"]), "b"),
        (Filters(attributes={"colour": "green"}), ""),
    ],
)
def test_mask(filters: Filters, expected: str) -> None:
    mask = filters.mask(DATA)
    assert mask.dtype == np.bool_ and mask.shape == (4,)
    assert "".join(np.array(list("abcd"))[mask]) == expected


def test_refusals() -> None:
    with pytest.raises(OptionError, match=r"category='Dramas' is not known\. Allowed: Comedy, Drama, War.*'Drama'"):
        Filters(categories=["Dramas"]).mask(DATA)
    with pytest.raises(OptionError, match=r"column='color' is not known.*Did you mean 'colour'"):
        Filters(attributes={"color": "red"}).mask(DATA)
    with pytest.raises(UsageError, match=r"'year' holds Int64; \['soon'\] is not that"):
        Filters(attributes={"year": "soon"}).mask(DATA)
    with pytest.raises(UnknownIdError, match=r"item 'zz' is not known\. Take it off the deny list"):
        Filters(deny=["zz"]).mask(DATA)
    with pytest.raises(UsageError, match="Give a list of item ids"):
        Filters(allow="abc").mask(DATA)
    with pytest.raises(UsageError, match=r"price_min=3 is above price_max=2"):
        Filters(price_min=3, price_max=2)
    with pytest.raises(OptionError, match="price"):
        Filters(price_min=1).mask(Dataset(**{**DATA.__dict__, "items": ITEMS.drop("price")}))
