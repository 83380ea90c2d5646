"""Write the tables of README.md and of the default model's card: ``python benchmarks/readme.py [--check]``.

Each table stands between ``<!-- scores -->`` and ``<!-- /scores -->`` (in the head of the card, ``# scores`` and ``# /scores``)
and comes from the files that commands wrote here. With ``--check`` nothing is written; the exit status says whether all is
up to date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
README, CARD = ROOT / "README.md", ROOT / "src" / "zhengling" / "default_model" / "README.md"
INTRODUCTION = """## Scores of the default model

F1 in percent, with 95 % bootstrap intervals over documents. Exact: start and end are right; overlap: intersection over union of
at least 0.5. `dev`: `make evaluate GOLD=../shared/annotation/dev` (a folder that only the makers have),
real documents on which the checkpoints, the runs whose mean it is and the theme thresholds were chosen, and on whose errors
the decoding was mended (same weights: exact 92.2 → 95.4, slots 67.9 → 72.9).
`zhenggao-test`: `make evaluate GOLD=data/zhenggao/test`, documents of our own corpus on which no model and no threshold was
chosen; they were in view when the decoding was mended (93.5 → 93.5, 88.4 → 89.4).
More in `benchmarks/README.md`.
"""
INDEXED = {
    "directives exact": "directives, exact F1",
    "directives overlap": "directives, overlap F1",
    "slots micro": "slots, micro F1",
    "themes macro": "themes, macro F1",
}
"""The figures that the card's metadata names."""


def results() -> dict[str, dict[str, Any]]:
    """What ``zhengling evaluate`` wrote, by the name of the gold."""
    files = sorted(HERE.glob("evaluate-*.json"))
    return {path.stem.removeprefix("evaluate-"): json.loads(path.read_text(encoding="utf-8")) for path in files}


def scores(found: dict[str, dict[str, Any]]) -> str:
    """The scores of the default model on each gold that was evaluated."""
    heads = [f"{name} ({result['signature']['documents']} documents)" for name, result in found.items()]
    lines = [f"| figure | {' | '.join(heads)} |", "|---|" + "---|" * len(found)]
    for name in next(iter(found.values()))["figures"]:
        lines.append(f"| {name} | {' | '.join(_cell(result['figures'][name]) for result in found.values())} |")
    return "\n".join(lines)


def _cell(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def index(found: dict[str, dict[str, Any]]) -> str:
    """The metrics of the card's ``model-index``: those on the real documents."""
    figures = found["dev"]["figures"]
    rows = (
        f"      - type: f1\n        name: {name}\n        value: {figures[key]['value']:.4f}" for key, name in INDEXED.items()
    )
    return "\n".join(rows)


def main() -> int:
    """0 if all is, or now is, up to date; 1 if ``--check`` found it is not."""
    found = results()
    table = f"<!-- scores -->\n{{}}{scores(found)}\n<!-- /scores -->"
    metadata = f"# scores\n{index(found)}\n# /scores"
    stale = 0
    for path, introduction in ((README, INTRODUCTION + "\n"), (CARD, "")):
        before = path.read_text(encoding="utf-8")
        block = table.replace("{}", introduction)
        after = re.sub(r"<!-- scores -->.*?<!-- /scores -->", block.replace("\\", r"\\"), before, flags=re.S)
        after = re.sub(r"^# scores\n.*?^# /scores$", lambda _: metadata, after, flags=re.S | re.M)
        stale += after != before
        if "--check" not in sys.argv[1:]:
            path.write_text(after, encoding="utf-8")
    return int(bool(stale)) if "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
