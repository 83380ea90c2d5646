"""Which model is it? A hash that does not depend on where it was loaded from."""

from __future__ import annotations

import hashlib

import torch

from zhengling.extraction.extractor import Extractor


def fingerprint(extractor: Extractor) -> str:
    """The first 16 hex digits of SHA-256 over the configuration and the weights."""
    digest = hashlib.sha256(extractor.config.to_json_string().encode())
    for name, tensor in sorted(extractor.model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
