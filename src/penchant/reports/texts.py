"""The report's texts in one language, and numbers as that language writes them."""

from __future__ import annotations

from collections.abc import Iterable

from penchant.messages import check_language, has_text, text

_MEASURE_WORDS = frozenset("个部首本件张条段篇款种份只家门节集道场支幅则项")
_UNITS = (("unit.s", 1, 90), ("unit.min", 60, 5400), ("unit.h", 3600, float("inf")))


class Texts:
    """The texts of the catalogue `report` in one language.

    >>> Texts("zh")("slices.count", n=3)
    '3 位'
    """

    def __init__(self, language: str) -> None:
        self.language = check_language(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with the values put in."""
        return text(f"report.{key}", self.language, **values)

    def get(self, key: str, otherwise: str) -> str:
        """The text of a key, or another text where there is no such key (a modality or a split of the caller's)."""
        return self(key) if has_text(f"report.{key}") else otherwise

    def join(self, words: Iterable[str]) -> str:
        """A list in words.

        >>> Texts("en").join(["text", "image", "audio"]), Texts("zh").join(["文字", "图像"])
        ('text, image and audio', '文字和图像')
        """
        *others, last = words
        return self("list.last").join([self("list.between").join(others), last] if others else [last])

    def modality(self, name: str) -> str:
        """The name of a modality."""
        return self.get(f"modality.{name}", name)

    def slice_name(self, name: str) -> str:
        """A slice such as `items: tail` or `history: 5-19` in words; an unknown name as it is."""
        if name.startswith("history: "):
            return self("group.history", n=name.removeprefix("history: ").replace("-", "–"))
        return self.get(f"group.{name}", name)

    def noun(self, name: str) -> str:
        """The noun for items; in Chinese with a measure word, by default 个.

        >>> Texts("zh").noun("商品"), Texts("zh").noun("部电影"), Texts("en").noun("")
        ('个商品', '部电影', 'item')
        """
        if not name:
            return self("noun")
        return f"个{name}" if self.language == "zh" and name[0] not in _MEASURE_WORDS else name

    def gloss(self, model: str) -> str:
        """What a model does, in a few words; empty for a model of the caller's."""
        from penchant.models.registry import describe

        return describe(model, self.language)

    def meaning(self, metric: str) -> str:
        """What a measure such as `ndcg@10` means; empty for an unknown one."""
        base = metric.split("@")[0]
        base = {"hit": "hit_rate", "hitrate": "hit_rate", "intra_list_diversity": "diversity"}.get(base, base)
        return self.get(f"meaning.{base}", "")

    def percent(self, share: float, digits: int = 0) -> str:
        """A share as a percentage, as the language writes it.

        >>> Texts("zh").percent(-0.25), Texts("zh").percent(-0.001)
        ('−25%', '0%')
        """
        number = f"{share * 100:z.{digits}f}".replace("-", "−")
        return f"{number}%" if self.language == "zh" else f"{number}\u00a0%"

    def count(self, number: float) -> str:
        """An integer with its thousands apart."""
        return f"{number:,.0f}"

    def seconds(self, value: float) -> str:
        """A duration in the unit that fits.

        >>> Texts("en").seconds(42), Texts("en").seconds(1160)
        ('42 s', '19 min')
        """
        unit, size = next((unit, size) for unit, size, end in _UNITS if value < end)
        amount = value / size
        return f"{amount:.0f} {self(unit)}" if amount >= 10 else f"{amount:.1f} {self(unit)}"


def capitalise(sentence: str) -> str:
    """The sentence with a capital at its beginning.

    >>> capitalise("text and image")
    'Text and image'
    """
    return sentence[:1].upper() + sentence[1:]
