"""The command ``infer.py``: inputs through an engine into outputs."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.cluster.chunks import Documents
from zhengling.cluster.engines import check_engine, make_engine
from zhengling.cluster.processes import ProcessEngine, own_device
from zhengling.errors import ZhenglingError
from zhengling.extraction.fingerprint import fingerprint
from zhengling.files.batch import Taker, run_batch
from zhengling.files.inputs import STDIN, Inputs
from zhengling.files.options import load_model, parse, plan, read_settings
from zhengling.files.outputs import Outputs, check_outputs, written_by
from zhengling.files.saved_texts import SavedTexts
from zhengling.files.sinks import STDOUT
from zhengling.files.sources import SourceDocument
from zhengling.files.summary import times
from zhengling.modeling.launch import process_state


def main(arguments: list[str], description: str) -> int:
    """Exit status 0, 1 if some document failed, 2 if nothing could be done or not all, 130 after Ctrl-C."""
    options = parse(arguments, description)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("zhengling").setLevel(logging.DEBUG if options.verbose else logging.INFO)
    transformers_logging.disable_progress_bar()
    try:
        return run(options)
    except ZhenglingError as error:
        if process_state().is_main_process:
            print(f"infer.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("infer.py: stopped; --resume goes on behind the last commit", file=sys.stderr)
        return 130


def run(options: argparse.Namespace) -> int:
    """Exit status 0 or 1; raises :class:`ZhenglingError` for what a user can mend."""
    resumable = STDIN not in options.inputs and STDOUT not in options.output
    check_engine(options)
    inputs = Inputs(options.inputs, leave_out=written_by(options.output), saved_texts=options.save_text)
    check_outputs(options.output, resume=options.resume, resumable=resumable)
    extractor = load_model(options, own_device())
    engine = make_engine(options, extractor)
    if isinstance(engine, ProcessEngine) and not engine.first:
        for _ in engine.records(engine.told([])):
            pass
        return 0
    survey = inputs.survey()
    about = {"model": extractor.name, "weights": fingerprint(extractor)}
    planned = plan(options, inputs, survey, **about, precision=engine.precision, runtime=engine.runtime)
    scheme = extractor.config.scheme
    with Outputs(planned, scheme, resume=options.resume, resumable=resumable, commit_every=options.commit) as outputs:
        if outputs.finished:
            print("infer.py: this run is finished, nothing is left to do", file=sys.stderr)
        behind = Documents(inputs, read_settings(options), outputs.last)
        documents: Iterable[SourceDocument] = [] if outputs.complete else behind
        takers: list[Taker] = [*([SavedTexts(Path(options.save_text))] if options.save_text else []), outputs]
        if isinstance(engine, ProcessEngine):
            documents = engine.told(documents)
        if isinstance(engine, ProcessEngine) or not outputs.complete:
            run_batch(engine, documents, takers, size=survey.size, progress=options.progress)
        outputs.finish()
    if options.table:
        print(outputs.summary.table(extractor.config.directives), file=sys.stderr)
    by = f", by {engine.number} processes" if isinstance(engine, ProcessEngine) else ""
    print(f"{outputs.summary.sentence()}{by}\n{times(engine.stats, outputs.seconds)}", file=sys.stderr)
    return 1 if outputs.summary.errors else 0
