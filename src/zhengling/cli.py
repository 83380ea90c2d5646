"""The command ``zhengling``: what there is to do besides training and inference."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.errors import ZhenglingError
from zhengling.extraction.annotation import annotate
from zhengling.extraction.loading import load
from zhengling.files.verification import verify_records
from zhengling.gold.loading import load_gold
from zhengling.scheme.labels import DEFAULT_SCHEME
from zhengling.scoring.report import report


def _evaluate(options: argparse.Namespace) -> None:
    extractor = load(options.model, device=options.device, precision=options.precision)
    gold = load_gold(options.gold, extractor.config.scheme)
    result = report(annotate(extractor, gold), gold, extractor.config.scheme, model=extractor.name)
    print(result.table())
    print(json.dumps(result.signature, ensure_ascii=False))
    if options.output:
        Path(options.output).parent.mkdir(parents=True, exist_ok=True)
        Path(options.output).write_text(json.dumps(result.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _agree(options: argparse.Namespace) -> None:
    first, second = ({document.id: document for document in load_gold([place])} for place in (options.first, options.second))
    shared = sorted(first.keys() & second.keys())
    differing = [name for name in shared if first[name].text != second[name].text]
    if differing or not shared:
        reason = f"the texts of {', '.join(differing[:5])} differ" if differing else "they have no document in common"
        raise ZhenglingError(f"{options.first} and {options.second} cannot be compared: {reason}")
    for name in sorted(first.keys() ^ second.keys()):
        print(f"{name} is in one of them only: left out", file=sys.stderr)
    pairs = [second[name] for name in shared], [first[name] for name in shared]
    print(report(*pairs, DEFAULT_SCHEME, model=f"{options.second} against {options.first}").table())


def _strip(options: argparse.Namespace) -> None:
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    documents = load_gold(options.gold)
    for document in documents:
        (folder / f"{document.id}.txt").write_bytes(document.text.encode())
    print(f"{len(documents)} texts in {folder}")


def _verify(options: argparse.Namespace) -> None:
    seen = verify_records(Path(options.records), print)
    print(f"{seen.documents} records ({seen.errors} errors), {seen.spans} spans looked up, {seen.wrong} wrong")
    if seen.wrong:
        raise ZhenglingError(f"{seen.wrong} spans of {options.records} are not where it says")


def parser() -> argparse.ArgumentParser:
    """The command line of all subcommands."""
    top = argparse.ArgumentParser(prog="zhengling", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    evaluate = commands.add_parser("evaluate", help="score a model on gold documents")
    evaluate.add_argument("gold", nargs="+", help="folders of .xml files, .xml or .jsonl files")
    evaluate.add_argument("--model", help="folder or hub name (default: the model that ships with the package)")
    evaluate.add_argument("--device", default="auto", help="auto, cpu, cuda … (default: auto)")
    evaluate.add_argument("--precision", default="auto", help="auto, bf16, fp16 or fp32 (default: auto)")
    evaluate.add_argument("--output", help="also write the figures as JSON here")
    evaluate.set_defaults(run=_evaluate)
    agree = commands.add_parser("agree", help="agreement of two annotators, in the measures of evaluate")
    agree.add_argument("first", help="a folder of .xml files, or a .jsonl file")
    agree.add_argument("second", help="the same documents, annotated by another")
    agree.set_defaults(run=_agree)
    strip = commands.add_parser("strip", help="write the texts of gold documents without their tags")
    strip.add_argument("gold", nargs="+", help="folders of .xml files, .xml or .jsonl files")
    strip.add_argument("--output", required=True, help="folder for one .txt file per document")
    strip.set_defaults(run=_strip)
    verify = commands.add_parser("verify", help="look up every span of a .jsonl file of records in its source again")
    verify.add_argument("records", help="what infer.py wrote; the sources must be where they were")
    verify.set_defaults(run=_verify)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with one line on what the user can mend."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers_logging.disable_progress_bar()
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except ZhenglingError as error:
        print(f"zhengling: {error}", file=sys.stderr)
        return 2
    return 0
