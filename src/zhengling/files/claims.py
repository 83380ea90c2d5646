"""Which run writes an output: a lock for as long as the run lives, and the name of its manifest until it is finished."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from zhengling.errors import OutputError
from zhengling.files.durable import sync_folder, writing
from zhengling.files.manifest import load_manifest, manifest_path


class Claims:
    """The locks beside all outputs of a run, ``OUT.lock``: a run that dies leaves them there, with the name of its manifest.

    ``done``: nothing is left to go on with, so that they are removed at the end.
    """

    def __init__(self, outputs: Sequence[str]) -> None:
        """Raises :class:`OutputError` if another run is writing one of them."""
        self.done = False
        with ExitStack() as stack:
            self._locks = [_Lock(output, stack) for output in outputs]
            self._open = stack.pop_all()

    def write(self, manifest: Path) -> None:
        """Say in all of them that the outputs are of the run with this manifest."""
        for lock in self._locks:
            lock.write(manifest)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._open:
            for lock in self._locks:
                lock.remove(even_claimed=self.done)


class _Lock:
    def __init__(self, output: str, stack: ExitStack) -> None:
        """``stack`` gets what lets go of it."""
        self.output, self.path = output, _lock_path(output)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while not self._taken(stack):
                pass

    def _taken(self, stack: ExitStack) -> bool:
        """False if the run that had it has just removed it."""
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        stack.callback(os.close, self.descriptor)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.path.samestat(os.fstat(self.descriptor), self.path.stat())
        except BlockingIOError as error:
            raise OutputError(f"{self.output} is being written by another run. Expected that to end first") from error
        except FileNotFoundError:
            return False

    def write(self, manifest: Path) -> None:
        folder = self.path.parent
        name = os.fsencode(os.path.relpath(os.path.realpath(manifest), os.path.realpath(folder)))
        with writing(self.path):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, name, 0)
            os.fsync(self.descriptor)
            sync_folder(folder)

    def remove(self, *, even_claimed: bool) -> None:
        if even_claimed or not os.fstat(self.descriptor).st_size:
            self.path.unlink(missing_ok=True)


def check_unclaimed(outputs: Sequence[str], *, resume: bool) -> None:
    """Raise :class:`OutputError` if an output is of a run that is not finished, unless that is to be gone on with."""
    own = os.path.realpath(manifest_path(outputs[0])) if outputs and resume else None
    for output in outputs:
        for path in (manifest_path(output), _claimed_by(output)):
            manifest = load_manifest(path) if path is not None and os.path.realpath(path) != own else None
            if manifest is not None and manifest.state != "finished":
                raise OutputError(
                    f"{path} tells of a run that is not finished ({manifest.counts.get('documents', 0)} documents done) and "
                    f"writes {output}. Go on with it by --resume, or remove that file to begin anew"
                )


def _claimed_by(output: str) -> Path | None:
    """The manifest of the run that last began to write an output and did not come to its end."""
    path = _lock_path(output)
    with writing(path):
        try:
            name = os.fsdecode(path.read_bytes())
        except FileNotFoundError:
            return None
    return path.parent / name if name else None


def _lock_path(output: str) -> Path:
    return Path(output + ".lock")
