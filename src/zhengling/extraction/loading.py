"""Loading a model by folder or hub name."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from transformers import AutoTokenizer

from zhengling.errors import ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.encoders import attention_for
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.precision import choose_precision, first_device

DEFAULT_MODEL = Path(__file__).parent.parent / "default_model"


def load(name: str | os.PathLike[str] | None = None, *, device: str = "auto", precision: str = "auto") -> Extractor:
    """Load a model: a folder, a hub name, or the default that ships with the package.

    ``device``: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, …; ``precision``: see
    :func:`zhengling.modeling.precision.choose_precision`. Only safetensors are loaded. Raises :class:`ModelError`.
    """
    where = _checked(DEFAULT_MODEL if name is None else Path(name) if Path(name).exists() else str(name))
    chosen = _device(device)
    try:
        config = ZhenglingConfig.from_pretrained(where)
        if config.encoder is None:
            raise ModelError(
                f"{where}: its config.json is not a zhengling model's. Train one with train.py, using {where} as encoder.base"
            )
        model = ZhenglingModel.from_pretrained(
            where, config=config, dtype=torch.float32, use_safetensors=True, attn_implementation=attention_for(chosen)
        )
        tokenizer = AutoTokenizer.from_pretrained(where, config=config.encoder)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"cannot load the model {str(where)!r}: {str(error).splitlines()[0]}") from error
    label = "zhengling-default" if name is None else str(name)
    return Extractor(model, tokenizer, name=label, device=chosen, precision=choose_precision(precision, chosen))


def _checked(where: Path | str) -> Path | str:
    if isinstance(where, Path) and not (where / "config.json").exists():
        raise ModelError(f"no model in {where}: config.json is missing. Expected a folder that train.py wrote")
    if isinstance(where, str) and (where.startswith((".", "/")) or where.count("/") > 1):
        raise ModelError(f"no model folder {where}. Expected a folder that train.py wrote, or a hub name such as org/name")
    return where


def _device(name: str) -> torch.device:
    if name == "auto":
        return first_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"unknown device {name!r}. Expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {name!r} is not there: torch {torch.__version__} sees no GPU. Expected cpu or auto")
    return device
