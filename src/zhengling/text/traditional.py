"""Traditional characters to simplified ones, character for character, badly converted ones too."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache

log = logging.getLogger(__name__)


@cache
def _converter() -> Callable[[str], str]:
    try:  # there wherever the package is installed; a model's repository also runs where it is not
        from opencc import OpenCC
    except ImportError:
        log.warning("opencc is not installed: traditional characters stay as they are. Install it with: pip install opencc")
        return str
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


def simplify(text: str) -> str:
    """Convert to simplified characters; the length stays. The text may not contain lone surrogates."""
    converted = _converter()(text)
    if len(converted) == len(text):
        return converted
    return "".join(_same_length(line) for line in text.splitlines(keepends=True))


def _same_length(line: str) -> str:
    converted = _converter()(line)
    if len(converted) == len(line):
        return converted
    single = (_converter()(character) for character in line)
    return "".join(new if len(new) == 1 else old for old, new in zip(line, single, strict=True))


_LEFT_OVER = {"著": "着", "於": "于", "瞭": "了", "覆": "复", "藉": "借", "妳": "你", "牠": "它", "祂": "他", "揹": "背"}
_LEFT = re.compile(f"[{''.join(_LEFT_OVER)}]")
_LEFT_IF = {
    "著": re.compile("(?<![名显专原论编巨译遗拙卓昭土合所新旧大])著(?![名作述称书者录有])"),
    "於": re.compile("於(?![菟陵潜崇戏])"),
    "瞭": re.compile("瞭(?=解)"),
    "覆": re.compile("(?<=[反答函回批电])覆"),
    "藉": re.compile("藉(?=[此以由机着助口])|(?<=凭)藉"),
}
"""Where a character that has a use of its own is none of that use."""


def mend_conversion(text: str) -> str:
    """Simplify what a conversion left over (``着`` written ``著``, ``瞭解``, ``答覆``); the length stays."""
    if not _LEFT.search(text):
        return text
    return _LEFT.sub(_mended, text)


def _mended(match: re.Match[str]) -> str:
    condition = _LEFT_IF.get(match[0])
    left_over = condition is None or condition.match(match.string, match.start())
    return _LEFT_OVER[match[0]] if left_over else match[0]
