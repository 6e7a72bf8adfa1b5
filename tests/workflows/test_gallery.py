from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")
pytest.importorskip("av")

from PIL import Image

from penchant.data.dataset import Dataset
from penchant.data.modalities import Modalities
from penchant.embeddings.fitted import FittedEncoders
from penchant.recommender.config import Config
from penchant.recommender.recommender import Recommender
from penchant.testing.videos import encode_good_video
from penchant.workflows.gallery import gallery


def test_a_picture_goes_before_the_middle_frame_of_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(encode_good_video("mp4"))  # grey of 0, 60, 120 and 180, half a second each
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "item.png")
    items = {
        "item_id": ["x", "y", "z", "w"],
        "image": [None, "item.png", None, None],
        "video": ["a.mp4", "a.mp4", "bad.mp4", None],
    }
    log = {"user_id": ["u", "v", "v", "v"], "item_id": ["w", "x", "y", "z"], "timestamp": [1, 2, 3, 4]}
    data = Dataset.from_tables(pl.DataFrame(log), pl.DataFrame(items), root=tmp_path)
    rec = Recommender.fit(data, Config(model="popularity"), modalities=(Modalities(), FittedEncoders()))
    shown = {one.title: one for one in gallery(rec, ["u"], k=3)}
    assert sorted(shown) == ["x", "y"]  # z has nothing that can be decoded
    for title, grey in (("x", 120), ("y", 9)):
        data_uri = shown[title].image
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri.split(",", 1)[1]))))
        assert abs(float(picture.mean()) - grey) < 6, title
