"""Where documents come from: files, folders and globs, in a fixed order."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhengling.errors import ReadError

SUFFIXES = (".txt",)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A document to read; ``name`` is what its record's ``source`` says."""

    name: str
    path: Path

    def read(self) -> bytes:
        """The bytes of the file; raises :class:`ReadError` if they cannot be had."""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ReadError(f"cannot read {self.name}: {error.strerror}") from error


def find_sources(inputs: Sequence[str]) -> list[SourceFile]:
    """The documents named by files, folders (searched to the bottom) and globs, each once, in the order given.

    Within a folder or glob the order is that of the names. Raises :class:`ReadError` for an input that names nothing, and
    for a file named outright whose suffix is not one that can be read; in folders such files are passed over.
    """
    found: dict[str, SourceFile] = {}
    for name in inputs:
        paths = list(_expand(name))
        if not paths:
            raise ReadError(f"input {name!r} names no document. Expected a file, folder or glob of {' '.join(SUFFIXES)} files")
        for path in paths:
            found.setdefault(str(path), SourceFile(str(path), path))
    return list(found.values())


def _expand(name: str) -> Iterator[Path]:
    path = Path(name)
    if path.is_dir():
        yield from (child for child in sorted(path.rglob("*")) if child.is_file() and child.suffix.lower() in SUFFIXES)
    elif path.exists() or not glob.has_magic(name):
        if not path.exists():
            raise ReadError(f"input {name!r}: there is no such file or folder")
        if path.suffix.lower() not in SUFFIXES:
            raise ReadError(
                f"input {name!r}: cannot read {path.suffix or 'a file without a suffix'}. Expected one of: {' '.join(SUFFIXES)}"
            )
        yield path
    else:
        names = sorted(glob.glob(name, recursive=True))  # noqa: PTH207, Path.glob takes no absolute pattern
        matches = (Path(match) for match in names)
        yield from (match for match in matches if match.is_file() and match.suffix.lower() in SUFFIXES)
