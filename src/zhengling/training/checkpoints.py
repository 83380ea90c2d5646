"""Checkpoints of which a whole one always exists: written beside the last one, sealed, and the one before kept."""

from __future__ import annotations

import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase

from zhengling.errors import CheckpointError
from zhengling.modeling.model import ZhenglingModel

log = logging.getLogger(__name__)
LAST, BEFORE, NEW = "checkpoint", "checkpoint.old", "checkpoint.new"
SEAL = "whole.json"
CHUNK = 1 << 22


class Checkpoints:
    """The two generations of one run's checkpoints in its folder."""

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.folder = folder
        self.last, self.before, self.new = folder / LAST, folder / BEFORE, folder / NEW

    def save(self) -> None:
        """Write the state of all processes; the last checkpoint becomes the one before.

        Raises :class:`CheckpointError` if it cannot be written; the last one then stays what it is.
        """
        main = self.accelerator.is_main_process
        if main:
            shutil.rmtree(self.new, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        try:
            self.accelerator.save_state(str(self.new))
            self.accelerator.wait_for_everyone()
            if main:
                seal(self.new)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch tells a full disk by a RuntimeError
            shutil.rmtree(self.new, ignore_errors=True)
            raise _unwritten(self.new, error) from error
        if main:
            if self.last.exists():
                shutil.rmtree(self.before, ignore_errors=True)
                self.last.replace(self.before)
            self.new.replace(self.last)
        self.accelerator.wait_for_everyone()

    def load(self) -> Path | None:
        """Go on from the last checkpoint, or from the one before if the last is damaged; None if there is none.

        Raises :class:`CheckpointError` if there are some and none is whole.
        """
        places = [place for place in (self.last, self.before) if place.exists()]
        flaws = {place: flaw(place) for place in places}
        good = next((place for place in places if not flaws[place]), None)
        damaged = "; ".join(f"{place} {reason}" for place, reason in flaws.items() if reason)
        if places and good is None:
            raise CheckpointError(f"no checkpoint to go on from: {damaged}. Expected a whole one, or another output=…")
        if good is None:
            return None
        self.accelerator.load_state(str(good))
        self.accelerator.wait_for_everyone()
        if good == self.before and self.accelerator.is_main_process:
            shutil.rmtree(self.last, ignore_errors=True)
            self.before.replace(self.last)
        if damaged:
            log.warning("%s: going on from %s", damaged, good)
        return good


def seal(folder: Path) -> None:
    """Bring all files to the disk and write down their sizes and checksums, last of all."""
    files = {str(path.relative_to(folder)): _measure(path, sync=True) for path in sorted(folder.rglob("*")) if path.is_file()}
    path = folder / SEAL
    path.write_text(json.dumps(files, indent=1), encoding="utf-8")
    _measure(path, sync=True)


def flaw(folder: Path) -> str | None:
    """What is wrong with a sealed folder, None if nothing is."""
    try:
        files = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"was not written to its end ({SEAL} is missing)"
    for name, expected in files.items():
        found = _measure(folder / name, sync=False) if (folder / name).is_file() else None
        if found != expected:
            return f"is damaged ({name}: {'missing' if found is None else 'not what was written'})"
    return None


def _measure(path: Path, *, sync: bool) -> list[int]:
    """Size in bytes and CRC-32."""
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
        if sync:
            os.fsync(file.fileno())
        return [file.tell(), checksum]


def save_model(model: ZhenglingModel, tokenizer: PreTrainedTokenizerBase, place: Path) -> None:
    """Write a model and its tokenizer, for ``infer.py --model``: aside first, then in their place at one stroke."""
    new = place.with_name(f"{place.name}.new")
    model.save_pretrained(new)
    tokenizer.save_pretrained(new)
    replace_files(new, place)


def replace_files(new: Path, place: Path) -> None:
    """Move the files of ``new`` over those of ``place``, each at one stroke."""
    place.mkdir(exist_ok=True)
    for path in new.iterdir():
        path.replace(place / path.name)
    new.rmdir()


GO_ON = "Make room, then go on from the last checkpoint: resume=true"


@contextmanager
def told_if_unwritable(folder: Path, advice: str = GO_ON) -> Iterator[None]:
    """Turn a full disk, a quota or a missing right into one sentence on what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise _unwritten(folder, error, advice) from error


def _unwritten(place: Path, error: Exception, advice: str = GO_ON) -> CheckpointError:
    reason = str(error).splitlines()[0]
    return CheckpointError(f"{place} cannot be written ({reason}). {advice}")
