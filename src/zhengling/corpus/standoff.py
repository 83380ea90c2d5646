"""Annotation of texts that the project may not hold: labels by place, put onto the texts where these lie.

Each line of an annotation file names a file of a corpus, a line of it, the SHA-256 of its text and the spans; no
character of the text. Training reads it as gold after ``python -m zhengling.corpus.standoff`` has joined the two.

Run:    python -m zhengling.corpus.standoff data/corpus-annotations ../shared/corpus --output out/data/corpus-annotations.jsonl
Reads:  the .jsonl files of the first folder; the .jsonl and .jsonl.xz files of the second that they name
Leaves: gold JSON lines at --output
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from zhengling.errors import GoldError, ZhenglingError
from zhengling.gold.jsonlines import from_json, read_records, to_json, write_jsonl
from zhengling.scheme.annotation import Document


def detach(document: Document, file: str, line: int) -> dict[str, Any]:
    """The annotation of a document without its text; ``file`` and ``line`` (from 0) say where that is."""
    record = to_json(document)
    digest = hashlib.sha256(record.pop("text").encode()).hexdigest()
    return {"file": file, "line": line, "sha256": digest, **{key: record[key] for key in ("paragraphs", "directives")}}


def attach(annotations: Path, corpus: Path) -> list[Document]:
    """The documents that the annotation files of a folder speak of; raises :class:`GoldError` for a text that is another."""
    records = [record for path in sorted(annotations.glob("*.jsonl")) for record in _records(path)]
    if not records:
        raise GoldError(f"no annotation in {annotations}. Expected .jsonl files")
    texts: dict[str, list[str]] = {}
    documents = []
    for where, record in records:
        name, line = record["file"], record["line"]
        if name not in texts:
            texts[name] = _texts(corpus / name, where)
        text = texts[name][line] if 0 <= line < len(texts[name]) else ""
        if hashlib.sha256(text.encode()).hexdigest() != record["sha256"]:
            raise GoldError(f"{where}: line {line} of {corpus / name} is not the text that was annotated (SHA-256 differs)")
        whole = {"id": f"{name.split('.')[0]}-{line}", "text": text, **record}
        documents.append(from_json(whole, where))
    return documents


def _records(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for where, record in read_records(path):
        missing = {"file", "line", "sha256", "paragraphs", "directives"} - set(record)
        if missing:
            raise GoldError(f"{where}: no {', '.join(sorted(missing))}")
        yield where, record


def _texts(path: Path, where: str) -> list[str]:
    if not path.exists():
        raise GoldError(f"{where}: there is no {path}")
    raw = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    return [json.loads(line)["text"] for line in raw.decode("utf-8").split("\n") if line]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0, or 2 with what the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help="a folder of annotation files")
    parser.add_argument("corpus", type=Path, help="the folder of the files that they name")
    parser.add_argument("--output", type=Path, required=True, help="file for the gold JSON lines")
    options = parser.parse_args(arguments)
    try:
        documents = attach(options.annotations, options.corpus)
    except ZhenglingError as error:
        print(f"standoff: {error}", file=sys.stderr)
        return 2
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(documents, options.output)
    print(f"{len(documents)} texts with {sum(len(d.directives) for d in documents)} directives in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
