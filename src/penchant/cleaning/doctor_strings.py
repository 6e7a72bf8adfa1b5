"""Every text of the doctor's findings, written in English and in Chinese side by side."""

from __future__ import annotations

from penchant.cleaning.doctor_strings_content import CONTENT

STRINGS: dict[str, dict[str, tuple[str, str]]] = {
    "quarantine": {
        "title": ("Rows that cannot be used", "无法使用的行"),
        "sentence": (
            "{rows:,} rows of {table} ({share:.2%}) were set aside; most often ({most:,}): {reason}.",
            "{table} 表有 {rows:,} 行（{share:.2%}）被搁置；最常见的原因（{most:,} 行）：{reason}。",
        ),
        "remedy": (
            "Mend these rows in the file, or say in dataset.toml what they mean.",
            "请在文件里改正这些行，或在 dataset.toml 中说明它们的含义。",
        ),
    },
    "ties": {
        "title": ("Events at the same moment", "同一时刻的行为"),
        "sentence": (
            "{events:,} events ({share:.1%}) of {users:,} users share their time with another of the same user, and "
            "no column orders them; for {last:,} users ({last_share:.1%}) the last event is not certain.",
            "{users:,} 位用户的 {events:,} 条行为（{share:.1%}）与本人另一条行为时间相同，又没有列说明先后；"
            "{last:,} 位用户（{last_share:.1%}）的最后一条行为因此不确定。",
        ),
        "remedy": (
            "Add a column seq with the true order. Without one, test with --ties random and report both.",
            "请加一列 seq 写明真实顺序；没有的话，用 --ties random 再测一遍，两种结果一起报告。",
        ),
    },
    "ties_ordered": {
        "title": ("Events at the same moment", "同一时刻的行为"),
        "sentence": (
            "{events:,} events ({share:.1%}) of {users:,} users share their time with another of the same user; seq "
            "orders them. For {last:,} users ({last_share:.1%}) it alone decides which event is the last.",
            "{users:,} 位用户的 {events:,} 条行为（{share:.1%}）与本人另一条行为时间相同，由 seq 排序；"
            "{last:,} 位用户（{last_share:.1%}）的最后一条行为只由它决定。",
        ),
        "remedy": (
            "If seq is only the order of a page or file, models may learn that order: compare with --ties random.",
            "如果 seq 只是页面或文件里的顺序，模型可能学到的是这个顺序：请与 --ties random 的结果对照。",
        ),
    },
    "no_time": {
        "title": ("Events without a time", "没有时间的行为"),
        "sentence": ("{events:,} events ({share:.2%}) have no time.", "{events:,} 条行为（{share:.2%}）没有时间。"),
        "remedy": (
            "They are placed by seq beside their neighbours. Give times where you can: drift and --at need them.",
            "它们按 seq 排在相邻行为之间。请尽量补上时间：兴趣漂移和 --at 都要用到。",
        ),
    },
    "days_only": {
        "title": ("Days, not times", "只有日期，没有时刻"),
        "sentence": (
            "{share:.1%} of the times are exactly {clock} UTC: the log knows the day, not the hour.",
            "{share:.1%} 的时间恰好是 UTC {clock}：日志只记到天，没有时刻。",
        ),
        "remedy": (
            "Use the original times if they exist. Else order inside a day means nothing; sessions cannot be told.",
            "如有原始时刻请换用；否则一天之内的先后没有意义，也分不出会话。",
        ),
    },
    "midnight": {
        "title": ("Dates mixed among times", "时间里混有日期"),
        "sentence": (
            "{events:,} events ({share:.2%}) are at exactly 00:00:00 UTC; another full hour has about {usual:,.15g}.",
            "{events:,} 条行为（{share:.2%}）恰好在 UTC 零点整；别的整点通常只有 {usual:,.15g} 条左右。",
        ),
        "remedy": (
            "One source gives dates only. Leave their times empty, or give the real ones.",
            "某个来源只给了日期。请把这些时间留空，或换成真实时间。",
        ),
    },
    "mixed_units": {
        "title": ("Times in two units", "时间单位不一致"),
        "sentence": (
            "{events:,} rows in quarantine hold times in another unit (milliseconds beside seconds).",
            "被搁置的行里有 {events:,} 行的时间用了另一种单位（毫秒与秒混用）。",
        ),
        "remedy": (
            "Convert them to the unit of the rest; the rows are counted from 0 in the file.",
            "请换算成与其余相同的单位；行号从 0 起，按文件顺序。",
        ),
    },
    "future": {
        "title": ("Events in the future", "发生在未来的行为"),
        "sentence": (
            "{events:,} events ({share:.2%}) lie in the future, the last on {last}.",
            "{events:,} 条行为（{share:.2%}）发生在未来，最晚的是 {last}。",
        ),
        "remedy": (
            "Look for a wrong year, unit or clock. A time split would take these rows for its test.",
            "请检查年份、单位或时钟。按时间划分时，这些行会被当成测试集。",
        ),
    },
    "counters": {
        "title": ("Times that look like numbers in a row", "时间像是编号"),
        "sentence": (
            "{share:.1%} of the times lie before 1990, between {first} and {last}: a counter, or another unit.",
            "{share:.1%} 的时间早于 1990 年（{first} 至 {last}）：像是编号，或单位不对。",
        ),
        "remedy": (
            "If they are an order, call the column seq. If they are days or hours, convert them to seconds.",
            "如果只表示先后，请把列名改为 seq；如果是天数或小时数，请换算成秒。",
        ),
    },
    "too_old": {
        "title": ("Times long before the rest", "早得不合理的时间"),
        "sentence": (
            "{events:,} events ({share:.2%}) lie before 1990, from {first}; the log ends on {last}.",
            "{events:,} 条行为（{share:.2%}）早于 1990 年，最早是 {first}；日志结束于 {last}。",
        ),
        "remedy": (
            "Zero stands for unknown, or the unit is wrong. Leave such times empty, or convert them.",
            "可能用 0 表示未知，或单位不对。请留空，或换算。",
        ),
    },
    "hours_kind": {
        "title": ("A kind of event in another time zone", "某类行为的时区不同"),
        "sentence": (
            "{kind} has the daily rhythm of {main} moved by {hours:+d} hours.",
            "{kind} 的一天节律与 {main} 相同，但错开 {hours:+d} 小时。",
        ),
        "remedy": (
            "Convert both to UTC: the order between the two kinds is wrong as it stands.",
            "请都换成 UTC：现在这两类行为之间的先后是错的。",
        ),
    },
    "hours_since": {
        "title": ("The clock jumps", "时钟跳变"),
        "sentence": (
            "Since about {since} the daily rhythm is moved by {hours:+d} hours.",
            "大约从 {since} 起，一天的节律错开了 {hours:+d} 小时。",
        ),
        "remedy": (
            "Look for a change of server, zone or export on that day, and convert everything to UTC.",
            "请查看那天是否换过服务器、时区或导出方式，并统一为 UTC。",
        ),
    },
    "hours_apart": {
        "title": ("The same log twice, hours apart", "同一份日志重复，相差整小时"),
        "sentence": (
            "{events:,} events ({share:.2%}) repeat another exactly a whole number of hours later, mostly {hours}.",
            "{events:,} 条行为（{share:.2%}）恰好在整数小时后重复，多为 {hours} 小时。",
        ),
        "remedy": (
            "The same events came in twice with two time zones: keep one copy.",
            "同一批行为以两个时区导入了两次：请只留一份。",
        ),
    },
    "repeats": {
        "title": ("Things done again", "重复行为"),
        "sentence": (
            "{events:,} events ({share:.1%}) are of a user with an item they had before.",
            "{events:,} 条行为（{share:.1%}）是用户再次接触同一物品。",
        ),
        "remedy": (
            "Where coming back is natural (shops, music), test with --repeats and recommend with --allow-seen.",
            "如果回头是常态（购物、音乐），请用 --repeats 评估，用 --allow-seen 推荐。",
        ),
    },
    "double_clicks": {
        "title": ("The same event within a moment", "瞬间重复的行为"),
        "sentence": (
            "{events:,} events ({share:.2%}) repeat one of the same user, item and kind within {seconds} seconds.",
            "{events:,} 条行为（{share:.2%}）在 {seconds} 秒内重复了同一用户、同一物品、同一类型的行为。",
        ),
        "remedy": (
            "Double clicks and retries teach nothing: drop them with the rule repeated_events, unless they are lines "
            "of one basket.",
            "连点和重试没有信息：可用规则 repeated_events 去掉，除非它们是同一购物篮的多行。",
        ),
    },
    "volume": {
        "title": ("Volume over time", "行为量随时间的变化"),
        "sentence": (
            "The busiest tenth of the time holds {busiest:.0%} of the events; the first quarter of the time holds "
            "{first:.0%}, the last {last:.0%}.",
            "最忙的十分之一时间里有 {busiest:.0%} 的行为；前四分之一时间占 {first:.0%}，后四分之一占 {last:.0%}。",
        ),
        "remedy": (
            "If the log is uneven, look at where a time split cuts: its test may hold few people.",
            "如果分布不均，请留意按时间划分切在哪里：测试集可能只有很少的人。",
        ),
    },
    "gap": {
        "title": ("A gap in the log", "日志有缺口"),
        "sentence": (
            "There is no event from {from_} to {to} ({days:,} days).",
            "从 {from_} 到 {to}（{days:,} 天）没有任何行为。",
        ),
        "remedy": (
            "If the log was lost there, learn from what comes after it.",
            "如果是那段日志丢失，请只用缺口之后的数据学习。",
        ),
    },
    "vocabulary": {
        "title": ("New items and new people", "新物品与新用户"),
        "sentence": (
            "In the last tenth of the log {item_share:.1%} of the events are on items not seen before ({items:,} "
            "items), {user_share:.1%} come from new people; {kept} of the first {top} favourites remain.",
            "日志最后十分之一里，{item_share:.1%} 的行为涉及此前没出现过的物品（{items:,} 个），"
            "{user_share:.1%} 来自新用户；最初的 {top} 个热门物品还剩 {kept} 个。",
        ),
        "remedy": (
            "Where much is new, content (text, pictures) must carry it, and models grow old: train often.",
            "新东西多时，要靠内容（文字、图片）来推荐，模型也老得快：请常更新。",
        ),
    },
    "kind_drift": {
        "title": ("A kind of event that comes or goes", "某类行为中途出现或消失"),
        "sentence": (
            "{kind} is in the log only from {from_} to {to}.",
            "{kind} 只出现在 {from_} 至 {to}。",
        ),
        "remedy": (
            "Look whether logging changed; a model learns the change of the log, not of people.",
            "请确认是否改过埋点；否则模型学到的是日志的变化，而不是人的变化。",
        ),
    },
    "unread_refusals": {
        "title": ("Kinds that read like 'not this'", "看似负面的行为类型"),
        "sentence": (
            "{events:,} events ({share:.1%}) are of kinds that read like 'not this', or like what the platform did, "
            "and count as wanted.",
            "{events:,} 条行为（{share:.1%}）的类型看起来像负面反馈或平台曝光，目前却被当作正反馈来学习。",
        ),
        "remedy": (
            'If they are, say so in dataset.toml: [events.kinds] "{kind}" = "dislike" (or "impression").',
            '如果确实如此，请在 dataset.toml 中写明：[events.kinds] "{kind}" = "dislike"（曝光则写 "impression"）。',
        ),
    },
    "one_event": {
        "title": ("People with one event", "只有一条行为的用户"),
        "sentence": (
            "{users:,} of {of:,} users ({share:.1%}) have a single event.",
            "{of:,} 位用户中有 {users:,} 位（{share:.1%}）只有一条行为。",
        ),
        "remedy": (
            "They teach popularity only, and a leave-one-out test leaves them out.",
            "他们只能反映热门程度，留一法评估也测不到他们。",
        ),
    },
    "no_event": {
        "title": ("People without events", "没有行为的用户"),
        "sentence": (
            "{users:,} of {of:,} users ({share:.1%}) have no event.",
            "{of:,} 位用户中有 {users:,} 位（{share:.1%}）没有任何行为。",
        ),
        "remedy": (
            "They get popular items until they act, or ask them for a sentence (--text).",
            "他们行动之前只能得到热门物品，也可以请他们用一句话描述（--text）。",
        ),
    },
    "dominant_user": {
        "title": ("One user with very many events", "一个用户占了太多行为"),
        "sentence": (
            "One user has {events:,} events, {share:.1%} of all.",
            "一个用户有 {events:,} 条行为，占总数的 {share:.1%}。",
        ),
        "remedy": (
            "Is it a test account, a shop till or a placeholder for unknown people? Leave it out then.",
            "请确认它是不是测试账号、收银台或“未知用户”的占位；若是请去掉。",
        ),
    },
    "suspicious_users": {
        "title": ("Users who behave like programs", "行为像程序的用户"),
        "sentence": (
            "{users:,} users ({share:.2%}) with {events:.1%} of the events behave like programs: {signals}.",
            "{users:,} 位用户（{share:.2%}，占行为的 {events:.1%}）的行为像程序：{signals}。",
        ),
        "remedy": (
            "Look at them; the rule suspicious_users drops them where asked.",
            "请逐一查看；确认后可用规则 suspicious_users 去掉。",
        ),
    },
    "density": {
        "title": ("How full the data is", "数据有多稠密"),
        "sentence": (
            "{density:.3%} of all pairs of user and item occur. A user has {median:g} events in the median, a tenth "
            "more than {p90:.0f}; an item has {per_item:g}, and {rare:,} items ({rare_share:.1%}) fewer than five.",
            "用户与物品的组合出现了 {density:.3%}。用户的行为中位数是 {median:g} 条，十分之一的人超过 {p90:.0f} 条；"
            "物品的中位数是 {per_item:g} 条，{rare:,} 个物品（{rare_share:.1%}）不足五条。",
        ),
        "remedy": (
            "Items with few events need content to be found: give titles, descriptions, pictures.",
            "行为少的物品要靠内容才能被找到：请提供标题、描述、图片。",
        ),
    },
    "skew": {
        "title": ("Popularity", "热门程度"),
        "sentence": (
            "The top 1 % of the items have {one:.1%} of the events, the top 10 % {ten:.1%} (Gini {gini:.2f}).",
            "最热门的 1% 物品占了 {one:.1%} 的行为，前 10% 占 {ten:.1%}（基尼系数 {gini:.2f}）。",
        ),
        "remedy": (
            "Compare with popularity, and look at coverage and the slice of rare items too.",
            "请与 popularity 模型对照，并同时看覆盖率和冷门物品分组。",
        ),
    },
    "leak_future": {
        "title": ("Leave-one-out learns from the future", "留一法用到了未来"),
        "sentence": (
            "With leave-one-out, {after:.0%} of what is learned from lies after the moment of the median test event.",
            "用留一法时，对处于中位的测试时刻而言，{after:.0%} 的学习数据发生在它之后。",
        ),
        "remedy": (
            "For a claim about tomorrow use --split time; leave-one-out compares with publications.",
            "要说明未来的效果，请用 --split time；留一法用于与论文比较。",
        ),
    },
    "leak_ties": {
        "title": ("The test event ties with training", "测试行为与训练行为同时"),
        "sentence": (
            "{users:,} test events ({share:.1%}) have the very time of an event that is learned from.",
            "{users:,} 条测试行为（{share:.1%}）与参与学习的行为时间完全相同。",
        ),
        "remedy": (
            "Test with --ties random too, or hold out whole baskets: --split time --target all.",
            "请再用 --ties random 测一遍，或整篮留出：--split time --target all。",
        ),
    },
    "leak_repeats": {
        "title": ("The answer was seen before", "答案早已出现过"),
        "sentence": (
            "For {users:,} users ({share:.1%}) the last event is on an item of their own history.",
            "{users:,} 位用户（{share:.1%}）的最后一条行为涉及自己历史中的物品。",
        ),
        "remedy": (
            "The default test asks for new items and passes over them; --repeats asks for them too.",
            "默认评估只考新物品，会跳过它们；用 --repeats 可一并考察。",
        ),
    },
    "leak_twins": {
        "title": ("The answer's copy was seen before", "答案的近似重复早已出现过"),
        "sentence": (
            "For {users:,} users ({share:.2%}) a near copy of the last item is in their history.",
            "{users:,} 位用户（{share:.2%}）的历史里有最后那个物品的近似重复。",
        ),
        "remedy": (
            "Merge near duplicates first (rule duplicate_items): finding a copy is not a recommendation.",
            "请先合并近似重复（规则 duplicate_items）：找到副本不算推荐。",
        ),
    },
    "leak_split": {
        "title": ("The given split leaks", "自带的划分有泄漏"),
        "sentence": (
            "By the column {column}, {events:,} of {of:,} test events leak: {early:,} are older than their user's "
            "training, {again:,} repeat a training pair.",
            "按 {column} 列，{of:,} 条测试行为中有 {events:,} 条泄漏：{early:,} 条早于该用户的训练数据，"
            "{again:,} 条与训练中的组合重复。",
        ),
        "remedy": (
            "Do not use that column; let penchant split by time or by last event.",
            "请不要用这一列；让 penchant 按时间或按最后一条行为划分。",
        ),
    },
    "leak_column": {
        "title": ("A column that was counted afterwards", "事后统计的列"),
        "sentence": (
            "The column {column} of items follows how often an item is used (rank correlation {likeness:.2f}).",
            "物品的 {column} 列与它被使用的次数几乎同步（秩相关 {likeness:.2f}）。",
        ),
        "remedy": (
            "If it counts events or ratings, it knows the test: leave it out of the attributes.",
            "如果它是行为数或评分数，就已经知道测试结果：请不要把它当作属性。",
        ),
    },
    **CONTENT,
}
