"""Inference on a GPU: characters a second beside the stock pipelines, the share of its matrix products, what bf16 changes.

The texts are data/zhenggao/test over and over, and equal windows are run again each time, as if all were different.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
import transformers

from benchmarks.infer_agreement import labels_of
from benchmarks.infer_gpu_variants import forward_of, measure_forward, measure_peak, windows_of
from benchmarks.infer_speed import Text, extractor_of, flops_of, stock_pipelines
from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.modeling.windows import TokenizedDocument
from zhengling.text import CleanText, read

log = logging.getLogger(__name__)
STOCK_BATCHES = (32, 128, 512)
STOCK_CHARACTERS, FORWARD_TOKENS = 120_000, 800_000
"""How much the stock pipelines get with each batch size, and each variant of the forward pass."""
PASSES = (
    ("packed", 131_072), ("autocast", 131_072), ("padded", 32_768), ("packed", 32_768), ("packed", 65_536), ("padded", 131_072),
)  # fmt: skip
COMPILED = (("compiled", 131_072),)
OUTSIDE = 3.0
"""Bias of the tag that is no entity where weights are random, in ours and in the stock models: spans are rare, as in texts."""
COMPILING = 25.0
"""Seconds that must be left for a compiled variant to be begun."""
Save = Callable[[dict[str, Any]], None]


class _Rows:
    """The figures so far, written at each step; a step that fails is a row that says how, and the next one is begun."""

    def __init__(self, save: Save, seconds: float) -> None:
        self.figures: dict[str, Any] = {}
        self._save, self._end = save, time.perf_counter() + seconds

    def left(self) -> float:
        """Seconds until no further step should begin."""
        return self._end - time.perf_counter()

    def add(self, path: str, measure: Callable[[], dict[str, Any]], needed: float = 0.0) -> None:
        """Put what is measured at a path such as ``wide/stock``, if the time that is needed is left."""
        *folders, name = path.split("/")
        place = self.figures
        for folder in folders:
            place = place.setdefault(folder, {})
        if self.left() < needed:
            place[name] = {"skipped": f"{self.left():.0f} s were left"}
        else:
            try:
                place[name] = measure()
            except Exception as error:
                log.exception("%s", path)
                place[name] = {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
        log.info("%5.1f s left  %s %s", self.left(), path, place[name])
        self._save(self.figures)


class _Bench:
    """Both shapes on the GPU and the rows about them."""

    def __init__(self, texts: Sequence[str], seconds: float, save: Save, before: Mapping[str, Any] | None = None) -> None:
        """``before``: figures to go on from, if they are of this machine. Raises ``RuntimeError`` without a GPU."""
        if not torch.cuda.is_available():
            raise RuntimeError(f"gpu: torch {torch.__version__} sees no GPU. Expected a machine with one")
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        self.rows = _Rows(save, seconds)
        machine = {
            "gpu": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "python": platform.python_version(),
        }
        if before and before.get("machine") == machine:
            self.rows.figures.update(before)
        self.rows.figures["machine"] = machine
        self.cleaned = [read(text) for text in texts]
        self.extractors = {shape: _on_gpu(shape) for shape in ("wide", "compact")}
        self.tokens = [self.extractors["compact"].tokenize(clean) for clean in self.cleaned]
        self.rows.add("peak", lambda: {"teraflops": measure_peak()})

    def add_passes(self, shape: str, passes: Sequence[tuple[str, int]], needed: float = 0.0) -> None:
        """One row for each variant and budget."""
        for variant, budget in passes:
            measure = partial(_forward, self.rows, self.extractors[shape], self.tokens, variant, budget)
            self.rows.add(f"{shape}/forward/{variant} {budget}", measure, needed)


def measure_gpu(texts: Sequence[str], copies: int, cleaners: int, seconds: float, save: Save) -> dict[str, Any]:
    """All figures but the compiled ones; ``save`` gets those so far after each step."""
    bench = _Bench(texts, seconds, save)
    for shape, extractor in bench.extractors.items():
        bench.add_passes(shape, PASSES)
        bench.rows.add(f"{shape}/ours", partial(_ours, extractor, texts, copies, cleaners), needed=10)
        bench.rows.add(f"{shape}/stock", partial(_stock, extractor, bench.cleaned), needed=5)
    bench.rows.add("agreement", lambda: _agreement(bench.cleaned))
    return bench.rows.figures


def measure_compiled(texts: Sequence[str], seconds: float, save: Save, before: Mapping[str, Any]) -> dict[str, Any]:
    """The compiled variants of the forward pass, and the packed one anew, beside the figures of :func:`measure_gpu`."""
    bench = _Bench(texts, seconds, save, before)
    for shape in bench.extractors:
        bench.add_passes(shape, PASSES[:1])
        bench.add_passes(shape, COMPILED, COMPILING)
    return bench.rows.figures


def _on_gpu(shape: str) -> Extractor:
    """In bf16; random weights are made to find few spans."""
    torch.manual_seed(0)
    made = extractor_of(shape)
    if shape == "wide":
        for head in (made.model.directive_head, made.model.slot_head):
            torch.nn.init.constant_(head.classifier.bias.detach()[:1], OUTSIDE)
    return Extractor(made.model, made.tokenizer, name=made.name, device="cuda", precision="bf16")


def _forward(
    rows: _Rows, extractor: Extractor, tokens: Sequence[TokenizedDocument], variant: str, budget: int
) -> dict[str, Any]:
    copies = 1 + FORWARD_TOKENS // sum(len(document.ids) for document in tokens)
    windows = windows_of(extractor, tokens) * copies
    torch.cuda.reset_peak_memory_stats()
    found: dict[str, Any] = measure_forward(forward_of(extractor, variant), windows, budget)
    flops = copies * sum(flops_of(extractor, [b - a for a, b in document.paragraphs]) for document in tokens)
    found["tokens_per_second"] = sum(len(ids) for ids, _ in windows) / found["seconds"]
    found["teraflops"] = flops / found["seconds"] / 1e12
    found["share_of_peak"] = found["teraflops"] / rows.figures["peak"]["teraflops"]
    torch.cuda.empty_cache()
    return found


def _ours(extractor: Extractor, texts: Sequence[str], copies: int, cleaners: int) -> dict[str, Any]:
    """From texts to records; ``steady``: characters a second behind the first third, when all processes have begun."""
    extractor.forward.reuse = False
    engine = Engine(extractor, cleaners=cleaners)
    documents = [Text(f"{copy}-{i}", text) for copy in range(copies) for i, text in enumerate(texts)]
    whole = sum(len(document.content) for document in documents)
    done, directives, marks = 0, 0, [(0, time.perf_counter())]
    for document, record, _ in engine.records(documents):
        done += len(document.content)
        directives += len(record.directives)
        if done * 3 >= whole and len(marks) == 1:
            marks.append((done, time.perf_counter()))
    marks.append((done, time.perf_counter()))
    (_, began), (third, then), (_, ended) = marks
    return {
        "characters": whole,
        "seconds": ended - began,
        "characters_per_second": whole / (ended - began),
        "steady": (whole - third) / max(ended - then, 1e-9),
        "directives": directives,
        "cleaners": cleaners,
        "budget": extractor.forward.budget,
        "stats": asdict(engine.stats),
    }


def _stock(extractor: Extractor, cleaned: Sequence[CleanText]) -> dict[str, Any]:
    """Characters a second of both stock pipelines by batch size, after a short run."""
    run = stock_pipelines(extractor.model.encoder.config, extractor.tokenizer, "cuda", torch.bfloat16, OUTSIDE)
    some = list(cleaned) * (1 + STOCK_CHARACTERS // sum(len(clean.text) for clean in cleaned))
    run(some[:4], STOCK_BATCHES[0])
    found = {}
    for batch in STOCK_BATCHES:
        began = time.perf_counter()
        run(some, batch)
        found[str(batch)] = sum(len(clean.source) for clean in some) / (time.perf_counter() - began)
    torch.cuda.empty_cache()
    return {"characters": sum(len(clean.source) for clean in some), "by_batch": found, "best": max(found.values())}


def _agreement(cleaned: Sequence[CleanText]) -> dict[str, Any]:
    """The share of tokens and themes of the default model that keep what they have in padded fp32, by precision and variant."""
    made = extractor_of("compact")
    reference = Extractor(made.model, made.tokenizer, name=made.name, device="cuda", precision="fp32")
    tokens = [reference.tokenize(clean) for clean in cleaned]
    wanted, _ = labels_of(reference, tokens)
    result: dict[str, Any] = {"tokens": len(wanted["directives"])}
    for name, precision in (
        ("packed bf16", "bf16"),
        ("packed fp16", "fp16"),
        ("padded bf16", "bf16"),
        ("autocast bf16", "bf16"),
    ):
        extractor = Extractor(made.model, made.tokenizer, name=made.name, device="cuda", precision=precision)
        if not name.startswith("packed"):
            extractor.forward = forward_of(extractor, name.split()[0])
        found, _ = labels_of(extractor, tokens)
        result[name] = {label: float((found[label] == wanted[label]).mean()) for label in wanted}
    return result
