"""The report's texts in one language, and numbers as that language writes them."""

from __future__ import annotations

from penchant.messages import checked_language, has_text, text

_MEASURE_WORDS = frozenset("个部首本件张条段篇款种份只家门节集道场支幅则项")


class Words:
    """The texts in one language.

    >>> Words("zh")("slices.people", n=3)
    '3 位'
    """

    def __init__(self, language: str) -> None:
        self.language = checked_language(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key of the catalogue `report`, with the values put in."""
        return text(f"report.{key}", self.language, **values)

    def get(self, key: str, otherwise: str) -> str:
        """The text of a key, or another text where there is no such key (a modality or a split of the caller's)."""
        return self(key) if has_text(f"report.{key}") else otherwise

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
        from penchant.models.registry import describe

        return describe(model, self.language)

    def measure(self, name: str) -> str:
        """What a measure such as `ndcg@10` means; empty for an unknown one."""
        base = name.split("@")[0]
        base = {"hit": "hit_rate", "hitrate": "hit_rate", "intra_list_diversity": "diversity"}.get(base, base)
        return self.get(f"meaning.{base}", "")

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
        return f"{number} {self(('unit.s', 'unit.min', 'unit.h')[unit])}"
