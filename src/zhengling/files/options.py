"""The command line of ``infer.py``."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Sequence
from dataclasses import asdict

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import RUNTIMES, load
from zhengling.files.columns import find_columns
from zhengling.files.inputs import SUFFIXES, Inputs, Survey
from zhengling.files.manifest import Run
from zhengling.files.sinks import SUFFIXES as OUTPUT_SUFFIXES
from zhengling.files.sources import ReadSettings, parse_date
from zhengling.text import REPAIRS
from zhengling.version import VERSION

ENGINES = ("local", "ray")
"""What ``--engine`` may name."""


def parser(description: str) -> argparse.ArgumentParser:
    """The parser; see the help texts."""
    arguments = argparse.ArgumentParser(
        prog="infer.py", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument(
        "inputs", nargs="+", metavar="INPUT",
        help=f"a file ({' '.join(SUFFIXES)}), a folder of them, a glob, or - for one text on standard input",
    )  # fmt: skip
    arguments.add_argument(
        "--output", required=True, action="append", metavar="OUT",
        help=f"a file ({' '.join(OUTPUT_SUFFIXES)}), or - for JSON lines on stdout; several: --output A --output B",
    )  # fmt: skip
    arguments.add_argument("--resume", action="store_true", help="go on with a run that was cut off, behind its last commit")
    model_arguments(arguments)
    arguments.add_argument(
        "--engine", default=ENGINES[0], choices=ENGINES,
        help="where it runs: here, or on the Ray cluster that RAY_ADDRESS names (default: %(default)s)",
    )  # fmt: skip
    arguments.add_argument(
        "--actors",
        type=int,
        metavar="N",
        help="with --engine ray: how many (default: one a GPU, or one a processor core but one)",
    )
    arguments.add_argument(
        "--cleaners",
        type=int,
        metavar="N",
        help="processes that clean texts beside this one, so that a GPU does not wait (default: 0 without a GPU, else up to 4)",
    )
    _reading(arguments)
    _telling(arguments)
    return arguments


def _reading(arguments: argparse.ArgumentParser) -> None:
    reading_arguments(arguments)
    arguments.add_argument("--id-column", metavar="NAME", help="the column of a table with the id (default: id, if there)")
    arguments.add_argument(
        "--date", type=_date, metavar="DATE",
        help="of all documents, for the values of times such as 6月底前 (default: the column date, or what a text says)",
    )  # fmt: skip
    arguments.add_argument(
        "--off", action="append", default=[], choices=REPAIRS, metavar="REPAIR",
        help=f"a repair of the text to leave out, one of {', '.join(REPAIRS)}; may be repeated",
    )  # fmt: skip


def model_arguments(arguments: argparse.ArgumentParser) -> None:
    """What every command that runs a model has."""
    arguments.add_argument("--model", help="folder or hub name (default: the model that ships with the package)")
    arguments.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 … (default: auto)")
    arguments.add_argument("--precision", default="auto", help="auto, bf16, fp16, fp32 or int8 (default: auto)")
    arguments.add_argument(
        "--runtime", default=RUNTIMES[0], choices=RUNTIMES,
        help="what computes; onnx needs a folder that zhengling export-onnx wrote (default: %(default)s)",
    )  # fmt: skip


def load_model(options: argparse.Namespace, device: str | None = None) -> Extractor:
    """The model for the options of :func:`model_arguments`, on another device if one is given."""
    return load(options.model, device=device or options.device, precision=options.precision, runtime=options.runtime)


def reading_arguments(arguments: argparse.ArgumentParser) -> None:
    """What every command that reads documents has."""
    arguments.add_argument(
        "--text-column", default="text", metavar="NAME", help="the column of a table with the text (default: %(default)s)"
    )
    arguments.add_argument("--encoding", help="encoding of the files (default: detected for each)")


def _telling(arguments: argparse.ArgumentParser) -> None:
    arguments.add_argument(
        "--commit", type=float, default=10.0, metavar="SECONDS",
        help="how often what is done is made safe against a kill (default: %(default)s; 0: each document)",
    )  # fmt: skip
    arguments.add_argument("--save-text", metavar="FOLDER", help="also write the text taken out of .html, .docx and .pdf there")
    arguments.add_argument("--table", action="store_true", help="also print the directives of each document, counted by kind")
    arguments.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar on stderr (default: if that is a screen)"
    )
    arguments.add_argument("--verbose", action="store_true", help="say of each document what was repaired")


def read_settings(options: argparse.Namespace) -> ReadSettings:
    """How documents are read."""
    return ReadSettings(
        text_column=options.text_column, id_column=options.id_column, encoding=options.encoding, date=options.date
    )


def plan(
    options: argparse.Namespace, inputs: Inputs, survey: Survey, *, model: str, weights: str, precision: str, runtime: str
) -> Run:
    """What the run is, for its manifest; ``weights`` is the fingerprint of the model, the rest what its engine computes in."""
    settings = read_settings(options)
    carries = any(name.lower().endswith((".csv", ".parquet")) for name in options.output)
    return Run(
        model=model,
        weights=weights,
        version=VERSION,
        options={
            **asdict(settings),
            "date": settings.date and settings.date.isoformat(),
            "off": sorted(options.off),
            "precision": precision,
            "runtime": runtime,
        },
        inputs={"names": inputs.names, **asdict(survey)},
        outputs=list(options.output),
        columns=find_columns(inputs.files(), settings) if carries else {},
    )


def _date(text: str) -> datetime.date:
    date = parse_date(text)
    if date is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no date. Expected one such as 2023-08-14")
    return date


def parse(arguments: Sequence[str], description: str) -> argparse.Namespace:
    """The options of a command line."""
    return parser(description).parse_args(arguments)
