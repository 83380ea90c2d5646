"""Which files are read: those named outright, in folders and by globs, in a fixed order, each once."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhengling.errors import ReadError

TEXTS = (".txt", ".md")
EXTRACTED = (".html", ".htm", ".docx", ".pdf")
"""Files whose text is taken out of them first; offsets point into that text."""
TABLES = (".jsonl", ".jsonl.gz", ".jsonl.xz", ".csv", ".csv.gz", ".csv.xz", ".parquet")
"""Files of many documents, one a row."""
SUFFIXES = (*TEXTS, *EXTRACTED, *TABLES)
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to read: files, their bytes, and a hash over names, sizes and times of change."""

    files: int
    size: int
    digest: str


class Inputs:
    """The files that inputs name; raises :class:`ReadError` for an input that names none.

    Within a folder (searched to the bottom) or glob the order is that of the names. A file named outright must have one of
    :data:`SUFFIXES`; in folders and globs other files are passed over, and in folders those whose name begins with ``.`` or
    ``~$`` too. ``leave_out`` are files and whole folders not to read whatever names them: the outputs; ``saved_texts`` is the
    folder to which :class:`zhengling.files.saved_texts.SavedTexts` writes, whose texts are not read either.
    """

    def __init__(self, names: Sequence[str], leave_out: Collection[str] = (), saved_texts: str | None = None) -> None:
        self.names = list(names)
        self.left_out = tuple(os.path.realpath(name) + os.sep for name in leave_out)
        self.saved_texts = os.path.realpath(saved_texts) + os.sep if saved_texts else None
        for name in self.names:
            if next(iter(self._expand(name)), None) is None:
                raise ReadError(
                    f"input {name!r} names no document. Expected a file, folder or glob of {' '.join(SUFFIXES)} files, or -"
                )

    def files(self) -> Iterator[str]:
        """The paths, which the records' ``source`` gives as :func:`shown` does; ``-`` is standard input."""
        seen: set[str] = set()
        for name in self.names:
            for path, real in self._expand(name):
                if real not in seen:
                    seen.add(real)
                    yield path

    def survey(self) -> Survey:
        """Look at all files without reading them."""
        files = size = 0
        digest = hashlib.sha256()
        for path in self.files():
            about = None if path == STDIN else _stat(path)
            files += 1
            size += about.st_size if about else 0
            digest.update(repr((path, about and (about.st_size, about.st_mtime_ns))).encode("utf-8", "surrogateescape"))
        return Survey(files, size, digest.hexdigest()[:16])

    def _expand(self, name: str) -> Iterator[tuple[str, str]]:
        """Each path, and the one that is left when all links are followed."""
        for path in _named(name):
            real = path if path == STDIN else os.path.realpath(path)
            if not (real + os.sep).startswith(self.left_out) and not self._is_saved_text(real):
                yield path, real

    def _is_saved_text(self, path: str) -> bool:
        return (
            self.saved_texts is not None
            and path.startswith(self.saved_texts)
            and path.endswith(".txt")
            and suffix_of(path.removesuffix(".txt")) in EXTRACTED
        )


def suffix_of(path: str) -> str:
    """The suffix in lower case, ``.jsonl.gz`` and the like as one."""
    suffixes = Path(path.lower()).suffixes
    return "".join(suffixes[-2:]) if suffixes[-1:] in ([".gz"], [".xz"]) else "".join(suffixes[-1:])


def shown(path: str) -> str:
    r"""A path in characters that UTF-8 has: a byte of a name that is not UTF-8 (out of a zip in GBK, say) becomes ``\xd5``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def path_of(name: str) -> str:
    """The path that :func:`shown` shows as ``name``."""
    data = re.sub(rb"\\x([89a-f][0-9a-f])", lambda byte: bytes.fromhex(byte[1].decode()), name.encode())
    return data.decode("utf-8", "surrogateescape")


def _named(name: str) -> Iterator[str]:
    try:
        there, is_folder = Path(name).exists(), Path(name).is_dir()
    except OSError as error:
        raise ReadError(f"input {name!r}: {error.strerror}") from error
    if name == STDIN:
        yield STDIN
    elif is_folder:
        yield from _below(str(Path(name)))
    elif there or not glob.has_magic(name):
        if not there:
            raise ReadError(f"input {name!r}: there is no such file or folder")
        if suffix_of(name) not in SUFFIXES:
            raise ReadError(
                f"input {name!r}: cannot read {suffix_of(name) or 'a file without a suffix'}. "
                f"Expected one of: {' '.join(SUFFIXES)}"
            )
        yield str(Path(name))
    else:
        for match in sorted(glob.glob(name, recursive=True)):  # noqa: PTH207, Path.glob takes no absolute pattern
            if suffix_of(match) in SUFFIXES and _is_file(Path(match)):
                yield str(Path(match))


def _below(folder: str) -> Iterator[str]:
    """The files below a folder, in the order of the names; links to folders are not followed."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise ReadError(f"cannot list the folder {folder}: {error.strerror}") from error
    for entry in found:
        if entry.name.startswith((".", "~$")):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(str(Path(folder, entry.name)))
        elif suffix_of(entry.name) in SUFFIXES and _is_file(entry):
            yield str(Path(folder, entry.name))


def _is_file(entry: Path | os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself, say: reading tells of it
        return True


def _stat(path: str) -> os.stat_result | None:
    try:
        return Path(path).stat()
    except OSError:
        return None
