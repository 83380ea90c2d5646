"""A Label Studio project for texts with the model's answers as pre-annotations: ``config.xml`` and ``tasks.json``."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any
from xml.etree import ElementTree

from zhengling.exchange.label_studio import Scores, regions, task_data, write_tasks
from zhengling.exchange.reading import write_file
from zhengling.exchange.spans import BOILERPLATE, check_names
from zhengling.extraction.annotation import to_document
from zhengling.extraction.records import Record
from zhengling.scheme.labels import LabelScheme

COLOURS = ("#d4380d", "#722ed1", "#08979c", "#1d39c4", "#c41d7f", "#7cb305", "#d48806", "#595959")
STYLE = ".htx-text, .htx-richtext { white-space: pre-wrap; }"
"""Label Studio shows and saves collapsed spaces without it (labelstud.io/tags/text)."""


def labelling_config(scheme: LabelScheme) -> str:
    """The labelling interface: Labels for directives, slots and paragraphs, Choices for the themes of a selected paragraph.

    https://labelstud.io/tags/labels, …/choices, …/text say what the attributes mean.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Style").text = STYLE
    colour = 0
    for layer, names in (
        ("directive", scheme.directives),
        ("slot", scheme.slots),
        ("paragraph", ("paragraph", BOILERPLATE)),
    ):
        labels = ElementTree.SubElement(view, "Labels", name=layer, toName="text", showInline="true")
        for name in names:
            ElementTree.SubElement(labels, "Label", value=name, background=COLOURS[colour % len(COLOURS)])
            colour += 1
    ElementTree.SubElement(view, "Text", name="text", value="$text", granularity="symbol")
    about = {"choice": "multiple", "perRegion": "true", "visibleWhen": "region-selected", "whenLabelValue": "paragraph"}
    themes = ElementTree.SubElement(view, "Choices", {"name": "themes", "toName": "text", **about})
    for name in scheme.themes:
        ElementTree.SubElement(themes, "Choice", value=name)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


class Project:
    """Takes records as they come, and writes the project at the end; records of documents that failed are left out."""

    def __init__(self, folder: Path, scheme: LabelScheme) -> None:
        check_names(scheme)
        self.folder, self.scheme = folder, scheme
        self.tasks: list[dict[str, Any]] = []

    def write(self, record: Record, text: str) -> None:
        """Take a record and the source that it is of."""
        if record.error is None:
            self.tasks.append(predicted(record, text, str(len(self.tasks) + 1)))

    def close(self) -> None:
        """Write the two files."""
        write_file(self.folder / "config.xml", labelling_config(self.scheme))
        write_tasks(self.tasks, self.folder / "tasks.json")


def predicted(record: Record, text: str, prefix: str) -> dict[str, Any]:
    """A task with the record as its prediction, scored by the mean of its spans, where it has any."""
    document = to_document(record, text)
    scores = _scores(record)
    prediction = {
        "model_version": f"{record.model} {record.version}",
        **({"score": round(fmean(scores.values()), 4)} if scores else {}),
        "result": regions(document, prefix, scores=scores),
    }
    return {"data": task_data(document), "predictions": [prediction]}


def _scores(record: Record) -> Scores:
    directives = {("directive", d.start, d.end): d.score for d in record.directives}
    return {**directives, **{("slot", s.start, s.end): s.score for d in record.directives for s in d.slots}}
