"""A model folder that holds its ONNX graph as well."""

from __future__ import annotations

from pathlib import Path

from zhengling.errors import OutputError
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.onnx_model import FILE, check_installed, export_onnx


def export_onnx_folder(extractor: Extractor, output: Path) -> float:
    """Write configuration, weights, tokenizer and graph into ``output``; returns what :func:`export_onnx` does.

    ``extractor`` is on the CPU. Raises :class:`OutputError` if the folder cannot be written or holds something already.
    """
    check_installed("onnx", "onnxscript", "onnxruntime")
    try:
        if output.exists() and any(output.iterdir()):
            raise OutputError(f"{output} is not empty. Expected a new folder")
        extractor.model.save_pretrained(output)
        extractor.tokenizer.save_pretrained(output)
        return export_onnx(extractor.model, output / FILE)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
