"""What the text room restores of damage made on purpose, how right its offsets are and how fast it is.

Run:    python -m benchmarks.text [--documents 60] [--lines 100000] [--list FILE] [--only PART ...]
Reads:  data/zhenggao (our own texts, those from z249 on: the costs of the repairs were set on earlier ones);
        ../shared/corpus for the check on clean lines, if it is there; the default model, for the directives
Leaves: benchmarks/text.json, benchmarks/TEXT.md
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.text_clean import check_clean_lines
from benchmarks.text_directives import measure_directives
from benchmarks.text_kinds import documents, measure_kinds, measure_mixed_speed
from benchmarks.text_slips import measure_slips
from benchmarks.text_worst import measure_worst

HERE = Path(__file__).parent
ROOT = HERE.parent
PARTS = ["kinds", "slips", "directives", "speed", "worst", "clean"]
MODEL_DOCUMENTS = 16
"""Documents over which the model runs, once for each kind of damage."""


def main() -> None:
    """The command, see the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=60, help="documents to damage (default: %(default)s)")
    parser.add_argument("--lines", type=int, default=100_000, help="clean lines to check (default: %(default)s)")
    parser.add_argument("--list", type=Path, help="write the clean lines that were changed to this file")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="measure these anew and keep the other figures")
    options = parser.parse_args()
    texts = documents(ROOT / "data" / "zhenggao")
    chosen = texts[: options.documents]
    measures: dict[str, Callable[[], Any]] = {
        "kinds": lambda: measure_kinds(chosen),
        "slips": lambda: measure_slips(texts),
        "directives": lambda: measure_directives(texts[:MODEL_DOCUMENTS]),
        "speed": lambda: measure_mixed_speed(chosen),
        "worst": measure_worst,
        "clean": lambda: check_clean_lines(ROOT.parent / "shared" / "corpus", options.lines, options.list),
    }
    path = HERE / "text.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if options.only != PARTS else {"how": {}}
    for part in options.only:
        result["how"][part] = {"documents": len(chosen), "python": platform.python_version(), "machine": platform.machine()}
        result[part] = measures[part]()
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (HERE / "TEXT.md").write_text(as_markdown(result), encoding="utf-8")
    print(as_markdown(result))


def as_markdown(result: dict[str, Any]) -> str:
    """The result as the tables that the README shows."""
    how = result["how"]["kinds"]
    parts = [
        "# What the text room restores\n\n",
        f"Made by `make bench-text`: {how['documents']} of our own documents (from z249 on: the repairs' costs were set on ",
        f"earlier ones), Python {how['python']}, one core.\n\n",
        _table("damage", ["restored", "offsets right", "paragraphs F1", "characters/s"], _kind_rows(result["kinds"])),
        "\n## Byte slips, one before each mark\n\nStretches restored exactly, of those made.\n\n",
        _table("mark", [*result["slips"]["conditions"]], result["slips"]["rows"]),
        f"\nOf all {result['slips']['made']:,} made: {result['slips']['restored']:.1%}.\n\n",
        "The same before marks drawn from all that there are, so that each counts as often as it occurs:\n\n",
        _table("condition", ["made", "restored", "share"], _drawn_rows(result["slips"]["anywhere"])),
        "\n## Directives of the damaged and the clean version\n\n",
        "What the default model finds in both; F1 of start, end and kind, the clean version's mapped into the damaged one.\n\n",
        _table("damage", ["in both", "found", "wanted", "F1"], _directive_rows(result["directives"])),
        "\n## Speed\n\nOf one core.\n\n",
        _table("text", ["OpenCC alone, M characters/s", "whole chain", "share"], _speed_rows(result["speed"])),
        "\n## Worst case\n\n",
        _table("input", ["size", "seconds", "seconds at twice the size"], _worst_rows(result["worst"])),
        "\n## Clean lines\n\n",
        _clean(result["clean"]),
    ]
    return "".join(parts)


def _table(head: str, columns: list[str], rows: dict[str, list[str]]) -> str:
    lines = [f"| {head} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join(lines) + "\n"


def _kind_rows(kinds: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    return {
        name: [f"{row['restored']:.2%}", f"{row['offsets']:.2%}", f"{row['paragraphs']:.3f}", f"{row['speed']:,.0f}"]
        for name, row in kinds.items()
    }


def _drawn_rows(conditions: dict[str, dict[str, int]]) -> dict[str, list[str]]:
    sums = {key: sum(row[key] for row in conditions.values()) for key in ("made", "restored")}
    rows = conditions | {"all": sums}
    return {
        name: [f"{row['made']:,}", f"{row['restored']:,}", f"{row['restored'] / row['made']:.1%}"] for name, row in rows.items()
    }


def _directive_rows(rows: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    return {
        name: [*(f"{row[key]:,.0f}" for key in ("agreed", "found", "wanted")), f"{row['f1']:.3f}"] for name, row in rows.items()
    }


def _speed_rows(speed: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    return {
        name: [f"{row['opencc'] / 1e6:.2f}", f"{row['chain'] / 1e6:.2f}", f"{row['chain'] / row['opencc']:.2f}"]
        for name, row in speed.items()
    }


def _worst_rows(worst: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    return {name: [f"{row['size']:,.0f}", f"{row['seconds']:.2f}", f"{row['twice']:.2f}"] for name, row in worst.items()}


def _clean(clean: dict[str, Any]) -> str:
    if "skipped" in clean:
        return f"{clean['skipped']}\n"
    rows = {name: [str(count)] for name, count in clean["changed"].items()}
    return f"Lines of {clean['lines']:,} that a repair changed.\n\n" + _table("repair", ["lines"], rows)


if __name__ == "__main__":
    main()
