"""Clean damaged text files.

Run:    python -m zhengling.text FILE... [--verbose] [--encoding NAME] [--off REPAIR]
Reads:  text files in any encoding, "-" for standard input
Prints: the paragraphs of the clean text, one a line; with --verbose also, per file on standard error, the encoding,
        how many characters each repair touched, and what still looks damaged
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zhengling.errors import ReadError
from zhengling.text.reader import REPAIRS, read


def main(arguments: list[str] | None = None) -> int:
    """The command, see the head of this file; returns 1 if a file could not be read, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--encoding", help="of the files; found out if not given")
    parser.add_argument("--off", action="append", default=[], choices=REPAIRS, help="a repair to leave out; may be repeated")
    parser.add_argument("--verbose", action="store_true", help="report the repairs of each file")
    options = parser.parse_args(arguments)
    failed = False
    for name in options.files:
        try:
            data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            clean = read(data, encoding=options.encoding, off=options.off)
        except (ReadError, OSError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failed = True
            continue
        for start, end in clean.paragraphs:
            print(clean.text[start:end])
        if options.verbose:
            print(f"{name}: {clean.account()}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
