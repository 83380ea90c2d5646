"""The shapes of Label Studio's exports, JSON and JSON-MIN, as tasks with one annotation each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError
from zhengling.exchange.reading import a_list, an_object, read_file, read_json

log = logging.getLogger(__name__)
_ABOUT = ("text", "document", "header")
"""The keys of a task's data that are ours."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task and the results of the annotation that counts."""

    where: str
    id: str
    data: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]]


def read_tasks(path: Path) -> Iterator[Task]:
    """The annotated tasks of an export; those without annotation are counted and told, as is what was chosen among several.

    Of several annotations the one marked as ground truth counts, else the newest; cancelled ones never do. Raises
    :class:`GoldError` for a file of another shape, and for one in which nothing is annotated.
    """
    content = read_json(read_file(path), str(path))
    records = [content] if isinstance(content, dict) else a_list(content, str(path), "the file")
    left_out = []
    for where, record in _full(records, path):
        annotation = _choose(a_list(record.get("annotations") or [], where, "annotations"), where)
        if annotation is None:
            left_out.append(where)
            continue
        results = [an_object(r, where, "a result") for r in a_list(annotation.get("result"), where, "result")]
        yield Task(where, str(record.get("id")), an_object(record.get("data"), where, "data"), results)
    if records and len(left_out) == len(records):
        raise GoldError(f"{path}: none of its {len(records)} tasks is annotated. Expected an export after the labelling")
    if left_out:
        log.warning("%d tasks left out, nobody annotated them: %s", len(left_out), "; ".join(left_out[:3]))


def _full(records: Sequence[object], path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The records with their places, those of JSON-MIN in the shape of JSON: one per task, not one per annotation."""
    short: dict[str, dict[str, Any]] = {}
    for number, value in enumerate(records, 1):
        where = f"{path}, task {number}"
        record = an_object(value, where, "the task")
        record = {"id": number, **record}
        if "data" in record:
            yield where, record
            continue
        data = {key: record[key] for key in _ABOUT if key in record}
        task = short.setdefault(str(record["id"]), {"where": where, "id": record["id"], "data": data, "annotations": []})
        task["annotations"].append({**record, "result": list(_results(record, where))})
    for task in short.values():
        yield task["where"], task


def _results(record: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
    """The results of a JSON-MIN record: each key that holds regions is the name of a tag."""
    for name, values in record.items():
        regions = values if isinstance(values, list) else []
        if name == "themes" and (values is not regions or not all(isinstance(r, dict) and "start" in r for r in regions)):
            raise GoldError(
                f"{where}: themes is {values!r:.60}, without places: JSON-MIN leaves them out of single choices. "
                "Expected the project exported as JSON"
            )
        for region in regions:
            if isinstance(region, dict) and ("labels" in region or "choices" in region):
                yield {"from_name": name, "type": "labels" if "labels" in region else "choices", "value": region}


def _choose(annotations: Sequence[object], where: str) -> Mapping[str, Any] | None:
    """The annotation that counts, None if there is none."""
    whole = [an_object(annotation, where, "an annotation") for annotation in annotations]
    valid = [annotation for annotation in whole if not annotation.get("was_cancelled")]
    if len(valid) < 2:
        return valid[0] if valid else None
    true = [annotation for annotation in valid if annotation.get("ground_truth")]
    what = "the ground truth" if true else "the newest"
    log.warning("%s holds %d annotations: took %s", where, len(valid), what)
    return max(true or valid, key=lambda a: str(a.get("updated_at") or a.get("created_at") or ""))
