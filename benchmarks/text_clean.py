"""Clean lines of the development corpus: how many does a repair change, and for the better or the worse?"""

from __future__ import annotations

import json
import lzma
import random
from collections import Counter
from pathlib import Path
from typing import Any

from zhengling.text.reader import FINDERS

LISTED = ("glosses", "slips", "mojibake", "markup", "private", "spaced", "broken_lines")
"""The repairs that guess; the others are conversions."""


def check_clean_lines(folder: Path, count: int, listing: Path | None) -> dict[str, Any]:
    """Sample lines, run each guessing repair on them and count those that it changes; the lines are not kept."""
    if not folder.is_dir():
        return {"skipped": f"{folder} is not there: the check on clean lines is left out"}
    changed: Counter[str] = Counter(dict.fromkeys(LISTED, 0))
    shown: list[str] = []
    lines = _sample(folder, count)
    for line in lines:
        for name, find, _ in FINDERS:
            edits = find(line) if name in LISTED else []
            if edits:
                changed[name] += 1
                start, end, new = edits[0]
                before = line[max(0, start - 25) : start]
                shown.append(f"{name}\t{before}[{line[start:end]}→{new}]{line[end : end + 25]}".replace("\n", "⏎"))
    if listing:
        listing.write_text("\n".join(shown), encoding="utf-8", errors="replace")
    return {"lines": len(lines), "changed": dict(changed)}


def _sample(folder: Path, count: int) -> list[str]:
    lines: list[str] = []
    for path in sorted(folder.glob("*.jsonl.xz")):
        with lzma.open(path, "rt", encoding="utf-8") as stream:
            lines += [json.loads(line)["text"] for line in stream]
    random.Random(1).shuffle(lines)
    return lines[:count]
