"""The table of the peers as Markdown, from the rows that ``peers.json`` keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OWN = "zhengling"
WHAT = {
    "rules": "cue rules, written from the guidelines and tuned on `../shared/annotation/train`; no training",
    "crf": "character CRFs for directives and for slots; TF-IDF of character n-grams and linear SVMs for themes",
    "spacy": "spaCy `zh`, characters as tokens: `ner` for directives, `ner` for slots, `textcat_multilabel` for themes",
    "fasttext": "fastText, characters and their n-grams, for themes and boilerplate only",
    "zhengling": "the default model that ships with the package",
}
ABSENT = "—"
Rows = Mapping[str, Mapping[str, Any]]


def as_markdown(rows: Rows) -> str:
    """What ``RESULTS.md`` says: figures with intervals and margins, costs, how it was made."""
    there = {name: row for name, row in rows.items() if "skipped" not in row}
    skipped = [f"- `{name}` was skipped: {row['skipped']}\n" for name, row in rows.items() if "skipped" in row]
    parts = [
        "# zhengling and its peers\n\n",
        *_how(there),
        *skipped,
        "\n",
        _figures(there),
        "\n## What they take\n\n",
        _costs(there),
    ]
    return "".join(parts)


def _how(rows: Rows) -> list[str]:
    first = next(iter(rows.values()), None)
    if first is None:
        return ["Nothing was run.\n"]
    signature, data = first["signature"], first["data"]
    return [
        f"Written by `make bench-peers`. The peers were trained on the same gold ({data['train']}), zhengling's default model "
        "on what the same places held when it was made (its card has the hash). All were scored on the same "
        f"{signature['documents']} documents ({data['gold']}; SHA-256 of ids, texts and annotations), after the same cleaning, "
        f"in the paragraphs that our reader finds. F1 in percent with 95 % intervals ({signature['bootstrap']}).\n\n",
        "The documents are development documents: the checkpoints, runs and thresholds of zhengling's default model were "
        "chosen on them, and its decoding was changed after its errors on them had been read (with the same weights exact 92.2 "
        "→ 95.4, slots 67.9 → 72.9; on our own test 93.5 → 93.5, 88.4 → 89.4). Its column is too good by up to that much. "
        "Nothing of the peers was chosen on them: their settings come from runs of at most twenty minutes on parts of the "
        "training gold. Each peer learns every document once; zhengling reads the 63 real ones twice, in one of its two runs "
        "six times. Intervals of rows from before 2026-11-28 count a sample that holds nothing of a label as 0.\n\n",
        *(f"- `{name}`: {_what(name)}; run {row['made']['date']}\n" for name, row in rows.items()),
    ]


def _what(name: str) -> str:
    return WHAT.get(name, f"the model in the folder {name.removeprefix(OWN + ' ')}")


def _figures(rows: Rows) -> str:
    """One line per figure, one column per peer, and how far the default model is ahead of the best of the others."""
    names = list(next(iter(rows.values()))["figures"]) if rows else []
    heads = [*rows, "ahead of the best peer"]
    lines = [f"| figure | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    lines += [f"| {name} | {' | '.join([*(_cell(name, peer, rows) for peer in rows), margin(name, rows)])} |" for name in names]
    return "\n".join(lines) + "\n"


def _cell(figure: str, peer: str, rows: Rows) -> str:
    if not gives(peer, figure):
        return ABSENT
    found = rows[peer]["figures"][figure]
    return f"{100 * found['value']:.1f} ({100 * found['low']:.1f}–{100 * found['high']:.1f})"


def gives(peer: str, figure: str) -> bool:
    """Whether a peer is made for what a figure measures."""
    return peer != "fasttext" or figure.startswith(("theme", "boilerplate"))


def margin(figure: str, rows: Rows) -> str:
    """Points of the default model over the best peer that gives the figure."""
    others = [row["figures"][figure]["value"] for peer, row in rows.items() if not peer.startswith(OWN) and gives(peer, figure)]
    if OWN not in rows or not others:
        return ABSENT
    return f"{100 * (rows[OWN]['figures'][figure]['value'] - max(others)):+.1f}"


def _costs(rows: Rows) -> str:
    lines = [
        "Seconds of one processor core. Characters per second of clean text, one thread, cleaning not counted. Size of the "
        "files that inference needs, the packages not counted.\n",
        "| peer | training, s | characters/s | size, MB | versions |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cost = row["cost"]
        seconds = "before, see the model's card" if cost["training_seconds"] is None else f"{cost['training_seconds']:,.0f}"
        versions = ", ".join(f"{package} {version}" for package, version in row["versions"].items()) or ABSENT
        size = f"{cost['bytes'] / 1e6:.1f}"
        lines.append(
            f"| {name} | {seconds} | {cost['characters_per_second']:,} | {size} | {versions}, Python {row['made']['python']} |"
        )
    return "\n".join(lines) + "\n"
