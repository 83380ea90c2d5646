"""Which floating-point precision a device computes best in."""

from __future__ import annotations

import torch

from zhengling.errors import ConfigError

PRECISIONS = ("auto", "bf16", "fp16", "fp32")


def first_device() -> torch.device:
    """The first GPU, or the CPU if there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(wanted: str, device: torch.device) -> str:
    """``wanted``, or for ``auto``: bf16 where the device has it in hardware, else fp16 on a GPU, else fp32."""
    if wanted not in PRECISIONS:
        raise ConfigError(f"precision: got {wanted!r}. Expected one of: {', '.join(PRECISIONS)}")
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp16"
    return "bf16" if device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def mixed_precision(wanted: str, device: torch.device | None = None) -> str:
    """What ``accelerate.Accelerator(mixed_precision=…)`` takes on this device, or on the machine's first one."""
    device = first_device() if device is None else device
    chosen = choose_precision(wanted, device)
    if chosen == "fp16" and device.type == "cpu":
        raise ConfigError("precision: got fp16 for training on a CPU. Expected auto, bf16 or fp32")
    return "no" if chosen == "fp32" else chosen
