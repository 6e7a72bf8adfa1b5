from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities, Modality
from penchant.data.splits import split
from penchant.evaluation.run import with_content


def test_content_of_events_and_users_follow_the_events_of_the_holdout() -> None:
    data = Dataset.from_tables(
        pl.DataFrame(
            {
                "user_id": ["a"] * 4 + ["b"] * 4,
                "item_id": list("wxyz") + list("zyxw"),
                "timestamp": [1, 2, 3, 4] * 2,
            }
        )
    )
    test = split(data, "leave-one-out").test
    content = Modalities({"text": Modality(np.eye(8, dtype=np.float32), np.ones(8, dtype=bool))})
    users = Modalities({"attributes": Modality(np.array([[1.0], [2.0]], dtype=np.float32), np.ones(2, dtype=bool))})
    packed = replace(
        data.sequences(), content_rows=np.arange(8, dtype=np.int32)[::-1].copy(), content=content, user_modalities=users
    )
    histories = with_content(test, packed).histories
    assert (
        histories.content_rows is not None
        and histories.user_modalities is not None
        and histories.event_rows is not None
    )
    assert histories.content_rows.tolist() == (7 - histories.event_rows).tolist() and histories.content is content
    assert histories.user_modalities["attributes"].vectors[:, 0].tolist() == (histories.users + 1).tolist()
    plain = with_content(test, data.sequences()).histories
    assert plain.content_rows is None and plain.user_modalities is None
