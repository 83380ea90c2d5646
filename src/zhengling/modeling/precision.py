"""Which floating-point precision a device computes best in."""

from __future__ import annotations

import torch
from torch import nn

from zhengling.errors import ConfigError

PRECISIONS = ("auto", "bf16", "fp16", "fp32", "int8")


def first_device() -> torch.device:
    """The first GPU, or the CPU if there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(wanted: str, device: torch.device) -> str:
    """``wanted``, or for ``auto`` the fastest that gives the answers of fp32.

    On a GPU bf16, or fp16 where it has no bf16; on a CPU bf16 where it multiplies in it (AMX or AVX512-BF16), else fp32.
    ``int8`` is for CPUs, and never chosen: it is little faster on AVX2, slower than bf16 on AVX512-BF16, and changes more than
    0.2 % of directive tags and themes (benchmarks/INFER.md).
    """
    if wanted not in PRECISIONS:
        raise ConfigError(f"precision: got {wanted!r}. Expected one of: {', '.join(PRECISIONS)}")
    if wanted == "int8" and device.type != "cpu":
        raise ConfigError(f"precision: int8 runs on a CPU, got the device {device}. Expected bf16, fp16, fp32 or auto")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if device.type == "cpu" and native else "fp32"


def mixed_precision(wanted: str, device: torch.device | None = None) -> str:
    """What ``accelerate.Accelerator(mixed_precision=…)`` takes on this device, or on the machine's first one."""
    device = first_device() if device is None else device
    chosen = choose_precision(wanted, device)
    if chosen == "int8":
        raise ConfigError("precision: int8 is for inference. Expected auto, bf16, fp16 or fp32 in training")
    if chosen == "fp16" and device.type == "cpu":
        raise ConfigError("precision: got fp16 for training on a CPU. Expected auto, bf16 or fp32")
    return "no" if chosen == "fp32" else chosen


def convert(module: nn.Module, dtype: torch.dtype) -> None:
    """New parameters of this type in place of those that a copy shares; no buffer, such as the frequencies of a rotation."""
    for part in module.modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            setattr(part, name, nn.Parameter(parameter.detach().to(dtype), requires_grad=False))
