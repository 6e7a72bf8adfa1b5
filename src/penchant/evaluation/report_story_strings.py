"""Texts of the report's parts on planted interests, new items and media."""

from __future__ import annotations

NOBODY = "nobody in particular"
"""Name of the mean mixture among the vectors: what is known without looking at anybody."""

STORY: dict[str, tuple[str, str]] = {
    "recovery": ("Planted interests found again", "找回预设兴趣"),
    "recovery.finding": (
        "The vectors of {best} come closest to the planted interests: cosine {value}",
        "{best} 的兴趣向量最接近预设兴趣：余弦 {value}",
    ),
    "recovery.nobody": ("nobody in particular", "不看任何人"),
    "recovery.unit": ("cosine to the planted mixture", "与预设兴趣的余弦"),
    "recovery.lead": (
        "The simulator knows the truth: a linear map fitted on half of the people reads it from the others' vectors",
        "模拟平台知道真相：用一半用户拟合线性映射，再从另一半用户的向量里读出兴趣",
    ),
    "drift": ("How soon a change of interests is seen", "兴趣转变多久能被发现"),
    "drift.vectors": ("vectors of", "向量"),
    "drift.events": ("events until seen", "发现所需行为数"),
    "drift.days": ("days until seen", "发现所需天数"),
    "drift.seen": ("changes seen", "被发现的转变"),
    "drift.early": ("seen too early", "提前误判"),
    "drift.decoy": ("seen where there is none", "无中生有"),
    "drift.note": (
        "Medians over people whose interests drift or jump, from the event at which the planted interests are nearer "
        "to the new ones. Too early: share of the events before it that look turned. Where there is none: the same for "
        "people who keep their interests, asked about somebody else's. In brackets the middle 95 % of 20 random "
        "halves.",
        "取兴趣渐变或突变的用户的中位数，从预设兴趣更接近新兴趣的那次行为算起。提前误判：此前的行为中看似已转变的比例；"
        "无中生有：兴趣不变的用户，被拿别人的兴趣来比对时的同一比例。方括号内为 20 次随机对半划分的中间 95%。",
    ),
    "cold": ("Items that nobody had touched", "从未有人接触过的物品"),
    "cold.finding": (
        "Among items nobody had touched, {best} finds the most: {metric} {value}",
        "对从未有人接触过的物品，{best} 找回最多：{metric} {value}",
    ),
    "cold.nothing": (
        "No model finds items that nobody had touched",
        "没有模型能找回从未有人接触过的物品",
    ),
    "cold.lead": (
        "A tenth of the items was kept out of training; {users} people chose one of them. Every list ranks all items",
        "训练时完全不用其中十分之一的物品；{users} 位用户选了其中之一，每个列表都对全部物品排序",
    ),
    "cold.table": ("Models on new items", "各模型在新物品上的表现"),
    "media": ("Pictures and sounds of what was recommended", "推荐物品的图片与声音"),
    "media.lead": (
        "{n} items from the lists above, as their files show them",
        "上面列表中的 {n} 件物品，取自它们的文件",
    ),
    "media.topic": ("Topic: {topic}", "主题：{topic}"),
    "media.to": ("Place {place} for {user}", "{user} 的第 {place} 名"),
    "media.picture": ("Picture of {title}", "{title} 的图片"),
    "media.sound": ("Sound of {title}", "{title} 的声音"),
    "media.unread": (
        "No model looked at them or listened to them: no encoder is chosen for {views}.",
        "模型没有看过或听过它们：{views}尚未选择编码器。",
    ),
}
