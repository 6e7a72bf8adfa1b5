"""Texts of the report's part on views, in English and in Chinese."""

from __future__ import annotations

VIEW_STRINGS: dict[str, tuple[str, str]] = {
    "views": ("What each view gives", "各视角的作用"),
    "views.lead": (
        "Which views items and events have, what they give to the score, what is lost without them",
        "物品和行为有哪些视角、各自占得分多少、去掉之后损失多少",
    ),
    "views.most": ("{view} carries {share} of the score", "{view}占得分的 {share}"),
    "views.two": ("{view} carries {share} of the score, {other} {rest}", "{view}占得分的 {share}，{other}占 {rest}"),
    "views.only": ("All of the score comes from {view}", "得分全部来自{view}"),
    "views.share.unit": ("share of the score", "得分占比"),
    "views.share.note": (
        "Mean absolute share over the recommended items. It splits the item side of a score: what views told about the "
        "history is inside the interest vector.",
        "推荐物品得分中各视角的平均绝对占比，只拆分物品一侧；历史里各视角的信息已在兴趣向量之中。",
    ),
    "views.table": ("Coverage and use of the views", "各视角的覆盖与使用"),
    "views.view": ("view", "视角"),
    "views.items": ("items", "物品"),
    "views.events": ("events", "行为"),
    "views.share": ("share of the score", "得分占比"),
    "views.alone": ("{metric} alone", "单用时 {metric}"),
    "views.without": ("{metric} without it", "去掉后 {metric} 的变化"),
    "views.missed": ("Without {view} {metric} falls by {loss}", "去掉{view}，{metric} 下降 {loss}"),
    "views.spared": (
        "No single view is missed: the others make up for it",
        "缺了哪个视角都不碍事：其余视角补得上",
    ),
    "views.better": (
        "Without {view} {metric} rises by {gain}: the model is better off without it",
        "去掉{view}，{metric} 反而上升 {gain}：不用它更好",
    ),
    "views.unit": ("change of {metric}", "{metric} 的变化"),
    "views.masked": (
        "Measured on {users} people by hiding a view from the fitted model, without learning again: it says what this "
        "model uses, not what a model trained without the view could do. With all views {metric} is {value}.",
        "在 {users} 位用户上，向已训练的模型隐藏一个视角测得，没有重新训练："
        "说明模型用了什么，而不是没有该视角也能学到什么。全部视角的 {metric} 为 {value}。",
    ),
    "views.row": ("without {view}", "去掉{view}"),
    "views.one": (
        "The model reads one view only, so there is nothing to leave out.",
        "模型只用一个视角，没有可以去掉的。",
    ),
    "views.unmeasured": (
        "Nothing was tested, so what is lost without a view is not known.",
        "没有做测试，去掉视角会损失多少还不知道。",
    ),
    "empty.views": ("The use of views was not measured", "没有测量视角的作用"),
    "empty.views.next": (
        "Train through the command line, or compare models with some views hidden:",
        "用命令行训练，或在隐藏部分视角的情况下比较模型：",
    ),
}
