"""What of a run is done, with which model, of which inputs: the file beside the output that ``--resume`` goes by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from zhengling.errors import OutputError
from zhengling.files.columns import Columns
from zhengling.files.durable import replacing, writing

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
    last: str | None = None
    """The ``source`` of the last of them."""
    sinks: dict[str, int] = field(default_factory=dict)
    """By output what its last commit returned."""
    sizes: dict[str, int] = field(default_factory=dict)
    """By output its bytes, once the run is finished."""

    def save(self) -> None:
        """Put the manifest in its place, whole; raises :class:`OutputError`."""
        done = {name: getattr(self, name) for name in ("state", "counts", "last", "sinks", "sizes")}
        plain = {"format": FORMAT, **done, "run": asdict(self.run)}
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
        done = {name: plain[name] for name in ("state", "counts", "sinks")}
        later = {name: plain[name] for name in ("last", "sizes") if name in plain}  # earlier versions did not write them
        return Manifest(path=path, run=Run(**plain["run"]), **done, **later)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is no manifest of a run: {error}. Remove it to begin anew") from error


def gone_on_with(run: Run) -> Manifest | None:
    """The manifest of ``run`` as it was left, None if there is none; raises :class:`OutputError` if it is another's."""
    manifest = load_manifest(manifest_path(run.outputs[0]))
    if manifest is None:
        return None
    check_same(manifest, run)
    if manifest.state == "running" and manifest.counts.get("documents") and manifest.last is None:
        raise OutputError(
            f"--resume: {manifest.path} is of an earlier version, which did not say where in the inputs it was. "
            "Remove that file to begin anew"
        )
    return manifest


def remove_manifests(outputs: Sequence[str]) -> None:
    """Forget the finished runs that wrote outputs which are now written by another."""
    for path in map(manifest_path, outputs):
        with writing(path):
            path.unlink(missing_ok=True)


def sizes(outputs: Sequence[str]) -> dict[str, int]:
    """The bytes of outputs that are in their places."""
    return {name: Path(name).stat().st_size for name in outputs}


def check_placed(manifest: Manifest, outputs: Sequence[str]) -> None:
    """Raise :class:`OutputError` if an output is gone, or since the run was finished has another size."""
    there = sizes([name for name in outputs if Path(name).exists()])
    for name in outputs:
        size = there.get(name)
        if size is None or size != manifest.sizes.get(name, size):
            raise OutputError(
                f"--resume: {name} {'is not there' if size is None else f'has {size} bytes'}. Expected what the run of "
                f"{manifest.path} put there; to begin anew, remove that file"
            )


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
