"""Check, count and build a corpus: ``python -m zhengling.corpus data/zhenggao --output out/data``, or ``make data``.

Reads:  plan.csv and train/ validation/ test/ of the corpus; the documents that --beside names, if they are there
Leaves: in --output <split>.jsonl, damaged/<split>.jsonl, damaged/<split>/*.xml, the data card, REPORT.md and report.json;
        the last two in the corpus also, if what --beside names is there: without it they would say less than those there
Exit status 2, with all problems of the documents and nothing written, if there is one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from zhengling.corpus.building import damage_corpus, write_corpus
from zhengling.corpus.checking import Corpus, check_corpus
from zhengling.corpus.duplicates import near_duplicates, passages, shared_stretches
from zhengling.corpus.report import CorpusReport, count_damaged, count_parts, counts_table
from zhengling.corpus.variety import compare_variety
from zhengling.errors import GoldError, ZhenglingError
from zhengling.gold.loading import load_gold
from zhengling.scheme.annotation import Document, documents_hash
from zhengling.version import VERSION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a folder with plan.csv, train, validation and test")
    parser.add_argument("--output", type=Path, required=True, help="folder for the JSON lines")
    parser.add_argument(
        "--beside",
        type=Path,
        default=Path("../shared/annotation/train"),
        help="gold whose variety is shown beside; left out if it is not there (default: %(default)s)",
    )
    return parser


def build(folder: Path, output: Path, beside: Path) -> None:
    """Everything that the command does; raises :class:`GoldError` with all problems of the documents."""
    corpus = check_corpus(folder)
    if corpus.problems:
        print(counts_table(count_parts(corpus)))
        listed = "\n  ".join(corpus.problems)
        raise GoldError(f"{len(corpus.problems)} problems in {folder}, nothing was written:\n  {listed}")
    damaged, unchanged = damage_corpus(corpus)
    report = _report(corpus, damaged, unchanged, beside, f"python -m zhengling.corpus {folder} --output {output}")
    write_corpus(corpus, damaged, folder, output)
    figures = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
    places = [output, folder] if report.variety else [output]
    for place in places:
        (place / "REPORT.md").write_text(report.markdown(), encoding="utf-8")
        (place / "report.json").write_text(figures + "\n", encoding="utf-8")
    print(report.markdown())
    print(f"JSON lines in {output}, this report in {' and '.join(str(place / 'REPORT.md') for place in places)}")


def _report(
    corpus: Corpus, damaged: dict[str, list[Document]], unchanged: list[str], beside: Path, command: str
) -> CorpusReport:
    found = passages(corpus.all)
    return CorpusReport(
        how={"command": command, "version": VERSION, "data": documents_hash(corpus.all), "beside": str(beside)},
        counts=count_parts(corpus),
        damaged=count_damaged(corpus, damaged),
        unchanged=unchanged,
        pairs=near_duplicates(found),
        stretches=shared_stretches(found),
        variety=compare_variety(corpus.all, load_gold([beside])) if beside.exists() else None,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with what the user can mend."""
    options = _parser().parse_args(arguments)
    try:
        build(options.corpus, options.output, options.beside)
    except ZhenglingError as error:
        print(f"corpus: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
