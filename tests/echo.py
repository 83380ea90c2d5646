"""A run whose records need no model: each document is one directive. Stands where the engine stands."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from zhengling.extraction.records import DirectiveRecord, ParagraphRecord, Record, SlotRecord
from zhengling.files.batch import run_batch
from zhengling.files.columns import Columns
from zhengling.files.inputs import STDIN, Inputs
from zhengling.files.options import parse, plan, read_settings
from zhengling.files.outputs import Outputs, check_outputs, written_by
from zhengling.files.sinks import STDOUT
from zhengling.files.sources import SourceDocument, iter_documents
from zhengling.scheme.labels import DEFAULT_SCHEME

CARRIED: Columns = {"n": "int64", "kind": "string"}


@dataclass
class Echo:
    """``pause`` seconds a document."""

    pause: float = 0.0

    def records(self, documents: Iterable[SourceDocument]) -> Iterator[tuple[SourceDocument, Record, str]]:
        for document in documents:
            time.sleep(self.pause)
            text = document.content if isinstance(document.content, str) else document.content.decode()
            yield document, echo(document, text), text


def echo(document: SourceDocument, text: str) -> Record:
    """The record that says that the whole text is a directive with its first two characters as the agent."""
    if document.error is not None:
        return Record(source=document.name, model="echo", version="1", error=document.error)
    slot = SlotRecord(kind="agent", start=0, end=2, text=text[:2], clean=text[:2], score=0.5)
    scores = dict.fromkeys(DEFAULT_SCHEME.themes, 0.25)
    span = {"start": 0, "end": len(text)}
    directive = DirectiveRecord(**span, kind="require", score=0.5, paragraph=0, text=text, clean=text, slots=[slot])
    paragraph = ParagraphRecord(**span, boilerplate=False, themes=["safety"], scores=scores)
    return Record(
        source=document.name, model="echo", version="1", characters=len(text), paragraphs=[paragraph], directives=[directive]
    )


def run(
    inputs: Sequence[str],
    outputs: Sequence[str],
    *options: str,
    resume: bool = False,
    commit: float = 60.0,
    pause: float = 0.0,
    place: bool = True,
    **about: str,
) -> Outputs:
    """As infer.py does it, with the echo in the place of the model, up to the last commit if not ``place``.

    ``options`` are of the command line; ``about`` is what :func:`plan` is told of the model.
    """
    parsed = parse([*inputs, *(word for name in outputs for word in ("--output", name)), *options], "")
    names = Inputs(inputs, leave_out=written_by(outputs))
    resumable = STDIN not in inputs and STDOUT not in outputs
    check_outputs(outputs, resume=resume, resumable=resumable)
    survey = names.survey()
    told = {"model": "echo", "weights": "0", "precision": "fp32", "runtime": "torch", **about}
    planned = plan(parsed, names, survey, **told)
    with Outputs(planned, DEFAULT_SCHEME, resume=resume, resumable=resumable, commit_every=commit) as opened:
        if not opened.complete:
            documents = iter_documents(names.files(), read_settings(parsed), after=opened.last)
            run_batch(Echo(pause), documents, [opened], size=survey.size, progress=False)
        opened.finish() if place else opened.seal()
    return opened
