"""Does damage change what the default model finds? Directives of the damaged and the clean version of one document."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.text_kinds import MIXES
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.text import read
from zhengling.text.damage import KINDS, damage

Found = set[tuple[int, int, str]]
"""Directives: start and end in the damaged source, kind."""


def measure_directives(texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Per kind of damage the F1 of start, end and kind, the clean version's directives mapped into the damaged source."""
    extractor = load()
    clean = _directives(extractor, texts)
    kinds = {name: (name,) for name in KINDS} | MIXES
    rows = {name: _agreement(extractor, texts, clean, chosen) for name, chosen in kinds.items()}
    agreed, found, wanted = (sum(row[key] for row in rows.values()) for key in ("agreed", "found", "wanted"))
    return rows | {"all": {"agreed": agreed, "found": found, "wanted": wanted, "f1": 2 * agreed / max(1, found + wanted)}}


def _directives(extractor: Extractor, texts: Sequence[str]) -> list[Found]:
    records = extractor.extract([read(text) for text in texts], [str(number) for number in range(len(texts))])
    return [{(d.start, d.end, d.kind) for d in record.directives} for record in records]


def _agreement(extractor: Extractor, texts: Sequence[str], clean: Sequence[Found], kinds: Sequence[str]) -> dict[str, float]:
    damaged = [damage(text, kinds, seed) for seed, text in enumerate(texts)]
    found = _directives(extractor, [version.text for version in damaged])
    wanted = [
        {(int(version.truth.starts[start]), int(version.truth.ends[end - 1]), kind) for start, end, kind in spans}
        for version, spans in zip(damaged, clean, strict=True)
    ]
    agreed = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
    counts = [sum(map(len, spans)) for spans in (found, wanted)]
    return {"agreed": agreed, "found": counts[0], "wanted": counts[1], "f1": 2 * agreed / max(1, sum(counts))}
