"""A model as an ONNX graph, for ONNX Runtime on CPUs; needs the extra ``onnx``."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import nn

from zhengling.errors import ConfigError, ModelError
from zhengling.modeling.model import ZhenglingModel, ZhenglingOutput

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask", "pieces", "numbers")
"""``[batch, tokens]`` each; the last is ``[pieces]``, of which only the length counts."""
OUTPUTS = ("directives", "slots", "themes")
TOLERANCE = 1e-3
"""By how much logits of the graph may differ from the model's when it is exported."""


def check_installed(*packages: str) -> None:
    """Raise :class:`ConfigError` if one of the packages is missing."""
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise ConfigError(f"ONNX needs {', '.join(missing)}, not installed. Expected: pip install 'zhengling[onnx]'")


class _Graph(nn.Module):
    """The model with tensors only."""

    def __init__(self, model: ZhenglingModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, pieces: torch.Tensor, numbers: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        output = self.model(input_ids, attention_mask, pieces, piece_count=numbers.shape[0])
        return output.directives, output.slots, output.themes


def export_onnx(model: ZhenglingModel, path: Path) -> float:
    """Write the graph of a float32 model on the CPU; the largest difference of a logit from the model's own on random tokens.

    Raises :class:`ModelError` if that is more than :data:`TOLERANCE`.
    """
    check_installed("onnx", "onnxscript", "onnxruntime")
    model = model.eval()
    sizes = torch.export.Dim("batch", min=1, max=65536), torch.export.Dim("tokens", min=4, max=model.config.window)
    shapes = (*({0: sizes[0], 1: sizes[1]} for _ in INPUTS[:-1]), {0: torch.export.Dim("pieces", min=1, max=65536)})
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Graph(model),
            _batch(model, 2, 40),
            dynamo=True,
            dynamic_shapes=shapes,
            input_names=INPUTS,
            output_names=OUTPUTS,
            verbose=False,
        )
        assert program is not None
        new = path.with_name(path.name + ".new")
        program.save(new)
        ids, mask, pieces, numbers = _batch(model, 3, model.config.window)
        ours = model(ids, mask, pieces, piece_count=len(numbers))
        graph = OnnxModel(new)(ids, mask, pieces, len(numbers))
    worst = max(float((getattr(ours, name) - getattr(graph, name)).abs().max()) for name in OUTPUTS)
    if worst > TOLERANCE:
        new.unlink()
        raise ModelError(f"the graph for {path} differs from the model by {worst:.2g} in a logit. Expected at most {TOLERANCE}")
    new.replace(path)
    return worst


def _batch(model: ZhenglingModel, rows: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random tokens in two pieces, the last row shorter than the others."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, model.encoder.config.vocab_size, (rows, tokens), generator=generator)
    mask = torch.ones_like(ids)
    mask[-1, -3:] = 0
    pieces = torch.where(torch.arange(tokens) < tokens // 2, 0, 1).repeat(rows, 1)
    pieces[:, 0] = -1
    return ids, mask, pieces.masked_fill(mask == 0, -1), torch.zeros(2)


class OnnxModel:
    """Stands for a :class:`ZhenglingModel` that only infers, on the CPU in float32."""

    def __init__(self, path: Path) -> None:
        """Load a graph that :func:`export_onnx` wrote; raises :class:`ConfigError`, :class:`ModelError`."""
        check_installed("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own exceptions have no common base
            raise ModelError(f"cannot load {path}: {error}. Expected a graph that zhengling export-onnx wrote") from error

    def __call__(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, pieces: torch.Tensor, piece_count: int
    ) -> ZhenglingOutput:
        """As :meth:`ZhenglingModel.forward` without labels; raises ``RuntimeError`` where it has too little memory."""
        tensors = [part.numpy() for part in (input_ids, attention_mask, pieces)]
        feed = dict(zip(INPUTS, [*tensors, np.zeros(piece_count, np.float32)], strict=True))
        try:
            answers = self.session.run(OUTPUTS, feed)
        except Exception as error:  # its own exceptions have no common base
            raise RuntimeError(f"ONNX Runtime: {error}") from error
        return ZhenglingOutput(**{name: torch.from_numpy(part) for name, part in zip(OUTPUTS, answers, strict=True)})
