"""Files that survive a kill and a loss of power: what is committed is on the disk, whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zhengling.errors import OutputError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class AppendFile:
    """A file that grows; what comes after the last commit may be lost, and is cut off when it is opened again."""

    def __init__(self, path: Path, committed: int | None) -> None:
        """Begin the file anew, or go on behind its first ``committed`` bytes; raises :class:`OutputError`."""
        self.path = path
        with writing(path):
            flags = os.O_RDWR if committed is not None else os.O_RDWR | os.O_CREAT
            self.descriptor = os.open(path, flags, 0o666)
            try:
                self._begin(committed or 0)
            except BaseException:
                os.close(self.descriptor)
                raise
            sync_folder(path.parent)

    def _begin(self, committed: int) -> None:
        size = os.fstat(self.descriptor).st_size
        if size < committed:
            raise OutputError(f"{self.path} has {size} bytes. Expected the {committed} that were committed; begin anew")
        os.ftruncate(self.descriptor, committed)
        self.size = os.lseek(self.descriptor, 0, os.SEEK_END)

    def write(self, text: str) -> None:
        """Append; raises :class:`OutputError`, on a full disk too."""
        data = memoryview(text.encode())
        with writing(self.path):
            while data:
                written = os.write(self.descriptor, data)
                self.size += written
                data = data[written:]

    def commit(self) -> int:
        """The size after all that was written is on the disk."""
        with writing(self.path):
            os.fsync(self.descriptor)
        return self.size

    def close(self) -> None:
        """Let go of the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell an ``OSError`` as an :class:`OutputError` that names the file."""
    try:
        yield
    except OSError as error:
        hint = "; what is committed stays: make room and go on with --resume" if error.errno in _NO_ROOM else ""
        raise OutputError(f"cannot write {path}: {error.strerror or error}{hint}") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of ``path`` as a whole when the block is left without an error."""
    new = path.with_name(path.name + ".new")
    with writing(path):
        yield new
        put(new, path)


def put(new: Path, path: Path) -> None:
    """Put a file in the place of another, so that after a loss of power there is the one or the other."""
    with writing(path):
        descriptor = os.open(new, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(path)
        sync_folder(path.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that after a kill it is there as a whole, or not there; :func:`sweep` removes what may be left."""
    with writing(folder):
        folder.replace(swept_path(folder))
        sync_folder(folder.parent)
    sweep(folder)


def sweep(folder: Path) -> None:
    """Remove what a kill left of a folder that was being removed."""
    if swept_path(folder).exists():
        with writing(folder):
            shutil.rmtree(swept_path(folder))


def swept_path(folder: Path) -> Path:
    """Where a folder is while it is being removed."""
    return folder.with_name(folder.name + ".gone")


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
