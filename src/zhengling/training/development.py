"""The documents that a run is judged by, cleaned once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zhengling.extraction.annotation import to_document
from zhengling.extraction.extractor import Extractor
from zhengling.scheme.annotation import Document, documents_facts
from zhengling.scheme.labels import LabelScheme
from zhengling.scoring.report import Report, report
from zhengling.text import read


class Development:
    """Gold documents and their clean texts."""

    def __init__(self, documents: Sequence[Document], scheme: LabelScheme) -> None:
        self.documents, self.scheme = documents, scheme
        self._texts = [read(document.text) for document in documents]

    def report(self, extractor: Extractor, *, model: str, samples: int = 1000) -> Report:
        """The scores of ``extractor`` from the bare sources on; ``samples`` bootstrap samples."""
        records = extractor.extract(self._texts, [document.id for document in self.documents])
        found = [to_document(record, document.text) for record, document in zip(records, self.documents, strict=True)]
        return report(found, self.documents, self.scheme, model=model, samples=samples)

    def facts(self) -> dict[str, Any]:
        """How many documents there are, and their hash."""
        return documents_facts(self.documents)
