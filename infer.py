"""Batch inference: ``.venv/bin/python infer.py INPUT… --output OUT [--model FOLDER_OR_NAME]``.

INPUT: .txt files, folders, globs. OUT: .jsonl, .csv, .html, or - for JSON lines on stdout.
Exit status: 0, 1 if some document failed (its record says why), 2 if nothing could be done.
"""

import argparse
import logging
import sys
from contextlib import ExitStack

from transformers.utils import logging as transformers_logging

from zhengling.errors import ZhenglingError
from zhengling.extraction.loading import load
from zhengling.files.batch import run_batch
from zhengling.files.sinks import Sink
from zhengling.files.sources import find_sources
from zhengling.text import REPAIRS


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(
        prog="infer.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("inputs", nargs="+", metavar="INPUT", help="a .txt file, a folder of them, or a glob")
    arguments.add_argument(
        "--output",
        required=True,
        action="append",
        metavar="OUT",
        help="a .jsonl, .csv or .html file, or - for JSON lines on stdout; several: --output A --output B",
    )
    arguments.add_argument("--table", action="store_true", help="also print the directives of each document, counted by kind")
    arguments.add_argument(
        "--model", metavar="MODEL", help="folder or hub name (default: the model that ships with the package)"
    )
    arguments.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default: auto)")
    arguments.add_argument("--precision", default="auto", help="auto, bf16, fp16, fp32 or int8 (default: auto)")
    arguments.add_argument("--encoding", help="encoding of the files (default: detected for each)")
    arguments.add_argument(
        "--off", action="append", default=[], choices=REPAIRS, metavar="REPAIR",
        help=f"a repair of the text to leave out, one of {', '.join(REPAIRS)}; may be repeated",
    )  # fmt: skip
    arguments.add_argument("--verbose", action="store_true", help="say of each document what was repaired")
    return arguments


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    transformers_logging.disable_progress_bar()
    options = parser().parse_args(arguments)
    logging.getLogger("zhengling").setLevel(logging.DEBUG if options.verbose else logging.INFO)
    try:
        sources = find_sources(options.inputs)
        extractor = load(options.model, device=options.device, precision=options.precision)
        with ExitStack() as stack:
            sinks = [stack.enter_context(Sink(name, extractor.config.scheme)) for name in options.output]
            summary = run_batch(extractor, sources, sinks, encoding=options.encoding, off=options.off)
    except ZhenglingError as error:
        print(f"infer.py: {error}", file=sys.stderr)
        return 2
    if options.table:
        print(summary.table(extractor.config.directives), file=sys.stderr)
    print(summary.sentence(), file=sys.stderr)
    return 1 if summary.errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
