"""What of a run is done, with which model, of which inputs: the file beside the output that ``--resume`` goes by."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from zhengling.errors import OutputError
from zhengling.files.columns import Columns
from zhengling.files.durable import replacing

FORMAT = 1
State = Literal["running", "complete", "finished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What a run is: one that differs in any of this is another."""

    model: str
    weights: str
    """A hash over the configuration and the weights."""
    version: str
    options: dict[str, Any]
    """The options that records depend on."""
    inputs: dict[str, Any]
    """Names as given, number of files, their bytes, and a hash over names, sizes and times of change."""
    outputs: list[str]
    columns: Columns
    """The columns that are carried through to CSV and Parquet."""


@dataclass(kw_only=True, slots=True)
class Manifest:
    """The last commit of a run."""

    path: Path
    run: Run
    state: State = "running"
    """``complete`` when all records are committed, ``finished`` when the outputs are in their places."""
    counts: dict[str, int] = field(default_factory=dict)
    """Documents, characters, directives and errors of the records that are committed."""
    sinks: dict[str, int] = field(default_factory=dict)
    """By output what its last commit returned."""

    def save(self) -> None:
        """Put the manifest in its place, whole; raises :class:`OutputError`."""
        plain = {"format": FORMAT, "state": self.state, "counts": self.counts, "sinks": self.sinks, "run": asdict(self.run)}
        with replacing(self.path) as new:
            new.write_bytes((json.dumps(plain, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "surrogateescape"))


def manifest_path(output: str) -> Path:
    """Where the manifest of a run is whose first output this is."""
    return Path(output + ".manifest.json")


def load_manifest(path: Path) -> Manifest | None:
    """The manifest, None if there is none; raises :class:`OutputError` for a file that is none."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        if plain["format"] != FORMAT:
            raise OutputError(f"{path} is of format {plain['format']!r}. Expected {FORMAT}")
        return Manifest(path=path, run=Run(**plain["run"]), state=plain["state"], counts=plain["counts"], sinks=plain["sinks"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is no manifest of a run: {error}. Remove it to begin anew") from error


def check_same(manifest: Manifest, run: Run) -> None:
    """Raise :class:`OutputError` in one line if ``run`` is another than that of the manifest."""
    before, now = asdict(manifest.run), asdict(run)
    flat = [(f"{key} {name}" if name else key, was, is_) for key in before for name, was, is_ in _pairs(before[key], now[key])]
    differing = [f"{name} was {was!r}, is {is_!r}" for name, was, is_ in flat if was != is_]
    if differing:
        raise OutputError(
            f"--resume: this is another run than that of {manifest.path}: {'; '.join(differing)}. "
            "Expected the same model, options and inputs; to begin anew, remove that file"
        )


def _pairs(before: Any, now: Any) -> list[tuple[str, Any, Any]]:
    if not isinstance(before, dict):
        return [("", before, now)]
    return [(name, before.get(name), now.get(name)) for name in before | now]
