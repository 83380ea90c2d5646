"""The files that a checked corpus becomes: JSON lines per split, the damaged versions, and the data card beside them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from zhengling.corpus.checking import Corpus
from zhengling.corpus.damaging import FORMS, damaged_version
from zhengling.gold.inline import write_inline
from zhengling.gold.jsonlines import write_jsonl
from zhengling.scheme.annotation import Document

COMPANIONS = ("README.md", "RULINGS.md", "plan.csv")
"""What goes along: the data card, whose head names the JSON lines by their place beside it, and what it refers to."""


def damage_corpus(corpus: Corpus) -> tuple[dict[str, list[Document]], list[str]]:
    """The damaged versions by split, and the ids of the documents in which the damage of their form does not show."""
    versions: dict[str, list[Document]] = {}
    unchanged: list[str] = []
    for split, documents in corpus.documents.items():
        versions[split] = []
        for document in documents:
            form = corpus.plan[document.id]["form"]
            version = damaged_version(document, form)
            versions[split] += [version] if version else []
            unchanged += [document.id] if FORMS[form] and not version else []
    return versions, unchanged


def write_corpus(corpus: Corpus, damaged: Mapping[str, Sequence[Document]], folder: Path, output: Path) -> None:
    """Leave in ``output`` what ``datasets.load_dataset(output)`` and ``data.train`` of a training config load.

    ``<split>.jsonl``, ``damaged/<split>.jsonl``, the damaged versions in inline tags too, and the card of ``folder``.
    """
    for split in corpus.documents:
        tagged = output / "damaged" / split
        tagged.mkdir(parents=True, exist_ok=True)
        for old in tagged.glob("*-damaged.xml"):
            old.unlink()
        write_jsonl(corpus.documents[split], output / f"{split}.jsonl")
        write_jsonl(damaged[split], output / "damaged" / f"{split}.jsonl")
        for version in damaged[split]:
            (tagged / f"{version.id}.xml").write_bytes(write_inline(version).encode())
    for name in COMPANIONS:
        if (folder / name).exists():
            shutil.copyfile(folder / name, output / name)
