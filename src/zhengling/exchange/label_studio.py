r"""Label Studio's JSON: tasks with annotations or predictions out, the exports JSON and JSON-MIN in.

Each span is a region of the Text tag ``text``, labelled by the Labels tag of its layer (``directive``, ``slot``,
``paragraph``); ``parentID`` names the region around it, for the outliner only: what belongs to what is told by the places.
Themes are the per-region Choices ``themes`` of a paragraph. The document's id and header stand in the task's ``data``.

Offsets are half-open, in code points. The editor counts so (``charsToCodePoints`` in ``selection-tools.js`` and ``[...text]``
in ``domManager.ts``, held by the test ``e2e/ner/emoji.cy.ts``, all of HumanSignal/label-studio), and CR LF as two
(``split(/\n|\r/g)`` in ``RichText/view.jsx``). Releases of 2021 counted UTF-16 (issues 1008 and 1347): ``--offsets utf-16``.
A region's ``text`` is what the browser shows, a line end as a backslash and an n, spaces collapsed (issue 3078): it is
compared without either.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError
from zhengling.exchange.label_studio_export import Task, read_tasks
from zhengling.exchange.offsets import UNITS, Ruler
from zhengling.exchange.reading import a_header, a_text, write_file
from zhengling.exchange.spans import BOILERPLATE, LAYERS, NONE, Span, assemble, check_surface, flatten, named
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import LabelScheme

log = logging.getLogger(__name__)
OFFSETS = "code-points"
Place = tuple[int, int]
Scores = Mapping[tuple[str, int, int], float]
"""Scores of spans by layer, start and end."""
_DEPTH = {"paragraph": 0, "directive": 1, "slot": 2}


def write(documents: Sequence[Document], path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> None:
    """One task per document, its spans as the task's annotation."""
    tasks = [
        {"data": task_data(document), "annotations": [{"result": regions(document, str(number), unit)}]}
        for number, document in enumerate(documents, 1)
    ]
    write_tasks(tasks, path)


def write_tasks(tasks: Sequence[Mapping[str, Any]], path: Path) -> None:
    """A file to import into a project."""
    write_file(path, json.dumps(tasks, ensure_ascii=False, indent=1) + "\n")


def task_data(document: Document) -> dict[str, Any]:
    """What a task shows and keeps."""
    return {"text": document.text, "document": document.id, "header": dict(document.header)}


def regions(document: Document, prefix: str, unit: str = OFFSETS, scores: Scores | None = None) -> list[dict[str, Any]]:
    """The results of an annotation or prediction; their ids begin with ``prefix``, as they must differ from task to task."""
    ruler = Ruler(document.text, unit)
    results: list[dict[str, Any]] = []
    around: list[tuple[Span, str]] = []
    for number, span in enumerate(sorted(flatten(document), key=lambda s: (s.start, -s.end, _DEPTH[s.layer]))):
        own = f"{prefix}-{number}"
        while around and around[-1][0].end <= span.start:
            around.pop()
        parent = {"parentID": around[-1][1]} if around else {}
        around.append((span, own))
        start, end = ruler.write(span.start, span.end, f"{document.id}: {span.name()}")
        value = {"start": start, "end": end, "text": document.text[span.start : span.end]}
        score = (scores or {}).get((span.layer, span.start, span.end))
        scored = {} if score is None else {"score": score}
        results += [
            {"id": own, **_result(name, kind, {**value, kind: labels}), **parent, **scored}
            for name, kind, labels in _labels(span)
        ]
    return results


def _labels(span: Span) -> Iterator[tuple[str, str, list[str]]]:
    """Per result of a span: the tag's name, its type and what it says."""
    if span.layer != "paragraph":
        yield span.layer, "labels", [span.label]
        return
    names = span.label.split("+")
    themes = [name for name in names if name not in (NONE, BOILERPLATE)]
    yield "paragraph", "labels", [BOILERPLATE if BOILERPLATE in names else "paragraph"]
    if themes:
        yield "themes", "choices", themes


def _result(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": kind, "value": value}


def read(path: Path, scheme: LabelScheme, unit: str = OFFSETS) -> Iterator[Document]:
    """The documents of an export's annotated tasks; results that are neither labels nor choices are counted and told."""
    passed: Counter[str] = Counter()
    for task in read_tasks(path):
        text = a_text(task.data, task.where, "text")
        passed.update(str(r.get("type")) for r in task.results if r.get("type") not in ("labels", "choices"))
        spans = list(_spans(task, Ruler(text, unit), text, scheme))
        own = task.data.get("document") is not None
        name = str(task.data["document"]) if own else f"{path.stem}-{task.id}"
        yield assemble(name, text, spans, where=task.where, header=a_header(task.data, task.where), own=own)
    for kind, count in passed.items():
        log.warning("%s: %d results of type %s passed over: our scheme has no place for them", path, count, kind)


def _spans(task: Task, ruler: Ruler, text: str, scheme: LabelScheme) -> Iterator[Span]:
    """The spans of a task. Labels and themes of one place that are a paragraph's are one paragraph."""
    places: dict[str, Place] = {}
    paragraphs: dict[Place, list[str]] = {}
    for number, result in enumerate(task.results, 1):
        kind = result.get("type")
        if kind not in ("labels", "choices"):
            continue
        where = f"{task.where}, result {number}"
        value = result.get("value")
        labels = value.get(kind) if isinstance(value, dict) else None
        if not isinstance(value, dict) or not labels or not all(isinstance(label, str) for label in labels):
            raise GoldError(f"{where}: value is {value!r:.80}. Expected one with {kind}")
        place = _place(value, places.get(str(result.get("id"))), ruler, text, f"{where} ({', '.join(labels)})")
        places[str(result.get("id"))] = place
        for label in labels:
            layer, name = named(_name(result.get("from_name"), label), scheme, where)
            if layer == "paragraph":
                names = paragraphs.setdefault(place, [])
                names += [part for part in name.split("+") if part != NONE and part not in names]
            else:
                yield Span(*place, layer, name)
    for place, names in paragraphs.items():
        yield Span(*place, "paragraph", "+".join(names) or NONE)


def _name(tag: object, label: str) -> str:
    """The name of a span: tags of ours name the layer, those of other projects do not."""
    layer = "paragraph" if tag == "themes" else tag
    return f"{layer}:{label}" if layer in LAYERS else label


def _place(value: Mapping[str, Any], known: Place | None, ruler: Ruler, text: str, where: str) -> Place:
    """The place of a region, whose text must agree; a result without one lies where the region of its id does."""
    if "start" not in value and known:
        return known
    if "start" not in value:
        raise GoldError(f"{where}: it has no place in the text. Expected start and end, or a choice per region")
    place = ruler.read(value["start"], value.get("end"), where)
    surface = value.get("text")
    if isinstance(surface, str) and _shown(surface) != _shown(text[slice(*place)]):
        check_surface(text, place, surface, f"{where}{_hint(value, surface, ruler.unit, text)}")
    return place


def _shown(text: str) -> str:
    r"""A text without what the browser does not show as it stands, and without the ``\n`` written for a line end."""
    return "".join(char for char in text.replace("\\n", "") if char.isprintable() and char != " ")


def _hint(value: Mapping[str, Any], surface: str, unit: str, text: str) -> str:
    """Which unit of offsets would agree, if one does."""
    for other in UNITS:
        points = Ruler(text, other).points
        place = slice(points.get(value["start"]), points.get(value["end"]))
        if other != unit and None not in (place.start, place.stop) and _shown(text[place]) == _shown(surface):
            return f" (counted in {other} it agrees: --offsets {other})"
    return ""
