"""The texts of the doctor's findings on content, in English and in Chinese side by side."""

from __future__ import annotations

CONTENT: dict[str, dict[str, tuple[str, str]]] = {
    "no_view": {
        "title": ("Items of which nothing is known", "一无所知的物品"),
        "sentence": (
            "{items:,} items ({share:.2%}) have neither text, picture, sound or video nor any event.",
            "{items:,} 个物品（{share:.2%}）既没有文字、图片、声音、视频，也没有任何行为。",
        ),
        "remedy": (
            "They can never be recommended: give them a title, or take them out.",
            "它们永远不会被推荐：请补上标题，或者去掉。",
        ),
    },
    "no_content": {
        "title": ("Items known by behaviour only", "只有行为的物品"),
        "sentence": (
            "{items:,} items ({share:.2%}) have no text, picture, sound or video that can be used.",
            "{items:,} 个物品（{share:.2%}）没有可用的文字、图片、声音或视频。",
        ),
        "remedy": (
            "A title is enough to begin with; without one, new items of this sort stay unseen.",
            "有标题就能起步；没有的话，这类新物品不会被看到。",
        ),
    },
    "unused_items": {
        "title": ("Items without events", "没有行为的物品"),
        "sentence": (
            "{items:,} items ({share:.1%}) have content and no event.",
            "{items:,} 个物品（{share:.1%}）有内容但没有行为。",
        ),
        "remedy": (
            "Only models that read content can recommend them: test with --split cold-items.",
            "只有读内容的模型能推荐它们：请用 --split cold-items 评估。",
        ),
    },
    "broken_media": {
        "title": ("Broken media", "损坏的媒体文件"),
        "sentence": (
            "{files:,} of {of:,} files of {table}.{column} ({share:.2%}) cannot be used: {why}.",
            "{table}.{column} 的 {of:,} 个文件中有 {files:,} 个（{share:.2%}）不能用：{why}。",
        ),
        "remedy": (
            "Copy these files again; until then such items count as without a picture or sound.",
            "请重新复制这些文件；在此之前，这些物品按没有图片或声音处理。",
        ),
    },
    "twins": {
        "title": ("Near-duplicate items", "近似重复的物品"),
        "sentence": (
            "{items:,} items ({share:.2%}) have nearly the text of another.",
            "{items:,} 个物品（{share:.2%}）的文字与另一个几乎相同。",
        ),
        "remedy": (
            "If they are the same thing, merge them (rule duplicate_items); sizes and colours may stay apart.",
            "如果是同一物品，请合并（规则 duplicate_items）；尺码、颜色不同的可以保留。",
        ),
    },
    "ids_users": {
        "title": ("User ids that differ in case or spaces", "只差大小写或空格的用户编号"),
        "sentence": ("{ids:,} user ids differ in case or spaces alone.", "{ids:,} 个用户编号只差大小写或空格。"),
        "remedy": ("Write each id in one way.", "请统一编号的写法。"),
    },
    "ids_items": {
        "title": ("Item ids that differ in case or spaces", "只差大小写或空格的物品编号"),
        "sentence": ("{ids:,} item ids differ in case or spaces alone.", "{ids:,} 个物品编号只差大小写或空格。"),
        "remedy": ("Write each id in one way.", "请统一编号的写法。"),
    },
    "languages": {
        "title": ("Languages", "语言"),
        "sentence": ("Of {texts:,} texts looked at: {languages}.", "抽查的 {texts:,} 段文字：{languages}。"),
        "remedy": (
            "With more than one language choose an encoder that knows them all (see the advice).",
            "语言不止一种时，请选都懂的编码器（见建议）。",
        ),
    },
    "impossible": {
        "title": ("Values that cannot be", "不可能的值"),
        "sentence": ("{cells:,} cells of {column} cannot be.", "{column} 有 {cells:,} 个不可能的值。"),
        "remedy": ("Cleaning makes them missing; mend them at the source.", "清洗时会置为缺失；请在源头改正。"),
    },
    "noise": {
        "title": ("Noise in texts", "文字里的杂质"),
        "sentence": ("{cells:,} texts hold noise: {where}.", "{cells:,} 段文字有杂质：{where}。"),
        "remedy": (
            "Cleaning takes out markup, wrong encodings, full-width forms and long runs.",
            "清洗会去掉标记、错误编码、全角字符和过长的重复。",
        ),
    },
    "copied_texts": {
        "title": ("The same words again and again", "反复出现的同一段话"),
        "sentence": (
            "{events:,} events ({share:.2%}) carry a text that is posted five times or more.",
            "{events:,} 条行为（{share:.2%}）带有出现五次以上的同一段文字。",
        ),
        "remedy": ("Likely spam: the rule copied_texts drops it.", "很可能是垃圾内容：规则 copied_texts 可去掉。"),
    },
    "before_item": {
        "title": ("Events before their item existed", "物品出现之前的行为"),
        "sentence": (
            "{events:,} events ({share:.2%}) are more than a day older than their item.",
            "{events:,} 条行为（{share:.2%}）比物品的创建时间早一天以上。",
        ),
        "remedy": (
            "Look for recycled ids, a wrong created_at or another time zone.",
            "请检查编号是否被重复使用、created_at 是否有误、时区是否不同。",
        ),
    },
}
