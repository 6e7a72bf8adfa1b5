"""Advice by rules that one can read: which split, encoder, model and size suit this data, language and machine.

Of each topic the first rule whose condition holds decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Pair = tuple[str, str]


@dataclass(frozen=True)
class Machine:
    """What the work is to run on."""

    cores: int = 1
    memory_gb: float = 8.0
    gpu: bool = False


@dataclass(frozen=True)
class Traits:
    """What of a data set the rules look at: counts, shares from 0 to 1, and the machine.

    `after`: share of training that lies after the median last event; `last_tied`: users whose last event ties.
    `english`: share of texts in Latin script; `text`, `images`, `sounds`: share of items that have them.
    `p90`: nine of ten histories are no longer. `fresh`: share of late events on items not seen before.
    """

    users: int
    items: int
    events: int
    timed: float = 1.0
    after: float = 0.0
    last_tied: float = 0.0
    repeats: float = 0.0
    fresh: float = 0.0
    median: float = 1.0
    p90: float = 1.0
    text: float = 0.0
    images: float = 0.0
    sounds: float = 0.0
    english: float = 1.0
    machine: Machine = Machine()

    @property
    def max_length(self) -> int:
        """The shortest usual length that holds nine of ten histories."""
        return next((n for n in (20, 50, 100, 200) if self.p90 <= n), 200)


@dataclass(frozen=True)
class Rule:
    """`when` holds → `choice` (an option of the command line; empty: the default suits), for the reason `why`.

    Each pair is English, Chinese.
    """

    topic: str
    name: str
    condition: Pair
    holds: Callable[[Traits], bool]
    choice: str
    why: Pair


@dataclass(frozen=True)
class Advice:
    """One piece of advice; `choice` is what to type, and empty where the default suits."""

    topic: str
    rule: str
    choice: str
    condition: Pair
    why: Pair

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Plain values, in words of one language."""
        column = 1 if language == "zh" else 0
        return {
            "topic": self.topic,
            "rule": self.rule,
            "choice": self.choice,
            "condition": self.condition[column],
            "why": self.why[column],
        }


RULES: Final = (
    Rule(
        "split",
        "no-times",
        ("most events have no time", "多数行为没有时间"),
        lambda t: t.timed < 0.5,
        "--split leave-one-out",
        ("Without times the order of each history is all there is to cut.", "没有时间，只能按每个人的先后来切。"),
    ),
    Rule(
        "split",
        "small",
        ("fewer than 500 users", "用户不足 500 人"),
        lambda t: t.users < 500,
        "--split leave-one-out",
        ("Everybody is tested, so that few people still give an interval.", "人人都参与测试，人少也能给出区间。"),
    ),
    Rule(
        "split",
        "future",
        ("leave-one-out would learn 5 % or more from the future", "留一法会有 5% 以上的学习数据来自未来"),
        lambda t: t.after >= 0.05,
        "--split time",
        (
            "A cut in time asks what a service is asked; add leave-one-out to compare with publications.",
            "按时间切与线上情形一致；要与论文比较，再加测留一法。",
        ),
    ),
    Rule(
        "split",
        "else",
        ("nothing speaks against it", "没有不妥"),
        lambda t: True,
        "--split leave-one-out",
        ("The usual test: each one's last event.", "最常用的评估：每个人的最后一条行为。"),
    ),
    Rule(
        "ties",
        "random",
        ("the last event of 5 % of the users or more ties", "5% 以上用户的最后一条行为有并列"),
        lambda t: t.last_tied >= 0.05,
        "--ties random",
        (
            "Run it beside the stable order: the gap is what file order alone is worth.",
            "与原顺序各跑一遍：差距就是文件顺序带来的部分。",
        ),
    ),
    Rule(
        "repeats",
        "natural",
        ("15 % of the events or more come back to an item", "15% 以上的行为是回头"),
        lambda t: t.repeats >= 0.15,
        "--repeats",
        (
            "Coming back is natural here: let the lists hold what people had before.",
            "这里回头是常态：允许推荐用过的物品。",
        ),
    ),
    Rule(
        "encoder",
        "no-text",
        ("fewer than half of the items have a text", "有文字的物品不到一半"),
        lambda t: t.text < 0.5,
        "",
        ("Behaviour has to carry it; give titles before you choose an encoder.", "主要靠行为；先补标题，再谈编码器。"),
    ),
    Rule(
        "encoder",
        "not-latin",
        ("a tenth of the texts or more are not in Latin script", "一成以上的文字不是拉丁字母"),
        lambda t: t.english < 0.9,
        "--set views.text.encoder=ngram",
        (
            "The bundled MiniLM knows English only; ngram learns from this corpus. With a multilingual or Chinese "
            "model on disk, give its folder instead.",
            "自带的 MiniLM 只懂英文；ngram 从本语料学习。若硬盘上有中文或多语言模型，可改填它的目录。",
        ),
    ),
    Rule(
        "encoder",
        "large-cpu",
        ("more than 200,000 items and no GPU", "物品超过 20 万且没有 GPU"),
        lambda t: t.items > 200_000 and not t.machine.gpu,
        "--set views.text.encoder=ngram",
        (
            "MiniLM does about 100 to 240 titles a second on a core; ngram thousands.",
            "MiniLM 每核每秒约 100 至 240 个标题，ngram 有数千。",
        ),
    ),
    Rule(
        "encoder",
        "english",
        ("the texts are in Latin script", "文字是拉丁字母"),
        lambda t: True,
        "--set views.text.encoder=minilm",
        ("MiniLM is bundled, knows English and is fast enough here.", "MiniLM 自带、懂英文，在这里也够快。"),
    ),
    Rule(
        "model",
        "tiny",
        ("fewer than 5,000 events", "行为不足 5,000 条"),
        lambda t: t.events < 5_000,
        "--model content",
        (
            "Too little behaviour to learn from: content and popularity carry the lists.",
            "行为太少学不出来：靠内容与热门程度。",
        ),
    ),
    Rule(
        "model",
        "short",
        ("half of the users have at most two events", "半数用户至多两条行为"),
        lambda t: t.median <= 2,
        "--model cooccurrence",
        ("No history to read: what goes together is what can be known.", "没有可读的历史：只能知道哪些东西常在一起。"),
    ),
    Rule(
        "model",
        "small",
        ("fewer than 50,000 events", "行为不足 5 万条"),
        lambda t: t.events < 50_000,
        "--model cooccurrence",
        (
            "Simple models are hard to beat on so little; compare before training a network.",
            "数据这么少，简单模型很难被超过；训练网络之前先比较。",
        ),
    ),
    Rule(
        "model",
        "fresh",
        ("a tenth of late events or more are on new items", "一成以上的近期行为涉及新物品"),
        lambda t: t.fresh >= 0.1 and t.text >= 0.5,
        "--model lite",
        (
            "Experts for order and for content are summed: new items come in by their text.",
            "把顺序与内容的专家分数相加：新物品靠文字进入列表。",
        ),
    ),
    Rule(
        "model",
        "slow",
        ("more than 5 million events and no GPU", "行为超过 500 万条且没有 GPU"),
        lambda t: t.events > 5_000_000 and not t.machine.gpu,
        "--model cooccurrence",
        (
            "A transformer would take hours here; this takes minutes.",
            "transformer 在这里要训练数小时，它只要几分钟。",
        ),
    ),
    Rule(
        "model",
        "sequences",
        ("enough histories to learn their order", "历史足够学习先后"),
        lambda t: True,
        "--model transformer",
        (
            "Order carries much here; compare it with cooccurrence, which takes seconds.",
            "先后信息丰富；请与几秒就能训练的 cooccurrence 对照。",
        ),
    ),
    Rule(
        "size",
        "small",
        ("fewer than 100,000 events", "行为不足 10 万条"),
        lambda t: t.events < 100_000,
        "--set transformer.dim=64",
        (
            "Two thirds of the cost or less, for lists that are as good within noise.",
            "开销至多三分之二，榜单在误差范围内一样好。",
        ),
    ),
    Rule(
        "size",
        "large",
        ("more than 5 million events and a GPU", "行为超过 500 万条且有 GPU"),
        lambda t: t.events > 5_000_000 and t.machine.gpu,
        "--set transformer.layers=3",
        ("There is enough to fill it, and the GPU has room.", "数据足够，GPU 也放得下。"),
    ),
    Rule(
        "size",
        "usual",
        ("100,000 events or more", "行为达到 10 万条"),
        lambda t: True,
        "",
        ("What did best for its cost on sets of this size.", "同等规模数据上性价比最好的大小。"),
    ),
)
"""Every rule, in order."""

TOPICS: Final[Mapping[str, Pair]] = {
    "split": ("Split", "划分"),
    "ties": ("Ties", "并列"),
    "repeats": ("Repeats", "重复"),
    "encoder": ("Encoder", "编码器"),
    "model": ("Model", "模型"),
    "size": ("Size", "大小"),
    "length": ("Length", "长度"),
}

_LENGTH: Final = ("nine of ten histories have at most {p90:,.0f} events", "九成的历史不超过 {p90:,.0f} 条行为")
_FITS: Final = ("Longer than that is padding.", "再长就是空白。")
_CUT: Final = ("The latest 200 events tell most, and cost grows with length.", "最近 200 条最有用，再长只会更慢。")
_COST: Final = (
    " {events:,} events take about {minutes:,.0f} CPU min an epoch.",
    "{events:,} 条行为每轮约需 {minutes:,.0f} CPU 分钟。",
)
_NETWORKS: Final = ("transformer", "lite")
_USUAL_LENGTH: Final = 200
"""The default of `max_length`."""
_EPOCH_S: Final = 80e-6
"""CPU seconds an event and epoch at dim 128, 2 layers: 253 ms for 3,200 events in float32 (docs/log.md)."""


def advise(traits: Traits) -> list[Advice]:
    """The first rule that holds of each topic; size and length only where the model is a network.

    >>> [one.choice for one in advise(Traits(users=100, items=50, events=900))][:2]
    ['--split leave-one-out', '']
    """
    out: list[Advice] = []
    for rule in RULES:
        if rule.holds(traits) and all(one.topic != rule.topic for one in out):
            out.append(Advice(rule.topic, rule.name, rule.choice, rule.condition, rule.why))
    model = next(one.choice for one in out if one.topic == "model").split()[-1]
    if model not in _NETWORKS:
        return [one for one in out if one.topic != "size"]
    values = {"p90": traits.p90, "events": traits.events, "minutes": max(traits.events * _EPOCH_S / 60, 1)}
    reason = _FITS if traits.p90 <= 200 else _CUT
    condition = (_LENGTH[0].format(**values), _LENGTH[1].format(**values))
    why = (reason[0] + _COST[0].format(**values), reason[1] + _COST[1].format(**values))
    choice = f"--set transformer.max_length={traits.max_length}" if traits.max_length != _USUAL_LENGTH else ""
    return [*out, Advice("length", "histories", choice, condition, why)]


def command(advice: list[Advice]) -> str:
    """What to type to compare what was advised with the simple models.

    >>> command(advise(Traits(users=100, items=50, events=900)))
    'penchant compare DATA --models popularity,cooccurrence,content --split leave-one-out'
    """
    by_topic = {one.topic: one.choice for one in advice}
    model = by_topic["model"].split()[-1]
    models = ",".join(dict.fromkeys(("popularity", "cooccurrence", model)))
    parts = [f"--models {models}", *(by_topic[topic] for topic in ("split", "ties", "repeats") if topic in by_topic)]
    if model == "transformer":
        parts += [by_topic["size"], by_topic["length"]]
    return "penchant compare DATA " + " ".join(part for part in parts if part)
