"""The texts that were taken out of pages, Word files and PDFs, as files in which offsets can be looked up."""

from __future__ import annotations

import os
from pathlib import Path

from zhengling.extraction.records import Record
from zhengling.files.durable import writing
from zhengling.files.inputs import EXTRACTED, suffix_of


class SavedTexts:
    """Writes ``FOLDER/reports/a.pdf.txt`` for the source ``reports/a.pdf``, in UTF-8, characters and line ends as they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, record: Record, text: str) -> None:
        """Write the text, if it was taken out of a file and the file could be read."""
        if record.error is not None or suffix_of(record.source) not in EXTRACTED:
            return
        path = self.path(record.source)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                out.write(text.encode())
                out.flush()
                os.fsync(out.fileno())

    def path(self, source: str) -> Path:
        """Where the text of a source goes: below the folder, whatever the source is."""
        parts = ["_" if part == ".." else part for part in Path(source).parts if part != Path(source).anchor]
        return self.folder.joinpath(*parts).with_name(Path(source).name + ".txt")
