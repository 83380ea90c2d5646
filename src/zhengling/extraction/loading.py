"""Loading a model by folder or hub name."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoTokenizer

from zhengling.errors import ConfigError, ModelError
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.downloads import calm_client, explain
from zhengling.modeling.encoders import attention_for
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.onnx_model import FILE, OnnxModel
from zhengling.modeling.precision import choose_precision, first_device

RUNTIMES = ("torch", "onnx")
DEFAULT_MODEL = Path(__file__).parent.parent / "default_model"


def load(
    name: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "torch",
) -> Extractor:
    """Load a model: a folder, a hub name, or the default that ships with the package.

    ``revision``: branch, tag or commit of a hub name, which may also be written ``org/name@revision``; ``device``: ``auto``
    (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, …; ``precision``: see
    :func:`zhengling.modeling.precision.choose_precision`; ``runtime``: ``torch``, or ``onnx`` for the graph
    that :func:`zhengling.hub.onnx_folder.export_onnx_folder` wrote (fp32 on a CPU). Only safetensors are loaded, and no
    code that comes with a model is run. Raises :class:`ModelError`, :class:`ConfigError`.
    """
    where, revision = _place(name, revision)
    chosen = _device(device)
    calm_client()
    try:
        config = ZhenglingConfig.from_pretrained(where, revision=revision or "main")
        if config.encoder is None:
            raise ModelError(
                f"{where}: its config.json is not a zhengling model's. Train one with train.py, using {where} as encoder.base"
            )
        model = ZhenglingModel.from_pretrained(
            where,
            config=config,
            revision=revision or "main",
            dtype=torch.float32,
            use_safetensors=True,
        )
        model.encoder.set_attn_implementation(attention_for(chosen, model.encoder.config))
        tokenizer = AutoTokenizer.from_pretrained(where, config=config.encoder, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = explain(error, str(where), revision)
        if isinstance(error, SafetensorError):
            reason = f"its weights are damaged or cut short ({reason}). Expected a whole model.safetensors"
        elif "use_safetensors" in reason or "no file named model.safetensors" in reason:
            reason = "it has no model.safetensors, and weights in other formats are not loaded"
        raise ModelError(f"cannot load the model {str(where)!r}: {reason}") from error
    label = "zhengling-default" if name is None else str(name)
    if precision == "auto" and runtime == "onnx":
        precision = "fp32"
    number = choose_precision(precision, chosen)
    graph = _graph(Path(where) / FILE, runtime, chosen, number)
    return Extractor(model, tokenizer, name=label, device=chosen, precision=number, graph=graph)


def _graph(path: Path, runtime: str, device: torch.device, precision: str) -> OnnxModel | None:
    """The graph to run, None for torch; raises :class:`ConfigError` and :class:`ModelError`."""
    if runtime not in RUNTIMES:
        raise ConfigError(f"runtime: got {runtime!r}. Expected one of: {', '.join(RUNTIMES)}")
    if runtime == "torch":
        return None
    if device.type != "cpu" or precision != "fp32":
        raise ConfigError(f"runtime: onnx is for fp32 on a CPU, got {precision} on {device}. Expected runtime torch")
    if not path.exists():
        raise ModelError(f"no {path}. Expected a folder that zhengling export-onnx wrote")
    return OnnxModel(path)


def _place(name: str | os.PathLike[str] | None, revision: str | None) -> tuple[Path | str, str | None]:
    """The folder or the hub name to load from, and the revision of a hub name; raises :class:`ModelError`."""
    if name is None or Path(name).exists():
        where = DEFAULT_MODEL if name is None else Path(name)
        if not (where / "config.json").exists():
            raise ModelError(f"no model in {where}: config.json is missing. Expected a folder that train.py wrote")
        if revision:
            raise ModelError(f"{where} is a folder and has no revision {revision!r}. Expected a hub name such as org/name")
        return where, None
    if str(name).startswith((".", "/")) or str(name).partition("@")[0].count("/") > 1:
        raise ModelError(f"no model folder {name}. Expected a folder that train.py wrote, or a hub name such as org/name")
    hub_name, _, pinned = str(name).partition("@")
    return hub_name, revision or pinned or None


def _device(name: str) -> torch.device:
    if name == "auto":
        return first_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"unknown device {name!r}. Expected auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device {name!r} is not there: torch {torch.__version__} sees no GPU. Expected cpu or auto")
    try:
        torch.zeros(1, device=device).tolist()
    except (RuntimeError, AssertionError) as error:  # no such device, or one that torch was built without
        reason = str(error).partition("\n")[0]
        raise ModelError(f"device {name!r} cannot be used: {reason}. Expected auto, cpu, cuda or cuda:N") from error
    return device
