"""Inputs made to be slow: twice the size must not take much more than twice the time."""

from __future__ import annotations

import time

from zhengling.text import read

SIZE = 1_000_000
INPUTS = {
    "opening brackets": "(",
    "Han and opening bracket": "会(",
    "question marks": "?",
    "question mark and Han": "?会",
    "question mark, slipped": "?Ｎ",
    "lone surrogates": "\udc9c",
    "high surrogates": "\ud800",
    "angle brackets": "<",
    "ampersands": "&#",
    "digits apart": "1 ",
    "Han apart": "会 ",
    "mojibake of GBK": "浼",
    "mojibake of GBK with losses": "浼?",
    "mojibake of Latin-1": "ä¼",
    "line ends": "\n",
    "commas and line ends": "，\n",
    "enumerators": "。一、",
    "full-width spaces": "\u3000",
    "one line of text": "会议强调要抓好安全生产，落实责任。",
}


def measure_worst() -> dict[str, dict[str, float]]:
    """Seconds for half a million and a million characters of each; ten million of the last."""
    rows = {name: _row(unit, SIZE) for name, unit in INPUTS.items()}
    return rows | {"one line of text, long": _row(INPUTS["one line of text"], 10 * SIZE)}


def _row(unit: str, size: int) -> dict[str, float]:
    return {"size": size // 2, "seconds": _seconds(unit, size // 2), "twice": _seconds(unit, size)}


def _seconds(unit: str, size: int) -> float:
    text = unit * (size // len(unit))
    began = time.perf_counter()
    read(text)
    return time.perf_counter() - began
