"""A model's repository that stands alone: weights, tokenizer, remote code, plain exports, card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from zhengling.errors import ModelError
from zhengling.hub.bundle import bundle
from zhengling.hub.card import write_card
from zhengling.hub.lessons import TASKS
from zhengling.hub.plain import AGREEMENT

TASK = "directive-extraction"
ENTRIES = {
    "zhengling.modeling.configuration": "configuration_zhengling",
    "zhengling.modeling.model": "modeling_zhengling",
    "zhengling.hub.pipeline": "pipeline_zhengling",
}
AUTO_MAP = {
    "AutoConfig": "configuration_zhengling.ZhenglingConfig",
    "AutoModel": "modeling_zhengling.ZhenglingModel",
}
PIPELINES = {TASK: {"impl": "pipeline_zhengling.DirectiveExtractionPipeline", "pt": ["AutoModel"], "type": "text"}}
COPIED = (
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*.json",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""What is taken from the model's folder as it is; the tokenizer's settings lose what is true of our disk only."""


def write_repository(source: Path, folder: Path, name: str, plain: Path | None = None) -> None:
    """Fill ``folder`` with the repository of the model in ``source``.

    ``name`` is the name that the card tells; ``plain`` the folder that :func:`zhengling.hub.plain.export_plain` wrote for this
    model. Raises :class:`ModelError` for a folder that exists and is not empty, and for what is no model or no export of it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ModelError(f"{folder} is not empty. Expected a new folder for the repository")
    config = _read_config(source)
    agreement = _read_agreement(plain, config) if plain else None
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in COPIED:
        for path in sorted(source.glob(pattern)):
            shutil.copyfile(path, folder / path.name)
    config["encoder"].pop("_name_or_path", None)
    _write_json(folder / "config.json", {**config, "auto_map": AUTO_MAP, "custom_pipelines": PIPELINES})
    _forget_our_disk(folder / "tokenizer_config.json")
    for file, text in bundle(ENTRIES).items():
        (folder / file).write_text(text, encoding="utf-8")
    if plain:
        for task in TASKS:
            shutil.copytree(plain / task, folder / task)
            _forget_our_disk(folder / task / "tokenizer_config.json")
    write_card(source, folder, name, config, agreement)


def _read_config(source: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((source / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"no model in {source}: config.json is missing. Expected a folder that train.py wrote") from None
    if config.get("model_type") != "zhengling" or not any(source.glob("model*.safetensors")):
        raise ModelError(f"{source} is not a zhengling model with safetensors. Expected a folder that train.py wrote")
    return config


def _read_agreement(plain: Path, config: dict[str, Any]) -> dict[str, Any]:
    missing = [name for name in (AGREEMENT, *TASKS) if not (plain / name).exists()]
    if missing:
        raise ModelError(f"{plain} lacks {', '.join(missing)}. Expected a folder that zhengling export-plain wrote")
    agreement: dict[str, Any] = json.loads((plain / AGREEMENT).read_text(encoding="utf-8"))
    if agreement["provenance"] != config.get("provenance", {}):
        raise ModelError(f"{plain} was exported from another model: its provenance is not that of this one")
    return agreement


def _forget_our_disk(path: Path) -> None:
    settings = json.loads(path.read_text(encoding="utf-8"))
    kept = {key: value for key, value in settings.items() if key not in ("is_local", "local_files_only", "name_or_path")}
    _write_json(path, kept)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
