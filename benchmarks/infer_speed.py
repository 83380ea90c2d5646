"""Characters a second beside the stock pipelines; the share of the machine's matrix products; the model's share of the time."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    PretrainedConfig,
    PreTrainedTokenizerBase,
    pipeline,
)

from zhengling.extraction.engine import Engine
from zhengling.extraction.extractor import Extractor
from zhengling.extraction.loading import load
from zhengling.files.sinks import json_line
from zhengling.modeling.configuration import ZhenglingConfig
from zhengling.modeling.model import ZhenglingModel
from zhengling.modeling.onnx_model import FILE, OnnxModel, export_onnx
from zhengling.modeling.windows import plan_windows
from zhengling.text import CleanText, read

LONGEST, STRIDE = 512, 64
"""Of the stock token classification: tokens at a time, and those that neighbours share."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Text:
    """A document for the engine."""

    name: str
    content: str
    error: str | None = None


def measure_speed(shape: str, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Medians of the characters a second of each variant, of the ratios in each round, and of the share of the peak.

    Ours runs twice, by torch in the precision that a user gets on this machine and by ONNX Runtime in float32; the stock
    pipelines in float32, as a user gets them, and in our precision if that is another.
    """
    torch.manual_seed(0)
    extractor = extractor_of(shape)
    precision = extractor.forward.precision
    engines = {"torch": extractor, "onnx": _in_onnx(extractor)}
    cleaned = [read(text) for text in texts]
    tokens = [extractor.tokenize(clean) for clean in cleaned]
    flops = sum(flops_of(extractor, [b - a for a, b in document.paragraphs]) for document in tokens)

    def ours(extractor: Extractor) -> None:
        extractor.forward.forget()
        list(Engine(extractor).records(Text(str(i), text) for i, text in enumerate(texts)))

    def model(extractor: Extractor) -> None:
        extractor.forward.forget()
        extractor.predict(tokens)

    variants: dict[str, Callable[[], None]] = {
        **{f"ours_{name}": partial(ours, each) for name, each in engines.items()},
        **{f"model_{name}": partial(model, each) for name, each in engines.items()},
    }
    for name in dict.fromkeys(("fp32", precision)):
        stock = stock_pipelines(extractor.model.encoder.config, extractor.tokenizer, dtype=DTYPES[name])
        variants |= {
            f"stock_{batch}{'' if name == 'fp32' else '_' + name}": partial(stock, cleaned, batch) for batch in (1, 32)
        }
    for each in engines.values():
        model(each)  # buffers and threads are there
    seconds, peaks = _in_turns(variants, rounds, precision)
    characters = sum(map(len, texts))
    stocks = [name for name in variants if name.startswith("stock")]
    return {
        "characters": characters,
        "rounds": rounds,
        "stock": {name: characters / statistics.median(seconds[name]) for name in stocks},
        "ours": {
            name: {
                "precision": of_engine,
                "characters_per_second": characters / statistics.median(seconds[f"ours_{name}"]),
                **{stock: _median_ratio(seconds[stock], seconds[f"ours_{name}"]) for stock in stocks},
                "gigaflops": flops / 1e9 / statistics.median(seconds[f"model_{name}"]),
                "peak_gigaflops": statistics.median(peaks[of_engine]),
                "share_of_peak": statistics.median(
                    flops / 1e9 / s / statistics.mean(p)
                    for s, p in zip(seconds[f"model_{name}"], pairwise(peaks[of_engine]), strict=True)
                ),
            }
            for name, of_engine in (("torch", precision), ("onnx", "fp32"))
        },
    }


def _in_turns(
    variants: dict[str, Callable[[], None]], rounds: int, precision: str
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """The seconds of each variant in each round; the peaks in each precision, before and after each round."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    peaks = {name: [_peak(DTYPES[name])] for name in ("fp32", precision)}
    for _ in range(rounds):
        for name, variant in variants.items():
            seconds[name].append(_cpu_seconds(variant))
        for name, of_precision in peaks.items():
            of_precision.append(_peak(DTYPES[name]))
    return seconds, peaks


def _median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def measure_share(texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """The model's share of the CPU time over many small documents, from bytes to JSON lines; all take turns, medians."""
    extractor = load(device="cpu")
    small = ["\n".join(lines) for text in texts for lines in _by_three(text.splitlines())]
    tokens = [extractor.tokenize(read(text)) for text in small]
    logits = extractor.predict(tokens)

    def whole() -> None:
        extractor.forward.forget()
        out = io.StringIO()
        for _, record, _ in Engine(extractor).records(Text(str(i), text) for i, text in enumerate(small)):
            out.write(json_line(record))

    def model() -> None:
        extractor.forward.forget()
        extractor.predict(tokens)

    parts: dict[str, Callable[[], Any]] = {
        "whole": whole,
        "model": model,
        "cleaning": lambda: [read(text.encode()) for text in small],
        "cleaning and tokenizing": lambda: [extractor.tokenize(read(text.encode())) for text in small],
        "decoding": lambda: extractor.decode(tokens, logits),
    }
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            seconds[name].append(_cpu_seconds(part))
    medians = {name: statistics.median(of_part) for name, of_part in seconds.items()}
    return {
        "documents": len(small),
        "characters": sum(map(len, small)),
        "rounds": rounds,
        "precision": extractor.forward.precision,
        "seconds": medians,
        "share": _median_ratio(seconds["model"], seconds["whole"]),
    }


def _by_three(lines: list[str]) -> list[list[str]]:
    return [lines[i : i + 3] for i in range(0, len(lines), 3)]


def extractor_of(shape: str) -> Extractor:
    """The default model, or random weights in the shape of chinese-roberta-wwm-ext with the default model's tokenizer."""
    default = load(device="cpu")
    if shape == "compact":
        return default
    encoder = BertConfig(vocab_size=len(default.tokenizer), max_position_embeddings=LONGEST + 2)
    config = ZhenglingConfig(
        encoder=encoder,
        window=default.config.window,
        overlap=default.config.overlap,
        local_features=default.config.local_features,
    )
    return Extractor(ZhenglingModel(config), default.tokenizer, name="wide", device="cpu", precision=default.forward.precision)


def _in_onnx(extractor: Extractor) -> Extractor:
    """The same model in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        export_onnx(extractor.model, Path(folder, FILE))
        graph = OnnxModel(Path(folder, FILE))
    return Extractor(extractor.model, extractor.tokenizer, name=extractor.name, graph=graph)


def stock_pipelines(
    encoder: PretrainedConfig,
    tokenizer: PreTrainedTokenizerBase,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    outside: float = 0.0,
) -> Callable[[Sequence[CleanText], int], None]:
    """A function that runs both stock pipelines over clean texts with a batch size; their models have random weights.

    ``outside``: the bias of the tag that is no entity, without which random weights find one at most tokens.
    """
    tags, labels = (type(encoder).from_dict({**encoder.to_dict(), "num_labels": count}) for count in (7, 5))
    names: Any = tags.id2label
    tags.id2label = {**names, 0: "O"}
    tagger = AutoModelForTokenClassification.from_config(tags).to(dtype).eval()
    torch.nn.init.constant_(tagger.classifier.bias[:1].detach(), outside)
    tokenizer.model_max_length = LONGEST
    make: Any = pipeline  # whose overloads know no tokenizer without a class of its own
    token_pipeline = make(
        "token-classification", model=tagger, tokenizer=tokenizer,
        stride=STRIDE, aggregation_strategy="simple", device=device,
    )  # fmt: skip
    text_pipeline = make(
        "text-classification", model=AutoModelForSequenceClassification.from_config(labels).to(dtype).eval(),
        tokenizer=tokenizer, device=device, top_k=None, function_to_apply="sigmoid",
    )  # fmt: skip

    def run(texts: Sequence[CleanText], batch: int) -> None:
        token_pipeline([clean.text for clean in texts], batch_size=batch)
        paragraphs = [clean.text[start:end] for clean in texts for start, end in clean.paragraphs]
        text_pipeline(paragraphs, batch_size=batch, truncation=True, max_length=LONGEST)

    return run


def flops_of(extractor: Extractor, paragraphs: Sequence[int]) -> float:
    """Floating-point operations that a document with paragraphs of these lengths needs.

    2 × the weights of all linear and convolution layers, per token (special ones counted, padding not); and 4 × width × the
    tokens that it sees, per token and layer: all of its window, or in a local layer those within reach.
    """
    bounds = [(sum(paragraphs[:i]), sum(paragraphs[: i + 1])) for i in range(len(paragraphs))]
    plan = plan_windows(bounds, extractor.config.window, extractor.config.overlap)
    lengths = [1 + sum(piece.last - piece.first + 1 for piece in window) for window in plan]
    weights = sum(m.weight.numel() for m in extractor.model.modules() if isinstance(m, nn.Linear | nn.Conv1d))
    encoder = extractor.model.encoder.config
    kinds = getattr(encoder, "layer_types", None) or ["full_attention"] * encoder.num_hidden_layers
    local = getattr(encoder, "local_attention", 0) + 1
    seen = [sum(length if kind == "full_attention" else min(local, length) for kind in kinds) for length in lengths]
    return float(sum(n * (2 * weights + 4 * encoder.hidden_size * s) for n, s in zip(lengths, seen, strict=True)))


def _peak(dtype: torch.dtype, size: int = 2048) -> float:
    """GFLOP/s of a square matrix product, the better of two."""
    a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
    return 2 * size**3 / 1e9 / min(_cpu_seconds(lambda: a @ b) for _ in range(2))


def _cpu_seconds(action: Callable[[], Any]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began
