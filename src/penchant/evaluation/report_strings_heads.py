"""Texts of the report's part on heads, in English and in Chinese."""

from __future__ import annotations

HEAD_STRINGS: dict[str, tuple[str, str]] = {
    "heads": ("Interested or not, and in what", "感兴趣吗，对什么感兴趣"),
    "heads.lead": (
        "Probabilities from interest vectors, tested on events that neither the model nor the heads have seen",
        "由兴趣向量给出的概率，在模型和概率头都没见过的行为上测试",
    ),
    "heads.interest": (
        "Interested or not: AUC {auc}, popularity alone {popularity}",
        "感兴趣还是不感兴趣：AUC {auc}，只看热度 {popularity}",
    ),
    "heads.interest.alone": ("Interested or not: AUC {auc}", "感兴趣还是不感兴趣：AUC {auc}"),
    "heads.interest.note": (
        "{pairs} pairs of {people} people, {share} of them of interest; negatives are {negatives}.",
        "{people} 位用户的 {pairs} 对用户与物品，其中感兴趣的占 {share}；负例{negatives}。",
    ),
    "heads.real": ("real: disliked, hidden, or shown and not taken", "来自真实行为：不喜欢、隐藏、看到而没有点"),
    "heads.sampled": ("sampled, {ratio} for each positive", "由抽样得到，每个正例配 {ratio} 个"),
    "heads.category": (
        "The next item's category: right for {accuracy}, {rival} for {other}",
        "下一件物品的类别：答对 {accuracy}，{rival} {other}",
    ),
    "heads.category.note": (
        "{events} events of {people} people, {classes} categories. Macro figures give every category the same weight.",
        "{people} 位用户的 {events} 次行为，{classes} 个类别。宏平均让每个类别的权重相同。",
    ),
    "heads.answer": ("answer", "回答"),
    "heads.head": ("the head", "概率头"),
    "heads.dot": ("the bare dot product", "只用点积"),
    "heads.popularity": ("popularity of the item", "物品热度"),
    "heads.share": ("the share as it was taught", "训练时的正例比例"),
    "heads.commonest": ("the most frequent category", "最常见的类别"),
    "heads.last": ("the category of the item before", "上一件物品的类别"),
    "heads.auc": ("AUC", "AUC"),
    "heads.log_loss": ("log-loss", "对数损失"),
    "heads.calibration_error": ("calibration error", "校准误差"),
    "heads.accuracy": ("accuracy", "准确率"),
    "heads.macro_precision": ("macro precision", "宏平均精确率"),
    "heads.macro_recall": ("macro recall", "宏平均召回率"),
    "heads.macro_f1": ("macro F1", "宏平均 F1"),
    "heads.table.interest": ("Interested or not, beside simple answers", "感兴趣与否，与简单回答对照"),
    "heads.table.category": ("The next category, beside simple answers", "下一个类别，与简单回答对照"),
    "heads.confusion": ("What was told for each actual category", "每个真实类别被答成了什么"),
    "heads.confusion.note": (
        "Rows are what came, columns what was told; darker cells hold more of their row.",
        "行是真实类别，列是给出的回答；颜色越深，占本行的比例越大。",
    ),
    "heads.actual": ("actual", "真实类别"),
    "heads.others": ("(others)", "（其他）"),
    "heads.untested": ("{head}: not tested. ", "{head}：没有测试。"),
    "heads.name.interest": ("Interested or not", "感兴趣与否"),
    "heads.name.category": ("The next category", "下一个类别"),
}
