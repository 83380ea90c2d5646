"""How the labels of records are called on the page, and which style each has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

NAMES = {
    "require": "要求",
    "prohibit": "禁止",
    "pledge": "承诺",
    "agent": "主体",
    "time": "时间",
    "target": "指标",
    "programme": "项目",
    "economy": "经济",
    "safety": "安全",
    "party": "党建",
    "livelihood": "民生",
}
"""Names of the default scheme's labels; any other label is shown as it is."""
REPAIRS = {
    "mojibake": "乱码",
    "line_ends": "换行符",
    "markup": "网页标记",
    "invisible": "不可见字符",
    "glosses": "注音",
    "slips": "字节错位",
    "private": "私用区字符",
    "spaced": "字间空格",
    "broken_lines": "断行",
    "lost_breaks": "丢失的换行",
    "forms": "字形",
    "traditional": "繁体",
    "leftovers": "繁简残留",
    "marks": "标点",
}
"""Names of the repairs that a record counts; any other is shown as it is."""


def name_of(label: str) -> str:
    """The label as a reader sees it, not yet escaped."""
    return NAMES.get(label, label)


@dataclass(frozen=True, slots=True)
class Layer:
    """The labels of one layer; the place of a label gives its style class, such as ``k0``."""

    prefix: str
    labels: tuple[str, ...]

    def style(self, label: str) -> str:
        """The style class of a label; ``k-other`` for one that is not in the layer."""
        return f"{self.prefix}{self.labels.index(label)}" if label in self.labels else f"{self.prefix}-other"


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that a page knows, in the order in which it lists them."""

    directives: Layer
    slots: Layer
    themes: Layer

    @classmethod
    def of(cls, directives: Sequence[str], slots: Sequence[str], themes: Sequence[str]) -> Labels:
        """Labels with the style classes ``k0…``, ``s0…`` and ``t0…``."""
        return cls(Layer("k", tuple(directives)), Layer("s", tuple(slots)), Layer("t", tuple(themes)))


def attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(text, quote=True)


def content(text: str) -> str:
    """Text for an element; what UTF-8 cannot hold (a file name of odd bytes, say) is shown as an escape."""
    return escape(text.encode("utf-8", "backslashreplace").decode("utf-8"), quote=False)
