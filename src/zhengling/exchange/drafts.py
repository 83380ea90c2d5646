"""A model's answers as gold: for a person to correct, or for a further model to learn from (self-training, Scudder 1965)."""

from __future__ import annotations

import itertools
import logging
import re
from dataclasses import replace
from pathlib import Path

from zhengling.errors import GoldError, LabelError
from zhengling.exchange.formats import file_stem, save_gold
from zhengling.extraction.annotation import to_document
from zhengling.extraction.records import Record
from zhengling.scheme.annotation import Document
from zhengling.scheme.labels import RESERVED, LabelScheme

log = logging.getLogger(__name__)
_UNSAYABLE = re.compile('["<>\\ud800-\\udfff]')
"""What the header of gold, or a file in UTF-8, cannot hold."""


class Drafts:
    """Takes records as they come, and writes them as gold at the end; records of documents that failed are left out."""

    def __init__(self, output: Path, scheme: LabelScheme) -> None:
        """``output`` as for :func:`save_gold`; raises :class:`GoldError` if it is there, since it may hold corrections.

        Raises :class:`LabelError` for labels that cannot be tags.
        """
        if output.is_file() or (output.is_dir() and (output.suffix == ".jsonl" or any(output.iterdir()))):
            raise GoldError(f"{output} is there and may hold corrections. Expected a new folder or .jsonl file")
        if output.suffix != ".jsonl":
            _check_tags(scheme)
        self.output = output
        self.documents: list[Document] = []
        self.renamed = 0
        self._taken: set[str] = set()

    def write(self, record: Record, text: str) -> None:
        """Take a record and its source. A name that is taken gets a number, what gold cannot say becomes ``_``."""
        if record.error is not None:
            return
        document = to_document(record, text)
        name = _UNSAYABLE.sub("_", document.id)
        names = itertools.chain([name], (f"{name}~{number}" for number in itertools.count(2)))
        free = next(each for each in names if self._key(each) not in self._taken)
        self._taken.add(self._key(free))
        self.renamed += free != document.id
        self.documents.append(replace(document, id=free))

    def _key(self, name: str) -> str:
        return name if self.output.suffix == ".jsonl" else file_stem(name)

    def close(self) -> None:
        """Write what was taken; raises :class:`GoldError` if it cannot be written."""
        if self.renamed:
            log.warning("%d documents have another id than before, since theirs was taken or cannot be written", self.renamed)
        if self.documents:
            save_gold(self.documents, self.output)


def _check_tags(scheme: LabelScheme) -> None:
    """Raise :class:`LabelError` for labels that the inline format cannot say."""
    wrong = [name for name in scheme.slots if not re.fullmatch(r"[A-Za-z][\w-]*", name) or name in ("p", "d", "doc")]
    wrong += [name for name in scheme.themes if re.search(r'[\s"<>]', name) or name in RESERVED]
    wrong += [name for name in scheme.directives if re.search(r'["<>]', name)]
    if wrong:
        raise LabelError(f"labels that cannot be tags: {', '.join(wrong)}. Expected --output with a .jsonl file for these")
