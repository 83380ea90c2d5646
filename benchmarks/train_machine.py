"""What a machine can do and what a training step asks of it: matrix-product peak, operations, memory."""

from __future__ import annotations

import ctypes
import gc
import re
import time
from pathlib import Path

import torch
from torch import nn

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def clock(device: torch.device) -> float:
    """Seconds; on a CPU those in which its threads worked for this process, which other programs do not lengthen."""
    return time.perf_counter() if device.type == "cuda" else time.process_time() / torch.get_num_threads()


def matrix_peak(device: torch.device, precision: str, tries: int = 3) -> float:
    """Operations per second of the best of some square matrix products in this precision."""
    size = 8192 if device.type == "cuda" else 1536
    left, right = (torch.randn(size, size, device=device, dtype=DTYPES[precision]) for _ in range(2))
    seconds = []
    for _ in range(tries + 1):
        synchronize(device)
        start = clock(device)
        left @ right
        synchronize(device)
        seconds.append(clock(device) - start)
    return 2 * size**3 / min(seconds[1:])


class Operations:
    """Operations of training on rows of tokens: three times the forward pass, padding not counted.

    The forward pass of a row of ``n`` tokens: 2 n for each weight of a linear or convolutional layer, and for each attention
    layer 4 n × width × the tokens that each token sees (``n``, or the local window).
    """

    def __init__(self, model: nn.Module, encoder_config: object) -> None:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv1d)]
        self.weights = sum(layer.weight.numel() for layer in layers)
        width, count = encoder_config.hidden_size, encoder_config.num_hidden_layers  # type: ignore[attr-defined]
        kinds = getattr(encoder_config, "layer_types", None) or ["full_attention"] * count
        window = getattr(encoder_config, "local_attention", 0)
        self.width, self.windows = width, [window if kind == "sliding_attention" else None for kind in kinds]

    def of(self, lengths: list[int]) -> float:
        """For rows of these lengths."""
        return sum(3 * (2 * n * self.weights + 4 * n * self.width * self._seen(n)) for n in lengths)

    def _seen(self, length: int) -> int:
        return sum(length if window is None else min(length, window + 1) for window in self.windows)


class PeakMemory:
    """The most memory that was held since :meth:`start`, in bytes, beyond what was held then; Linux or CUDA."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.before = device, 0

    def start(self) -> None:
        """Give back what is not in use and begin to measure."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device)
        else:
            ctypes.CDLL("libc.so.6").malloc_trim(0)
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak
            self.before = _resident("VmRSS")

    def read(self) -> int:
        """The peak so far."""
        cuda = self.device.type == "cuda"
        return (torch.cuda.max_memory_allocated(self.device) if cuda else _resident("VmHWM")) - self.before


def _resident(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return 1024 * int(found[1]) if found else 0
