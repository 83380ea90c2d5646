"""What ``make data`` prints and leaves beside the corpus: counts, repetitions, variety, and how they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from zhengling.corpus.checking import Corpus
from zhengling.corpus.counting import MINIMA, count, shortfalls
from zhengling.corpus.damaging import FORMS
from zhengling.corpus.duplicates import ALIKE, PERMUTATIONS, SHINGLE, SHORTEST, STRETCH, Pair, Stretch
from zhengling.corpus.variety import SAMPLES, SIZES, Variety
from zhengling.scheme.annotation import Document

RULES = {
    "near_duplicates": f"paragraphs of at least {SHORTEST} characters, Jaccard similarity of {SHINGLE}-character shingles "
    f"at least {ALIKE}, estimated by MinHash with {PERMUTATIONS} permutations",
    "stretches": f"at least {STRETCH} characters, in paragraphs of several documents",
    "variety": "distinct n-grams of characters over all, none across a paragraph's end; text as the reader cleans it, without "
    f"boilerplate; samples of the same number of characters of each side, mean of {SAMPLES}",
}
"""How the figures came about that have parameters."""
SHOWN = 20
"""Pairs and stretches that the page shows; the JSON file has all."""


@dataclass(frozen=True, slots=True)
class CorpusReport:
    """All figures; ``counts`` by part of the corpus, the whole first."""

    how: Mapping[str, Any]
    counts: Mapping[str, Mapping[str, int]]
    damaged: Mapping[str, Mapping[str, int]]
    unchanged: Sequence[str]
    pairs: Sequence[Pair]
    stretches: Sequence[Stretch]
    variety: Variety | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "rules": RULES, "minima": MINIMA, "short": shortfalls(self.counts["all"])}

    def markdown(self) -> str:
        """The page: one section a figure."""
        how = self.how
        parts = (
            "# What the corpus holds",
            f"Made by `{how['command']}`; zhengling {how['version']}, data {how['data']}.",
            f"## Counts\n\n{counts_table(self.counts)}",
            f"## Damaged versions\n\n{self._damaged()}",
            f"## Repetitions\n\n{self._pairs()}\n\n{self._stretches()}",
            f"## Variety\n\n{self._variety()}",
        )
        return "\n\n".join(parts) + "\n"

    def _damaged(self) -> str:
        rows = [[form, row["planned"], row["made"]] for form, row in self.damaged.items()]
        left = f"\n\nThe damage does not show in {', '.join(self.unchanged)}." if self.unchanged else ""
        return table(["form in plan.csv", "documents", "damaged versions"], rows) + left

    def _pairs(self) -> str:
        rows = [[f"{p.similarity:.2f}", _place(p.first), _place(p.second), p.first.text] for p in self.pairs[:SHOWN]]
        head = f"Near-duplicates ({RULES['near_duplicates']}): {len(self.pairs)}{_shown(self.pairs)}."
        return head + ("\n\n" + table(["similarity", "one", "other", "text of the one"], rows) if rows else "")

    def _stretches(self) -> str:
        head = f"Shared stretches ({RULES['stretches']}): {len(self.stretches)}{_shown(self.stretches)}."
        rows = [[len(s.text), len(s.documents), s.text, " ".join(s.documents)] for s in self.stretches[:SHOWN]]
        return head + ("\n\n" + table(["characters", "documents", "stretch", "in"], rows) if rows else "")

    def _variety(self) -> str:
        if self.variety is None:
            return f"Skipped: there is no {self.how['beside']} to set the ratios beside."
        found = self.variety
        rule = f"Ratios of {RULES['variety']}; here {found.characters:,} characters of each side."
        rows = [[f"distinct-{n}", f"{found.ours[n]:.3f}", f"{found.beside[n]:.3f}"] for n in SIZES]
        return f"{rule}\n\n{table(['ratio', 'this corpus', str(self.how['beside'])], rows)}"


def count_parts(corpus: Corpus) -> dict[str, dict[str, int]]:
    """The counts of the whole corpus and of each split."""
    return {"all": count(corpus.all), **{split: count(documents) for split, documents in corpus.documents.items()}}


def count_damaged(corpus: Corpus, damaged: Mapping[str, Sequence[Document]]) -> dict[str, dict[str, int]]:
    """By form: how many documents the plan has, and how many damaged versions there are."""
    planned = Counter(row["form"] for row in corpus.plan.values())
    made = Counter(version.header["form"] for versions in damaged.values() for version in versions)
    return {form: {"planned": planned[form], "made": made[form]} for form in FORMS}


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """One line a count: the whole, the least that it should be, what is missing to it, and the splits."""
    short = shortfalls(counts["all"])
    rows = []
    for name, number in counts["all"].items():
        least = f"{MINIMA[name]:,}" if name in MINIMA else ""
        verdict = "" if not least else f"short by {short[name]:,}" if name in short else "met"
        rows.append([name, f"{number:,}", least, verdict, *(f"{counts[part][name]:,}" for part in counts if part != "all")])
    return table(["count", "all", "least", "", *(part for part in counts if part != "all")], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _place(passage: Any) -> str:
    return f"{passage.document}, line {passage.line}"


def _shown(found: Sequence[object]) -> str:
    return f", of which {SHOWN} are shown" if len(found) > SHOWN else ""
