"""The doctor's page: what is wrong with a data set and what to do, in the look of the report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from penchant.errors import OptionError
from penchant.plots import page
from penchant.plots.markup import Markup, foreign, join, tag
from penchant.plots.svg import Labels, label, line, svg

_WORDS: dict[str, tuple[str, str]] = {
    "kind": ("data doctor", "数据体检"),
    "says.problem": (
        "{problems} to mend before training, {warnings} to look at, in {events} events of {users} people",
        "{events} 条行为、{users} 位用户：训练前须解决 {problems}，另有 {warnings}值得留意",
    ),
    "says.warn": (
        "Nothing stands in the way of training; {warnings} to look at, in {events} events of {users} people",
        "{events} 条行为、{users} 位用户：可以训练，有 {warnings}值得留意",
    ),
    "says.info": (
        "Nothing is wrong with these {events} events of {users} people",
        "{events} 条行为、{users} 位用户：没有发现问题",
    ),
    "n.problem": ("{n} problem", "{n} 个问题"),
    "n.problems": ("{n} problems", "{n} 个问题"),
    "n.warn": ("{n} thing", "{n} 点"),
    "n.warns": ("{n} things", "{n} 点"),
    "about": ("{title}, {first} to {last}", "{title}，{first} 至 {last}"),
    "users": ("people", "位用户"),
    "users.note": ("{median} events each in the median", "每人行为数中位 {median} 条"),
    "items": ("items", "个物品"),
    "items.note": ("{n} with a title or description", "{n} 个有标题或描述"),
    "events": ("events", "条行为"),
    "events.note": ("{n} rows set aside", "搁置 {n} 行"),
    "volume": ("Events over time", "行为量随时间的变化"),
    "volume.finding": (
        "Most was logged about {peak}; half of all events came before {half}",
        "行为最多的时段在 {peak} 前后；一半的行为发生在 {half} 之前",
    ),
    "volume.unit": ("events in each of {n} equal stretches of time", "把时间等分为 {n} 段，每段的行为数"),
    "volume.none": ("No event has a time", "没有一条行为带有时间"),
    "volume.next": (
        "Name the column of times `timestamp`, then look again.",
        "请把时间列命名为 timestamp，再检查一次。",
    ),
    "advice": ("What suits this data", "适合这份数据的做法"),
    "advice.lead": ("Read off rules, the first that holds for each topic.", "按规则得出：每个主题取第一条成立的规则。"),
    "advice.stands": ("the default", "默认即可"),
    "advice.next": ("To try it beside the simple models", "与简单模型一起试试"),
    "topic": ("topic", "主题"),
    "choice": ("choose", "选择"),
    "because": ("because", "理由"),
    "problem": ("Problem", "问题"),
    "warn": ("Look at it", "留意"),
    "info": ("Fact", "事实"),
    "findings": ("Findings", "发现"),
    "facts": ("Facts", "事实"),
    "facts.lead": ("{n} things to know, none of them wrong", "{n} 条情况，都不是问题"),
    "none": ("Nothing to mend", "没有需要处理的问题"),
    "none.next": ("The facts below say what the data is like. Next:", "下面的情况说明了数据的面貌。下一步："),
    "examples": ("For example", "例如"),
    "todo": ("What to do", "怎么办"),
    "read": ("What was read", "读到了什么"),
    "read.lead": ("rows by table", "各表行数"),
    "table": ("table", "表"),
    "rows": ("rows read", "读入"),
    "kept": ("kept", "保留"),
    "twice": ("duplicates", "重复"),
    "refused": ("set aside", "搁置"),
    "footer": (
        "Made by penchant check. Ids are examples, at most five. --json gives all numbers.",
        "由 penchant check 生成。编号仅为示例，至多五个；全部数字见 --json。",
    ),
    "jump.findings": ("Findings", "发现"),
    "jump.advice": ("Advice", "建议"),
    "jump.facts": ("Facts", "事实"),
    "jump.read": ("Tables", "各表"),
}
_ICONS = {
    "problem": '<path d="M10 1l9 9-9 9-9-9z" fill="var(--c6)"/><path d="M10 5v6M10 13v2" stroke="var(--surface)" '
    'stroke-width="2"/>',
    "warn": '<path d="M10 2l9 16H1z" fill="none" stroke="var(--audio)" stroke-width="2" '
    'stroke-linejoin="round"/><path d="M10 8v5M10 14v2" stroke="var(--audio)" stroke-width="2"/>',
    "info": '<circle cx="10" cy="10" r="8" fill="none" stroke="var(--rule)" stroke-width="2"/>'
    '<path d="M10 9v6M10 5v2" stroke="var(--rule)" stroke-width="2"/>',
}


class _Words:
    def __init__(self, language: str) -> None:
        if language not in ("en", "zh"):
            raise OptionError("language", language, allowed=("en", "zh"))
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        return _WORDS[key][self.language == "zh"].format(**values)


def render_doctor(title: str, found: Mapping[str, Any], language: str = "en") -> str:
    """The page as HTML: self-contained, without scripts. `found` is what `penchant check --json` writes.

    Same findings, same bytes; text from the data is escaped. Raises `OptionError` for a language that is not written.

    >>> empty = {"counts": {}, "findings": [], "advice": [], "volume": [], "tables": {}, "severities": {}}
    >>> "a &lt;b&gt;" in render_doctor("a <b>", empty)
    True
    """
    words = _Words(language)
    findings = found.get("findings", [])
    facts = [one for one in findings if one["severity"] == "info"]
    parts = [
        _volume(found.get("volume", []), words),
        _findings([one for one in findings if one["severity"] != "info"], found, words),
        _advice(found.get("advice", []), found.get("command", ""), words),
        page.folded("facts", words("facts"), words("facts.lead", n=len(facts)), *(_card(one, words) for one in facts)),
        _tables(found.get("tables", {}), words),
    ]
    return page.render_page(
        title=f"{title} · penchant",
        language=language,
        kind=words("kind"),
        hero=_hero(title, found, words),
        body=join(parts),
        footer=words("footer"),
        jump={part: words(f"jump.{part}") for part in ("findings", "advice", "facts", "read")},
    )


def because(advice: Mapping[str, Any], language: str) -> str:
    """What holds for the data and what follows from it, as a sentence each.

    >>> because({"condition": "the texts are in Latin script", "why": "MiniLM knows English."}, "en")
    'The texts are in Latin script. MiniLM knows English.'
    """
    condition, why = str(advice["condition"]), str(advice["why"])
    return f"{condition}：{why}" if language == "zh" else f"{condition[:1].upper()}{condition[1:]}. {why}"


def chosen(advice: Mapping[str, Any], language: str) -> str:
    """What to type; where nothing is to be set, that the default suits.

    >>> chosen({"choice": ""}, "en")
    'the default'
    """
    return str(advice["choice"]) or _Words(language)("advice.stands")


def figure_volume(volume: Sequence[Mapping[str, int]], *, title: str, desc: str, unit: str, width: float) -> Markup:
    """Bars from zero over time, one for each stretch of `start_s` to `end_s` with its `events`."""
    most = max((int(one["events"]) for one in volume), default=0) or 1
    top, bottom, step = 42.0, 166.0, width / len(volume)
    parts: list[object] = [label(unit, 0, 8, class_="muted unit")]
    for number, one in enumerate(volume):
        height = (bottom - top) * one["events"] / most
        hint = tag("title", f"{_day(one['start_s'])}: {one['events']:,}")
        bar = {"x": number * step, "y": bottom - height, "width": max(step - 2, 1.0), "height": height}
        parts.append(tag("rect", hint, class_="m-behaviour", **bar))
    peak = max(range(len(volume)), key=lambda n: volume[n]["events"])
    anchor = "start" if peak < len(volume) / 4 else "end" if peak > len(volume) * 3 / 4 else "middle"
    parts.append(label(f"{most:,}", (peak + 0.5) * step, top - 8, anchor=anchor, class_="halo strong"))
    parts.append(line(0, bottom, width, bottom, "zero"))
    parts.append(label(_day(volume[0]["start_s"]), 0, bottom + 14))
    parts.append(label(_day(volume[-1]["end_s"]), width, bottom + 14, anchor="end"))
    return svg(join(parts), width, bottom + 28, Labels(title, desc), "volume")


def _hero(title: str, found: Mapping[str, Any], words: _Words) -> Markup:
    counts = found.get("counts", {})
    worst = found.get("severities", {})
    problems, warnings = int(worst.get("problem", 0)), int(worst.get("warn", 0))
    events, users = f"{counts.get('events', 0):,}", f"{counts.get('users', 0):,}"
    sentence = words(
        "says.problem" if problems else "says.warn" if warnings else "says.info",
        problems=words("n.problem" if problems == 1 else "n.problems", n=problems),
        warnings=words("n.warn" if warnings == 1 else "n.warns", n=warnings),
        events=events,
        users=users,
    )
    first, last = (str(counts.get(name) or "–")[:10] for name in ("first_time", "last_time"))
    median = counts.get("events_a_user", {}).get("median", 0)
    described, refused = f"{counts.get('items_with_text', 0):,}", f"{found.get('rows_quarantined', 0):,}"
    return page.hero(
        sentence + ("。" if words.language == "zh" else "."),
        [
            page.Number(events, words("events"), words("events.note", n=refused)),
            page.Number(users, words("users"), words("users.note", median=f"{median:g}")),
            page.Number(f"{counts.get('items', 0):,}", words("items"), words("items.note", n=described)),
        ],
        foreign(words("about", title=title, first=first, last=last), words.language),
    )


def _volume(volume: Sequence[Mapping[str, int]], words: _Words) -> Markup:
    if not volume:
        empty = page.empty_state(words("volume.none"), words("volume.next"), "penchant check DATA")
        return page.section("volume", words("volume"), empty)
    total, so_far, half = sum(one["events"] for one in volume), 0, volume[-1]
    for one in volume:
        so_far += one["events"]
        if so_far * 2 >= total:
            half = one
            break
    peak = max(volume, key=lambda one: one["events"])
    finding = words("volume.finding", peak=_day(peak["start_s"]), half=_day(half["end_s"]))
    unit = words("volume.unit", n=len(volume))

    def draw(width: float) -> str:
        return figure_volume(volume, title=finding, desc=unit, unit=unit, width=width)

    return page.section("volume", words("volume"), page.figure(finding, draw))


def _findings(shown: Sequence[Mapping[str, Any]], found: Mapping[str, Any], words: _Words) -> Markup:
    if not shown:
        empty = page.empty_state(words("none"), words("none.next"), str(found.get("command", "")))
        return page.section("findings", words("findings"), empty)
    return page.section("findings", words("findings"), *(_card(one, words) for one in shown))


def _card(one: Mapping[str, Any], words: _Words) -> Markup:
    """One finding: its severity as a shape and a word, the sentence, what to do, examples."""
    severity = str(one["severity"])
    icon = tag(
        "svg", Markup(_ICONS[severity]), width=18, height=18, viewBox="0 0 20 20", aria_hidden="true",
        style="vertical-align:-3px;margin-right:8px",
    )  # fmt: skip
    examples = one.get("examples") or []
    chips = tag("ul", *(tag("li", foreign(text, words.language)) for text in examples), class_="chips")
    return tag(
        "div",
        tag("h3", icon, one["title"], " ", tag("span", words(severity), class_="muted small")),
        tag("p", foreign(one["sentence"], words.language), style="margin-top:4px"),
        tag("p", tag("b", words("todo")), " · ", _typed(str(one["remedy"])), class_="muted", style="margin-top:4px"),
        join([tag("p", words("examples"), class_="muted small", style="margin-top:8px"), chips]) if examples else "",
        style="border-top:1px solid var(--line);padding-top:16px",
    )


def _advice(advice: Sequence[Mapping[str, Any]], typed: str, words: _Words) -> Markup:
    if not advice:
        return Markup("")
    items = [
        join(
            [
                tag("dt", one["topic_title"]),
                tag(
                    "dd",
                    tag("code" if one["choice"] else "span", chosen(one, words.language)),
                    tag("p", because(one, words.language), class_="muted"),
                ),
            ]
        )
        for one in advice
    ]
    command = [tag("h3", words("advice.next")), tag("pre", tag("code", typed))] if typed else []
    content = tag("div", tag("dl", *items, class_="facts"))
    return page.section("advice", words("advice"), content, *command, lead=words("advice.lead"))


def _tables(tables: Mapping[str, Mapping[str, Any]], words: _Words) -> Markup:
    columns = [page.Column(words("table"), number=False)]
    columns += [page.Column(words(name)) for name in ("rows", "kept", "twice", "refused")]
    keys = ("rows_read", "rows_kept", "duplicates_dropped", "rows_quarantined")
    rows = [[name, *(f"{table.get(key, 0):,}" for key in keys)] for name, table in tables.items()]
    notes = [
        f"{name}: {line}"
        for name, table in tables.items()
        for line in [table.get("timestamp", ""), *table.get("quarantined", {}), *table.get("notes", [])]
        if line
    ]
    content = page.data_table(words("read"), columns, rows, caption=False)
    return page.folded("read", words("read"), words("read.lead"), content, page.notes(notes))


def _typed(text: str) -> Markup:
    """Text in which options of the command line stand as code, unbroken."""
    parts = re.split(r"(--[a-z-]+(?: (?:random|time|all|cold-items))?)", text)
    return join(
        tag("code", part, style="white-space:nowrap") if number % 2 else part for number, part in enumerate(parts)
    )


def _day(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).date().isoformat()
