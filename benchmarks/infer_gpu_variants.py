"""The forward pass on a GPU in several ways, none but the first two of which a user can have; the matrix products of the GPU.

``padded``: as on a GPU without the kernel, sdpa over the padded batch; ``packed``: what :func:`for_inference` gives in bf16;
``autocast``: packed, but of the encoder the products alone in bf16; ``compiled``: packed, layers and heads through
``torch.compile``, for any number of tokens.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from zhengling.extraction.extractor import Extractor
from zhengling.extraction.forward import Forward
from zhengling.modeling.batches import Row, token_batches
from zhengling.modeling.inference import for_inference
from zhengling.modeling.packing import PackedModel
from zhengling.modeling.windows import TokenizedDocument, plan_windows, window_ids

VARIANTS = ("padded", "packed", "autocast", "compiled")


def forward_of(extractor: Extractor, variant: str) -> Forward:
    """A pass in bf16 over a copy of the extractor's model; raises ``ValueError`` if there is no such variant."""
    if variant not in VARIANTS:
        raise ValueError(f"variant: got {variant!r}. Expected one of: {', '.join(VARIANTS)}")
    forward = Forward(extractor.model, extractor.tokenizer.pad_token_id, extractor.device, "bf16")
    if variant == "padded":
        forward.model = padded = for_inference(extractor.model, extractor.device, "fp32")
        encoder: Any = padded.encoder
        encoder.set_attn_implementation("sdpa")
    elif variant == "autocast":
        forward.model = PackedModel(copy.deepcopy(extractor.model)).eval()
    elif variant == "compiled":
        assert isinstance(forward.model, PackedModel)
        compile_parts(forward.model)
    return forward


def compile_parts(packed: PackedModel, **options: Any) -> None:
    """Compile each layer and each head where it is: layers that are alike are compiled once, which takes seconds."""
    encoder: Any = packed.model.encoder
    layers = encoder.layers if hasattr(encoder, "layers") else encoder.encoder.layer
    heads = [packed.model.directive_head, packed.model.slot_head, packed.model.theme_head]
    if packed.model.config.local_features:
        heads.append(packed.model.local_features)
    for module in (*layers, *heads):
        module.compile(dynamic=True, **options)


def windows_of(extractor: Extractor, documents: Sequence[TokenizedDocument]) -> list[Row]:
    """The windows of all documents."""
    special = extractor.tokenizer.cls_token_id, extractor.tokenizer.sep_token_id
    length, overlap = extractor.config.window, extractor.config.overlap
    return [window_ids(w, d, *special) for d in documents for w in plan_windows(d.paragraphs, length, overlap)]


def measure_forward(forward: Forward, rows: Sequence[Row], budget: int) -> dict[str, float]:
    """Seconds of all windows, from arrays to logits on the GPU; before, of the first and the last batch, for the buffers.

    ``warming``: seconds of these, the compiler's too; ``encoder``: the share of the encoder in the time of one batch.
    """
    batches = [[rows[i] for i in chosen] for chosen in token_batches([len(ids) for ids, _ in rows], budget)]
    warming = _seconds(lambda: [forward.logits(batch) for batch in (batches[0], batches[-1], batches[0])])
    seconds = min(_seconds(lambda: [forward.logits(batch) for batch in batches]) for _ in range(2))
    result = {"seconds": seconds, "warming": warming, "memory": float(torch.cuda.max_memory_allocated())}
    if isinstance(forward.model, PackedModel):
        result["encoder"] = _encoder_share(forward, forward.model, batches[len(batches) // 2])
    return result


@torch.inference_mode()
def _encoder_share(forward: Forward, packed: PackedModel, batch: Sequence[Row]) -> float:
    took: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []

    def begin(*_: Any) -> None:
        took.append((torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)))
        took[-1][0].record()

    encoder: nn.Module = packed.model.encoder
    hooks = [encoder.register_forward_pre_hook(begin), encoder.register_forward_hook(lambda *_: took[-1][1].record())]
    whole = statistics.median(_seconds(lambda: forward.logits(batch)) for _ in range(5))
    for hook in hooks:
        hook.remove()
    return statistics.median(first.elapsed_time(last) for first, last in took) / 1000 / whole


def measure_peak(size: int = 8192) -> float:
    """TFLOP/s of a square matrix product in bf16, the best of ten."""
    a, b = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    a @ b
    return 2 * size**3 / 1e12 / min(_seconds(lambda: a @ b) for _ in range(10))


def _seconds(action: Callable[[], Any]) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    action()
    torch.cuda.synchronize()
    return time.perf_counter() - began
