"""Batch inference: ``.venv/bin/python infer.py INPUT… --output OUT [--model FOLDER_OR_NAME]``.

INPUT: files (.txt .md .html .docx .pdf .jsonl .csv .parquet), folders, globs, or - for standard input.
OUT: .jsonl, .csv, .parquet or .html, or - for JSON lines on stdout. More in docs/inference.md.
It leaves OUT and OUT.manifest.json, by which --resume goes on with a run that was cut off.
Exit status: 0, 1 if some document failed (its record says why), 2 if nothing could be done, or not all.
"""

import logging
import sys
from pathlib import Path

from transformers.utils import logging as transformers_logging

from zhengling.errors import ZhenglingError
from zhengling.extraction.engine import Engine
from zhengling.extraction.loading import load
from zhengling.files.batch import Taker, run_batch
from zhengling.files.inputs import STDIN, Inputs
from zhengling.files.options import parse, plan, read_settings
from zhengling.files.outputs import Outputs, check_outputs
from zhengling.files.saved_texts import SavedTexts
from zhengling.files.sinks import STDOUT
from zhengling.files.sources import iter_documents
from zhengling.files.summary import times


def main(arguments: list[str]) -> int:
    options = parse(arguments, __doc__)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("zhengling").setLevel(logging.DEBUG if options.verbose else logging.INFO)
    transformers_logging.disable_progress_bar()
    resumable = STDIN not in options.inputs and STDOUT not in options.output
    try:
        inputs = Inputs(options.inputs, leave_out=options.output)
        check_outputs(options.output, resume=options.resume, resumable=resumable)
        extractor = load(options.model, device=options.device, precision=options.precision)
        survey = inputs.survey()
        run = plan(options, extractor, inputs, survey)
        with Outputs(
            run, extractor.config.scheme, resume=options.resume, resumable=resumable, commit_every=options.commit
        ) as outputs:
            if outputs.finished:
                print("infer.py: this run is finished, nothing is left to do", file=sys.stderr)
            engine = Engine(extractor, encoding=options.encoding, off=options.off)
            documents = iter_documents(inputs.files(), read_settings(options), skip=outputs.resumed)
            takers: list[Taker] = [*([SavedTexts(Path(options.save_text))] if options.save_text else []), outputs]
            if not outputs.complete:
                run_batch(engine, documents, takers, size=survey.size, progress=options.progress)
            outputs.finish()
    except ZhenglingError as error:
        print(f"infer.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("infer.py: stopped; --resume goes on behind the last commit", file=sys.stderr)
        return 130
    if options.table:
        print(outputs.summary.table(extractor.config.directives), file=sys.stderr)
    print(f"{outputs.summary.sentence()}\n{times(engine.stats, outputs.seconds)}", file=sys.stderr)
    return 1 if outputs.summary.errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
