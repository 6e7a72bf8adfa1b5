"""中文数据：文本自动选用合适的编码器，理由也用中文讲。运行：`python examples/chinese_shop.py`"""

from __future__ import annotations

import polars as pl

import penchant

items = pl.DataFrame(
    {
        "item_id": ["t1", "t2", "t3", "s1", "s2", "s3"],
        "title": ["明前龙井绿茶", "云南普洱熟茶", "福建白毫银针", "轻量防水徒步鞋", "双人露营帐篷", "户外防风炉头"],
        "categories": ["茶叶", "茶叶", "茶叶", "户外", "户外", "户外"],
    }
)
tea = [(f"茶友{n}", item) for n in range(8) for item in ("t1", "t2", "t3")[n % 2 :]]
trail = [(f"驴友{n}", item) for n in range(8) for item in ("s1", "s2", "s3")[n % 2 :]]
events = pl.DataFrame(tea + trail, schema=["user_id", "item_id"], orient="row")
events = events.with_columns(timestamp=1_760_000_000 + 3600 * pl.int_range(pl.len()))

data = penchant.Dataset.from_tables(events, items)
rec = penchant.Recommender.fit(data, penchant.Config(model="content"))

print("文本编码器：", rec.record.encoders["text"])
print(rec.recommend(users=["茶友1", "驴友1"], k=1).table())
print(rec.recommend(text="想买点绿茶", k=1).table())
assert rec.recommend(users="茶友1", k=1).table()["item_id"][0] == "t1"
