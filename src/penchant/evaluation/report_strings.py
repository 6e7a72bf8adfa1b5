"""Every text of the report, written in English and in Chinese side by side."""

from __future__ import annotations

import re
from typing import Literal, get_args

from penchant.errors import OptionError
from penchant.evaluation.report_story_strings import STORY
from penchant.evaluation.report_strings_heads import HEAD_STRINGS
from penchant.evaluation.report_strings_views import VIEW_STRINGS

_CHINESE = "[\u3400-\u9fff\u3001-\u301f\uff00-\uffef]"
_GAP = re.compile(f"(?<={_CHINESE}) (?={_CHINESE})")
"""Chinese is written with a space beside Latin words and digits, and none between its own characters."""

_MEASURE_WORDS = frozenset("个部首本件张条段篇款种份只家门节集道场支幅则项")

Language = Literal["en", "zh"]

STRINGS: dict[str, tuple[str, str]] = {
    **VIEW_STRINGS,
    **HEAD_STRINGS,
    "report": ("report", "评估报告"),
    # The sentence at the top
    "says.reach": (
        "{model} places the next {noun} in the first {k} for {hit} of people",
        "{model} 能为 {hit} 的用户把下一{noun}排进前 {k} 名",
    ),
    "says.score": ("{model} reaches {metric} {value}", "{model} 的 {metric} 为 {value}"),
    "says.ahead": (
        "{start}; its {metric} is {lift} above the best simple model, {baseline}.",
        "{start}，{metric} 比最好的简单模型 {baseline} 高 {lift}。",
    ),
    "says.unsure": (
        "{start}; its lead of {lift} over the simple model {baseline} may still be chance.",
        "{start}；比简单模型 {baseline} 高 {lift}，但不能排除是偶然。",
    ),
    "says.untested": (
        "{start}; its {metric} is {lift} above the best simple model, {baseline}, by the mean alone.",
        "{start}；只看均值，{metric} 比最好的简单模型 {baseline} 高 {lift}。",
    ),
    "says.behind": (
        "{start}, but the simple model {baseline} ranks better: {metric} {theirs} against {ours}.",
        "{start}，但简单模型 {baseline} 排得更好：{metric} {theirs} 对 {ours}。",
    ),
    "says.level": (
        "{start}, no more than the simple model {baseline}.",
        "{start}，与简单模型 {baseline} 不分高下。",
    ),
    "says.alone": ("{start}; no simple model stands beside it yet.", "{start}；还没有简单模型与它对照。"),
    "says.nothing": ("Nothing has been measured yet.", "还没有测量结果。"),
    "about": (
        "{title}: {users} people, {split}, every item ranked.",
        "{title}：{users} 位用户，{split}，对全部物品排序。",
    ),
    "about.untested": ("{title}: trained, not tested.", "{title}：已训练，尚未测试。"),
    "noun": ("item", "个物品"),
    "jump.models": ("Models", "模型"),
    "jump.interests": ("Interests", "兴趣"),
    "jump.reasons": ("Reasons", "理由"),
    "jump.data": ("Data", "数据"),
    "jump.made": ("Method", "方法"),
    # Large numbers
    "number.hit": ("people reached in the first {k}", "用户命中率（前 {k} 名）"),
    "number.score": ("{metric}", "{metric}"),
    "number.lead": ("{metric} against {baseline}", "{metric} 相对 {baseline}"),
    "number.lead.sure": ("difference {low} to {high}: not chance", "差值 {low} 至 {high}，并非偶然"),
    "number.lead.unsure": ("difference {low} to {high}: may be chance", "差值 {low} 至 {high}，可能出于偶然"),
    "number.lead.untested": ("by the mean alone, not tested", "只比均值，未做检验"),
    "number.interval": ("95 % interval {low} to {high}", "95% 区间 {low} 至 {high}"),
    "number.users": ("people tested", "位测试用户"),
    "number.events": ("events learnt from", "条行为用于学习"),
    "number.items": ("items ranked for each", "个物品参与排序"),
    # Splits
    "split.time": ("tested on what came after a fixed day", "以固定时刻之后的行为为测试"),
    "split.leave-one-out": ("tested on each one's last event", "以每位用户的最后一次行为为测试"),
    "split.unseen": ("tested on events it has not seen", "以模型没见过的行为为测试"),
    "split.users": ("tested on people kept aside", "以预留的用户为测试"),
    "split.cold-items": ("tested on items never seen before", "以从未出现过的物品为测试"),
    # Outcome
    "compare": ("The models side by side", "模型对比"),
    "compare.lead": (
        "Each model ranked the same items for the same people. A line shows the 95 % interval.",
        "所有模型为同一批用户排同一批物品。横线是 95% 区间。",
    ),
    "compare.sure": ("{best} ranks best, and chance does not explain its lead", "{best} 排得最好，领先并非偶然"),
    "compare.unsure": (
        "{best} has the highest mean; {second} may be as good",
        "{best} 均值最高，{second} 可能不相上下",
    ),
    "compare.one": ("{best} stands alone: nothing to compare it with", "只有 {best}，没有可比的模型"),
    "compare.desc": ("Dots with intervals, best first. {rows}", "点与区间，从高到低。{rows}"),
    "compare.table": ("Means over people, with 95 % intervals", "用户平均值与 95% 区间"),
    "compare.bold": (
        "Bold: the paired comparison with the next best model says that the lead is no chance.",
        "加粗：与次优模型的配对检验表明领先不是偶然。",
    ),
    "compare.nobold": (
        "No value is bold: no paired comparison shows that a lead is more than chance.",
        "没有加粗：没有配对检验能说明哪个领先不是偶然。",
    ),
    "model": ("model", "模型"),
    "cost": ("fit, CPU s", "训练 CPU 秒"),
    "memory": ("memory, MB", "内存 MB"),
    "all": ("All measures", "全部指标"),
    "all.lead": ("{n} measures for {m} models", "{m} 个模型，{n} 项指标"),
    "all.table": ("Every measure, mean and 95 % interval", "每项指标的均值与 95% 区间"),
    "measure": ("measure", "指标"),
    "tests": ("Paired tests over people", "逐用户配对检验"),
    "tests.pair": ("pair", "比较"),
    "tests.difference": ("difference", "差值"),
    "tests.p": ("p (Holm)", "p（Holm）"),
    "versus": ("{model} − {baseline}", "{model} − {baseline}"),
    # Slices and curves
    "slices": ("For whom it works", "对谁有效"),
    "slices.lead": ("{metric} by group", "分组 {metric}"),
    "slices.finding": (
        "{model} gains most over {baseline} for “{most}”, least for “{least}”",
        "相比 {baseline}，{model} 在“{most}”上提高最多，在“{least}”上最少",
    ),
    "slices.behind": (
        "{model} trails {baseline} in every group: most for “{least}”, least for “{most}”",
        "{model} 在各组都落后于 {baseline}：“{least}”差得最多，“{most}”差得最少",
    ),
    "slices.plain": ("{metric} in each group", "各组的 {metric}"),
    "slices.people": ("{n} tested", "{n} 位"),
    "group.users: warm": ("people known before", "训练时见过的用户"),
    "group.users: cold": ("new people", "新用户"),
    "group.items: warm": ("items known before", "训练时见过的物品"),
    "group.items: cold": ("new items", "新物品"),
    "group.items: head": ("popular items", "热门物品"),
    "group.items: tail": ("rare items", "冷门物品"),
    "group.history": ("{n} past events", "历史 {n} 次"),
    "curves": ("Telling wanted from unwanted", "能否分清喜欢与不喜欢"),
    "curves.lead": ("ROC and precision–recall", "ROC 与精确率–召回率曲线"),
    "curves.roc": ("ROC: {best} separates best, area {value}", "ROC：{best} 区分得最好，面积 {value}"),
    "curves.pr": ("Precision–recall: {best} leads, {value}", "精确率–召回率：{best} 领先，{value}"),
    "curves.fpr": ("unwanted shown (false positive rate)", "误报率"),
    "curves.tpr": ("wanted shown (true positive rate)", "真正率"),
    "curves.recall": ("recall", "召回率"),
    "curves.precision": ("precision", "精确率"),
    "calibration": ("Predicted against observed", "预测与实际"),
    "calibration.finding": ("Predictions are {gap} points off on average", "预测平均偏差 {gap} 个百分点"),
    "calibration.x": ("predicted", "预测"),
    "calibration.y": ("observed", "实际"),
    "calibration.ideal": ("as predicted", "完全一致"),
    # Training
    "training": ("How it learnt", "训练过程"),
    "training.lead": ("{n} epochs, {seconds}", "{n} 轮，{seconds}"),
    "training.peak": ("Validation stopped rising at epoch {best} of {n}", "验证指标在第 {best} 轮到顶（共 {n} 轮）"),
    "training.rising": (
        "Validation was still rising at the last epoch: more epochs may help",
        "最后一轮验证指标仍在上升：再多训练几轮可能更好",
    ),
    "training.unmeasured": ("The loss over {n} epochs", "{n} 轮的损失"),
    "training.epoch": ("epoch", "轮次"),
    "training.loss": ("loss", "损失"),
    "training.validation": ("validation {metric}", "验证 {metric}"),
    "training.best": ("best: {value}", "最高 {value}"),
    # Interests
    "interests": ("Interests as they move", "兴趣的变化"),
    "interests.lead": ("The interests of {n} people over time", "{n} 位用户的兴趣随时间的变化"),
    "interests.moved": ("{user}: from {first} to {last}", "{user}：从 {first} 转向 {last}"),
    "interests.stayed": ("{user}: {topic} throughout", "{user}：始终以 {topic} 为主"),
    "interests.note": (
        "A band is a topic's share of the interest; it moves only when something happens. Each tick below is an event, "
        "a longer one a purchase, a like, a share or a comment.",
        "色带是各主题在兴趣中的占比，只有发生行为时才变化。下方每条刻线是一次行为，长线是购买、点赞、分享或评论。",
    ),
    "interests.events": ("{n} events, {first} to {last}", "{n} 次行为，{first}至{last}"),
    "interests.desc": (
        "Shares over time. At the start {start}; at the end {end}.",
        "各主题占比随时间变化。开始时 {start}；最后 {end}。",
    ),
    "interests.share": ("{topic} {share}", "{topic} {share}"),
    "others": ("others", "其他"),
    "events": ("events", "行为"),
    # Reasons
    "reasons": ("Recommendations and their reasons", "推荐与理由"),
    "reasons.lead": ("Lists for {n} people, each with what speaks for it", "{n} 位用户的推荐，以及各自的依据"),
    "reasons.user": ("For {user}", "给 {user}"),
    "reasons.history": ("Lately", "最近"),
    "reasons.list": ("Recommended", "推荐"),
    "reasons.event": ("Without {title} its lead would be {share} smaller", "没有 {title}，领先优势会少 {share}"),
    "reasons.because": ("Because of {titles}.", "因为{titles}。"),
    "reasons.whole": ("Its score comes from the whole history.", "得分来自全部历史，没有哪一次行为单独起作用。"),
    "reasons.figure": ("Score of {title} by view", "{title} 的得分构成"),
    "reasons.note": (
        "A bar splits the score by view; bars of one list share their scale. The lead of an item is how far it stands "
        "above the mean of all items; an event counts for what the lead loses without it.",
        "横条按视角拆分得分，同一列表用同一刻度。领先优势指该物品高出全部物品平均水平的幅度；一次行为的分量，就是去掉它之后优势的减少。",
    ),
    "view.text": ("text", "文字"),
    "view.image": ("image", "图像"),
    "view.audio": ("audio", "声音"),
    "view.behaviour": ("behaviour", "行为"),
    "view.attributes": ("attributes", "属性"),
    # Data
    "data": ("The data", "数据"),
    "data.lead": ("{users} people, {items} items, {events} events", "{users} 位用户，{items} 个物品，{events} 条行为"),
    "data.unknown": ("What was read and what was kept", "读到了什么，留下了什么"),
    "data.span": ("from {first} to {last}", "{first}至{last}"),
    "data.users": ("people", "用户"),
    "data.items": ("items", "物品"),
    "data.events": ("events", "行为"),
    "data.time": ("time", "时间"),
    "data.languages": ("languages", "语言"),
    "data.kinds": ("Most events are “{kind}” ({share})", "行为以“{kind}”为主（{share}）"),
    "data.count": ("number of events", "行为次数"),
    "coverage.all": ("Every item has {view}", "每个物品都有{view}"),
    "coverage.most": ("{share} of items have {view}", "{share} 的物品有{view}"),
    "coverage.two": ("Every item has {view}; {share} have {other}", "每个物品都有{view}；{share} 有{other}"),
    "coverage.between": (" and ", "和"),
    "coverage.unit": ("share of items", "物品占比"),
    "cleaned": ("What was cleaned", "清洗情况"),
    "cleaned.table": ("Rows read, kept and set aside", "读入、保留与隔离的行数"),
    "cleaned.name": ("table", "表"),
    "cleaned.read": ("read", "读入"),
    "cleaned.kept": ("kept", "保留"),
    "cleaned.out": ("set aside", "隔离"),
    "cleaned.duplicates": ("duplicates", "重复"),
    "cleaned.why": ("why", "原因"),
    "cleaned.times": ("times read as {form}", "时间按 {form} 读取"),
    "cleaned.added": ("{n} more appear in events only and were added", "另有 {n} 个只在行为中出现，已补上"),
    "cleaned.none": ("nothing", "无"),
    # Made
    "made": ("How this was made", "生成方式"),
    "made.lead": (
        "Run the command again with the same seed for the same numbers.",
        "用同一种子重跑该命令，会得到同样的数字。",
    ),
    "made.command": ("command", "命令"),
    "made.split": ("split", "划分"),
    "made.seeds": ("seeds", "种子"),
    "made.machine": ("machine", "机器"),
    "made.versions": ("versions", "版本"),
    "made.date": ("date", "日期"),
    "made.seed": ("seed", "种子"),
    "made.options": ("options", "选项"),
    "made.encoders": ("encoders", "编码器"),
    "made.views": ("views and files", "视图与文件"),
    "made.fit CPU seconds": ("fit CPU seconds", "训练 CPU 秒"),
    "glossary": ("How to read the measures", "如何读这些指标"),
    "footer": (
        "Made with penchant. This file loads nothing from the network.",
        "由 penchant 生成。本文件不从网络加载任何内容。",
    ),
    # Empty states
    "empty.compare": ("No models have been compared yet", "还没有比较过模型"),
    "empty.compare.next": (
        "Compare a few on your data; simple ones belong in the table:",
        "在你的数据上比较几个模型，简单模型也要在表里：",
    ),
    "empty.slices": ("No groups were measured", "没有分组结果"),
    "empty.slices.next": ("Evaluate the bundle to see for whom it works:", "评估一次模型包，就能看到它对谁有效："),
    "empty.curves": ("No curves were drawn", "没有曲线"),
    "empty.curves.next": (
        "Curves need scores for wanted and unwanted items; evaluate the bundle:",
        "画曲线需要给喜欢与不喜欢的物品打分，请评估模型包：",
    ),
    "empty.training": ("This model learns without epochs", "该模型不分轮次训练"),
    "empty.training.next": (
        "It is fitted in one step, so there is no curve. Train one that learns step by step:",
        "它一步求解，没有训练曲线。想看曲线，请训练逐步学习的模型：",
    ),
    "empty.interests": ("No interests to show over time", "没有可展示的兴趣变化"),
    "empty.interests.next": (
        "Timelines need people with several events. For one person, type:",
        "需要有多次行为的用户。查看某一位用户：",
    ),
    "empty.reasons": ("No examples were explained", "没有解释示例"),
    "empty.reasons.next": ("Ask for reasons with a list:", "推荐时要求给出理由："),
    "empty.data": ("The data was not described", "没有数据说明"),
    "empty.data.next": ("Look at a folder before training on it:", "训练前先检查数据："),
    "empty.made": ("The run was not recorded", "没有运行记录"),
    "empty.made.next": ("Train through the command line and it is written down:", "用命令行训练会自动记录："),
    **STORY,
}

MODELS: dict[str, tuple[str, str]] = {
    "popularity": ("what most people take", "大家都在看的"),
    "recent_popularity": ("what most people take of late", "近来大家都在看的"),
    "cooccurrence": ("what tends to follow what", "什么常跟在什么后面"),
    "item_knn": ("items liked by the same people", "被同一群人喜欢的物品"),
    "user_knn": ("what similar people take", "相似用户的选择"),
    "content": ("items that look or read alike", "内容相近的物品"),
    "ease": ("one linear map between items", "物品间的线性映射"),
    "als": ("factors of the user–item table", "用户–物品矩阵分解"),
    "gru": ("a recurrent network over events", "读行为序列的循环网络"),
    "cnn_rnn": ("convolution and recurrence joined", "卷积与循环的融合网络"),
    "transformer": ("attention over each one's events", "读行为序列的注意力网络"),
    "content_transformer": ("attention over what the items are, without ids", "只看内容、不看编号的注意力网络"),
    "llm": ("a language model over told histories", "读文字化历史的语言模型"),
    "lite": ("a small fusion, trained in minutes", "几分钟训好的小型融合模型"),
    "flagship": ("sequence, content, linear and co-occurrence experts", "序列、内容、线性与共现专家之和"),
}

MEASURES: dict[str, tuple[str, str]] = {
    "ndcg": ("how high the wanted item stands in the list; 1 is always first", "目标物品排得多靠前；总在第一位为 1"),
    "hit_rate": ("share of people whose wanted item is in the list", "列表里有目标物品的用户占比"),
    "recall": ("share of the wanted items that are in the list", "目标物品进入列表的比例"),
    "precision": ("share of the list that is wanted", "列表中目标物品的占比"),
    "f1": ("precision and recall in one number", "精确率与召回率的调和平均"),
    "mrr": ("one over the place of the first wanted item", "第一个目标物品名次的倒数"),
    "map": ("precision averaged over the places of wanted items", "各目标物品处精确率的平均"),
    "coverage": ("share of all items that anybody is shown", "被推荐过的物品占全部的比例"),
    "novelty": ("how rare the shown items are, in bits", "所推物品有多冷门（比特）"),
    "diversity": ("how unlike the items of one list are", "同一列表里物品的差异"),
    "gini": ("how unevenly items are shown; 0 is even", "曝光的不均程度；0 为完全均匀"),
    "popularity_lift": ("how much more popular the list is than the history", "列表比历史热门多少"),
    "calibration": ("how far the list's mix is from the history's", "列表的构成与历史差多远"),
    "rmse": ("typical error of a predicted rating", "预测评分的典型误差"),
    "mae": ("mean error of a predicted rating", "预测评分的平均误差"),
    "auc": ("chance that a wanted item scores above an unwanted one", "目标物品得分高于其他物品的概率"),
}


class Words:
    """The texts in one language.

    >>> Words("zh")("slices.people", n=3)
    '3 位'
    """

    def __init__(self, language: str) -> None:
        if language not in get_args(Language):
            raise OptionError("language", language, allowed=get_args(Language))
        self.language = language
        self._column = get_args(Language).index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with the values put in."""
        text = STRINGS[key][self._column].format(**values)
        return _GAP.sub("", text) if self.language == "zh" else text

    def get(self, key: str, otherwise: str) -> str:
        """The text of a key, or another text where there is no such key (a view or a split of somebody's own)."""
        return STRINGS[key][self._column] if key in STRINGS else otherwise

    def group(self, name: str) -> str:
        """A slice such as `items: tail` or `history: 5-19` in words; one of somebody's own stays as it is."""
        if name.startswith("history: "):
            return self("group.history", n=name.removeprefix("history: ").replace("-", "–"))
        return self.get(f"group.{name}", name)

    def noun(self, name: str) -> str:
        """What is recommended; in Chinese with a measure word, 个 where none is given.

        >>> Words("zh").noun("商品"), Words("zh").noun("部电影"), Words("en").noun("")
        ('个商品', '部电影', 'item')
        """
        if not name:
            return self("noun")
        return f"个{name}" if self.language == "zh" and name[0] not in _MEASURE_WORDS else name

    def gloss(self, model: str) -> str:
        """What a model does, in a few words; empty for one that is not ours."""
        return MODELS[model][self._column] if model in MODELS else ""

    def measure(self, name: str) -> str:
        """What a measure such as `ndcg@10` means; empty for an unknown one."""
        base = name.split("@")[0]
        base = {"hit": "hit_rate", "hitrate": "hit_rate", "intra_list_diversity": "diversity"}.get(base, base)
        return MEASURES[base][self._column] if base in MEASURES else ""

    def percent(self, share: float, digits: int = 0) -> str:
        """A share as a percentage, as the language writes it."""
        number = f"{share * 100:.{digits}f}".replace("-", "−")
        return f"{number}%" if self.language == "zh" else f"{number}\u00a0%"

    def count(self, number: float) -> str:
        """A whole number with thousands apart."""
        return f"{number:,.0f}"

    def seconds(self, value: float) -> str:
        """A duration in the unit that fits."""
        unit = 0 if value < 90 else 1 if value < 5400 else 2
        amount = value / (1, 60, 3600)[unit]
        number = f"{amount:.0f}" if amount >= 10 else f"{amount:.1f}"
        names = (("s", "min", "h"), ("秒", "分钟", "小时"))[self._column]
        return f"{number} {names[unit]}"
