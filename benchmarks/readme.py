"""Write the tables of README.md from the files that commands wrote: ``python benchmarks/readme.py [--check]``.

Each table stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``. With ``--check`` nothing is written; the exit status says
whether README.md is up to date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent


def scores() -> str:
    """The scores of the default model on each gold that was evaluated."""
    files = sorted(HERE.glob("evaluate-*.json"))
    results = {path.stem.removeprefix("evaluate-"): json.loads(path.read_text(encoding="utf-8")) for path in files}
    names = list(next(iter(results.values()))["figures"])
    lines = ["## Scores of the default model", ""]
    lines += [
        "F1 in percent, with 95 % bootstrap intervals over documents. `dev`: `make evaluate GOLD=../shared/annotation/dev`,"
    ]
    lines += ["real documents on which the checkpoint and the theme thresholds were chosen. `zhenggao-test`: `make evaluate"]
    lines += [
        "GOLD=data/zhenggao/test`, documents of our own corpus on which nothing was chosen. More in `benchmarks/README.md`.",
        "",
    ]
    heads = [f"{name} ({result['signature']['documents']} documents)" for name, result in results.items()]
    lines += [f"| figure | {' | '.join(heads)} |"]
    lines += ["|---|" + "---|" * len(results)]
    for name in names:
        cells = [_cell(result["figures"][name]) for result in results.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(figure: dict[str, float]) -> str:
    return f"{100 * figure['value']:.1f} ({100 * figure['low']:.1f}–{100 * figure['high']:.1f})"


def main() -> int:
    """0 if README.md is, or now is, up to date; 1 if ``--check`` found it is not."""
    path = ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    block = f"<!-- scores -->\n{scores()}\n<!-- /scores -->"
    after = re.sub(r"<!-- scores -->.*?<!-- /scores -->", lambda _: block, before, flags=re.S)
    if "--check" in sys.argv[1:]:
        return int(after != before)
    path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
