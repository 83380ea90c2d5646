"""The folder of a run: what it was begun with, and that only the same run goes on in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from zhengling.errors import ConfigError
from zhengling.training.checkpoints import BEFORE, LAST
from zhengling.training.settings import TrainSettings

SETTINGS, GOLD = "settings.json", "gold.json"
MAY_CHANGE = {
    *("output", "resume", "save_every", "report", "weights"),
    *("precision", "compile", "gradient_checkpointing", "optim.micro_tokens"),
}
"""Settings on which neither the batches nor the rates of a run depend, so that it can go on with others.

``optim.epochs`` is none of them: the rate falls to zero over all epochs, so that each step depends on it.
"""


def refuse_to_run_over(settings: TrainSettings) -> None:
    """Raise :class:`ConfigError` for a folder with a checkpoint, without ``resume``."""
    folder = Path(settings.output)
    if not settings.resume and _begun(folder):
        raise ConfigError(
            f"{folder} holds the checkpoint of an earlier run. Expected resume=true to go on, or another output=…"
        )


def claim_output(settings: TrainSettings, gold: Mapping[str, Any], accelerator: Accelerator) -> None:
    """Write ``settings.json`` and ``gold.json`` (the facts of ``train`` and ``dev``) into the folder of the run.

    Raises :class:`ConfigError` if the run that goes on there was begun with others; what it did not write down is not compared.
    """
    folder, now = Path(settings.output), asdict(settings)
    if _begun(folder):
        _compare(folder, now, gold)
    accelerator.wait_for_everyone()  # all have read what the first one now writes
    if accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((SETTINGS, now), (GOLD, gold)):
            new = folder / f"{name}.new"
            new.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
            new.replace(folder / name)
    accelerator.wait_for_everyone()


def _begun(folder: Path) -> bool:
    return any((folder / name).exists() for name in (LAST, BEFORE))


def _compare(folder: Path, now: Mapping[str, Any], gold: Mapping[str, Any]) -> None:
    begun_with, learnt = _read(folder / SETTINGS), _read(folder / GOLD)
    may_change = MAY_CHANGE | {f"data.{key}" for key in learnt}  # the same documents may lie elsewhere
    pairs = [*_pairs(begun_with, now), *_pairs({"gold": learnt}, {"gold": gold})]
    wrong = [f"{key} is {new}, was {old}" for key, old, new in pairs if old != new and key not in may_change]
    if wrong:
        raise ConfigError(
            f"{folder} holds a run that was begun otherwise: {'; '.join(wrong)}. Expected the same, or another output=…"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(f"{path} is damaged. Expected it as the run wrote it; without it nothing is compared") from error
    return found


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Full name, old and new value of each key that is in both; places that are counted (``data.repeat``) are one value."""
    for key in (key for key in old if key in new):
        name = f"{above}{key}"
        if isinstance(old[key], dict) and isinstance(new[key], Mapping) and name != "data.repeat":
            yield from _pairs(old[key], new[key], f"{name}.")
        else:
            yield name, old[key], new[key]
